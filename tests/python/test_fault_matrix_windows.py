"""The fault matrix of the windows between things: what stands still, stores, jumps or is taken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import psutil
import pytest
from conftest import SOON, StartFlow
from fault_table import SERVING, Fault, check, environment_of, every_kind, task
from surroundings import may

LOST = "The gang was lost: @{kind} on step train of flow CoreFaults: "
HEARTBEAT = 5
ATTRIBUTES = json.dumps({"heartbeat_timeout": HEARTBEAT})

pytestmark = pytest.mark.faults
needs_mounts = pytest.mark.skipif(
    not may("unshare", "--mount", "true"), reason="mount namespaces need root"
)


@pytest.fixture
def environment(kind: str, importable: Callable[[str], str]) -> dict[str, str]:
    """What lets a gang of a kind start here."""
    return {**environment_of(kind, importable), "ATTRIBUTES": ATTRIBUTES}


def stand_still(*processes: psutil.Process) -> None:
    """Stop processes for longer than the others wait, and let them go on."""
    for process in processes:
        process.suspend()
    time.sleep(HEARTBEAT + 4)
    for process in processes:
        if process.is_running():
            process.resume()


@every_kind
@pytest.mark.parametrize(
    ("node", "says"),
    [
        (0, "control's task stood still for "),
        (1, f"node 1 was silent for {HEARTBEAT} s: its task is stopped"),
    ],
)
def test_a_task_that_stands_still_and_goes_on(
    start_flow: StartFlow, kind: str, environment: dict[str, str], node: int, says: str
) -> None:
    run = start_flow("core_faults.py", FAULTS='["sleep@0"]', TIMES="1", **environment)
    run.wait_for("FAULT sleep")
    stand_still(task(run, node))
    run.wait()
    fault = Fault("sleep", LOST.format(kind=kind) + says, HEARTBEAT + 4 + SOON)
    check(run, (fault,), f"{kind}, 2 nodes, node {node} stands still")


@every_kind
def test_a_run_that_stands_still_as_a_whole_goes_on(
    start_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    run = start_flow("core_faults.py", HOLD="3", **environment).wait_for("HOLDING")
    whole = psutil.Process(run.process.pid)
    stand_still(whole, *whole.children(recursive=True))
    assert run.wait().status == 0, run.output


@every_kind
def test_a_worker_that_is_slow_to_store(
    run_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    if kind in SERVING:
        pytest.skip("its workers run no code of the step")
    run = run_flow("core_faults.py", FAULTS='["store_slow@1"]', **environment)
    assert run.status == 0, run.output
    assert "FAULT store_slow" in run.output


@every_kind
def test_a_control_task_that_is_killed_while_workers_store(
    start_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    if kind in SERVING:
        pytest.skip("its workers run no code of the step")
    run = start_flow("core_faults.py", FAULTS='["store_slow@1"]', TIMES="1", **environment)
    task(run.wait_for("FAULT store_slow"), 0).kill()
    assert run.wait().status == 0, run.output  # the fixtures look for what it has left


@needs_mounts
@every_kind
def test_what_happens_while_results_are_stored(
    run_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    faults = (
        Fault("store_freeze@1", LOST + f"node 1 was silent for {HEARTBEAT} s", HEARTBEAT + SOON),
        Fault("store_kill@1", LOST + "the task of node 1 ended before it had stored its results"),
        Fault("store_full@1", LOST + "the task of node 1 ended before it had stored its results"),
        Fault("store_full@0", "No space left on device"),
    )
    if kind in SERVING:  # its workers run no code of the step
        faults = faults[3:]
    faults = tuple(fault._replace(says=fault.says.format(kind=kind)) for fault in faults)
    names = json.dumps([fault.name for fault in faults])
    run = run_flow("core_faults.py", FAULTS=names, TIMES=str(len(faults)), **environment)
    check(run, faults, f"{kind}, 2 nodes")
