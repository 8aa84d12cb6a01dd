"""The fault matrix of what surrounds a gang: networks that are cut, full disks, run after run."""

from __future__ import annotations

import datetime
import glob
import json
import re
import shutil
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import SOON, Run, StartFlow, left_behind
from fault_table import attempts, record, seconds_to_end, words
from surroundings import Cable, Clock, may


class Kind(NamedTuple):
    """A flow that says HOLDING once its nodes work together, and what it needs on a cable."""

    flow: str
    installed: bool = True
    environment: dict[str, str] = {}  # noqa: RUF012
    says_without_disk: str = "No space left on device"


KINDS = {
    "core": Kind("core_faults.py", says_without_disk=""),  # it needs none
    "Ray": Kind("ray_faults.py", find_spec("ray") is not None),
    "MPI": Kind(
        "program_faults.py",
        bool(shutil.which("mpirun") and shutil.which("mpicc")),
        {"KIND": "mpi"},
    ),
    "torchrun": Kind(
        "program_faults.py",
        find_spec("torch") is not None,
        {"KIND": "torchrun"},
        # It keeps what ranks say in files, so that nobody has heard why.
        "node 0: rank 0 ended with status 1",
    ),
    "DeepSpeed": Kind(
        "program_faults.py",
        find_spec("deepspeed") is not None,
        {"KIND": "deepspeed"},
    ),
    "TensorFlow": Kind(
        "core_faults.py",
        find_spec("tensorflow") is not None,
        {"KIND": "tensorflow"},
        says_without_disk="",
    ),
}
# What frameworks use between nodes; locally it would be the loopback.
ON_A_CABLE = {
    "OMPI_MCA_oob_tcp_if_include": "cable",
    "OMPI_MCA_btl_tcp_if_include": "cable",
    "GLOO_SOCKET_IFNAME": "cable",
}
SHORT = {"ATTRIBUTES": json.dumps({"heartbeat_timeout": 5})}

every_kind = pytest.mark.parametrize(
    "kind", ["core", *(pytest.param(k, marks=pytest.mark.faults) for k in list(KINDS)[1:])]
)
needs_namespaces = pytest.mark.skipif(
    not may("unshare", "--net", "--mount", "true"), reason="network namespaces need root"
)


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.remove()


def start(start_flow: StartFlow, kind: str, **environment: str) -> Run:
    if not KINDS[kind].installed:
        pytest.skip(f"{kind} is not installed")
    return start_flow(KINDS[kind].flow, **KINDS[kind].environment, **environment)


def on_a_cable(start_flow: StartFlow, kind: str, cable: Cable, heartbeat: float) -> Run:
    return start(
        start_flow,
        kind,
        HOLD="14",
        NETNS=json.dumps(cable.names),
        HOST=cable.address,
        ADDRESSES=json.dumps(cable.addresses),
        ATTRIBUTES=json.dumps({"heartbeat_timeout": heartbeat}),
        **ON_A_CABLE,
    ).wait_for("HOLDING")


@pytest.mark.faults
@needs_namespaces
@every_kind
def test_a_network_cut_of_5_seconds_ends_nothing(
    start_flow: StartFlow, cable: Cable, kind: str
) -> None:
    run = on_a_cable(start_flow, kind, cable, heartbeat=12)
    cable.cut()
    time.sleep(5)
    cable.mend()
    assert run.wait().status == 0, run.output


@needs_namespaces
@every_kind
def test_a_network_that_is_cut_for_good(start_flow: StartFlow, cable: Cable, kind: str) -> None:
    heartbeat = 5
    run = on_a_cable(start_flow, kind, cable, heartbeat)
    cable.cut()
    run.output += f"FAULT cut {time.time()}\n"
    assert run.wait().status != 0
    (attempt,) = attempts(run.output)
    assert f"node 1 was silent for {heartbeat} s" in words(attempt)
    took = seconds_to_end(attempt)
    record(f"{kind}, 2 nodes", f"network cut, heartbeat_timeout={heartbeat}", took)
    assert took < heartbeat + SOON


@needs_namespaces
@every_kind
@pytest.mark.parametrize("full", [pytest.param("/tmp", marks=pytest.mark.faults), "/tmp /var/tmp"])
def test_a_full_disk(start_flow: StartFlow, kind: str, full: str) -> None:
    run = start(start_flow, kind, FULL=full).wait()
    says = KINDS[kind].says_without_disk if "/var/tmp" in full else ""
    assert run.status == (1 if says else 0), run.output
    assert says in run.output, run.output
    assert not glob.glob("/var/tmp/gw-*")


@every_kind
def test_two_runs_at_the_same_moment(start_flow: StartFlow, tmp_path: Path, kind: str) -> None:
    (tmp_path / ".metaflow").mkdir()  # Metaflow's own first runs collide in making it
    for run in [start(start_flow, kind, HOLD="1") for _ in range(2)]:
        assert run.wait().status == 0, run.output


@pytest.mark.faults
@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
@every_kind
@pytest.mark.parametrize("ahead", [True, False])
def test_a_clock_that_jumps_by_an_hour(
    start_flow: StartFlow, tmp_path: Path, kind: str, ahead: bool
) -> None:
    clock = Clock(tmp_path)
    if not ahead:
        clock.set(True)
    run = start(start_flow, kind, HOLD="8", **SHORT, **clock.environment).wait_for("HOLDING")
    clock.set(ahead)
    assert run.wait().status == 0, run.output
    assert abs(hours(run.output) - (1 if ahead else -1)) < 0.1, run.output


def hours(output: str) -> float:
    stamps = re.findall(r"^\d{4}-\d\d-\d\d [\d:.]{12}", output, flags=re.M)
    first, *_, last = map(datetime.datetime.fromisoformat, stamps)
    return (last - first).total_seconds() / 3600


@pytest.mark.faults
@needs_namespaces
@every_kind
def test_a_name_service_that_fails(start_flow: StartFlow, kind: str) -> None:
    run = start(start_flow, kind, NO_NAMES="1", **SHORT).wait()
    assert run.status == 0, run.output


@pytest.mark.faults
@every_kind
def test_ten_runs_one_after_the_other(
    start_flow: StartFlow, tmp_path: Path, short_tmp: str, kind: str
) -> None:
    began = time.monotonic()
    for _ in range(10):
        run = start(start_flow, kind).wait()
        assert run.status == 0, run.output
        assert not left_behind(short_tmp, str(tmp_path))
    record(f"{kind}, 2 nodes", "ten runs", time.monotonic() - began)
