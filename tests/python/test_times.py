"""The times of `times.py`: what must outlast what, and the copies of them elsewhere."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from metaflow.runtime import NativeRuntime
from metaflow_extensions.gangway import times
from metaflow_extensions.gangway.gang.programs import supervisor

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("why", "longer", "shorter"), times.OUTLASTS)
def test_what_must_outlast_what(why: str, longer: float, shorter: float) -> None:
    assert longer > shorter, why


@pytest.mark.parametrize("heartbeat_timeout", [1, 3, 60, 600])
def test_a_silent_node_has_missed_several_beats(heartbeat_timeout: float) -> None:
    assert heartbeat_timeout >= 4 * times.beat(heartbeat_timeout)


def test_times_that_stand_elsewhere_are_the_same() -> None:
    run = (ROOT / "R/run-process.R").read_text()
    assert re.findall(r"^patience_s <- (\d+)$", run, re.M) == [f"{times.RUN_ENDS:g}"]
    assert re.findall(r"^left_behind_s <- (\d+)$", run, re.M) == [f"{times.LEFT_BEHIND:g}"]
    session = (ROOT / "R/ray-session.R").read_text()
    assert re.findall(r"timeout = (\d+)\) \{", session) == [f"{times.MEET_HERE:g}"]
    metaflow = inspect.getsource(NativeRuntime._killall)
    assert re.findall(r"time\.time\(\)\) - now < (\d+)", metaflow) == [f"{times.METAFLOW_KILLS:g}"]
    assert supervisor._WATCH_SECONDS == times.WATCH
