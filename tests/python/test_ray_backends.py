"""The packages foreach and future in the step of a gang: what differs from an R session."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from rflow import log_of
from test_r_gang import start

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("ray", reason="Ray is not installed")

FUTURE = r"""
library(future)
plan(ray)
same <- function(a, b) cat(paste0('same ', identical(a, b), '\n'))
k <- 10
same(value(future(k + 1)), 11)
same(as.integer(nbrOfWorkers()), as.integer(sum(ray_nodes()$cpus)))
pids <- value(lapply(1:4, function(i) future({ Sys.sleep(0.5); Sys.getpid() })))
same(length(unique(unlist(pids))) > 1, TRUE)
f <- future({ cat('said there\n'); message('told there'); warning('warned there'); 1 })
same(value(f), 1)
e <- tryCatch(value(future(stop('bad'))), error = conditionMessage)
same(e, 'bad')
e <- tryCatch(value(future(tools::pskill(Sys.getpid(), 9))), error = identity)
same(inherits(e, 'FutureError'), TRUE)
told <- 0
f <- future(for (i in 1:3) signalCondition(structure(
  class = c('immediateCondition', 'condition'), list(message = i, call = NULL))))
withCallingHandlers(value(f), immediateCondition = function(c) told <<- told + 1)
same(told, 3)
plan(list(ray, ray))
same(value(future(value(future(Sys.getpid())) == Sys.getpid(), packages = 'future')), FALSE)
plan(sequential)
"""

FOREACH = r"""
library(foreach)
registerDoRay()
same <- function(a, b) cat(paste0('same ', identical(a, b), '\n'))
same(getDoParName(), 'doRay')
same(getDoParWorkers(), as.integer(sum(ray_nodes()$cpus)))
k <- 2
helper <- function(x) x * k
same(foreach(i = 1:4, .combine = c) %dopar% helper(i), c(2, 4, 6, 8))
got <- foreach(a = 1:2, .combine = c) %:% foreach(b = 1:2, .combine = c) %dopar% (a * b)
same(got, c(1L, 2L, 2L, 4L))
e <- tryCatch(foreach(i = 1:3) %dopar% if (i == 2) stop('two'), error = function(e) e)
same(class(e)[1], 'gangway_error_ray_map')
"""


def has(package: str) -> bool:
    code = f"quit(status = !requireNamespace('{package}', quietly = TRUE))"
    return subprocess.run(["Rscript", "--vanilla", "-e", code]).returncode == 0


@pytest.mark.faults  # the table of cases goes through both in a gang, too
@pytest.mark.parametrize(
    ("package", "code", "checks"), [("future", FUTURE, 8), ("foreach", FOREACH, 5)]
)
def test_in_a_gang(package: str, code: str, checks: int, tmp_path: Path, short_tmp: str) -> None:
    if not has(package):
        pytest.skip(f"the R package {package} is not installed")
    run = start(tmp_path, code.replace("\n", "\n  "), short_tmp)
    output = run.communicate(timeout=280)[0]
    assert run.returncode == 0, output
    log = log_of(output, "train")
    assert log.count("same TRUE") == checks and "same FALSE" not in log, output
    if package == "future":
        said = "\n".join(log)
        assert "said there" in said and "told there" in said and "warned there" in said, output
