"""Trivial R calls through `ray_remote()` and `ray_map()` in a gang, against pure Python and furrr.

Limits: calls of `ray_remote()`, which share tasks, at least the rate of pure Python Ray in the same
round; chunked as by default, at least the rate of furrr on two multisession workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from table import row

CALLS = 2000
ROUNDS = 5
MIN_REMOTE_OF_PYTHON = 1.0
MIN_MAP_OF_PYTHON = 0.65
MIN_OF_FURRR = 1.0

FUNCTIONS = """
functions <- list(
  remote = function(self) {
    same <- ray_remote(function(x) x)
    self$seconds <- system.time(ray_get(lapply(seq_len(CALLS), same)))[["elapsed"]]
  },
  one = function(self) {
    self$seconds <- system.time(ray_map(seq_len(CALLS), function(x) x, .chunk = 1))[["elapsed"]]
  },
  all = function(self) {
    self$seconds <- system.time(ray_map(seq_len(CALLS), function(x) x))[["elapsed"]]
  }
)
saveRDS(list(format = 2L, functions = functions, defaults = list(), search = list(),
  exports = character()), "flow.rds")
"""

FLOW = """
import json
import statistics
import time

from metaflow import FlowSpec, ray_parallel, step
from metaflow_extensions.gangway.r import RBundle

R = RBundle(__file__)


class RayMapBench(FlowSpec):
    @step
    def start(self):
        self.next(self.measure, num_parallel=2)

    @ray_parallel
    @step
    def measure(self):
        import ray

        ray.init(log_to_driver=False)

        @ray.remote
        def same(x):
            return x

        def python():
            start = time.perf_counter()
            ray.get([same.remote(i) for i in range(CALLS)])
            return time.perf_counter() - start

        def r(name):
            R.call(name, self)
            return self.seconds

        rounds = [(python(), r("remote"), r("one"), r("all")) for _ in range(ROUNDS + 1)][1:]
        with open("figures.json", "w") as file:
            json.dump(rounds, file)
        self.next(self.end_gang)

    @step
    def end_gang(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    R.main(RayMapBench)
"""

FURRR = """
library(furrr)
plan(multisession, workers = 2)
invisible(future_map(1:10, function(x) x))
times <- replicate(3, system.time(future_map(seq_len(CALLS), function(x) x))[["elapsed"]])
cat(median(times))
"""


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def rscript(code: str, folder: str) -> str:
    """Run R code with the number of calls for `CALLS`."""
    done = subprocess.run(
        ["Rscript", "-e", code.replace("CALLS", f"{CALLS}L")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def measure(folder: str) -> list[list[float]]:
    """Run the flow; return seconds: a row a round of Python, and R's three."""
    rscript(FUNCTIONS, folder)
    flow = FLOW.replace("CALLS", str(CALLS)).replace("ROUNDS", str(ROUNDS))
    Path(folder, "flow.py").write_text(flow)
    done = subprocess.run(
        [sys.executable, "flow.py", "run"], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    rows: list[list[float]] = json.loads(Path(folder, "figures.json").read_text())
    return rows


def main() -> int:
    """Print the figures; return 1 when one is beyond its limit."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(folder)
        has_furrr = subprocess.run(["Rscript", "-e", "loadNamespace('furrr')"], capture_output=True)
        furrr = float(rscript(FURRR, folder)) if has_furrr.returncode == 0 else None
    python, remote, one, chunked = (median(list(column)) for column in zip(*rows, strict=True))
    remote_of_python = median([each[0] / each[1] for each in rows])
    map_of_python = median([each[0] / each[2] for each in rows])
    print(f"{CALLS} trivial calls, medians of {ROUNDS}, a gang of 2 nodes:")
    print(f"pure Python Ray {python:.2f} s; ray_remote() {remote:.2f} s")
    print(f"ray_map() one by one {one:.2f} s; chunked {chunked:.3f} s")
    print("of pure Python Ray's rate, medians of the rounds:")
    print(f"ray_remote() {remote_of_python:.2f} (limit {MIN_REMOTE_OF_PYTHON})")
    print(f"ray_map() one by one {map_of_python:.2f} (limit {MIN_MAP_OF_PYTHON})")
    failed = remote_of_python < MIN_REMOTE_OF_PYTHON or map_of_python < MIN_MAP_OF_PYTHON
    what = f"{CALLS:,} trivial R calls in a Ray gang of 2"
    peer = ("s", "Python Ray's rate", python)
    row(
        *("ray-remote", f"{what}: `ray_remote()`", remote, *peer, remote_of_python),
        least=MIN_REMOTE_OF_PYTHON,
    )
    row(
        *("ray-map-one", f"{what}: `ray_map(.chunk = 1)`", one, *peer, map_of_python),
        least=MIN_MAP_OF_PYTHON,
    )
    row(
        *("ray-map", f"{what}: `ray_map()`", chunked, "s", "furrr's rate on 2 workers", furrr),
        furrr and furrr / chunked,
        least=MIN_OF_FURRR,
    )
    if furrr is None:
        print("furrr is not installed: not compared")
        return int(failed)
    print(
        f"furrr, 2 multisession workers, {furrr:.3f} s: "
        f"chunked at {furrr / chunked:.1f} of its rate (limit {MIN_OF_FURRR:g})"
    )
    return int(failed or furrr / chunked < MIN_OF_FURRR)


if __name__ == "__main__":
    os.environ.setdefault("METAFLOW_USER", "bench")
    sys.exit(main())
