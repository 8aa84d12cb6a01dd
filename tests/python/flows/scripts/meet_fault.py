"""Ranks that meet; then that of one node meets a fault, while the others wait for it.

usage: meet_fault.py KIND FAULT NODE

FAULT is one of own_faults.py for the rank itself, or "task-", "agent-" or "supervisor-" and the
name of a signal for what has started it. Each node has one rank.
"""

import signal
import sys
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from own_faults import announce, own_fault

# What passes on this rank's word is about to die.
SOON = 0.5

kind, fault, node = [word for word in sys.argv[1:] if not word.startswith("--")]

if kind == "mpi":
    from mpi4py import MPI

    rank, meet = MPI.COMM_WORLD.Get_rank(), MPI.COMM_WORLD.Barrier
else:
    import torch.distributed as dist

    dist.init_process_group("gloo")
    rank, meet = dist.get_rank(), dist.barrier


def above(victim):
    """The process of a kind that this rank comes from."""
    line = psutil.Process().parents()
    at = next(i for i, process in enumerate(line) if "supervisor.py" in " ".join(process.cmdline()))
    return {"agent": line[at - 1], "supervisor": line[at], "task": line[at + 1]}[victim]


meet()
if rank == int(node):
    victim, _, name = fault.partition("-")
    process = above(victim) if name else None
    announce(fault.replace("-", "_"), SOON if process else 0)
    if process:
        time.sleep(SOON)
        process.send_signal(signal.Signals[name])
    else:
        own_fault(fault)
meet()
