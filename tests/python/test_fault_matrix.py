"""The fault matrix of the gang core: whatever happens, a gang ends soon, by name, and leaves nothing.

Each run meets a few faults, one an attempt, looks after each for what it has left, and succeeds in
the last attempt. Faults of the frameworks' own processes are in test_fault_matrix_frameworks.py.
"""

from __future__ import annotations

import json

import pytest
from conftest import StartFlow
from fault_table import Fault, check

LOST = "The gang was lost: @core on step train of flow CoreFaults: "
TASK = LOST + "the task of node 1 "
CODE = LOST + "node 1 failed: "
HEARTBEAT = 3


# Metaflow retries a step four times at most.
CONTROL = (
    Fault("raise@0", "ValueError: the user's own error"),
    Fault("memory@0", "MemoryError"),
    Fault("quit@0", "The step's code called sys.exit(None) or quit()"),
    Fault("exit@0", "The step's code called sys.exit(3) or quit()"),
)
CONTROL_TASK = (
    Fault("segfault@0", "Node 2 lost control"),
    Fault("kill@0", "Node 2 lost control"),
    Fault("terminate@0", "Node 2 lost control"),
)
WORKER = (
    Fault("raise@1", CODE + "ValueError: the user's own error"),
    Fault("memory@1", CODE + "MemoryError"),
    Fault("quit@1", CODE + "StepExitException: The step's code called sys.exit(None)"),
    Fault("exit@1", CODE + "StepExitException: The step's code called sys.exit(3)"),
)
WORKER_TASK = (
    Fault("leave@1", TASK + "ended with status 0"),
    Fault("segfault@1", TASK + "was killed by SIGSEGV"),
    Fault("kill@1", TASK + "was killed by SIGKILL"),
    Fault("freeze@1", f"node 1 was silent for {HEARTBEAT} s", HEARTBEAT + 10),
)


@pytest.mark.parametrize(
    ("number", "faults"),
    [(2, CONTROL), (3, CONTROL_TASK), (3, WORKER), (2, WORKER_TASK)],
    ids=["control", "control's task", "worker", "worker's task"],
)
def test_code_that_dies(run_flow: StartFlow, number: int, faults: tuple[Fault, ...]) -> None:
    run = run_flow(
        "core_faults.py",
        FAULTS=json.dumps([fault.name for fault in faults]),
        TIMES=str(len(faults)),
        NUM_PARALLEL=str(number),
        ATTRIBUTES=json.dumps({"heartbeat_timeout": HEARTBEAT}),
    )
    check(run, faults, f"core, {number} nodes")
