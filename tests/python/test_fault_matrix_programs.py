"""The fault matrix of gangs that start programs: torchrun, DeepSpeed, MPI.

TensorFlow's gang has no process of its own: its faults are those of the core.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from importlib.util import find_spec
from typing import NamedTuple

import psutil
import pytest
from conftest import FLOWS, Run, StartFlow
from fault_table import attempts, record, seconds_to_end, task, words

pytestmark = pytest.mark.faults

HANG = str(FLOWS / "scripts" / "hang.py")


class Program(NamedTuple):
    """How a flow starts ranks that hang, and what it prints once they do."""

    flow: str
    environment: dict[str, str]


# All ranks sleep as long as nobody disturbs them.
PROGRAMS = {
    "torchrun": Program("torchrun_gang.py", {"RUN": json.dumps({"entrypoint": HANG})}),
    "DeepSpeed": Program("deepspeed_gang.py", {"RUN": json.dumps({"entrypoint": HANG})}),
    "MPI": Program(
        "mpi_gang.py",
        {"CALLS": json.dumps([["exec", {"args": ["-n", "2"], "program": f"python3 {HANG}"}]])},
    ),
}
INSTALLED = {
    "torchrun": find_spec("torch") is not None,
    "DeepSpeed": find_spec("deepspeed") is not None,
    "MPI": shutil.which("mpirun") is not None,
}


def rank(run: Run, index: int) -> psutil.Process:
    """The rank of a node: the last process of its task that runs the script."""
    found = []
    for process in task(run, index).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[1:2] != ["-c"] and HANG in process.cmdline()[:4]:
                found.append(process)
    return found[-1]


FAULTS = {
    "kill the rank of node 1": (lambda run: rank(run, 1), "was killed by SIGKILL"),
    "kill the task of node 1": (
        lambda run: task(run, 1),
        "the task of node 1 was killed by SIGKILL",
    ),
    "kill the control task": (lambda run: task(run, 0), "Node 1 lost control"),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_whatever_dies(start_flow: StartFlow, kind: str) -> None:
    if not INSTALLED[kind]:
        pytest.skip(f"{kind} is not installed")
    flow, environment = PROGRAMS[kind]
    run = start_flow(flow, TIMES=str(len(FAULTS) - 1), **environment)
    whole = ""
    for victim, says in FAULTS.values():
        for _ in range(2):
            run.wait_for("hangs")
            run.output = run.output.replace("hangs", "hung", 1)
        time.sleep(0.5)
        run.output += f"FAULT kill {time.time()}\n"
        victim(run).kill()
        run.wait_for("] Task failed")
        whole += run.output
        assert says in words(run.output), run.output
        run.output = ""
    assert run.wait().status != 0
    for fault, attempt in zip(FAULTS, attempts(whole), strict=True):
        record(f"{kind}, 2 nodes", fault, seconds_to_end(attempt))
        assert seconds_to_end(attempt) < 10, whole
