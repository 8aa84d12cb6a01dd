"""R code that forks, or starts programs: in steps, in gangs, in Ray's workers; and its end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import test_r_gang as gang
from rflow import environment, log_of, run_flow, steps, write_flow

if sys.platform == "win32" or shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

# In the environment of a run's processes.
MARK = "GANGWAY_TEST_FORK"
# is(): what an expression gives; a package that is not installed has nothing to show.
SAY = """
    library(parallel)
    wrong <- character()
    is <- function(label, expr, value) {
      got <- tryCatch(suppressWarnings(expr), error = function(e) conditionMessage(e))
      if (!isTRUE(all.equal(got, value))) wrong <<- c(wrong, paste(label, deparse1(got)))
    }
    here <- function(package) requireNamespace(package, quietly = TRUE)
    lap <- function(f, n = 2, ...) mclapply(seq_len(n), f, mc.cores = 2, ...)
"""
FORKS = """
    self$x # later ones find it here
    # First: after parallel's forks processx misses every fifth status, in any R session.
    if (here("processx")) is("processx", {
      p <- processx::process$new("sleep", "20")
      p$interrupt()
      p$wait(5000)
      p$get_exit_status()
    }, -2L)
    if (here("callr")) is("callr", callr::r(function() 2), 2)
    for (k in 1:15) is("many", lap(identity, 8, mc.preschedule = FALSE), as.list(1:8))
    is("vector", pvec(1:10, sqrt, mc.cores = 2), sqrt(1:10))
    is("several", mcmapply(`+`, 1:4, 5:8, mc.cores = 2), 1:4 + 5:8)
    is("single", unname(mccollect(list(mcparallel(1), mcparallel(2)))), list(1, 2))
    is("nested", lap(function(i) sum(unlist(lap(function(j) i * j)))), list(3, 6))
    bad <- lap(function(i) if (i == 1) stop("bad"), mc.preschedule = FALSE)
    is("error", class(bad[[1]]), "try-error")
    for (end in c(2, 9, 15)) {
      killed <- function(i) if (i > 1) i else { tools::pskill(Sys.getpid(), end); Sys.sleep(20) }
      is("signal", lap(killed), list(NULL, 2L))
    }
    is("quit", lap(function(i) if (i == 1) base::quit("no") else i), list(NULL, 2L))
    is("left alone", dir.exists(tempdir()), TRUE)
    kind <- function(expr) tryCatch({ expr; "none" }, error = function(e) class(e)[1])
    is("what self has read", lap(function(i) self$x[i]), list(4, 5))
    asks <- function(i) {
      c(kind(self$y), kind(self$z <- 1), kind(ray_put(1)), kind(current("run_id")))
    }
    is("what it has not", lap(asks), rep(list(rep("gangway_error_forked", 4)), 2))
    cat("parent, "); invisible(lap(function(i) cat("child;"))); cat("\\n")
    if (here("future")) is("future", {
      future::plan(future::multicore, workers = 2)
      sum(future::value(future::future(1)), future::value(future::future(2)))
    }, 3)
    if (here("doParallel")) is("foreach", {
      doParallel::registerDoParallel(cores = 2)
      foreach::`%dopar%`(foreach::foreach(i = 1:4, .combine = c), i)
    }, 1:4)
    if (here("pbapply")) is("pbapply", pbapply::pbsapply(1:4, identity, cl = 2), 1:4)
    cluster <- makeForkCluster(2)
    is("cluster", parLapply(cluster, 1:2, identity), list(1L, 2L))
    stopCluster(cluster)
    is("system", system("echo a", intern = TRUE), "a")
    is("timeout", system("sleep 20", timeout = 1), 124L) # last: R's SIGCHLD is not what it was
"""
# A package's own fork(), which nobody else hears of.
FOREIGN = """
    writeLines(c(
      "#include <unistd.h>", "#include <sys/wait.h>", "void start(int *pid) { *pid = fork(); }",
      "void stop(int *x) { _exit(*x); }", "void wait_for(int *pid, int *x) { waitpid(*pid, x, 0); }"
    ), "own.c")
    stopifnot(system("R CMD SHLIB own.c >/dev/null 2>&1") == 0)
    dyn.load("own.so")
    own <- function(expr, then = identity) {
      if (!(pid <- .C("start", 0L)[[1]])) { expr; .C("stop", 0L) }
      then(pid)
      .C("wait_for", pid, 0L)[[2]]
    }
    is("own", own(1), 0L)
    end <- function(pid) { Sys.sleep(0.2); tools::pskill(pid, 15) }
    is("own, ended", own(Sys.sleep(20), end) != 0, TRUE)
    is("own, asks", own(stopifnot(kind(self$y) == "gangway_error_forked")), 0L)
    jump <- structure(list(), class = c("interrupt", "condition"))
    is("own, goes astray", own(signalCondition(jump)) != 0, TRUE)
"""


def test_forks_and_programs_in_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    left = (
        "parallel::mcparallel(Sys.sleep(97)); parallel::mcparallel(Sys.sleep(97), detached = TRUE)"
    )
    foreign = FOREIGN if shutil.which("cc") else ""
    flow = write_flow(
        tmp_path,
        f"start = function(self) {{ self$x <- c(4, 5); self$y <- 1; {left} }},"
        f"end = function(self) {{ {SAY} {FORKS} {foreign} cat('WRONG', wrong, '\n') }}",
        steps("start", "end"),
    )
    run = run_flow(flow)
    assert run.returncode == 0, run.stdout
    log = log_of(run.stdout, "end")
    assert [line.strip() for line in log if line.startswith("WRONG")] == ["WRONG"], run.stdout
    assert "parent, child;child;" in log
    assert not left_of(tmp_path)


# The children's output and conditions are in no other process's hands.
GANG = """
    for (k in 1:5) is("after ray_map()", c(ray_map(1, identity), lap(identity)), list(1, 1L, 2L))
    is("on workers", ray_map(1:2, function(i) {
      for (k in 1:5) parts <- mclapply(1:4, identity, mc.cores = 2, mc.preschedule = FALSE)
      ended <- suppressWarnings(mclapply(1:2, function(j) {
        if (j == 1) { tools::pskill(Sys.getpid(), 15); Sys.sleep(20) }
        message("a word of child ", j)
        tryCatch(ray_put(1), error = function(e) class(e)[1])
      }, mc.cores = 2))
      c(parts, ended)
    }), rep(list(list(1L, 2L, 3L, 4L, NULL, "gangway_error_forked")), 2))
    maps <- function() list(go = function() mclapply(1:2, identity, mc.cores = 2))
    is("in an actor", ray_get(ray_actor(maps)$go()), list(1L, 2L))
    if (here("reticulate")) is("Python on workers", ray_map(1:2, function(i) {
      options(reticulate.python.afterInitialized = function() gc())
      reticulate::py_eval("1 + 1")
    }), list(2L, 2L))
    cat("WRONG", wrong, "\\n")
"""


@pytest.mark.faults
def test_forks_in_a_gang_and_on_its_workers(tmp_path: Path, short_tmp: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    run = gang.start(tmp_path, SAY + GANG, short_tmp)
    output = run.communicate(timeout=280)[0]
    assert run.returncode == 0, output
    log = log_of(output, "train")
    assert [line.strip() for line in log if line.startswith("WRONG")] == ["WRONG"], output
    assert "a word of child 2" in output


WAITS = {
    "fork": "parallel::mclapply(1:2, function(i) { go(); repeat i }, mc.cores = 2)",
    "inside": "parallel::mclapply(1:2, function(i) { go(); system('sleep 97') }, mc.cores = 2)",
    "single": "{ parallel::mcparallel({ go(); Sys.sleep(97) }); Sys.sleep(97) }",
    "program": "{ go(); system('sleep 97; sleep 97') }",
    "processx": "if (requireNamespace('processx')) { go(); processx::run('sleep', '97') }"
    "else { go(); Sys.sleep(97) }",
}
FOREACH = """
    @step
    def start(self):
        self.case = list("{cases}".split())
        self.next(self.work, foreach="case")

    {timeout}
    @step
    def work(self):
        R.call("work", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


# A program that does not mind an interrupt, in R code that is timed out.
STUBBORN = {"stubborn": "{ go(); system('trap : INT; sleep 97; sleep 97') }"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("how", ["timeout", pytest.param("SIGTERM", marks=pytest.mark.faults)])
def test_nothing_outlives_the_end_of_a_step(tmp_path: Path, how: str) -> None:
    waits = {**WAITS, **STUBBORN} if how == "timeout" else WAITS
    cases = ", ".join(f"{case} = {code}" for case, code in waits.items())
    go = f"go <- function() file.create(file.path('{tmp_path}', paste0(self$input, '.on')))"
    flow = write_flow(
        tmp_path,
        f"work = function(self) {{ self$input; {go}; switch(self$input, {cases}) }}",
        FOREACH.format(cases=" ".join(waits), timeout="@timeout(seconds=8)" * (how == "timeout")),
    )
    run = subprocess.Popen(
        [sys.executable, str(flow), "run", "--max-workers", str(len(waits))],
        cwd=tmp_path,
        env={**environment(tmp_path), MARK: str(tmp_path)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 200
    while len(list(tmp_path.glob("*.on"))) < len(waits) and time.monotonic() < deadline:
        if run.poll() is not None:
            break
        time.sleep(0.1)
    if how == "SIGTERM":
        run.send_signal(signal.SIGTERM)
    output = run.communicate(timeout=90)[0]
    assert run.returncode != 0, output
    assert how != "timeout" or output.count("timed out after") >= len(waits), output
    assert not left_of(tmp_path), output


def left_of(folder: Path) -> list[str]:
    """The processes that a run of this folder has left."""
    found = []
    for process in psutil.process_iter(["status", "cmdline", "environ"]):
        mine = (process.info["environ"] or {}).get(MARK) == str(folder)
        if mine and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(process.info["cmdline"]))
    return found
