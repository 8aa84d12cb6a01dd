"""The fault matrix of Ray gangs: its servers, its workers and its ports."""

from __future__ import annotations

import json

import psutil
import pytest
from conftest import StartFlow
from fault_table import Fault, check
from surroundings import visit_every_port

pytestmark = pytest.mark.faults

pytest.importorskip("ray", reason="Ray is not installed")

HEAD = "node 0 (control) failed: "
CONTROL = (
    Fault("raise@0", "ValueError: the user's own error"),
    Fault("quit@0", "The step's code called sys.exit(None) or quit()"),
    Fault("segfault@0", "Node 1 lost control"),
    Fault("kill@0", "Node 1 lost control"),
)
SERVERS = (
    Fault("kill_task@2", "the task of node 2 was killed by SIGKILL"),
    Fault("kill_raylet@1", "node 1 failed: Ray ended there: its raylet process ended"),
    Fault("kill_gcs_server@0", HEAD + "Ray ended there: its gcs_server process ended"),
    Fault("kill_raylet@0", HEAD + "Ray ended there: its raylet process ended"),
)
TOLD_TO_END = (
    Fault("end_gcs_server@0", HEAD + "Ray ended there: its gcs_server process takes no conn"),
    Fault("end_raylet@1", "node 1 failed: Ray ended there: its raylet process ended"),
)
WORKERS = (
    Fault("kill_launcher@0", HEAD + "its launcher was killed"),
    Fault("remote_raise@1", "ValueError: the user's own error"),
    Fault("remote_segfault@1", "WorkerCrashedError"),
    Fault("remote_kill@1", "WorkerCrashedError"),
)


@pytest.mark.parametrize(
    ("number", "faults"),
    [(2, CONTROL), (3, SERVERS), (2, TOLD_TO_END), (2, WORKERS)],
    ids=["control", "servers", "told", "workers"],
)
def test_whatever_dies(run_flow: StartFlow, number: int, faults: tuple[Fault, ...]) -> None:
    run = run_flow(
        "ray_faults.py",
        FAULTS=json.dumps([fault.name for fault in faults]),
        TIMES=str(len(faults)),
        NUM_PARALLEL=str(number),
    )
    check(run, faults, f"Ray, {number} nodes")


def test_strangers_do_no_harm(start_flow: StartFlow) -> None:
    run = start_flow("ray_faults.py", HOLD="2").wait_for("HOLDING")
    visit_every_port(psutil.Process(run.process.pid))
    assert run.wait().status == 0, run.output
