"""How long a gang of two nodes takes to start a framework's program and to end after it.

The limit is the framework's own command in the same round, on the same machine: two agents by hand,
or for MPI an mpirun that starts its two daemons through the shell. Forming is from the call (of
TensorFlow, where the step's code is the program, from its first line) to the last rank's word that
all have met. The end is from the last rank's last word to the end of the task, less what the bare
command takes for that. What is not installed is left out, by name.

    python tests/bench/bench-gang-programs.py [rounds]
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from gang_clock import environment, log_time, moments, run_flow, verdict
from metaflow_extensions.gangway.gang.machine.ports import free_port
from table import row

FORM_GOAL, END_GOAL = 1.2, 1.0

TORCH = """
import time, torch, torch.distributed as dist
dist.init_process_group("gloo")
dist.all_reduce(torch.ones(1))
print("READY", time.time(), flush=True)
dist.destroy_process_group()
print("DONE", time.time(), flush=True)
"""
TENSORFLOW = """
import time
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
assert strategy.num_replicas_in_sync == 2
print("READY", time.time(), flush=True)
print("DONE", time.time(), flush=True)
"""
MPI = r"""
#include <mpi.h>
#include <stdio.h>
#include <sys/time.h>
static void say(const char *word) {
    struct timeval now;
    gettimeofday(&now, NULL);
    printf("%s %ld.%06ld\n", word, (long)now.tv_sec, (long)now.tv_usec);
    fflush(stdout);
}
int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Barrier(MPI_COMM_WORLD);
    say("READY");
    MPI_Finalize();
    say("DONE");
    return 0;
}
"""
AGENT = """#!/bin/sh
host=$1; shift
export TMPDIR={folder}/$host
mkdir -p $TMPDIR
export OMPI_MCA_orte_tmpdir_base=$TMPDIR OMPI_MCA_btl_vader_backing_directory=$TMPDIR
exec sh -c "$*"
"""


def bare_torchrun(folder: str) -> list[list[str]]:
    port = free_port()
    return [
        [
            sys.executable, "-m", "torch.distributed.run", "--nnodes=2", f"--node_rank={node}",
            "--nproc_per_node=1", "--master_addr=127.0.0.1", f"--master_port={port}",
            f"{folder}/program.py",
        ]
        for node in range(2)
    ]  # fmt: skip


def bare_deepspeed(folder: str) -> list[list[str]]:
    port = free_port()
    hosts = Path(folder, "hosts")
    hosts.write_text("a slots=1\nb slots=1\n")
    return [
        [
            sys.executable, "-m", "deepspeed.launcher.runner", f"--hostfile={hosts}", "--no_ssh",
            f"--node_rank={node}", "--master_addr=127.0.0.1", f"--master_port={port}",
            f"{folder}/program.py",
        ]
        for node in range(2)
    ]  # fmt: skip


def bare_tensorflow(folder: str) -> list[list[str]]:
    workers = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    configs = [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}})
        for i in range(2)
    ]
    return [["env", f"TF_CONFIG={c}", sys.executable, f"{folder}/program.py"] for c in configs]


def bare_mpi(folder: str) -> list[list[str]]:
    hosts, agent = Path(folder, "hosts"), Path(folder, "agent")
    hosts.write_text("gang-node-0 slots=1\ngang-node-1 slots=1\n")
    agent.write_text(AGENT.format(folder=folder))
    settings = {
        "plm": "rsh", "plm_rsh_agent": f"/bin/sh {agent}", "plm_rsh_no_tree_spawn": "1",
        "orte_leave_session_attached": "1", "orte_default_hostfile": hosts,
        "oob_tcp_if_include": "127.0.0.0/8", "btl_tcp_if_include": "127.0.0.0/8",
        "hwloc_base_binding_policy": "none", "rmaps_base_oversubscribe": "1",
        "mpi_yield_when_idle": "1",
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("--mca", name, str(value))]
    return [["mpirun", "--allow-run-as-root", *options, "-n", "2", f"{folder}/program"]]


class Framework(NamedTuple):
    """A framework: its program, its command by hand, and how the step's code calls it."""

    installed: bool
    source: str
    bare: Callable[[str], list[list[str]]]
    code: str


FRAMEWORKS = {
    "torchrun": Framework(
        find_spec("torch") is not None,
        TORCH,
        bare_torchrun,
        'current.torch.run(entrypoint="program.py")',
    ),
    "deepspeed": Framework(
        find_spec("deepspeed") is not None,
        TORCH,
        bare_deepspeed,
        'current.deepspeed.run(entrypoint="program.py")',
    ),
    "tensorflow": Framework(
        find_spec("tensorflow") is not None,
        TENSORFLOW,
        bare_tensorflow,
        'exec(open("program.py").read())',
    ),
    "mpi": Framework(
        shutil.which("mpirun") is not None and shutil.which("mpicc") is not None,
        MPI,
        bare_mpi,
        'current.mpi.exec(["-n", "2"], os.path.abspath("program"))',
    ),
}


def by_hand(commands: list[list[str]], folder: str) -> tuple[float, float]:
    """Run the framework's own commands; return the seconds to READY, and from DONE to the end."""
    began = time.time()
    started = [
        subprocess.Popen(
            command,
            cwd=folder,
            env={**environment(folder), "TMPDIR": folder},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for command in commands
    ]
    said = "".join(process.communicate()[0] for process in started)
    ended = time.time()
    if any(process.returncode for process in started):
        sys.exit(f"by hand it failed:\n{said}")
    return max(moments(said, "READY")) - began, ended - max(moments(said, "DONE"))


def measure(name: str, framework: Framework) -> tuple[float, float, float]:
    """Give the seconds to form by hand and in a gang, and what the gang's end takes longer."""
    with tempfile.TemporaryDirectory(prefix="gwb", dir="/tmp") as folder:
        Path(folder, "program.py").write_text(framework.source)
        if framework.source is MPI:
            Path(folder, "program.c").write_text(MPI)
            subprocess.run(["mpicc", "-o", "program", "program.c"], cwd=folder, check=True)
        bare, bare_end = by_hand(framework.bare(folder), folder)
        said = run_flow(folder, name, framework.code, f"from metaflow import {name}")
    form = max(moments(said, "READY")) - max(moments(said, "USER"))
    end = log_time(said, "Task finished successfully") - max(moments(said, "DONE"))
    print(
        f"{name}: form {form:.2f} s, by hand {bare:.2f} s; "
        f"end {end:.2f} s, by hand {bare_end:.2f} s",
        flush=True,
    )
    return bare, form, end - bare_end


def main(rounds: int) -> int:
    """Measure in turns and print medians; return 1 when one is beyond its limit."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    met = []
    for name, framework in FRAMEWORKS.items():
        if not framework.installed:
            print(f"{name}: not installed, left out")
            continue
        all_rounds = [measure(name, framework) for _ in range(rounds)]
        bares, forms, ends = zip(*all_rounds, strict=True)
        ratios = [form / bare for bare, form, _ in all_rounds]
        middle = statistics.median
        print(f"{name}: by hand {middle(bares):.2f} s")
        met.append(verdict(f"{name}-form-ratio", ratios, FORM_GOAL))
        met.append(verdict(f"{name}-end-seconds", list(ends), END_GOAL))
        row(
            *(f"{name}-form", f"a gang of 2 for {name}, until the ranks run"),
            *(middle(forms), "s", "its command by hand", middle(bares), middle(ratios)),
            most=FORM_GOAL,
        )
        row(
            *(f"{name}-end", f"the end of a gang for {name}, beyond its command's by hand"),
            *(middle(ends), "s"),
            most=END_GOAL,
        )
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
