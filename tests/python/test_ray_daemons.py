"""The package mirai, and what is built on it, in the step of a gang: daemons on both nodes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rflow import log_of
from test_r_gang import start
from test_ray_backends import has

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("ray", reason="Ray is not installed")

# A daemon's temporary folder lies in its node's.
MIRAI = r"""
same <- function(a, b) cat(paste0('same ', identical(a, b), '\n'))
where <- function() sub('^.*/gw-[0-9a-f]+[.]([0-9]+)-.*$', 'node-\\1', tempdir())
ray_daemons(c('node-1' = 2, 'node-0' = 1), seed = 1)
same(mirai::info()[['connections']], 3L)
there <- unlist(mirai::mirai_map(1:3, function(i) { Sys.sleep(1); f() }, f = where)[])
same(sort(there), c('node-0', 'node-1', 'node-1'))
same(as.integer(mirai::mirai(tools::pskill(Sys.getpid(), 9))[]), 19L)
same(ray_map(1:3, function(i) i), as.list(1:3))
cat('URL', mirai::status()$daemons, '\n')
ray_daemons()
same(mirai::info()[['connections']], as.integer(sum(ray_nodes()$cpus)))
"""

PURRR = r"""
slow <- purrr::in_parallel(function(x) { Sys.sleep(0.5); list(x * k, f()) }, k = 2, f = where)
found <- purrr::map(1:4, slow)
same(vapply(found, function(x) x[[1]], 0), c(2, 4, 6, 8))
same(sort(unique(vapply(found, function(x) x[[2]], ''))), c('node-0', 'node-1'))
"""

TUNE = r"""
Sys.setenv(TZ = 'UTC')
set.seed(1)
folds <- rsample::vfold_cv(mtcars, v = 3)
tree <- parsnip::set_engine(
  parsnip::decision_tree(mode = 'regression', min_n = tune::tune()), 'rpart')
control <- tune::control_grid(extract = function(x) Sys.getpid(), parallel_over = 'everything')
tuned <- function() {
  tune::tune_grid(tree, mpg ~ ., folds, grid = data.frame(min_n = c(5, 10)), control = control)
}
there <- tuned()
same(Sys.getpid() %in% unlist(lapply(there$.extracts, function(x) x$.extracts)), FALSE)
mirai::daemons(0)
same(all.equal(tune::collect_metrics(there), tune::collect_metrics(tuned())), TRUE)
"""

CREW = r"""
controller <- crew_controller_ray(workers = 2)
controller$start()
done <- controller$map({ Sys.sleep(1); c(i, f()) }, iterate = list(i = 1:4),
  globals = list(f = where), verbose = FALSE)
same(vapply(done$result, function(x) x[1], ''), as.character(1:4))
same(sort(unique(vapply(done$result, function(x) x[2], ''))), c('node-0', 'node-1'))
controller$terminate()
"""

TARGETS = r"""
setwd(tempfile('pipeline') |> (function(x) { dir.create(x); x })())
writeLines(c(
  'targets::tar_option_set(controller = crew_controller_ray(workers = 2))',
  'list(targets::tar_target(x, 1:3),',
  '  targets::tar_target(y, c(x^2, Sys.getpid()), pattern = map(x), iteration = "list"),',
  '  targets::tar_target(z, sum(vapply(y, `[`, 0, 1))))'), '_targets.R')
targets::tar_make(callr_function = NULL, reporter = 'silent')
same(targets::tar_read_raw('z'), 14)
same(Sys.getpid() %in% vapply(targets::tar_read_raw('y'), `[`, 0, 2), FALSE)
"""

NEEDS = {
    "purrr": (PURRR, 2, ("purrr", "carrier")),
    "tune": (TUNE, 2, ("tune", "parsnip", "rsample", "rpart")),
    "crew": (CREW, 2, ("crew",)),
    "targets": (TARGETS, 2, ("targets", "crew")),
}


def run(code: str, folder: Path, tmp: str) -> str:
    process = start(folder, code.replace("\n", "\n  "), tmp)
    output = process.communicate(timeout=280)[0]
    assert process.returncode == 0, output
    assert "same FALSE" not in output, output
    return output


def test_daemons_run_on_the_nodes_of_a_gang(tmp_path: Path, short_tmp: str) -> None:
    if not has("mirai"):
        pytest.skip("the R package mirai is not installed")
    code, checks, missing = MIRAI, 5, []
    for package, (part, count, needs) in NEEDS.items():
        if all(map(has, needs)):
            code, checks = code + part, checks + count
        else:
            missing.append(package)
    output = run(code, tmp_path, short_tmp)
    log = log_of(output, "train")
    assert log.count("same TRUE") == checks, output
    # mirai listens on the gang's own address, and where only the owner has the path.
    assert any(line.startswith("URL wss://127.0.0.2:") for line in log), output
    if missing:
        pytest.skip(f"daemons pass; the R packages {', '.join(missing)} are not installed")
