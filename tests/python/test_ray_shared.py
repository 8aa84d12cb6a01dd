"""Short calls of R's that share a task of Ray's: each is as if it had one of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from rflow import log_of
from test_r_gang import start

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("ray", reason="Ray is not installed")

from metaflow_extensions.gangway.ray_r import shared_tasks
from metaflow_extensions.gangway.ray_r.wire import pack_calls, unpack_calls

CODE = r"""
same <- function(what, a, b) {
  cat(what, identical(a, b), '\n')
  if (!identical(a, b)) print(a)
}
# From its first calls a function is known to be short.
learned <- function(f, ...) {
  remote <- ray_remote(f, ...)
  for (i in 1:4) ray_get(lapply(1:30, remote))
  remote
}
outcome <- function(ref) tryCatch(as.character(ray_get(ref)), error = function(e) class(e)[1])
plain <- learned(function(x) x)
same('values', ray_get(lapply(c(a = 1, b = 2), plain)), list(a = 1, b = 2))
same('order', ray_get(lapply(1:500, plain)), as.list(1:500))

odd <- learned(function(x) {
  if (x > 0) return(x)
  old <- c(getOption('of.test', 0), exists('left'))
  options(of.test = x)
  left <<- x
  message('said ', x)
  if (x == -3) stop('third')
  old
})
refs <- lapply(-(1:5), odd)
said <- character()
apart <- withCallingHandlers(
  lapply(refs, function(ref) tryCatch(ray_get(ref), error = conditionMessage)),
  message = function(m) { said <<- c(said, conditionMessage(m)); invokeRestart('muffleMessage') })
same('undone', apart[-3], rep(list(c(0, 0)), 4))
same('error', grepl('third', apart[[3]]), TRUE)
same('said', said, paste0('said ', -(1:5), '\n'))

sleeps <- learned(function(x) { while (x == 0 && !file.exists('FOLDER/go')) Sys.sleep(0.1); x })
refs <- lapply(c(0, 1:40), sleeps)
same('long', length(ray_wait(refs, n = 40, timeout = 60)$ready), 40L)
file.create('FOLDER/go')
same('long value', unlist(ray_get(refs)), c(0, 1:40))

dies <- learned(function(x, path = NULL) {
  if (!is.null(path) && x == 7 && !file.exists(path)) {
    file.create(path)
    tools::pskill(Sys.getpid(), 9)
  }
  x
})
same('death', unlist(ray_get(lapply(1:12, dies, path = 'FOLDER/died'))), 1:12)
same('died', file.exists('FOLDER/died'), TRUE)
never <- learned(function(x, path = NULL) {
  if (!is.null(path)) {
    cat('once\n', file = path, append = TRUE)
    if (x == 2) tools::pskill(Sys.getpid(), 9)
  }
  x
}, max_retries = 0)
refs <- lapply(1:3, never, path = 'FOLDER/never')
same('no retry', vapply(refs, outcome, ''), c('1', 'gangway_error_ray_died', '3'))
same('once', length(readLines('FOLDER/never')), 3L)

same('chain', unlist(ray_get(lapply(lapply(1:10, plain), ray_remote(function(x) x + 1)))), 1:10 + 1)
same('failed', outcome(plain(odd(-3))), 'gangway_error_ray_task')
file.remove('FOLDER/go')
refs <- lapply(c(1:5, 0, 7:20), sleeps)
Sys.sleep(1)
ray_cancel(refs[[6]])
same('cancelled', vapply(refs, outcome, ''), c(1:5, 'gangway_error_ray_cancelled', 7:20))
touch <- learned(function(path) if (is.character(path)) file.create(path))
for (i in 1:12) touch(sprintf('FOLDER/touched%d', i))
gc()
end <- Sys.time() + 20 # without a word to Ray
while (length(dir('FOLDER', '^touched')) < 12 && Sys.time() < end) Sys.sleep(0.1)
same('forgotten', length(dir('FOLDER', '^touched')), 12L)
"""
CHECKS = 15


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_calls_that_share_a_task_are_as_calls_alone(tmp_path: Path, short_tmp: str) -> None:
    code = CODE.replace("FOLDER", str(tmp_path)).replace("\n", "\n  ")
    run = start(tmp_path, code, short_tmp)
    output = run.communicate(timeout=280)[0]
    assert run.returncode == 0, output
    log = log_of(output, "train")
    told = [line.strip() for line in log if line.strip().endswith(("TRUE", "FALSE"))]
    assert len(told) == CHECKS and all(line.endswith("TRUE") for line in told), output


def test_arguments_of_many_calls_come_apart_again() -> None:
    for calls in ([], [b""], [b"a", b"", b"ccc"], [bytes(300)] * 300):
        assert unpack_calls(memoryview(pack_calls(calls))) == calls


def test_short_calls_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_tasks.ray, "is_initialized", lambda: True)
    monkeypatch.setattr(shared_tasks.SharedTasks, "_settle", lambda *_: None)
    sent: list[list[bytes]] = []
    pace = shared_tasks.Pace(seconds=0.001)  # ten of them in a task
    job = SimpleNamespace(
        pace=pace, cpus=1, send_shared=lambda data: sent.append(unpack_calls(data))
    )
    alone: list[int] = []
    shared = shared_tasks.SharedTasks(lambda _, call: alone.append(call.ref), lambda: 2.0)
    assert not shared.take(job, 0, b"first")  # whose result may be asked for at once
    with shared.lock:  # or a slow machine's would go before there are enough
        assert all(shared.take(job, ref, b"%d" % ref) for ref in range(1, 26))
        assert [len(part) for part in sent] == [10, 10] and shared.object_of(25) is None
        for ref in (3, 24):
            shared.release(ref)  # the calls go on
    shared.flush()
    assert not {3, 24} & (shared._calls.keys() | shared._task_of.keys())
    assert sum(map(len, sent)) + len(alone) == 25
    assert not shared.take(job, 26, b"again") and not shared.take(job, 27, bytes(5000))
    pace.seconds = 1.0
    assert not shared.take(job, 28, b"long")


def test_calls_are_spread_evenly() -> None:
    calls = [shared_tasks.Call(i, b"") for i in range(7)]
    parts = list(shared_tasks._spread(calls, 3))
    assert [len(part) for part in parts] == [3, 2, 2] and [*parts[0], *parts[1], *parts[2]] == calls
    assert [len(part) for part in shared_tasks._spread(calls[:2], 5)] == [1, 1]


def test_a_pace_asks_again_what_was_slow_once() -> None:
    pace = shared_tasks.Pace()
    assert not pace.is_short() and pace.wants_probe()
    pace.seconds = 5.0  # the first call has loaded packages
    asked = [pace.is_short() or pace.wants_probe() for _ in range(shared_tasks._AGAIN)]
    assert not asked[0] and asked[-1]
    pace.seconds = 0.0001
    assert pace.is_short() and pace.fits() == shared_tasks.MOST
