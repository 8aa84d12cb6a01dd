"""Small flows in R against the same in pure Python Metaflow: wall time, cold and warm, and memory.

A 3-step hello flow, and a foreach of 60 tasks that add one to their element. "warm" is how local
tasks start, "cold" is with warm starts switched off. Limits: the hello flow 0.9 times the wall time
of pure Python warm, and 2.0 times cold; the foreach 0.5 times; 110 MB resident for the largest
process of a hello run, whose tasks run a trivial R function; 60 MB of a warm task's own memory,
which it does not share with the process that it is a fork of.
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import row

RUNS = {"hello": 7, "foreach": 1}
MAX_RATIO = {"hello": {"warm": 0.9, "cold": 2.0}, "foreach": {"warm": 0.5, "cold": 4.0}}
MAX_MB = 110
MAX_OWN_MB = 60
TASKS = 60

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

R_FOREACH = f"""
library(gangway)
metaflow("ForeachR") |>
  step(step = "start", next_step = "each", foreach = "x",
       r_function = function(self) self$x <- seq_len({TASKS})) |>
  step(step = "each", next_step = "join", r_function = function(self) {{
    self$y <- self$input + 1
    own <- grep("^Private", readLines("/proc/self/smaps_rollup"), value = TRUE)
    cat(sum(as.numeric(gsub("[^0-9]", "", own))), "kB of its own\\n")
  }}) |>
  step(step = "join", join = TRUE, next_step = "end", r_function = function(self, inputs) {{
    self$y <- sum(unlist(gather_inputs(inputs, "y")))
  }}) |>
  step(step = "end", r_function = function(self) stopifnot(self$y == {sum(range(2, TASKS + 2))})) |>
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

PYTHON_FOREACH = f"""
from metaflow import FlowSpec, step


class ForeachPy(FlowSpec):
    @step
    def start(self):
        self.x = list(range(1, {TASKS + 1}))
        self.next(self.each, foreach="x")

    @step
    def each(self):
        self.y = self.input + 1
        self.next(self.join)

    @step
    def join(self, inputs):
        self.y = sum(each.y for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.y == {sum(range(2, TASKS + 2))}


if __name__ == "__main__":
    ForeachPy()
"""
FLOWS = {"hello": (R_FLOW, PYTHON_FLOW), "foreach": (R_FOREACH, PYTHON_FOREACH)}
WHAT = {"hello": "a 3-step hello flow", "foreach": f"a foreach of {TASKS} small tasks"}
SIDES = ("python", "warm", "cold")


def run(command: list[str], folder: str, start: str) -> tuple[float, str]:
    """Run a flow to its success; return its wall time and what it has printed."""
    environment = {**os.environ, "GANGWAY_WARM_START": "0" if start == "cold" else "1"}
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    took = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout.decode()}")
    return took, done.stdout.decode()


def compare(name: str, folder: str) -> tuple[dict[str, float], str]:
    """Measure one flow on all sides; return the ratios to Python's, and what warm tasks said."""
    for code, suffix in zip(FLOWS[name], ("R", "py"), strict=True):
        Path(folder, f"{name}.{suffix}").write_text(code)
    commands = {side: ["Rscript", f"{name}.R", "run"] for side in SIDES}
    commands["python"] = [sys.executable, f"{name}.py", "run"]
    # In turns: the machine's speed changes under a benchmark.
    said, rounds = "", []
    for _ in range(RUNS[name] + 1):
        figures = {}
        for side in SIDES:
            figures[side], output = run(commands[side], folder, side)
            said = output if side == "warm" else said
        rounds.append(figures)
    rounds = rounds[1:]
    middle = {side: statistics.median(figures[side] for figures in rounds) for side in SIDES}
    print(
        f"{name} flow, medians of {RUNS[name]}: Python {middle['python']:.2f} s, "
        f"R warm {middle['warm']:.2f} s, cold {middle['cold']:.2f} s"
    )
    ratios = {
        side: statistics.median(figures[side] / figures["python"] for figures in rounds)
        for side in ("warm", "cold")
    }
    for side, ratio in ratios.items():
        print(f"  {side}: ratio {ratio:.2f} (limit {MAX_RATIO[name][side]})")
        row(
            *(f"{name}-{side}", f"{WHAT[name]}, {side} starts", middle[side], "s"),
            *("Python Metaflow", middle["python"], ratio),
            most=MAX_RATIO[name][side],
        )
    return ratios, said


def main() -> int:
    """Print the figures; return 1 when one is beyond its limit."""
    beyond, own, peak = False, 0.0, 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    with tempfile.TemporaryDirectory() as folder:
        for name in FLOWS:
            ratios, said = compare(name, folder)
            peak = peak or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit  # hello's
            beyond |= any(ratio > MAX_RATIO[name][side] for side, ratio in ratios.items())
            own = max([own, *(int(kb) / 1000 for kb in re.findall(r"(\d+) kB of its own", said))])
    print(f"largest process of a hello run: {peak:.0f} MB resident (limit {MAX_MB} MB)")
    print(f"a warm task's own memory: {own:.0f} MB (limit {MAX_OWN_MB} MB)")
    row("hello-memory", "the largest process of a hello run", peak, "MB", most=MAX_MB)
    row("warm-memory", "a warm task's own memory", own, "MB", most=MAX_OWN_MB)
    return int(beyond or peak > MAX_MB or own > MAX_OWN_MB)


if __name__ == "__main__":
    os.environ.setdefault("METAFLOW_USER", "bench")
    sys.exit(main())
