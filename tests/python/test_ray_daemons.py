"""The daemons of mirai: as processes, and on the nodes of a gang, with what is built on mirai."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow
import pytest
from conftest import ROOT, SOON
from rflow import log_of
from test_r_gang import start
from test_ray_backends import has

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("ray", reason="Ray is not installed")


def daemons(*codes: str, folder: str = "", gpus: float = 0, url: str = "") -> str:
    from metaflow_extensions.gangway.ray_r.daemons import run_daemons

    return run_daemons(codes, ["/nowhere"], folder, gpus, url, True)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_daemon_runs_code_that_nobody_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    (tmp_path / "work").mkdir()
    code = """
      secret <- 'hidden'
      own <- c(getwd(), Sys.getenv('R_LIBS'), Sys.getenv('CUDA_VISIBLE_DEVICES'), commandArgs(),
               paste(Sys.getenv(), collapse = ''))
      writeLines(own, '{0}')
    """
    files = [tmp_path / "a", tmp_path / "b"]
    assert not daemons(*map(code.format, files), folder=str(tmp_path / "work"), gpus=2)
    told = [file.read_text() for file in files]
    assert told[0].split("\n")[:3] == [str(tmp_path / "work"), "/nowhere", "4,5"]
    assert told[1].split("\n")[2] == "6,7"
    assert "hidden" not in told[0]


def test_what_hinders_r_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        daemons("stop('there is no such package')", "Sys.sleep(600)") == "there is no such package"
    )
    monkeypatch.setenv("R_HOME", str(tmp_path))
    assert daemons("1") == "there is no Rscript"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/Rscript").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bin/Rscript").chmod(0o755)
    assert daemons("1") == "R does not start (status 3)"


def test_a_daemon_that_dies_is_replaced_while_somebody_listens(tmp_path: Path) -> None:
    died = tmp_path / "died"
    code = f"""
      again <- file.exists('{died}')
      file.create('{died}')
      if (!again) tools::pskill(Sys.getpid(), 9)
      file.create('{tmp_path}/replaced')
    """
    assert "do not reach" in daemons(code, url=f"wss://127.0.0.1:{closed_port()}/x")
    assert not (tmp_path / "replaced").exists()
    died.unlink()
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not daemons(code, url=f"wss://127.0.0.1:{server.getsockname()[1]}/x")
    assert (tmp_path / "replaced").exists()


def test_a_daemon_hears_interrupts_where_its_parent_does_not(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    code = f"""
      tryCatch({{ tools::pskill(Sys.getpid(), 2); Sys.sleep(60) }},
        interrupt = function(i) file.create('{heard}'))
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        assert not daemons(code)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    assert heard.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_daemon_ends_with_its_worker(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import metaflow; from metaflow_extensions.gangway.ray_r.daemons import run_daemons; "
            f"run_daemons([\"write(Sys.getpid(), '{said}'); Sys.sleep(600)\"], "
            "[], '', 0, '', True)",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "TMPDIR": str(tmp_path)},
    )
    wait_until(lambda: said.exists() and said.read_text().strip() != "")
    pid = int(said.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"))


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
