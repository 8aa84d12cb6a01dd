"""reticulate in a task: one process with the task's Python, whose references both sides drop."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rflow import environment, log_of, run_flow, steps, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if subprocess.run(["Rscript", "-e", "loadNamespace('reticulate')"], capture_output=True).returncode:
    pytest.skip("the R package reticulate is not installed", allow_module_level=True)

# Objects that R drops while Python's other threads run: without the GIL that ended the process.
COLLECT = """
    reticulate::py_run_string("
import threading, time
def work():
    while True:
        sum(range(1000))
        time.sleep(0.0001)
threading.Thread(target=work, daemon=True).start()")
    for (i in 1:40) {
      loads <- reticulate::import("json", convert = FALSE)$loads
      values <- lapply(1:20, function(j) loads('{"a": [1, 2]}'))
      current("run_id")
      if (i %% 10 == 0) gc()
    }
    refused <- tryCatch(loads("{"), error = conditionMessage)
    cat("errors are kept", grepl("Expecting property name", refused), "\\n")
"""


def test_references_are_dropped_with_the_gil_held(tmp_path: Path) -> None:
    flow = write_flow(
        tmp_path,
        f"start = function(self) {{ {COLLECT} }}, end = function(self) NULL",
        steps("start", "end"),
    )
    run = run_flow(flow)
    assert run.returncode == 0, run.stdout
    assert "errors are kept TRUE" in log_of(run.stdout, "start")


# Collections where reticulate has made objects and its finalizers know no lock yet. And a library
# that makes the process's end last until reticulate's thread asks for its event loop once more.
START = """
    options(reticulate.python.afterInitialized = function() gc())
    gctorture2(5000)
    cat("first", reticulate::py_eval("1"), reticulate::import("json")$loads("[1, 2]"), "\\n")
    gctorture2(0)
    children <- parallel::mclapply(1:2, function(i) { gc(); reticulate::py_eval("1 + 1") })
    cat("in children", unlist(children), "\\n")
    cat("client", nzchar(gangway::get_metadata()), "\\n")
    if (nzchar(Sys.which("cc"))) {
      last <- "__attribute__((destructor)) void last(void) { sleep(1); }"
      writeLines(c("#include <unistd.h>", last), "last.c")
      stopifnot(system("R CMD SHLIB last.c >/dev/null 2>&1") == 0)
      dyn.load("last.so")
    }
"""


def test_no_collection_and_no_late_thread_ends_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETICULATE_PYTHON", "/usr/bin/python3")  # not where Python runs already
    flow = write_flow(
        tmp_path,
        f"start = function(self) {{ {START} }}, end = function(self) NULL",
        steps("start", "end"),
        "c('methods', 'reticulate')",
    )
    run = run_flow(flow)
    assert run.returncode == 0, run.stdout
    log = [line.strip() for line in log_of(run.stdout, "start")]
    assert {"first 1 1 2", "in children 2 2", "client TRUE"} <= set(log), run.stdout


# Python code that R has called, in the main thread, for two minutes.
BUSY = """
    reticulate::py_run_string("
import time
def work():
    try:
        print('working', flush=True)
        end = time.time() + 120
        while time.time() < end:
            time.sleep(0.05)
    finally:
        print('cleared up', flush=True)
work()")
"""


def busy_flow(folder: Path, *decorators: str) -> Path:
    lines = steps("start", "end", decorators=" ".join(decorators))
    return write_flow(
        folder, f"start = function(self) {{ {BUSY} }}, end = function(self) NULL", lines
    )


def test_a_timeout_ends_python_code_that_r_has_called(tmp_path: Path) -> None:
    flow = busy_flow(tmp_path, "@timeout(seconds=15)")
    start = time.monotonic()
    run = run_flow(flow, timeout=280)
    assert time.monotonic() - start < 100, run.stdout
    assert run.returncode == 1
    assert "timed out after" in run.stdout
    assert "cleared up" in log_of(run.stdout, "start")


def test_an_interrupt_ends_python_code_that_r_has_called(tmp_path: Path, short_tmp: str) -> None:
    run = subprocess.Popen(
        [sys.executable, str(busy_flow(tmp_path)), "run"],
        cwd=tmp_path,
        env={**environment(tmp_path), "TMPDIR": short_tmp},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output = ""
    assert run.stdout is not None
    while "working" not in output:
        line = run.stdout.readline()
        assert line, output
        output += line
    os.killpg(run.pid, signal.SIGINT)
    start = time.monotonic()
    output += run.communicate(timeout=280)[0]
    assert time.monotonic() - start < 100, output
    assert run.returncode != 0
    assert "cleared up" in output


# How many threads beside the main one would take a signal of R from it.
EXPOSED = """
    exposed <- function() {
      threads <- setdiff(list.files("/proc/self/task"), Sys.getpid())
      blocked <- vapply(file.path("/proc/self/task", threads, "status"), function(file) {
        sub(".*\\t", "", grep("^SigBlk", readLines(file), value = TRUE))
      }, "")
      both <- 0x10002L  # SIGINT and SIGCHLD
      sum(bitwAnd(strtoi(substring(blocked, 12), 16L), both) != both)
    }
    first <- exposed()
    few <- length(list.files("/proc/self/task"))
    reticulate::import("json")
    many <- length(list.files("/proc/self/task"))
    cat("threads:", many > few, exposed() - first, first, "\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_threads_leave_signals_to_the_main_one(tmp_path: Path) -> None:
    functions = f"start = function(self) {{ {EXPOSED} }}, end = function(self) NULL"
    flow = write_flow(tmp_path, functions, steps("start", "end"))
    run = run_flow(flow)
    assert run.returncode == 0, run.stdout
    assert "threads: TRUE 0 0" in log_of(run.stdout, "start")
