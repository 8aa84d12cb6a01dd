"""`ray_map()` of trivial R calls against pure Python Ray, in one gang; and against furrr.

Limits: one call a task, at least 0.65 of pure Python Ray's rate; chunked as by default, at least
the rate of furrr on two multisession workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CALLS = 2000
ROUNDS = 5
MIN_OF_PYTHON = 0.65
MIN_OF_FURRR = 1.0

FUNCTIONS = """
seconds <- function(expr) system.time(expr)[["elapsed"]]
functions <- list(
  one = function(self) self$seconds <- seconds(ray_map(seq_len(CALLS), function(x) x, .chunk = 1)),
  all = function(self) self$seconds <- seconds(ray_map(seq_len(CALLS), function(x) x))
)
saveRDS(list(functions = functions, globals = list(seconds = seconds, CALLS = CALLS),
  packages = character(), lib_paths = .libPaths(), exports = character()), "flow.rds")
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

        rounds = [(python(), r("one"), r("all")) for _ in range(ROUNDS + 1)][1:]
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
    """Run R code with the number of calls in `CALLS`."""
    done = subprocess.run(
        ["Rscript", "-e", f"CALLS <- {CALLS}L; {code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def measure(folder: str) -> list[list[float]]:
    """Run the flow; return seconds of Python, of R one by one and of R chunked, a row a round."""
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
    python, one, chunked = (median(list(column)) for column in zip(*rows, strict=True))
    of_python = median([p / o for p, o, _ in rows])
    print(f"{CALLS} trivial calls, medians of {ROUNDS}, a gang of 2 nodes:")
    print(
        f"pure Python Ray {python:.2f} s; ray_map one by one {one:.2f} s; chunked {chunked:.3f} s"
    )
    print(f"one by one at {of_python:.2f} of pure Python Ray's rate (limit {MIN_OF_PYTHON})")
    if furrr is None:
        print("furrr is not installed: not compared")
        return int(of_python < MIN_OF_PYTHON)
    print(
        f"furrr, 2 multisession workers, {furrr:.3f} s: "
        f"chunked at {furrr / chunked:.1f} of its rate"
    )
    return int(of_python < MIN_OF_PYTHON or furrr / chunked < MIN_OF_FURRR)


if __name__ == "__main__":
    os.environ.setdefault("METAFLOW_USER", "bench")
    sys.exit(main())
