"""Tasks that are forked from the run's warm server: as a cold start in all that code can see."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from rflow import environment, log_of, steps, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if sys.platform != "linux":
    pytest.skip("tasks start warm on Linux alone", allow_module_level=True)

# A task's own process, as R code sees it; each fact is one line of the log.
TELL = """function(self, ...) {
  tell <- function(name, value) cat(name, '=', paste(value, collapse = '|'), '\\n')
  stat <- strsplit(sub('.*[)] ', '', readLines('/proc/self/stat')), ' ')[[1]]
  of_status <- function(what) grep(what, readLines('/proc/self/status'), value = TRUE)
  files <- dir('/proc/self/fd')
  tell('parent', stat[2]); tell('group', stat[3]); tell('pid', Sys.getpid())
  tell('command', readLines(sprintf('/proc/%s/cmdline', stat[2]), warn = FALSE, skipNul = TRUE))
  tell('temporary', tempdir()); tell('exists', dir.exists(tempdir()))
  tell('session_tmp', Sys.getenv('R_SESSION_TMPDIR')); tell('own_temporary', basename(tempfile()))
  tell('drew', exists('.Random.seed', globalenv())); tell('random', runif(1))
  names <- setdiff(names(Sys.getenv()), c('R_SESSION_TMPDIR', 'RPY2_SESSION', 'GANGWAY_WARM_START'))
  tell('environment', paste0(names, '=', Sys.getenv(names)))
  tell('same', c(getwd(), Sys.umask(), Sys.getlocale(), Sys.timezone(), commandArgs(), search(),
    sort(loadedNamespaces()), ls(globalenv(), all.names = TRUE), RNGkind(), stat[16],
    of_status('^(SigBlk|SigIgn|SigCgt|Threads|Cpus_allowed_list|NoNewPrivs)'),
    readLines('/proc/self/limits'), readLines('/proc/self/oom_score_adj'),
    sub('[0-9]+', '', Sys.readlink(file.path('/proc/self/fd', files))),
    capture.output(str(options()))))
  now <- as.numeric(strsplit(readLines('/proc/uptime'), ' ')[[1]][1])
  tell('younger', proc.time()[['elapsed']] < now - as.numeric(stat[20]) / 100 + 0.05)
}"""
TELL_PID = "function(self) cat('pid =', Sys.getpid(), '\\n')"
# Python's side, written at each process's end: what is imported at its start registers that.
SITE = """
import atexit, json, os, re, signal, sys

def tell():
    if "step" not in sys.argv:
        return
    facts = {
        "argv": [re.sub("[0-9]{6,}", "", word) for word in sys.argv],
        "more": sys.orig_argv[1:] == sys.argv,
        "flags": [f for f in map(str, sys.flags)][:-1], "path": sys.path, "exe": sys.executable,
        "handlers": [str(signal.getsignal(n)).partition(" at ")[0] for n in signal.valid_signals()],
        "wakeup": signal.set_wakeup_fd(-1), "mask": sorted(signal.pthread_sigmask(0, ())),
        "run": os.environ["METAFLOW_RUN_ID"] in sys.argv, "cwd": os.getcwd(),
    }
    for name in ("stdin", "stdout", "stderr"):
        s = getattr(sys, name)
        facts[name] = [s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through,
                       s.newlines, s.isatty(), s.seekable(), str(type(s.buffer)), s.fileno(),
                       s is getattr(sys, f"__{name}__")]
    step = sys.argv[sys.argv.index("step") + 1]
    with open(os.environ["FACTS"] + step, "w") as file:
        json.dump(facts, file)

if "FACTS" in os.environ:
    atexit.register(tell)
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_flow(tmp_path: Path) -> Run:
    """Run a flow of R functions."""

    def run(flow: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(flow), *(arguments or ("run",))],
            cwd=tmp_path,
            env={**environment(tmp_path), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
        )

    return run


@contextlib.contextmanager
def started(flow: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Start a flow in a session of its own; it has ended, or is killed, at the end."""
    run = subprocess.Popen(
        [sys.executable, str(flow), "run"],
        cwd=flow.parent,
        env={**environment(flow.parent), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield run
    finally:
        if run.poll() is None:
            run.kill()
        run.communicate()


def told(result: subprocess.CompletedProcess[str], step: str) -> dict[str, list[str]]:
    """What a step's tasks have told, by the name of the fact."""
    found: dict[str, list[str]] = {}
    for line in log_of(result.stdout, step):
        name, is_fact, value = line.partition(" = ")
        if is_fact:
            found.setdefault(name, []).append(value.strip())
    assert found, result.stdout
    return found


def is_warm(result: subprocess.CompletedProcess[str], step: str) -> bool:
    """Whether a step's tasks were forked: their parent is not the one of their log's process."""
    (client,) = set(re.findall(rf"/{step}/\d+ \(pid (\d+)\)\]", result.stdout))
    return told(result, step)["pid"] != [client]


def wait_for(path: Path) -> int:
    deadline = time.monotonic() + 100
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline, f"{path} does not come"
        time.sleep(0.02)
    return int(path.read_text())


def ended(process: int) -> bool:
    """Whether a process has ended soon."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(process).wait(20)
    return not psutil.pid_exists(process)


def test_a_warm_task_is_as_a_cold_one(run_flow: Run, tmp_path: Path) -> None:
    flow = write_flow(tmp_path, f"start = {TELL}, end = {TELL}", steps("start", "end"))
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE)
    path = os.pathsep.join([environment(tmp_path)["PYTHONPATH"], str(tmp_path / "site")])
    python: dict[str, Any] = {}
    results = {}
    for start in ("0", "1"):
        more = {"LARGE": "x" * 100_000, "PYTHONPATH": path, "FACTS": str(tmp_path / "facts-")}
        result = results[start] = run_flow(flow, **more, GANGWAY_WARM_START=start)
        assert result.returncode == 0, result.stdout
        for step in ("start", "end"):
            python.setdefault(step, []).append(json.loads((tmp_path / f"facts-{step}").read_text()))
    cold, warm = (
        {step: told(results[start], step) for step in ("start", "end")} for start in ("0", "1")
    )
    assert not is_warm(results["0"], "end"), results["0"].stdout
    assert is_warm(results["1"], "end"), results["1"].stdout
    for step in ("start", "end"):
        assert warm[step]["same"] == cold[step]["same"]
        assert warm[step]["drew"] == ["FALSE"] and warm[step]["exists"] == ["TRUE"]
        assert warm[step]["younger"] == cold[step]["younger"] == ["TRUE"]  # than its process
        assert warm[step]["temporary"] == warm[step]["session_tmp"]
        assert warm[step]["group"] == warm[step]["pid"]
        first, second = python[step]
        assert second == first
        variables = [
            {
                name: re.sub(r"\d{6,}|gangway-\w+|current_pid=\d+", "", value)
                for name, _, value in (
                    v.partition("=") for v in told_[step]["environment"][0].split("|")
                )
            }
            for told_ in (cold, warm)
        ]
        assert variables[0] == variables[1]
    assert warm["start"]["parent"] == warm["end"]["parent"]  # the server


def test_r_compiles_nothing_for_a_small_task(run_flow: Run, tmp_path: Path) -> None:
    """It would load its compiler for that, in each task: 45 ms, and 4 MB."""
    compiled = """function(self) {
      if (identical(current('step_name'), 'end')) {
        self$x <- self$x + 1; self$y$a <- rev(self$y$a); self$t <- toupper(self$z)
        print(self$y); print(self)
      } else {
        self$x <- 1; self$y <- data.frame(a = 1:2); self$z <- c('a', 'b')
      }
      for (i in 1:3) cat('line', i, '\\n')
      runtime <- environment(current)
      is_ours <- function(f) is.function(f) && identical(environment(f), runtime)
      is_compiled <- function(f) typeof(.Internal(bodyCode(f))) == 'bytecode'
      ours <- Filter(is_ours, as.list(runtime))
      cat('compiled = none', names(Filter(is_compiled, c(ours, cat = cat))), '\\n')
      cat('functions =', length(ours), '\\n')
    }"""
    flow = write_flow(tmp_path, f"start = {compiled}, end = {compiled}", steps("start", "end"))
    for start in ("0", "1"):
        result = run_flow(flow, GANGWAY_WARM_START=start)
        assert result.returncode == 0, result.stdout
        for step in ("start", "end"):
            assert told(result, step)["compiled"] == ["none"]
            assert int(told(result, step)["functions"][0]) > 100


def test_tasks_share_no_random_numbers_and_no_folder(run_flow: Run, tmp_path: Path) -> None:
    flow = write_flow(
        tmp_path,
        f"start = function(self) self$x <- 1:4, each = {TELL},"
        "join = function(self, inputs) NULL, end = function(self) NULL",
        steps("start", "each", "join", "end")
        .replace("self.each)", 'self.each, foreach="x")')
        .replace("def join(self)", "def join(self, inputs)")
        .replace('R.call("join", self)', 'R.call("join", self, inputs)'),
    )
    result = run_flow(flow)
    assert result.returncode == 0, result.stdout
    each = told(result, "each")
    for name in ("pid", "random", "temporary", "own_temporary"):
        assert len(set(each[name])) == 4
    assert len(set(each["parent"])) == 1


def test_what_ends_a_task_ends_its_attempt(run_flow: Run, tmp_path: Path) -> None:
    flow = write_flow(
        tmp_path,
        "start = function(self) { if (current('retry_count') == 0L)"
        "  tools::pskill(Sys.getpid(), tools::SIGKILL);"
        "  if (current('retry_count') == 1L) tools::pskill(Sys.getpid(), 11L) },"
        "end = function(self) if (!file.exists('go')) stop('not yet')",
        steps("start", "end", decorators="@retry(times=2,minutes_between_retries=0)"),
    )
    result = run_flow(flow)
    assert result.returncode == 1 and "not yet" in result.stdout, result.stdout
    assert result.stdout.count("Task failed") == 3
    (tmp_path / "go").touch()
    resumed = run_flow(flow, "resume")
    assert resumed.returncode == 0 and "Cloning" in resumed.stdout, resumed.stdout
    assert not list(tmp_path.glob("core*"))


WAITS = (
    "start = function(self) { cat(Sys.getpid(), file = paste0('task', current('retry_count')));"
    "  if (current('retry_count') == 0L) Sys.sleep(600) },"
)
RETRIED = "@retry(times=1,minutes_between_retries=0)"


@pytest.mark.parametrize("killed", ["client", "server", "task"])
def test_a_killed_process_is_a_failed_attempt(tmp_path: Path, killed: str) -> None:
    flow = write_flow(tmp_path, f"{WAITS} end = {TELL}", steps("start", "end", decorators=RETRIED))
    with started(flow) as run:
        task = wait_for(tmp_path / "task0")
        server = psutil.Process(task).ppid()
        (client,) = (p for p in psutil.Process(run.pid).children() if p.pid != server)
        # What is no client's changes nothing.
        for said in (b"", b"\xff\xff\xff\xff", b"\4\0\0\0a\0bc", b"\10\0\0\0a"):
            with socket.socket(socket.AF_UNIX) as line:
                line.connect("\0" + client.cmdline()[4])
                line.sendall(said)
        os.kill({"client": client.pid, "server": server, "task": task}[killed], signal.SIGKILL)
        assert ended(task) and ended(client.pid)
        output, _ = run.communicate(timeout=100)
        assert run.returncode == 0, output
        assert output.count("Task failed.") == 1
        assert output.count("The process of this task was killed by SIGKILL.") == 1
    result = subprocess.CompletedProcess([], 0, output)
    assert is_warm(result, "end") == (killed != "server")
    assert ended(server)


def test_nothing_outlives_a_killed_run_and_its_tasks(tmp_path: Path) -> None:
    waits = WAITS.replace("600", "2")
    flow = write_flow(tmp_path, f"{waits} end = {TELL}", steps("start", "end"))
    (tmp_path / "tmp").mkdir()
    with started(flow, TMPDIR=str(tmp_path / "tmp")) as run:
        task = wait_for(tmp_path / "task0")
        server = psutil.Process(task).ppid()
        run.kill()
        assert ended(task) and ended(server)
    assert not list((tmp_path / "tmp").glob("gangway-*"))


def test_ctrl_z_stops_a_task_and_its_end_lets_it_go_on(tmp_path: Path) -> None:
    flow = write_flow(
        tmp_path,
        "start = function(self) { cat(Sys.getpid(), file = 'task');"
        "  while (!file.exists('go')) Sys.sleep(0.05) }, end = function(self) NULL",
        steps("start", "end"),
    )
    with started(flow) as run:
        task = psutil.Process(wait_for(tmp_path / "task"))
        os.killpg(run.pid, signal.SIGTSTP)
        (client,) = (p for p in psutil.Process(run.pid).children() if p.pid != task.ppid())
        client.send_signal(signal.SIGTSTP)
        deadline = time.monotonic() + 20
        while {task.status(), client.status()} != {psutil.STATUS_STOPPED}:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (tmp_path / "go").touch()
        os.killpg(run.pid, signal.SIGCONT)
        output, _ = run.communicate(timeout=100)
        assert run.returncode == 0, output


def test_steps_that_start_cold(run_flow: Run, tmp_path: Path) -> None:
    names = ["start", "environment", "profile", "secret", "python", "end"]
    text = steps(*names)
    for name, decorator in {
        "environment": '@environment(vars={"A": "1"})',
        "profile": "@gang_profile",
        "secret": "@secrets(sources=[])",
    }.items():
        step = f"    @step\n    def {name}("
        text = text.replace(step, f"    {decorator}\n{step}")
    text = text.replace('        R.call("python"', '        self.x = 1\n        R.call("python"')
    flow = write_flow(tmp_path, ", ".join(f"{name} = {TELL_PID}" for name in names), text)
    imports = "from metaflow import environment, gang_profile, secrets\n"
    flow.write_text(imports + flow.read_text())
    result = run_flow(flow)
    assert result.returncode == 0, result.stdout
    assert [name for name in names if is_warm(result, name)] == ["start", "end"]


# What R's start may do, that forks would share.
PROFILES = {
    "nothing": "x <- 1; rm(x)",
    "a package": "loadNamespace('splines')",
    "random numbers": "invisible(runif(1))",
    "an object": "x <- 1",
    "output": "cat('hello')",
    "a connection": "options(con = file('log', 'w'))",
    "a fork": "if (inherits(parallel:::mcfork(), 'masterProcess')) {"
    "  Sys.sleep(3); tools::pskill(Sys.getpid(), 9L) }",
    "a temporary file": "file.create(tempfile())",
    "threads": "loadNamespace('cli')",
    "a profile of the user's": "",
}
READY = """
import json, os, sys
import metaflow
from metaflow_extensions.gangway.r.warmth import Warmth
from metaflow_extensions.gangway.warm import server, surroundings, task

for what, code in json.loads(sys.argv[1]).items():
    with open("profile", "w") as file:
        file.write(code + "\\n")
    if not os.fork():
        os.environ["R_PROFILE"] = os.path.abspath("profile")
        if "user" in what:
            os.environ["R_PROFILE_USER"] = os.environ["R_PROFILE"]
        heard = task.take_streams()
        try:
            ready = server.is_ready(Warmth(None, None).prepare, set(), heard)
            alone = surroundings.is_alone({*range(3), heard})
            with open(what, "w") as file:
                json.dump([ready, alone], file)
        finally:
            os._exit(0)
    os.wait()
"""


def test_a_server_serves_if_a_fork_has_all_of_it(tmp_path: Path) -> None:
    profiles = dict(PROFILES)
    if not Path(subprocess.getoutput("Rscript -e 'cat(system.file(package=\"cli\"))'")).is_dir():
        del profiles["threads"]
    command = [sys.executable, "-c", READY, json.dumps(profiles)]
    variables = {**environment(tmp_path), "TMPDIR": str(tmp_path)}  # R is not ended in the forks
    subprocess.run(command, cwd=tmp_path, env=variables, check=True)
    found = {what: json.loads((tmp_path / what).read_text()) for what in profiles}
    shared = ("a connection", "a fork", "threads")
    assert found == {what: [what == "nothing", what not in shared] for what in profiles}
