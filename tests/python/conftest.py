"""Real runs in a home and folder of their own, and proof that nothing is left running."""

from __future__ import annotations

import datetime
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow
import psutil
import pytest

# Shells start what runs in their background with SIGINT ignored, which is handed on.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[2]
FLOWS = Path(__file__).resolve().parent / "flows"
# Seconds that "at once" may take on a machine with much else to do. What goes unnoticed takes a
# minute or more: the flows' faults, and the heartbeat_timeout.
SOON = 40


@dataclass
class Run:
    """A run that has ended, or a live one with `process`."""

    process: subprocess.Popen[str]
    seconds: float = 0.0
    output: str = ""

    @property
    def status(self) -> int:
        return int(self.process.returncode)

    def wait(self, seconds: float = 280) -> Run:
        """Wait for the end and keep what was printed."""
        start = time.monotonic()
        try:
            self.output += self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output += self.process.communicate()[0]
            raise AssertionError(f"the run did not end in {seconds} s:\n{self.output}") from None
        self.seconds = time.monotonic() - start
        return self

    def wait_for(self, text: str, seconds: float = 240) -> Run:
        """Read the output until a text appears."""
        deadline = time.monotonic() + seconds
        assert self.process.stdout is not None
        while text not in self.output:
            line = self.process.stdout.readline()
            self.output += line
            assert line and time.monotonic() < deadline, self.output
        return self


StartFlow = Callable[..., Run]


@pytest.fixture
def start_flow(tmp_path: Path, short_tmp: str) -> Iterator[StartFlow]:
    """Start a flow of tests/python/flows, in a temporary folder and Metaflow home."""
    started: list[Run] = []

    def start(name: str, *args: str, command: str = "run", **env: str) -> Run:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("METAFLOW_")}
        environment.update(
            METAFLOW_HOME=str(tmp_path / "home"),
            METAFLOW_USER="tester",
            TMPDIR=short_tmp,
            METAFLOW_DEFAULT_DATASTORE="local",
            METAFLOW_DEFAULT_METADATA="local",
            PYTHONUNBUFFERED="1",
            PYTHONPATH=os.pathsep.join(
                [str(ROOT / "python"), env.pop("PYTHONPATH", os.environ.get("PYTHONPATH", ""))]
            ),
            **env,
        )
        flow = [sys.executable, str(FLOWS / name), "--no-pylint", command, *args]
        process = subprocess.Popen(
            flow,
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(Run(process))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


@pytest.fixture
def run_flow(start_flow: StartFlow) -> StartFlow:
    """Run a flow of tests/python/flows to its end."""

    def run(name: str, *args: str, **kwargs: str) -> Run:
        return start_flow(name, *args, **kwargs).wait()

    return run


@pytest.fixture
def importable(tmp_path: Path) -> Callable[[str], str]:
    """Make a library importable for decorators that look for it, with nothing in it if need be."""

    def make(library: str) -> str:
        folder = tmp_path / "site"
        if find_spec(library) is None:
            (folder / library).mkdir(parents=True)
            (folder / library / "__init__.py").touch()
        return str(folder)

    return make


def seconds_to_failure(run: Run) -> float:
    """Seconds from the line ``FAULT <time>`` to Metaflow's word that the task failed."""
    at = float(re.search(r"FAULT ([\d.]+)", run.output)[1])  # type: ignore[index]
    failed = next(x for x in run.output.splitlines() if "] Task failed." in x)
    stamp = datetime.datetime.strptime(failed[:23], "%Y-%m-%d %H:%M:%S.%f")
    return stamp.timestamp() - at


@pytest.fixture
def short_tmp() -> Iterator[str]:
    """A temporary folder with a path short enough to hold unix sockets."""
    with tempfile.TemporaryDirectory(prefix="gwt", dir="/tmp") as folder:
        yield folder


@pytest.fixture(autouse=True)
def nothing_is_left(
    request: pytest.FixtureRequest, short_tmp: str, tmp_path: Path
) -> Iterator[None]:
    """Fail a test that leaves a process of its runs behind, or a temporary folder."""
    before = children()
    yield
    # To look at all processes takes longer than most unit tests.
    is_unit = request.node.get_closest_marker("unit")
    deadline = time.monotonic() + SOON
    while (
        left := [*map(str, children() - before), *gang_folders(short_tmp)]
        if is_unit
        else left_behind(short_tmp, str(tmp_path))
    ) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"left behind: {left}"


def children() -> set[psutil.Process]:
    """Return the processes that this one has started and that still run."""
    found = psutil.Process().children()
    return {one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE}


def gang_folders(tmp: str) -> list[str]:
    return glob.glob(os.path.join(tmp, "gw-*"))


def left_behind(tmp: str, cwd: str) -> list[str]:
    """List what the runs of a test have left.

    Ray's processes overwrite their environment with their title, so all signs are looked at.
    """
    left = gang_folders(tmp)
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            signs = " ".join(process.cmdline()), process.environ().get("TMPDIR"), process.cwd()
            if tmp in signs[0] or signs[1] == tmp or signs[2].startswith(cwd):
                left.append(f"{process.pid} {signs[0][:120]}")
        except psutil.Error:
            continue
    return left
