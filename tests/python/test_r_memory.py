"""A large artifact takes at most three times its size, while it is written and while it is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rflow import environment, write_flow

OBJECT_MB = 100

# Looks at the memory around R's step function; the end of the process is after Metaflow's part.
STEPS = """
    @step
    def start(self):
        R.call("ready", self)
        begin("written")
        R.call("write", self)
        self.next(self.end)

    @step
    def end(self):
        R.call("ready", self)
        begin("read")
        R.call("read", self)
"""
CLOCK = """
import atexit, json
from pathlib import Path

def memory(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith(field)).split()[1]) / 1024

def begin(what):
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    file = Path(f"{what}.json").absolute()
    atexit.register(lambda: file.write_text(json.dumps(memory("VmHWM") - before)))

"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak")
def test_a_large_artifact_takes_at_most_three_times_its_size(tmp_path: Path) -> None:
    pytest.importorskip("isal", reason="Python's own gzip takes more")
    functions = (
        "ready = function(self) invisible(gc()),"
        f"write = function(self) self$x <- rnorm({OBJECT_MB} * 2^17),"
        f"read = function(self) stopifnot(length(self$x) == {OBJECT_MB} * 2^17)"
    )
    flow = write_flow(tmp_path, functions, STEPS)
    flow.write_text(CLOCK + flow.read_text())
    done = subprocess.run(
        [sys.executable, "flow.py", "--no-pylint", "run"],
        cwd=tmp_path,
        env=environment(tmp_path),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    peaks = {
        what: json.loads((tmp_path / f"{what}.json").read_text()) for what in ("written", "read")
    }
    assert OBJECT_MB < peaks["written"] < 3 * OBJECT_MB, peaks
    assert OBJECT_MB < peaks["read"] < 3 * OBJECT_MB, peaks
    print(peaks)
