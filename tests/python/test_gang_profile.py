"""@gang_profile: real gangs whose nodes are looked at, and what the card then shows."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow
import pytest
from conftest import StartFlow
from metaflow_extensions.gangway.gang_profile.card import components
from metaflow_extensions.gangway.gang_profile.charts import charts, phases
from metaflow_extensions.gangway.gang_profile.gpus import Gpus
from metaflow_extensions.gangway.gang_profile.meter import Meter
from metaflow_extensions.gangway.gang_profile.recorder import Recorder
from metaflow_extensions.gangway.gang_profile.timeline import Timeline
from metaflow_extensions.gangway.run.check_decorators import (
    UnknownDecoratorException,
    check_decorators,
)

SAMPLE = [1.5, 2.0, 3.0, 4.0, 50.0, 60.0, [[70.0, 8.0]]]


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


def most(points: list[tuple[float, float]]) -> float:
    return max(value for _, value in points)


@pytest.mark.parametrize("number", [2, pytest.param(3, marks=pytest.mark.faults)])
def test_the_card_has_a_line_for_each_node_and_the_gangs_phases(
    run_flow: StartFlow, tmp_path: Path, number: int
) -> None:
    run = run_flow("gang_profile.py", NUM_PARALLEL=str(number), SECONDS="8")
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
    assert [mark["phase"] for mark in marks][:2] == ["forming", "running"]
    assert marks[1]["to"] - marks[1]["from"] > 7
    # A single task has a card without phases.
    assert list(chart(card_of(tmp_path, "end"), "CPU (cores)")) == ["node 0"]


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
    used = meter.read().cpu * (time.monotonic() - began)
    assert 0.9 < used < 1.6


def test_a_long_run_stays_within_bounds_and_keeps_its_extremes() -> None:
    timeline = Timeline()
    timeline.expect(100)
    for node in range(100):
        timeline.take(node, {"at": 0.0, "facts": {"host": "h"}})
        for i in range(500):
            sample = [float(i == 77), *SAMPLE[1:]]
            timeline.take(node, {"at": float(i), "sample": sample, "cost": 0.1})
    assert 100 * 20 <= len(list(timeline.points())) <= 100 * 40
    assert timeline.lines()[7].most_cpu == 1.0
    assert timeline.lines()[7].samples == 500
    assert len(json.dumps(charts(timeline, local=False))) < 3_000_000


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
