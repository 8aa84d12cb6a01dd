"""One cloud for all tests of a session, and runs that use it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .cloud import Cloud, CloudJob, lacks

FLOWS = Path(__file__).resolve().parent / "flows"
ROOT = FLOWS.parents[2]


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """The emulated AWS, or a skip that says what it lacks here."""
    if reason := lacks():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="gwcloud-") as folder, Cloud(Path(folder)) as cloud:
        yield cloud


@dataclass
class CloudRun:
    """A run on the cloud: live, or ended after `wait()`."""

    process: subprocess.Popen[str]
    cloud: Cloud
    jobs_before: int
    output: str = ""
    seconds: float = 0.0

    @property
    def status(self) -> int:
        return int(self.process.returncode)

    @property
    def jobs(self) -> list[CloudJob]:
        """The jobs of this run, if no other one runs beside it."""
        return self.cloud.jobs[self.jobs_before :]

    def wait(self, seconds: float = 280) -> CloudRun:
        """Wait for the end and keep what was printed."""
        start = time.monotonic()
        try:
            self.output += self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            self.stop()
            self.output += self.process.communicate()[0]
            raise AssertionError(f"no end in {seconds} s:\n{self.output}{self.logs}") from None
        self.seconds = time.monotonic() - start
        return self

    def wait_for(self, text: str, seconds: float = 240) -> CloudRun:
        """Read the output until a text appears."""
        deadline = time.monotonic() + seconds
        assert self.process.stdout is not None
        while text not in self.output:
            line = self.process.stdout.readline()
            self.output += line
            assert line and time.monotonic() < deadline, self.output + self.logs
        return self

    @property
    def logs(self) -> str:
        """What the containers have printed, for the message of a failed test."""
        return "\n".join(
            f"== {job.name} node {node.index}: {node.status} {node.exit_code}\n{node.output}"
            for job in self.jobs
            for node in job.nodes
        )

    def stop(self) -> None:
        """End the run and its jobs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for job in self.jobs:
            self.cloud.terminate(job.id)


StartFlow = Callable[..., CloudRun]


@pytest.fixture
def start_command(cloud: Cloud, tmp_path: Path) -> Iterator[StartFlow]:
    """Start a command in the test's folder, with the Python core and the cloud in reach."""
    started: list[CloudRun] = []

    def start(*command: str, **env: str) -> CloudRun:
        core, python = str(ROOT / "python"), sys.executable
        ours = {"PYTHONPATH": core, "GANGWAY_PYTHON": python, "PYTHONUNBUFFERED": "1"}
        env = {**ours, **env}
        before = len(cloud.jobs)
        started.append(CloudRun(cloud.start(list(command), cwd=tmp_path, env=env), cloud, before))
        return started[-1]

    yield start
    for run in started:
        run.stop()
        if run.process.stdout is not None:
            run.process.stdout.close()


@pytest.fixture
def start_flow(start_command: StartFlow, tmp_path: Path) -> StartFlow:
    """Start a flow of tests/aws/flows, copied into the test's folder."""

    def start(name: str, *args: str, command: str = "run", **env: str) -> CloudRun:
        shutil.copy(FLOWS / name, tmp_path)
        return start_command(sys.executable, name, "--no-pylint", command, *args, **env)

    return start


@pytest.fixture
def run_flow(start_flow: StartFlow) -> StartFlow:
    """Run a flow of tests/aws/flows to its end."""

    def run(name: str, *args: str, **kwargs: str) -> CloudRun:
        return start_flow(name, *args, **kwargs).wait()

    return run
