"""R functions in the tasks of real runs: output, errors, interrupts, artifacts."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rflow import environment, log_of, run_flow, steps, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_r(tmp_path: Path) -> Run:
    def run(functions: str, steps: str, *args: str) -> subprocess.CompletedProcess[str]:
        flow = write_flow(tmp_path, functions, steps)
        return run_flow(flow, *args)

    return run


def test_output_messages_and_warnings_come_in_order(run_r: Run) -> None:
    result = run_r(
        "start = function(self) { cat('one\\n'); message('two'); warning('three'); print(4L) },"
        "end = function(self) cat('ünï\\n')",
        steps("start", "end"),
    )
    assert result.returncode == 0, result.stdout
    log = log_of(result.stdout, "start")
    assert log[1:5] == ["one", "two", "Warning in start(self) : three", "[1] 4"]
    assert "ünï" in log_of(result.stdout, "end")


def test_an_r_error_fails_the_task_with_call_and_traceback(run_r: Run, tmp_path: Path) -> None:
    result = run_r(
        "start = function(self) { inner <- function(n, sep) if (n) inner(n - 1, sep = 'a: b') else "
        "  stop('oh: no\nR traceback (the step\\'s function first):\n  1. mine');"
        "inner(1) }, end = function(self) NULL",
        steps("start", "end"),
    )
    assert result.returncode == 1
    assert 'Error in inner(n - 1, sep = "a: b"): oh: no' in result.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    (failure,) = report["failed"]
    assert report["status"] == "failed" and failure["step"] == "start"
    assert failure["message"].startswith("oh: no\n") and failure["message"].endswith("1. mine")
    call = 'inner(n - 1, sep = "a: b")'
    assert failure["call"] == call
    assert failure["traceback"] == ["start(self)", "inner(1)", call]
    assert failure["class"] == ["simpleError", "error", "condition"]
    assert failure["node"] is None and failure["index"] is None


def test_retry_and_catch_work_for_r_code(run_r: Run, tmp_path: Path) -> None:
    result = run_r(
        "start = function(self) "
        "  if (current('retry_count') < 1L) stop('once') else self$ok <- 'yes',"
        "middle = function(self) { self$before <- 7;"
        "  stop(structure(class = c('my_err', 'error', 'condition'),"
        "    list(message = 'caught', call = quote(g(1)), data = 1:3, con = stdin()))) },"
        "end = function(self) { cat(self$ok, self$before, conditionMessage(self$problem), '\\n');"
        "  cat(class(self$problem), '\\n');"
        "  cat('data', self$problem$data, is.null(self$problem$nothing), '\\n');"
        "  print(self$problem) }",
        "    @retry(times=1, minutes_between_retries=0)\n"
        + steps("start", "middle").replace(
            "    @step\n    def middle", '    @catch(var="problem")\n    @step\n    def middle'
        )
        + "\n        self.next(self.end)\n\n"
        + steps("end")
        + "\n        print('python', type(self.problem).__name__, self.problem.r_error['class'])"
        + "\n        print('text', self.problem.exception)",
    )
    assert result.returncode == 0, result.stdout
    log = log_of(result.stdout, "end")
    assert "yes 7 caught" in log
    assert "metaflow_exception my_err error condition" in log
    assert "data 1 2 3 TRUE" in log
    printed = log.index("Error in g(1): caught")
    assert log[printed + 1 : printed + 3] == [
        "R traceback (the step's function first):",
        "1. middle(self)",
    ]
    assert "python MetaflowExceptionWrapper ['my_err', 'error', 'condition']" in log
    assert "text Error in g(1): caught" in log


@pytest.mark.parametrize(
    "code",
    [
        "while (TRUE) {}",
        "Sys.sleep(600)",
        pytest.param("repeat { cat('x\\n') }", marks=pytest.mark.faults),
    ],
)
def test_timeout_ends_r_code(run_r: Run, code: str) -> None:
    started = time.monotonic()
    result = run_r(
        f"start = function(self) {{ {code} }}, end = function(self) NULL",
        steps("start", "end", decorators="@timeout(seconds=1)"),
    )
    assert result.returncode == 1 and "timed out after" in result.stdout
    assert time.monotonic() - started < 200


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_run_ends_r_tasks(tmp_path: Path, sent: signal.Signals) -> None:
    flow = write_flow(
        tmp_path,
        "start = function(self) { writeLines(format(Sys.getpid()), 'pid'); Sys.sleep(600) },"
        "end = function(self) NULL",
        steps("start", "end"),
    )
    run = subprocess.Popen(
        [sys.executable, str(flow), "run"],
        cwd=tmp_path,
        env=environment(tmp_path),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 200
    while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.1)
    task = int(pid.read_text())
    if sent == signal.SIGINT:  # as a terminal does
        os.killpg(run.pid, sent)
    else:
        run.send_signal(sent)
    run.communicate(timeout=120)
    assert run.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.kill(task, 0)


def test_quit_is_an_error_and_not_a_silent_end(run_r: Run) -> None:
    result = run_r(
        "start = function(self) quit(save = 'no'), end = function(self) NULL", steps("start", "end")
    )
    assert result.returncode == 1 and "quit() would end the task" in result.stdout


def test_r_leaves_no_temporary_folder(run_r: Run, tmp_path: Path) -> None:
    result = run_r(
        "start = function(self) cat('temp', tempdir(), '\\n'),"
        "end = function(self) tools::pskill(Sys.getpid(), 9)",
        steps("start", "end"),
    )
    assert result.returncode == 1
    folder = next(
        line.split()[1] for line in log_of(result.stdout, "start") if line.startswith("temp")
    )
    assert not Path(folder).exists() and not Path(folder).parent.exists()


def test_bad_assignments_are_refused_where_they_are_made(run_r: Run) -> None:
    result = run_r(
        "start = function(self) {"
        "  said <- function(x) cat(sub('\\n.*', '', conditionMessage(x)), '\\n');"
        "  tryCatch(self$con <- textConnection('x'), error = said);"
        "  tryCatch(self$fit <- list(a = list(ptr = textConnection('x'))), error = said);"
        "  tryCatch(self[['if']] <- 1, error = said);"
        "  tryCatch(self$end <- 1, error = said);"
        "  tryCatch(self$nosuch, error = said); self$kept <- 1; tryCatch(self$kep, error = said)"
        "}, end = function(self) NULL",
        steps("start", "end"),
    )
    log = log_of(result.stdout, "start")
    assert result.returncode == 0, result.stdout
    assert any("`self$con`" in line and "textConnection" in line for line in log)
    assert any("`self$fit$a$ptr`" in line for line in log)
    assert any("`if` cannot be an artifact's name" in line for line in log)
    assert any("`self$end` is a step" in line for line in log)
    assert any("no artifact 'nosuch'" in line for line in log)
    assert any("Did you mean 'kept'?" in line for line in log)


def test_foreach_over_rows_and_the_join(run_r: Run) -> None:
    result = run_r(
        "start = function(self) self$rows <- data.frame(a = 1:3, b = c('x', 'y', 'z')),"
        "body = function(self) self$value <- paste0(self$input$a, self$input$b, self$index),"
        "join = function(self, inputs) { "
        "  self$all <- unlist(gather_inputs(inputs, 'value'));"
        "  tryCatch(gather_inputs(inputs, 'valu'), error = function(e) message(e$message));"
        "  tryCatch(self$value, error = function(e) message(conditionMessage(e)));"
        "  merge_artifacts(self, inputs, 'value') },"
        "end = function(self) cat('got', self$all, names(self), '\\n')",
        "    @step\n    def start(self):\n"
        '        R.call("start", self)\n        self.next(self.body, foreach="rows")\n'
        "    @step\n    def body(self):\n"
        '        R.call("body", self)\n        self.next(self.join)\n'
        "    @step\n    def join(self, inputs):\n"
        '        R.call("join", self, inputs)\n        self.next(self.end)\n' + steps("end"),
    )
    assert result.returncode == 0, result.stdout
    assert "got 1x0 2y1 3z2 all rows" in log_of(result.stdout, "end")
    log = log_of(result.stdout, "join")
    assert any("Did you mean 'value'?" in line for line in log)
    assert any("its inputs have it. merge_artifacts(self, inputs) before" in line for line in log)


def test_a_join_has_its_inputs_in_the_order_of_the_foreach(run_r: Run, tmp_path: Path) -> None:
    (tmp_path / "joins.py").write_text(
        "def again(self, inputs):\n    print('joined', [one.value for one in inputs])\n"
    )
    result = run_r(
        "start = function(self) self$over <- c('A', 'B', 'C'),"
        "body = function(self) self$value <- self$input,"
        "join = function(self, inputs) "
        "  cat('joined', unlist(gather_inputs(inputs, 'value')), '\\n')",
        "    @step\n    def start(self):\n"
        '        R.call("start", self)\n        self.next(self.one, self.two)\n'
        + "".join(
            f"    @step\n    def {one}(self):\n        self.next(self.{one}_body, foreach='over')\n"
            f'    @step\n    def {one}_body(self):\n        R.call("body", self)\n'
            f"        self.next(self.{one}_join)\n"
            f"    @step\n    def {one}_join(self, inputs):\n        R.{call}, self, inputs)\n"
            "        self.next(self.both)\n"
            for one, call in (("one", 'call("join"'), ("two", 'call_python("joins:again"'))
        )
        + "    @step\n    def both(self, inputs):\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\n",
    )
    assert result.returncode == 0, result.stdout
    (run,) = (path.name for path in (tmp_path / ".metaflow" / "TaskFlow").glob("[0-9]*"))
    for one, told in (("one", "joined A B C"), ("two", "joined ['A', 'B', 'C']")):
        first, *tasks = re.findall(rf"/{one}_body/(\d+) .*Task is starting", result.stdout)
        # As Step Functions does, which has the ids as a set.
        paths = f"--input-paths={run}/{one}_body/:{','.join([*reversed(tasks), first])}"
        ids = ["--run-id", run, "--task-id", f"again-{one}"]
        again = run_flow(tmp_path / "flow.py", "step", f"{one}_join", *ids, paths)
        assert told in again.stdout, again.stdout


def test_a_package_missing_in_the_task_is_named(tmp_path: Path) -> None:
    functions = "start = function(self) NULL, end = function(self) NULL"
    flow = write_flow(tmp_path, functions, steps("start", "end"), packages="'nosuchpackage'")
    result = subprocess.run(
        [sys.executable, str(flow), "run"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "are not installed where this task runs" in result.stdout


def test_a_task_without_r_says_so(tmp_path: Path) -> None:
    functions = "start = function(self) NULL, end = function(self) NULL"
    flow = write_flow(tmp_path, functions, steps("start", "end"))
    env = {k: v for k, v in environment(tmp_path).items() if not k.startswith("R_")}
    env["PATH"] = str(tmp_path)
    result = subprocess.run(
        [sys.executable, str(flow), "run"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "needs R, but no R was found" in result.stdout and "apt install r-base" in result.stdout


@pytest.mark.parametrize(
    "keep",
    [pytest.param(0, marks=pytest.mark.faults), 1, pytest.param(40, marks=pytest.mark.faults)],
)
def test_a_damaged_artifact_is_named(run_r: Run, tmp_path: Path, keep: int) -> None:
    functions = (
        "start = function(self) self$frame <- data.frame(a = 1:100),"
        "end = function(self) if (file.exists('go')) self$frame else stop('wait')"
    )
    assert run_r(functions, steps("start", "end")).returncode == 1
    (tmp_path / "go").touch()
    damaged = 0
    for blob in (tmp_path / ".metaflow" / "TaskFlow" / "data").rglob("*"):
        content = blob.read_bytes() if blob.is_file() else b""
        if content[:2] == b"\x1f\x8b" and gzip.decompress(content)[:2] == b"B\n":
            blob.write_bytes(gzip.compress(gzip.decompress(content)[:keep]))
            damaged += 1
    assert damaged == 1
    result = run_r(functions, steps("start", "end"), "resume")
    assert result.returncode == 1
    said = re.search(r"Artifact .frame. of TaskFlow/\d+/end/\d+.* cannot be read", result.stdout)
    assert said, result.stdout


def test_reticulate_in_a_task_uses_its_python_and_ends_well(run_r: Run) -> None:
    has = subprocess.run(["Rscript", "-e", "loadNamespace('reticulate')"], capture_output=True)
    if has.returncode:
        pytest.skip("the R package reticulate is not installed")
    result = run_r(
        "start = function(self) { os <- reticulate::import('os');"
        "  cat('same process', identical(as.integer(os$getpid()), Sys.getpid()), '\\n') },"
        "end = function(self) NULL",
        steps("start", "end"),
    )
    assert result.returncode == 0, result.stdout
    assert "same process TRUE" in log_of(result.stdout, "start")
