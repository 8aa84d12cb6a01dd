"""A foreach over a large list: what a task takes to have its element, against Metaflow's own way.

Both sides are real flows with the local datastore and as many tasks as the list has elements. Some
of the tasks, evenly spread, ask for their element; the others do nothing, so that Metaflow's side
ends before tomorrow. "python" is a flow without R over the same bytes as NumPy arrays, and its
tasks say ``self.input``. Ratios are of processor time, which other work on the machine does not
change as much. "element" is from asking to having it, with R or NumPy loaded; "task" is the whole
process. Memory is the peak over what the process had before.

    python tests/bench/bench-foreach.py [tasks [MB of an element [tasks that ask]]]

Limits: the element at least 20 times faster than Metaflow's, a small list's at most 3 ms slower; at
most 3 times the element's memory.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from table import row

HERE = Path(__file__).resolve().parent
FASTER = 20.0
MOST_MEMORY = 3.0
SMALL_MB = 0.0001
SMALL_MS = 3.0

FLOW = """
import json, os, time
HEAD
from metaflow import FlowSpec, step
import artifact_clock as clock


class ForeachBench(FlowSpec):
    @step
    def start(self):
        clock.before()
        clock.watch(lambda: clock.stop("split.json"))
        clock.start(made=False)
        MAKE
        self.next(self.each, foreach="x")

    @step
    def each(self):
        if self.index % STRIDE == 0:
            READ
            with open(f"task-{self.index}.json", "w") as file:
                file.write(str(time.process_time()))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachBench()
"""

SIDES = {
    "gangway": {
        "HEAD": "from metaflow_extensions.gangway.r import RBundle\nR = RBundle(__file__)",
        "MAKE": 'R.call("make", self)',
        "READ": 'R.call("read", self)',
    },
    "python": {
        "HEAD": "import numpy as np",
        "MAKE": "draw = np.random.default_rng(1)\n"
        "        self.x = [draw.standard_normal(LENGTH) for _ in range(TASKS)]",
        "READ": "clock.before(); clock.start(made=False)\n"
        "            assert len(self.input) == LENGTH\n"
        "            clock.stop(f'element-{self.index}.json')",
    },
}
BUNDLE = """
functions <- list(
  make = function(self) self$x <- lapply(seq_len(TASKS), function(i) rnorm(LENGTH)),
  read = function(self) {
    memory <- function(field) {
      line <- grep(field, readLines('/proc/self/status'), value = TRUE)
      as.numeric(gsub('[^0-9]', '', line)) / 1024
    }
    invisible(gc())
    before <- memory('VmRSS')
    cat('5', file = '/proc/self/clear_refs')
    took <- system.time(x <- self$input, gcFirst = FALSE)
    peak <- memory('VmHWM') - before
    stopifnot(length(x) == LENGTH)
    text <- sprintf('{\"cpu\": %f, \"peak\": %f}', sum(took[1:2]), peak)
    writeLines(text, sprintf('element-%d.json', self$index))
  }
)
saveRDS(list(format = 1L, functions = functions, defaults = list(), search = list(),
  exports = character()), "flow.rds")
"""


def measure(side: str, tasks: int, mb: float, asking: int) -> dict[str, Any]:
    """Run one flow; return the figures of the split and the medians of those of the tasks."""
    values = {
        "LENGTH": str(max(1, round(mb * 2**17))),
        "TASKS": str(tasks),
        "STRIDE": str(max(1, tasks // asking)),
    }

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    flow = FLOW
    for name, code in SIDES[side].items():
        flow = flow.replace(name, code)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "flow.py").write_text(filled(flow))
        Path(folder, "bundle.R").write_text(filled(BUNDLE))
        subprocess.run(["Rscript", "bundle.R"], cwd=folder, check=True)
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        own = {"METAFLOW_HOME": folder, "METAFLOW_DATASTORE_SYSROOT_LOCAL": folder}
        options = [f"--max-num-splits={tasks}", "--max-workers=2"]
        done = subprocess.run(
            [sys.executable, "flow.py", "--no-pylint", "run", *options],
            cwd=folder,
            env={**os.environ, **own, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        elements = [json.loads(file.read_text()) for file in Path(folder).glob("element-*.json")]
        return {
            "split": json.loads(Path(folder, "split.json").read_text()),
            "element": statistics.median(figures["cpu"] for figures in elements),
            "peak": max(figures["peak"] for figures in elements),
            "task": statistics.median(
                float(file.read_text()) for file in Path(folder).glob("task-*.json")
            ),
        }


def compare(tasks: int, mb: float, asking: int) -> dict[str, dict[str, Any]]:
    """Run both sides; print and return their figures."""
    print(f"\n{tasks} tasks, each with an element of {mb:g} MB of doubles; {asking} ask for theirs")
    figures = {side: measure(side, tasks, mb, asking) for side in SIDES}
    for side, found in figures.items():
        split = found["split"]
        print(
            f"  {side:8} split {split['cpu']:.2f} s, peak {split['peak']:.0f} MB; "
            f"element {1000 * found['element']:.1f} ms, peak {found['peak']:.1f} MB; "
            f"task {found['task']:.2f} s"
        )
    for what in ("element", "task"):
        ratio = figures["python"][what] / figures["gangway"][what]
        print(f"  {what}: {ratio:.1f} times faster than Metaflow's own way")
    return figures


def main(tasks: int, mb: float, asking: int) -> int:
    """Print the figures; return 1 when one is beyond its limit."""
    large = compare(tasks, mb, asking)
    small = compare(min(tasks, 20), SMALL_MB, asking)
    beyond = []
    faster = large["python"]["element"] / large["gangway"]["element"]
    if faster < FASTER:
        beyond.append(f"the element is {faster:.1f} times faster, the limit is {FASTER:g}")
    memory = (large["gangway"]["peak"] - small["gangway"]["peak"]) / mb
    print(f"\nmemory of a task: {memory:.2f} times its element, over that of a small list's task")
    if memory > MOST_MEMORY:
        beyond.append(f"{memory:.2f} times the element's memory, the limit is {MOST_MEMORY:g}")
    later = 1000 * (small["gangway"]["element"] - small["python"]["element"])
    if later > SMALL_MS:
        beyond.append(f"the element of a small list takes {later:.1f} ms more than Metaflow's")
    ours, theirs = (1000 * large[side]["element"] for side in SIDES)
    row(
        *("element", f"a task's element of {tasks} of {mb:g} MB each"),
        *(ours, "ms", "Python Metaflow's speed", theirs, faster),
        least=FASTER,
    )
    row("element-memory", "its peak memory, of the element's", memory, "times", most=MOST_MEMORY)
    row("element-small", "a small list's element, beyond Python's", later, "ms", most=SMALL_MS)
    for line in beyond:
        print(f"beyond its limit: {line}")
    return int(bool(beyond))


if __name__ == "__main__":
    os.environ.setdefault("METAFLOW_USER", "bench")
    given = [float(argument) for argument in sys.argv[1:]]
    tasks, mb, asking = (*given, *(200.0, 5.0, 8.0)[len(given) :])
    sys.exit(main(int(tasks), mb, int(asking)))
