"""Writing and reading back large artifacts: gangway, Netflix's path, Metaflow's Python path.

Each figure is from real tasks, through Metaflow's local datastore: from the assignment to the
moment the task's artifacts are stored, and from asking for the artifact to having it. Memory is the
peak in that time over what the process had before the object was there, in sizes of the object.
Ratios are of processor time, which other work on the machine does not change as much.

- "gangway": an R flow, as it is where isal is installed; "no isal": the same without it.
- "netflix": what Netflix's R package does with an object that it keeps as R's own serialization:
  ``serialize(x, NULL)``, reticulate's copy into a bytearray, pickle, Metaflow's store; and back.
  Without reticulate here, so that it looks faster than it is. Plain vectors and lists, tibbles
  among them, go another way there, element by element: slower still, and another object comes back.
- "python": the same data as a NumPy array, a list of str, a pandas.DataFrame.

    python tests/bench/bench-artifacts.py [rounds]

Limits: writing and reading back never slower than Netflix's path; of Python's time at most 0.25 for
doubles, 0.8 for the tibble, 2.0 for a million unlike strings; at most 3 times the object.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from table import row

HERE = Path(__file__).resolve().parent
PEERS = {"netflix": "Netflix's R package", "python": "Python Metaflow"}
MAX_OF_NETFLIX = 1.0
MAX_MEMORY = 3.0


@dataclass(frozen=True)
class Kind:
    """An object in R, and in Python where that has it."""

    r: str
    python: str = ""
    package: str = "base"
    of_python: float = 1.3


KINDS = {
    "100 MB of doubles": Kind(
        "rnorm(12.5e6)", "np.random.default_rng(1).standard_normal(12_500_000)", of_python=0.25
    ),
    "1e6 strings": Kind(
        "sprintf('customer %d', sample.int(1e9, 1e6))",
        "[f'customer {i}' for i in np.random.default_rng(1).integers(0, 10**9, 10**6)]",
        # R looks every string up in a table of all strings: unserialize() alone takes longer than
        # all that Python does.
        of_python=2.0,
    ),
    "1e6-row tibble with a list-column": Kind(
        "tibble::tibble(id = seq_len(1e6) + 0L, x = rnorm(1e6), g = sample(letters, 1e6, TRUE),"
        " l = lapply(seq_len(1e6), function(i) c(i, 0.5)))",
        "pd.DataFrame({'id': np.arange(10**6, dtype='int32'),"
        " 'x': np.random.default_rng(1).standard_normal(10**6),"
        " 'g': np.random.default_rng(2).choice(list('abcdefghijklmnopqrstuvwxyz'), 10**6),"
        " 'l': [[float(i), 0.5] for i in range(10**6)]})",
        "tibble",
        of_python=0.8,
    ),
    "a ranger model": Kind(
        "{d <- data.frame(y = rnorm(1e4)); for (i in 1:8) d[[paste0('x', i)]] <- rnorm(1e4) + d$y;"
        " ranger::ranger(y ~ ., d, num.trees = 200, num.threads = 2)}",
        package="ranger",
    ),
}

FLOW = """
import sys
HEAD
from metaflow import FlowSpec, step
import artifact_clock as clock
SETUP


class ArtifactBench(FlowSpec):
    @step
    def start(self):
        BEFORE
        clock.before()
        MAKE
        clock.watch(lambda: clock.stop("write.json"))
        clock.start(made=True)
        WRITE
        self.next(self.end)

    @step
    def end(self):
        BEFORE
        clock.before()
        clock.watch()
        clock.start(made=False)
        READ
        clock.stop("read.json")


if __name__ == "__main__":
    ArtifactBench()
"""

GANGWAY = {
    "HEAD": "",
    "SETUP": "from metaflow_extensions.gangway.r import RBundle\nR = RBundle(__file__)",
    "BEFORE": 'R.call("before", self)',
    "MAKE": 'R.call("make", self)',
    "WRITE": 'R.call("write", self)',
    "READ": 'R.call("read", self)',
}
SIDES = {
    "gangway": GANGWAY,
    "no isal": {**GANGWAY, "HEAD": "sys.modules['isal'] = None"},
    "netflix": {
        "HEAD": "",
        "SETUP": "from metaflow_extensions.gangway.engine import embed",
        "BEFORE": "ri = embed.start(); from rpy2.rinterface_lib.openrlib import RAW, ffi",
        "MAKE": 'ri.evalr("x <- OBJECT; invisible(gc())")',
        "WRITE": "raw = ri.evalr('serialize(x, NULL)')\n"
        "        self.x = bytearray(ffi.buffer(RAW(raw.__sexp__._cdata), len(raw)))",
        "READ": 'ri.baseenv["unserialize"](ri.ByteSexpVector.from_memoryview(memoryview(self.x)))',
    },
    "python": {
        "HEAD": "",
        "SETUP": "import numpy as np\nimport pandas as pd",
        "BEFORE": "",
        "MAKE": "x = OBJECT",
        "WRITE": "self.x = x; del x",
        "READ": "self.x",
    },
}

BUNDLE = """
functions <- list(
  before = function(self) NULL,
  make = function(self) {
    assign("x", OBJECT, globalenv())
    invisible(gc())
  },
  write = function(self) {
    self$x <- get("x", globalenv())
    rm("x", envir = globalenv())
  },
  read = function(self) stopifnot(length(self$x) > 1)
)
saveRDS(list(format = 1L, functions = functions, defaults = list(),
  search = list(), exports = character()), "flow.rds")
"""


def measure(side: str, kind: Kind) -> dict[str, Any]:
    """Run one flow; return its figures of writing and reading."""
    flow = FLOW
    for name, code in SIDES[side].items():
        flow = flow.replace(name, code)
    with tempfile.TemporaryDirectory() as folder:
        flow = flow.replace("OBJECT", kind.python if side == "python" else kind.r)
        Path(folder, "flow.py").write_text(flow)
        bundle = BUNDLE.replace("OBJECT", kind.r)
        subprocess.run(["Rscript", "-e", bundle], cwd=folder, check=True)
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        own = {"METAFLOW_HOME": folder, "METAFLOW_DATASTORE_SYSROOT_LOCAL": folder}
        done = subprocess.run(
            [sys.executable, "flow.py", "--no-pylint", "run"],
            cwd=folder,
            env={**os.environ, **own, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        files = {what: Path(folder, f"{what}.json") for what in ("write", "read")}
        return {what: json.loads(file.read_text()) for what, file in files.items()}


def report(name: str, kind: Kind, rounds: list[dict[str, dict[str, Any]]]) -> list[str]:
    """Print the medians of a kind of object; return what is beyond a limit."""
    beyond = []
    size = statistics.median(r["gangway"]["write"]["object"] for r in rounds)
    print(f"\n{name}, {size:.0f} MB in R; medians of {len(rounds)}")
    for side in rounds[0]:
        for what in ("write", "read"):
            figures = [r[side][what] for r in rounds]
            total = statistics.median(f["total"] for f in figures)
            parts = {
                part: statistics.median(f["parts"].get(part, 0) for f in figures)
                for part in sorted({part for f in figures for part in f["parts"]})
            }
            rest = total - sum(parts.values())
            told = ", ".join(f"{part} {seconds:.2f}" for part, seconds in parts.items())
            own = statistics.median(r[side]["write"]["object"] for r in rounds)
            memory = statistics.median(f["peak"] for f in figures) / own
            busy = statistics.median(f["cpu"] for f in figures)
            head = f"  {side:8} {what:5} {total:5.2f} s (processor {busy:.2f})"
            print(f"{head}: {told}, rest {rest:.2f}; peak {memory:.2f}")
            if side == "gangway" and memory > MAX_MEMORY:
                beyond.append(f"{name}: {what} takes {memory:.2f} times the object's memory")
    for other, limit in (("netflix", MAX_OF_NETFLIX), ("python", kind.of_python)):
        if other not in rounds[0]:
            continue
        for side in ("gangway", "no isal"):
            write, read, both = (
                statistics.median(cpu(r[side], *what) / cpu(r[other], *what) for r in rounds)
                for what in (("write",), ("read",), ("write", "read"))
            )
            print(f"  {side}: {both:.2f} of {other} (write {write:.2f}, read {read:.2f})")
            if side == "gangway":
                ours, theirs = (
                    statistics.median(cpu(r[who], "write", "read") for r in rounds)
                    for who in (side, other)
                )
                row(
                    *(f"{name.replace(' ', '-')}-{other}", f"{name}, stored and read back"),
                    *(ours, "s", PEERS[other], theirs, both),
                    most=limit,
                )
            if side == "gangway" and both > limit:
                beyond.append(f"{name}: {both:.2f} of {other}'s time, the limit is {limit}")
    return beyond


def cpu(figures: dict[str, Any], *what: str) -> float:
    """Processor time of writing, of reading, or of both."""
    return float(sum(figures[w]["cpu"] for w in what))


def main(rounds: int) -> int:
    """Print the figures; return 1 when one is beyond its limit."""
    beyond = []
    for name, kind in KINDS.items():
        if subprocess.run(
            ["Rscript", "-e", f"invisible(asNamespace('{kind.package}'))"]
        ).returncode:
            print(f"\n{name}: {kind.package} is not installed, not measured")
            continue
        sides = [side for side in SIDES if side != "python" or kind.python]
        figures = [{side: measure(side, kind) for side in sides} for _ in range(rounds)]
        beyond += report(name, kind, figures)
    for line in beyond:
        print(f"beyond its limit: {line}")
    return int(bool(beyond))


if __name__ == "__main__":
    os.environ.setdefault("METAFLOW_USER", "bench")
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
