"""A 3-step hello flow in R against the same flow in pure Python Metaflow: wall time and memory.

Limits: 2.0 times the wall time of pure Python; 110 MB resident for the largest process of a run
whose tasks run a trivial R function.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
MAX_RATIO = 2.0
MAX_MB = 110

R_FLOW = """
library(gangway)
metaflow("HelloR") |>
  step(step = "start", next_step = "middle", r_function = function(self) {
    self$x <- 1
    cat("hello\\n")
  }) |>
  step(step = "middle", r_function = function(self) self$y <- self$x + 1, next_step = "end") |>
  step(step = "end", r_function = function(self) print(self$y)) |>
  run()
"""

PYTHON_FLOW = """
from metaflow import FlowSpec, step


class HelloPy(FlowSpec):
    @step
    def start(self):
        self.x = 1
        print("hello")
        self.next(self.middle)

    @step
    def middle(self):
        self.y = self.x + 1
        self.next(self.end)

    @step
    def end(self):
        print(self.y)


if __name__ == "__main__":
    HelloPy()
"""


def seconds(command: list[str], folder: str) -> float:
    """Run a flow to its success; return its wall time."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    took = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout.decode()}")
    return took


def main() -> int:
    """Print the figures; return 1 when one is beyond its limit."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "hello.R").write_text(R_FLOW)
        Path(folder, "hello.py").write_text(PYTHON_FLOW)
        ours = ["Rscript", "hello.R", "run"]
        theirs = [sys.executable, "hello.py", "run"]
        # In pairs, first one and then the other: the machine's speed changes under a benchmark.
        pairs = [(seconds(ours, folder), seconds(theirs, folder)) for _ in range(RUNS + 1)][1:]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )
    r_time, python_time = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(r / python for r, python in pairs)
    print(f"hello flow, medians of {RUNS}: R {r_time:.2f} s, Python {python_time:.2f} s")
    print(f"ratio {ratio:.2f} (limit {MAX_RATIO})")
    print(f"largest process of a run: {peak:.0f} MB resident (limit {MAX_MB} MB)")
    return int(ratio > MAX_RATIO or peak > MAX_MB)


if __name__ == "__main__":
    os.environ.setdefault("METAFLOW_USER", "bench")
    sys.exit(main())
