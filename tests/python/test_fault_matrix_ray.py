"""The fault matrix of Ray gangs: its servers, its workers, its network and its ports."""

from __future__ import annotations

import glob
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import Run, StartFlow, left_behind
from fault_table import Fault, attempts, check, record, seconds_to_end, words
from surroundings import Cable, may, strangers, wait_for_ports

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
WORKERS = (
    Fault("kill_launcher@0", HEAD + "its launcher was killed"),
    Fault("remote_raise@1", "ValueError: the user's own error"),
    Fault("remote_segfault@1", "WorkerCrashedError"),
    Fault("remote_kill@1", "WorkerCrashedError"),
)


@pytest.mark.parametrize(
    ("number", "faults"),
    [(2, CONTROL), (3, SERVERS), (2, WORKERS)],
    ids=["control", "servers", "workers"],
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
    for address in wait_for_ports(psutil.Process(run.process.pid)):
        with strangers(address, gigabytes=False):
            pass
    assert run.wait().status == 0, run.output


def test_ten_runs_one_after_the_other(run_flow: StartFlow, tmp_path: Path, short_tmp: str) -> None:
    began = time.monotonic()
    for _ in range(10):
        run = run_flow("ray_faults.py")
        assert run.status == 0, run.output
        assert not left_behind(short_tmp, str(tmp_path))
    record("Ray, 2 nodes", "ten runs", time.monotonic() - began)


needs_namespaces = pytest.mark.skipif(
    not may("unshare", "--net", "--mount", "true"), reason="network namespaces need root"
)


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.remove()


def on_a_cable(start_flow: StartFlow, cable: Cable, heartbeat: float) -> Run:
    return start_flow(
        "ray_faults.py",
        HOLD="14",
        NETNS=json.dumps(cable.names),
        HOST=cable.address,
        ADDRESSES=json.dumps(cable.addresses),
        ATTRIBUTES=json.dumps({"heartbeat_timeout": heartbeat}),
    ).wait_for("HOLDING")


@needs_namespaces
def test_a_network_cut_of_5_seconds_ends_nothing(start_flow: StartFlow, cable: Cable) -> None:
    run = on_a_cable(start_flow, cable, heartbeat=12)
    cable.cut()
    time.sleep(5)
    cable.mend()
    assert run.wait().status == 0, run.output


@needs_namespaces
def test_a_network_that_is_cut_for_good(start_flow: StartFlow, cable: Cable) -> None:
    heartbeat = 5
    run = on_a_cable(start_flow, cable, heartbeat)
    cable.cut()
    run.output += f"FAULT cut {time.time()}\n"
    assert run.wait().status != 0
    (attempt,) = attempts(run.output)
    assert f"node 1 was silent for {heartbeat} s" in words(attempt)
    record("Ray, 2 nodes", f"network cut, heartbeat_timeout={heartbeat}", seconds_to_end(attempt))
    assert seconds_to_end(attempt) < heartbeat + 5


@needs_namespaces
@pytest.mark.parametrize(("full", "status"), [("/tmp", 0), ("/tmp /var/tmp", 1)])
def test_a_full_disk(run_flow: StartFlow, full: str, status: int) -> None:
    run = run_flow("ray_faults.py", FULL=full)
    assert run.status == status, run.output
    assert "No space left on device" in run.output or status == 0, run.output
    assert not glob.glob("/var/tmp/gw-*")
