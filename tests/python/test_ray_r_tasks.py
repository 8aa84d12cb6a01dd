"""Ray's vocabulary in R, in the step of a gang: what differs from an R session."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rflow import ROOT, log_of
from test_r_gang import start

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("ray", reason="Ray is not installed")

CODE = r"""
same <- function(a, b) cat(paste0('same ', identical(a, b), '\n'))
k <- 10
f <- ray_remote(function(x, y) x * k + sum(y), cpus = 0.5)
big <- ray_put(runif(1e5))
same(ray_get(f(2, f(1, 1))), 31)
same(ray_get(lapply(1:3, f, 0)), as.list(1:3 * 10))
same(ray_get(ray_put(NULL)), NULL)
same(ray_map(1:3, f, y = 1), list(11, 21, 31))
same(ray_map(1:3, function(i, b) length(b), b = big), rep(list(100000L), 3))
same(ray_map2(1:2, 3:4, `+`), list(4L, 6L))
a <- ray_map(1:6, function(i) rnorm(1), .seed = 7)
same(ray_map(1:6, function(i) rnorm(1), .seed = 7, .chunk = 1), a)
same(ray_map(1:2, function(i) ray_map(1:2, function(j) i + j)), list(list(2L, 3L), list(3L, 4L)))
counter <- ray_actor(function() { n <- 0; add <- function(by) n <<- n + by; environment() })
refs <- lapply(1:5, function(i) counter$add(i))
same(ray_get(refs), as.list(cumsum(1:5) + 0))
tell <- ray_remote(function(counter) ray_get(counter$add(1)))
same(ray_get(tell(counter)), 16)
out <- ray_map(1:4, function(i) if (i == 2) stop('two') else i, .errors = 'collect')
same(class(out[[2]])[1], 'gangway_error_ray_map')
died <- tryCatch(ray_get(ray_remote(function() tools::pskill(Sys.getpid(), 11), max_retries = 1)()),
  error = function(e) class(e)[1])
same(died, 'gangway_error_ray_died')
w <- tryCatch(ray_get(ray_remote(function() warning('from there'))()), warning = conditionMessage)
same(w, 'from there')
print(big); print(f); print(counter); print(ray_resources()$resource)
"""


def test_the_vocabulary_in_a_gang(tmp_path: Path, short_tmp: str) -> None:
    run = start(tmp_path, CODE.replace("\n", "\n  "), short_tmp)
    output = run.communicate(timeout=280)[0]
    assert run.returncode == 0, output
    log = log_of(output, "train")
    assert log.count("same TRUE") == 13 and "same FALSE" not in log, output
    printed = "\n".join(log)
    assert "<reference 1 to a numeric, 781.3 Kb>" in printed, printed
    assert "<remote function: cpus = 0.5, max_retries = 3>" in printed
    assert "made by a function>" in printed and '"cpus"' in printed


def test_a_worker_imports_no_metaflow() -> None:
    """It would cost each of Ray's workers 0.2 s and more."""
    code = (
        "import sys; import metaflow_extensions.gangway.ray_r.tasks;"
        "from metaflow_extensions.gangway.ray_r.worker import RWorker;"
        "import metaflow_extensions.gangway.ray_r.driver;"
        "sys.exit('metaflow' in sys.modules or 'numpy' in set(sys.modules) - before)"
    )
    code = "import sys, ray; before = set(sys.modules); " + code
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "python")})
    assert done.returncode == 0
