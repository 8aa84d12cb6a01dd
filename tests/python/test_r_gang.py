"""R functions in a gang: `ray_map()`, and faults while R runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import SOON, Run
from fault_table import task
from rflow import environment, log_of, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("ray", reason="Ray is not installed")

STEPS = """
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @ray_parallel
    @step
    def train(self):
        R.call("train", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        R.call("join", self, inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

JOIN = "join = function(self, inputs) cat('GATHERED', length(gather_inputs(inputs, 'pid')), '\\n')"


def start(folder: Path, code: str, tmp: str) -> subprocess.Popen[str]:
    """Start a flow whose gang step runs R code on its control task."""
    functions = f"train = function(self) {{ self$pid <- Sys.getpid(); {code} }}, {JOIN}"
    flow = write_flow(folder, functions, STEPS)
    return subprocess.Popen(
        [sys.executable, str(flow), "run"],
        cwd=folder,
        env={**environment(folder), "TMPDIR": tmp},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_pid(file: Path, run: subprocess.Popen[str]) -> int:
    deadline = time.monotonic() + 200
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline and run.poll() is None, run.communicate()[0]
        time.sleep(0.05)
    return int(file.read_text())


def test_ray_map_in_a_gang(tmp_path: Path, short_tmp: str) -> None:
    died = tmp_path / "died"
    run = start(
        tmp_path,
        "k <- 10; helper <- function(x) x * k;"
        "big <- runif(1e5);"
        "same <- function(a, b) cat(paste0('same ', identical(a, b), '\\n'));"
        "same(ray_map(1:3, function(x, y) helper(x) + y, y = 1), list(11, 21, 31));"
        "same(ray_map(c(a = 1, b = 2), function(x) x, .chunk = 1), list(a = 1, b = 2));"
        "same(ray_map(list(), identity), list());"
        "same(ray_map(1:2, function(i, big) sum(big), big = big), rep(list(sum(big)), 2));"
        "same(ray_map(1:3, function(i) if (i == 2) NULL else i), list(1L, NULL, 3L));"
        "same(ray_map(as.Date('2024-01-01') + 0:1, format), list('2024-01-01', '2024-01-02'));"
        f"f <- '{died}';"
        "same(ray_map(1:4, function(x) { if (x == 3 && !file.exists(f)) { file.create(f);"
        "  tools::pskill(Sys.getpid(), 9) }; x }, .chunk = 1), list(1L, 2L, 3L, 4L));"
        "said <- function(expr) tryCatch(expr, error = function(e) {"
        "  cat(class(e)[1], e$index, ':', gsub('\\n', ' | ', conditionMessage(e)), '\\n') });"
        "bad <- function(x) if (x < 0) stop('negative') else sqrt(x);"
        "said(ray_map(c(p = 1, q = -1, r = 4), function(x) bad(x)));"
        "said(ray_map(1:2, function(x) self$x));"
        "said(ray_map(1:2, function(x) nosuchpackage::f(x)));"
        "said(ray_map(1:2, identity, .chunk = 0))",
        short_tmp,
    )
    output = run.communicate(timeout=280)[0]
    assert run.returncode == 0, output
    log = log_of(output, "train")
    assert log.count("same TRUE") == 7, output
    assert "GATHERED 1" in log_of(output, "join")  # the worker has no artifact at all
    errors = "\n".join(log)
    assert "gangway_error_ray_map 2 : ray_map(): element 2 (q) failed on node-" in errors
    assert "negative |   in bad(x) | R traceback on the worker: |   .f(.x) |   bad(x)" in errors
    assert "takes `self` along, and there is no `self` in Ray's workers" in errors
    assert "nosuchpackage" in errors and "`.chunk` is the number of elements" in errors


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("Sys.sleep(600)", marks=pytest.mark.faults),
        pytest.param("while (TRUE) {}", marks=pytest.mark.faults),
        "ray_map(1:2, Sys.sleep)",
    ],
)
def test_a_lost_worker_interrupts_r(tmp_path: Path, short_tmp: str, code: str) -> None:
    code = code.replace("Sys.sleep)", "function(i) Sys.sleep(600))")
    run = start(
        tmp_path, f"ray_nodes(); writeLines(format(Sys.getpid()), 'pid'); {code}", short_tmp
    )
    wait_for_pid(tmp_path / "pid", run)
    time.sleep(1)
    worker = task(Run(run), 1)
    began = time.monotonic()
    worker.kill()
    output = run.communicate(timeout=120)[0]
    assert time.monotonic() - began < SOON, output
    assert run.returncode == 1, output
    assert "the task of node 1 was killed by SIGKILL" in output, output


def test_ctrl_c_ends_a_gang_in_which_r_maps(tmp_path: Path, short_tmp: str) -> None:
    run = start(
        tmp_path,
        "ray_nodes(); writeLines(format(Sys.getpid()), 'pid');"
        "ray_map(1:2, function(i) Sys.sleep(600))",
        short_tmp,
    )
    wait_for_pid(tmp_path / "pid", run)
    time.sleep(1)
    began = time.monotonic()
    os.killpg(run.pid, signal.SIGINT)
    output = run.communicate(timeout=120)[0]
    assert run.returncode != 0 and time.monotonic() - began < SOON, output
