"""The fault matrix of gangs whose programs run: torchrun, DeepSpeed, MPI.

The ranks have met, one of them, or what has started it, meets a fault, and the others wait for it.
TensorFlow's gang has no process of its own: its faults are those of test_fault_matrix.py.
"""

from __future__ import annotations

import json
import shutil
import signal
from importlib.util import find_spec

import psutil
import pytest
from conftest import SOON, StartFlow
from fault_table import (
    Fault,
    attempts,
    check,
    end_by_kill,
    end_by_signal,
    record,
    seconds_to_end,
    words,
)
from surroundings import visit_every_port

pytestmark = pytest.mark.faults

HEARTBEAT = 5
# A rank that ends with status 0 has not failed for torch; those that wait for it fail then.
LEFT = {
    "torchrun": "node 0: rank 0 ended with status 1",
    "deepspeed": "node 0: rank 0 ended with status 1",
    "mpi": "node 1: rank 1 ended with status 0, but without MPI_Finalize",
}
RANK = (
    Fault("raise@1", "ValueError: the user's own error"),
    Fault("exit@0", "rank 0 ended with status 3"),
    Fault("segfault@1", "rank 1 was killed by SIGSEGV"),
    Fault("kill@0", "rank 0 was killed by SIGKILL"),
)
MORE_OF_A_RANK = (
    Fault("memory@1", "MemoryError"),
    Fault("terminate@2", "rank 2 was killed by SIGTERM"),
    Fault("leave@1", "{left}"),
)
STARTER = (
    Fault("agent-SIGKILL@1", "node 1: "),
    Fault("supervisor-SIGKILL@2", "node 2: "),
    Fault("agent-SIGTERM@0", "node 0: "),
    Fault("supervisor-SIGKILL@0", "node 0: "),
)
TASK = (
    Fault("task-SIGKILL@1", "the task of node 1 was killed by SIGKILL"),
    Fault("task-SIGSEGV@2", "the task of node 2 was killed by SIGSEGV"),
    Fault("task-SIGKILL@0", "lost control"),
    Fault("task-SIGSTOP@1", f"node 1 was silent for {HEARTBEAT} s", HEARTBEAT + SOON),
)


@pytest.fixture(params=["torchrun", "deepspeed", "mpi"])
def kind(request: pytest.FixtureRequest) -> str:
    """A framework that is installed."""
    name = str(request.param)
    if name == "mpi":
        installed = shutil.which("mpicc") and find_spec("mpi4py")
    else:
        installed = find_spec(name.replace("torchrun", "torch"))
    if not installed:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.mark.parametrize(
    ("number", "faults"),
    [(2, RANK), (3, MORE_OF_A_RANK), (3, STARTER), (3, TASK)],
    ids=["rank", "more of a rank", "what starts it", "task"],
)
def test_whatever_dies(
    run_flow: StartFlow, kind: str, number: int, faults: tuple[Fault, ...]
) -> None:
    faults = tuple(fault._replace(says=fault.says.format(left=LEFT[kind])) for fault in faults)
    run = run_flow(
        "program_faults.py",
        KIND=kind,
        FAULTS=json.dumps([fault.name for fault in faults]),
        TIMES=str(len(faults)),
        NUM_PARALLEL=str(number),
        ATTRIBUTES=json.dumps({"heartbeat_timeout": HEARTBEAT}),
    )
    check(run, faults, f"{kind}, {number} nodes, program")


def test_a_time_limit_ends_programs(run_flow: StartFlow, kind: str) -> None:
    limit = 25 if kind == "deepspeed" else 10  # from the task's start, and ranks take a while
    run = run_flow("program_faults.py", KIND=kind, FAULTS='["sleep@0"]', TIMEOUT=str(limit))
    (attempt,) = attempts(run.output)
    assert run.status != 0 and f"{limit} seconds" in words(attempt)
    record(f"{kind}, 2 nodes, program", f"@timeout of {limit} s", seconds_to_end(attempt))
    assert seconds_to_end(attempt) < limit + SOON


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run(start_flow: StartFlow, kind: str, number: signal.Signals) -> None:
    run = start_flow("program_faults.py", KIND=kind, FAULTS='["sleep@1"]', NUM_PARALLEL="3")
    end_by_signal(run.wait_for("FAULT sleep"), number, f"{kind}, 3 nodes, program")


def test_a_run_that_is_killed_takes_its_programs_along(start_flow: StartFlow, kind: str) -> None:
    run = start_flow("program_faults.py", KIND=kind, FAULTS='["sleep@1"]')
    end_by_kill(run.wait_for("FAULT sleep"), f"{kind}, 2 nodes, program")


def test_strangers_do_no_harm(start_flow: StartFlow, kind: str) -> None:
    run = start_flow("program_faults.py", KIND=kind, HOLD="5").wait_for("HOLDING")
    visit_every_port(psutil.Process(run.process.pid))
    assert run.wait().status == 0, run.output
