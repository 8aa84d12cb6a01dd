"""@gang_profile: real gangs whose nodes are looked at, and what the card then shows."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow
import psutil
import pytest
from conftest import StartFlow
from metaflow_extensions.gangway.gang_profile.card import components
from metaflow_extensions.gangway.gang_profile.charts import GANG, MOST_LINES, charts, phases
from metaflow_extensions.gangway.gang_profile.gpus import Gpus
from metaflow_extensions.gangway.gang_profile.meter import Meter, Use
from metaflow_extensions.gangway.gang_profile.owners import Owner, Owners
from metaflow_extensions.gangway.gang_profile.queueing import MADE, durations, made_at
from metaflow_extensions.gangway.gang_profile.recorder import Recorder
from metaflow_extensions.gangway.gang_profile.timeline import Timeline
from metaflow_extensions.gangway.run.check_decorators import (
    UnknownDecoratorException,
    check_decorators,
)

SAMPLE = [1.5, 2.0, 1.0, 2.0, 3.0, 1.0, 50.0, 60.0, [[70.0, 8.0]]]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
STUB = Path(__file__).parent / "nvml_stub.c"
needs_mpi = pytest.mark.skipif(not shutil.which("mpirun"), reason="Open MPI is not installed")
needs_nvml = pytest.mark.skipif(
    not (find_spec("pynvml") and shutil.which("gcc")), reason="nvidia-ml-py or gcc is missing"
)


def card_of(folder: Path, step: str) -> list[Any]:
    """The components of the only card of a step."""
    found = list((folder / ".metaflow").glob(f"mf.cards/*/runs/*/steps/{step}/tasks/*/cards/*html"))
    assert len(found) == 1, found
    assert "blank-gang_profile" in found[0].name and "_node_" not in str(found[0])
    code = (
        "import base64, json, re, sys; text = open(sys.argv[1]).read(); "
        "data = max(re.findall(r'[A-Za-z0-9+/=]{200,}', text), key=lambda d: "
        "base64.b64decode(d[:8]).startswith(b'{') * len(d)); "
        "print(base64.b64decode(data).decode())"
    )
    text = subprocess.run(
        [sys.executable, "-c", code, str(found[0])], capture_output=True, text=True, check=True
    ).stdout
    return list(_flat(json.loads(text)["components"]))


def _flat(given: list[Any]) -> Any:
    for each in given:
        yield each
        yield from _flat(each.get("contents") or [])


def chart(card: list[Any], title: str) -> dict[str, list[tuple[float, float]]]:
    """The lines of a chart: who, and points."""
    (spec,) = [c["spec"] for c in card if c["type"] == "vegaChart" and c["spec"]["title"] == title]
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in spec["layer"][-1]["data"]["values"]:
        lines.setdefault(row["who"], []).append((row["at"], row["value"]))
    return lines


def table(card: list[Any], header: str) -> list[list[str]]:
    """The rows of a table, by its first header."""
    (found,) = [c for c in card if c["type"] == "table" and c["columns"][0] == header]
    return [[str(cell).replace("\u00a0", " ") for cell in row] for row in found["data"]]


@pytest.fixture
def nvml(tmp_path: Path) -> dict[str, str]:
    """An environment in which NVML sees the two GPUs of a stub."""
    library, users = tmp_path / "lib" / "libnvidia-ml.so.1", tmp_path / "users"
    library.parent.mkdir()
    users.mkdir()
    words = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(STUB)]
    subprocess.run(words, check=True)
    return {
        "LD_LIBRARY_PATH": f"{library.parent}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        "NVML_STUB": str(users),
        "CUDA_VISIBLE_DEVICES": "0,1",
    }


def most(points: list[tuple[float, float]]) -> float:
    return max(value for _, value in points)


@pytest.mark.parametrize("number", [2, pytest.param(3, marks=pytest.mark.faults)])
def test_the_card_has_a_line_for_each_node_and_the_gangs_phases(
    run_flow: StartFlow, tmp_path: Path, number: int
) -> None:
    run = run_flow("gang_profile.py", NUM_PARALLEL=str(number), SECONDS="5")
    assert run.status == 0, run.output
    assert "no profile" not in run.output
    card = card_of(tmp_path, "train")
    names = [f"node {i}" for i in range(number)]
    for title in ("CPU (cores)", "Memory (GB)", "Disk (MB/s)"):
        lines = chart(card, title)
        assert list(lines) == names
        # Control works and holds 200 MB; the workers sleep.
        assert most(lines["node 0"]) > 2 * most(lines["node 1"])
    assert list(chart(card, "Network (MB/s)")) == ["machine"]
    assert 0.2 < most(chart(card, "Memory (GB)")["node 0"]) < 2
    marks = next(c for c in card if c["type"] == "vegaChart")["spec"]["layer"][0]["data"]["values"]
    assert [mark["phase"] for mark in marks][:2] == ["forming", "user code"]
    assert marks[1]["to"] - marks[1]["from"] > 4
    assert list(chart(card, GANG)) == [
        "disk read", "disk written", "network received", "network sent"
    ]  # fmt: skip
    assert most(chart(card, GANG)["disk written"]) > 1
    took = {row[0]: float(row[1]) for row in table(card, "Phase")}
    assert list(took) == ["queue", "start", "forming", "user code", "teardown"]
    assert took["start"] > 0.1 and took["user code"] > 4
    # A single task has a card without phases.
    card = card_of(tmp_path, "end")
    assert list(chart(card, "CPU (cores)")) == ["node 0"]
    assert [row[0] for row in table(card, "Phase")] == ["queue", "start", "user code"]


@pytest.mark.faults
@pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed")
def test_a_browser_draws_all_charts(run_flow: StartFlow, tmp_path: Path) -> None:
    run = run_flow("gang_profile.py", GANG="ray", SECONDS="5")
    assert run.status == 0, run.output
    charts = [c for c in card_of(tmp_path, "train") if c["type"] == "vegaChart"]
    (page,) = (tmp_path / ".metaflow").glob("mf.cards/**/steps/train/**/*.html")
    # Without a network.
    words = [
        "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,3000",
        "--virtual-time-budget=15000", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", f"file://{page}",
    ]  # fmt: skip
    dom = subprocess.run([CHROMIUM, *words], capture_output=True, text=True, timeout=120).stdout
    # One picture for each, all of the same width.
    widths = re.findall(r'<svg[^>]*class="marks" width="(\d+)"', dom)
    assert len(widths) == len(charts) == 7
    assert len(set(widths)) == 1 and int(widths[0]) > 600
    # The user's code has its row, and each worker of Ray.
    assert "user\u00a0code" in dom.replace("&nbsp;", "\u00a0") and "Counter, pid" in dom


@needs_mpi
@needs_nvml
def test_ranks_have_lines_of_their_own_and_gpus(
    run_flow: StartFlow, tmp_path: Path, nvml: dict[str, str]
) -> None:
    run = run_flow("gang_profile.py", GANG="mpi", SECONDS="4", **nvml)
    assert run.status == 0, run.output
    card = card_of(tmp_path, "train")
    ranks = ["rank 0", "rank 1", "rank 2"]
    cpu = chart(card, "CPU of ranks (cores)")
    assert list(cpu) == ranks and most(cpu["rank 1"]) > 5 * most(cpu["rank 0"])
    memory = chart(card, "Memory of ranks (GB)")
    assert most(memory["rank 2"]) - most(memory["rank 0"]) == pytest.approx(0.1, abs=0.03)
    # Ranks 0 and 1 are on node 0. Each rank says what the stub tells of it.
    gpu, gpu_memory = chart(card, "GPU of ranks (%)"), chart(card, "GPU memory of ranks (GB)")
    assert {who: most(points) for who, points in gpu_memory.items()}["rank 0"] == 10
    assert most(gpu["rank 0"]) == 30
    assert list(chart(card, "GPU (%)")) == ["node 0, GPU 0", "node 1, GPU 0"]
    assert most(chart(card, "GPU memory (GB)")["node 0, GPU 0"]) == 1 + 10 + 11
    rows = {row[0]: row for row in table(card, "Process")}
    assert list(rows) == ranks and rows["rank 0"][4:6] == ["30, 30", "10.00"]
    assert "1 Stub GPU" in table(card, "Node")[0][6]


@needs_nvml
def test_gpus_are_told_apart_by_processes(nvml: dict[str, str]) -> None:
    for name in ("0.11.10.30", "0.12.4.20", "1.12.2.5"):
        Path(nvml["NVML_STUB"], name).touch()
    code = (
        "import json, metaflow; from metaflow_extensions.gangway.gang_profile.gpus import Gpus; "
        "g = Gpus(['0', '1']); g.by_process(); "
        "print(json.dumps([g.names, g.why_not, g.read(), g.by_process()]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **nvml}, capture_output=True, text=True
    )
    names, why_not, use, by_process = json.loads(said.stdout)
    assert names == ["Stub GPU", "Stub GPU"] and not why_not
    assert use == [[50, 15], [5, 3]]
    assert by_process == {"11": [30, 10], "12": [25, 6]}


@pytest.mark.faults
def test_actors_and_workers_of_ray_have_lines_of_their_own(
    run_flow: StartFlow, tmp_path: Path
) -> None:
    run = run_flow("gang_profile.py", GANG="ray", SECONDS="3")
    assert run.status == 0, run.output
    card = card_of(tmp_path, "train")
    lines = chart(card, "Memory of Ray workers (GB)")
    assert sorted(who.partition(", pid")[0] for who in lines) == ["Counter", "work"]
    assert all(most(points) > 0.2 for points in lines.values())  # each holds 200 MB
    assert all(points[-1][0] > points[0][0] for points in lines.values())


def test_ranks_are_known_by_what_starts_them() -> None:
    owners = Owners(environment={})
    sleep = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])"]
    for name in ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        started = subprocess.Popen(sleep, env={**os.environ, name: "7"})
        try:
            process, owner = psutil.Process(started.pid), Owner("rank 7", "rank 7")
            deadline = time.monotonic() + 20
            while not (children := process.children()) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert owners.of(process, None) == owner
            assert owners.of(children[0], owner) == owner
            # What the task itself has says nothing about its processes.
            assert Owners(environment={name: "0"}).of(process, None) is None
        finally:
            for one in [*psutil.Process(started.pid).children(), started]:
                one.kill()
            started.wait()


def test_ray_workers_are_called_after_what_they_do() -> None:
    class Process:
        pid = 12
        title = ("python", "/somewhere/ray/_private/workers/default_worker.py")

        def create_time(self) -> float:
            return 1.0

        def cmdline(self) -> list[str]:
            return list(self.title)

        def environ(self) -> dict[str, str]:
            return {}

    owners, process = Owners({}), Process()
    said = []
    for title in (process.title, ["ray::IDLE"], ["ray::Fit.step"], ["ray::IDLE"], ["ray::predict"]):
        owners.begin()
        process.title = tuple(title)
        said.append(owners.of(process, None))  # type: ignore[arg-type]
    assert [owner.name for owner in said if owner] == [
        "", "", "Fit, pid 12", "Fit, pid 12", "predict, pid 12"
    ]  # fmt: skip
    process.title = ("ray::DashboardAgent",)
    assert Owners({}).of(process, None) is None  # type: ignore[arg-type]


def test_the_time_at_which_a_task_was_made_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins.datastores.local_storage import LocalStorage

    monkeypatch.delenv("MF_PATHSPEC", raising=False)
    store = FlowDataStore("F", None, storage_impl=LocalStorage, ds_root=str(tmp_path))
    assert made_at(store, "fit") is None
    # As the runtime does before it gives the task to Batch or Kubernetes.
    store.get_task_datastore("1", "fit", "2", attempt=1, mode="w").init_task()
    monkeypatch.setenv("MF_PATHSPEC", "F/1/fit/2")
    monkeypatch.setenv("MF_ATTEMPT", "1")
    made = made_at(store, "fit")
    assert made is not None and abs(time.time() - made) < 60
    assert made_at(store, "another") is None
    monkeypatch.setenv(MADE, "12.5")
    assert made_at(store, "fit") == 12.5
    monkeypatch.delenv("MF_PATHSPEC")
    me = psutil.Process().create_time()
    assert durations(me - 5)["queue"] == pytest.approx(5, abs=0.1)
    assert durations(None) == {"start": pytest.approx(time.time() - me, abs=1)}


def test_a_failed_step_has_a_card_too(run_flow: StartFlow, tmp_path: Path) -> None:
    run = run_flow("gang_profile.py", MODE="fail")
    assert run.status != 0 and "it fails" in run.output
    assert "node 0" in chart(card_of(tmp_path, "train"), "CPU (cores)")


def test_a_wrong_interval_is_told_before_the_run(run_flow: StartFlow) -> None:
    run = run_flow("gang_profile.py", ATTRIBUTES='{"interval": -1}')
    assert run.status != 0
    assert "@gang_profile on step train of flow GangProfile: interval=-1" in run.output

    uses = [{"kind": "step", "step": "train", "name": "gang_profile", "args": ["interval"]}]
    check_decorators(uses)
    with pytest.raises(UnknownDecoratorException, match="no argument 'intervall'"):
        check_decorators([{**uses[0], "args": ["intervall"]}])


@pytest.mark.faults
def test_a_profile_that_cannot_be_made_warns(run_flow: StartFlow, tmp_path: Path) -> None:
    # A psutil that cannot count what the network carries, as in some containers.
    (tmp_path / "sitecustomize.py").write_text(
        "import psutil\n\n\ndef broken(**_):\n    raise OSError('no such thing')\n\n\n"
        "psutil.net_io_counters = broken\n"
    )
    run = run_flow("gang_profile.py", SECONDS="1", PYTHONPATH=str(tmp_path))
    assert run.status == 0, run.output
    assert "@gang_profile: no profile, or part of one: OSError('no such thing')" in run.output


def test_looking_costs_less_than_a_hundredth_of_a_core() -> None:
    reports: list[dict[str, Any]] = []
    errors: list[Exception] = []
    enough = threading.Event()

    def deliver(report: dict[str, Any]) -> None:
        reports.append(report)
        if len(reports) > 4:
            enough.set()

    # However often one wants to look, and however slow the machine is.
    recorder = Recorder(lambda: Meter(Gpus([])), 0.001, errors.append)
    recorder.deliver(deliver)
    recorder.start()
    assert enough.wait(60), errors
    recorder.stop()
    looks = [report for report in reports if "sample" in report]
    costs = [after["cost"] - before["cost"] for before, after in itertools.pairwise(looks)]
    # Whatever a look has cost, the next one waits two hundred times as long.
    pauses = [after["at"] - before["at"] for before, after in itertools.pairwise(looks[1:])]
    assert not errors
    assert all(cost < 0.006 * pause for cost, pause in zip(costs, pauses, strict=False))


def test_the_use_of_processes_that_have_ended_counts() -> None:
    meter = Meter(Gpus([]))
    meter.read()
    began = time.monotonic()
    burn = "import time; end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    used = meter.read()[0].cpu * (time.monotonic() - began)
    assert 0.9 < used < 1.6


def test_a_large_gang_stays_within_bounds_and_keeps_its_extremes() -> None:
    timeline = Timeline()
    timeline.expect(100)
    for node in range(100):
        timeline.take(node, {"at": 0.0, "facts": {"host": "h", "start": node / 10}})
        for i in range(500):
            sample = [float(i == 77), *SAMPLE[1:]]
            keys = [f"rank {8 * node + one}" for one in range(8)]
            uses = {key: (key, Use(1.0, 2.0, 3.0, 4.0)) for key in keys}
            report = {"at": float(i), "sample": sample, "cost": 0.1, "uses": uses}
            timeline.take(node, report if i % 10 == 0 or i == 77 else {**report, "uses": {}})
    assert 100 * 20 <= len(list(timeline.points())) <= 100 * 40
    assert timeline.lines()[7].most_cpu == 1.0
    assert timeline.lines()[7].samples == 500
    found = charts(timeline, local=False)
    assert {len({row["who"] for row in c["layer"][-1]["data"]["values"]}) for c in found} <= {3, 4}
    assert len(json.dumps(found)) < 250_000
    card = json.dumps([each.render() for each in components(timeline, "title", local=False)])
    assert len(card) < 350_000
    for said in ("40 of 100 nodes", "40 of 256 processes", "first 256", "9.9 s, on node 99"):
        assert said in card, said


def test_a_few_more_lines_than_one_can_tell_apart_are_put_together() -> None:
    timeline = Timeline()
    timeline.began -= 20
    nodes = MOST_LINES + 1
    for node in range(nodes):
        for i in range(10):
            sample = [float(node), *SAMPLE[1:]]
            timeline.take(node, {"at": 5.0 + i, "sample": sample, "cost": 0.1})
    titles = {spec["title"]: spec for spec in charts(timeline, local=False)}
    rows = titles["CPU (cores)"]["layer"][-1]["data"]["values"]
    means = {row["who"]: row["value"] for row in rows}
    assert means == {f"most of {nodes}": nodes - 1, "mean": (nodes - 1) / 2, "least": 0}
    gang = {row["who"]: row["value"] for row in titles[GANG]["layer"][-1]["data"]["values"]}
    assert gang["disk read"] == nodes * SAMPLE[2] and gang["network sent"] == nodes * SAMPLE[5]


def test_clocks_that_differ_are_told_apart_by_the_quickest_report() -> None:
    timeline = Timeline()
    now = time.monotonic() - timeline.began
    for late, at in ((5.0, 1000.0), (0.0, 1005.0)):
        timeline.take(1, {"at": at, "facts": {}} if late else _report(at))
    ((node, at, _),) = timeline.points()
    assert node == 1 and abs(at - now) < 1


def _report(at: float) -> dict[str, Any]:
    return {"at": at, "sample": SAMPLE, "cost": 0.0}


def test_phases_of_a_gang_that_never_formed() -> None:
    timeline = Timeline()
    timeline.stages = [("ended", 5.0)]
    assert phases(timeline) == [{"phase": "forming", "from": 0.0, "to": 5.0}]
    timeline.stages = []
    assert phases(timeline) == []
    assert components(timeline, "nothing", local=True)


def test_gpus_have_lines_of_their_own() -> None:
    timeline = Timeline()
    timeline.take(0, {"at": 1.0, "facts": {"host": "h", "gpus": ["H100"]}})
    timeline.take(0, _report(2.0))
    titles = {spec["title"]: spec for spec in charts(timeline, local=True)}
    (row,) = titles["GPU (%)"]["layer"][-1]["data"]["values"]
    assert (row["who"], row["value"]) == ("node 0, GPU 0", 70.0)
    table = components(timeline, "title", local=True)[-2].render()
    assert "70 % of 1 H100" in json.dumps(table)


def test_gpus_without_a_way_to_look_are_named() -> None:
    gpus = Gpus(["0"])  # no driver, or no pynvml, on a machine for tests
    if not gpus.why_not:
        assert len(gpus.read()) == len(gpus.names) == 1
    else:
        assert gpus.why_not.startswith("GPUs are not shown: ") and gpus.read() == []
    assert Gpus([]).why_not == ""
