"""Reads what a run of the fault matrix has printed, and records how long each fault took.

GANGWAY_FAULT_TABLE names a file that gets a line for each fault (docs/testing.md shows them).
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import psutil
import pytest
from conftest import SOON, Run


class Fault(NamedTuple):
    """A fault ``name@node``, what the run says then, and in how many seconds it has ended."""

    name: str
    says: str
    within: float = SOON


# On the workers of these no step code runs.
SERVING = ("ray_parallel", "mpi")
# The decorators of gangs, and "core" for one without a framework.
every_kind = pytest.mark.parametrize(
    "kind",
    [
        "core",
        *(
            pytest.param(kind, marks=pytest.mark.faults)
            for kind in (*SERVING, "torchrun", "deepspeed", "tensorflow")
        ),
    ],
)


def environment_of(kind: str, importable: Callable[[str], str]) -> dict[str, str]:
    """What lets a gang of a kind start here: its library, or one that is empty."""
    if kind == "mpi" and not shutil.which("mpirun"):
        pytest.skip("Open MPI is not installed")
    if kind == "ray_parallel" and not find_spec("ray"):
        pytest.skip("Ray is not installed")
    library = {"torchrun": "torch", "deepspeed": "deepspeed", "tensorflow": "tensorflow"}.get(kind)
    return {"KIND": kind, "PYTHONPATH": importable(library) if library else ""}


def attempts(output: str) -> list[str]:
    """The output of each failed attempt, up to Metaflow's word that it has failed."""
    return re.findall(r".*?\] Task failed[^\n]*\n", output, flags=re.S)


def seconds_to_end(attempt: str) -> float:
    """Seconds from the fault to Metaflow's word that the task has failed."""
    at = re.search(r"FAULT \w+ ([\d.]+)", attempt)
    assert at, attempt
    stamp = datetime.datetime.strptime(attempt.splitlines()[-1][:23], "%Y-%m-%d %H:%M:%S.%f")
    return stamp.timestamp() - float(at[1])


def words(output: str) -> str:
    """The output without Metaflow's prefixes and line breaks."""
    return " ".join(re.sub(r"^.*?\(pid \d+\)\] (\[node \d+\])?", "", output, flags=re.M).split())


def check(run: Run, faults: tuple[Fault, ...], kind: str) -> None:
    """Hold a run with an attempt for each fault against what must be."""
    parts = attempts(run.output)
    assert len(parts) == len(faults), run.output
    for fault, part in zip(faults, parts, strict=True):
        assert fault.says in words(part), (fault, run.output)
        seconds = seconds_to_end(part)
        record(kind, fault.name, seconds)
        assert seconds < fault.within, (fault, run.output)
    looks = re.findall(r"LEFT (.*) after [\d.]+ s", run.output)
    assert looks == ["[]"] * len(faults), run.output
    assert run.status == 0 and f"SUCCESS in attempt {len(faults)}" in run.output, run.output


def end_by_signal(run: Run, number: signal.Signals, kind: str) -> None:
    """Send a signal to a run that is at work: it must end soon, as one that has not succeeded."""
    if number == signal.SIGINT:  # a terminal sends it to all of the session
        os.killpg(run.process.pid, number)
    else:
        run.process.send_signal(number)
    assert run.wait().status != 0
    record(kind, f"{number.name} to the run", run.seconds)
    assert run.seconds < SOON, run.output


def end_by_kill(run: Run, kind: str) -> None:
    """Kill a run that is at work: all processes below it must end soon."""
    below = psutil.Process(run.process.pid).children(recursive=True)
    began = time.monotonic()
    run.process.kill()
    gone, alive = psutil.wait_procs(below, timeout=SOON)
    assert gone and not alive
    record(kind, "SIGKILL of the run", time.monotonic() - began)


def task(run: Run, index: int) -> psutil.Process:
    """The task of a node, once it has started."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in psutil.Process(run.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, ValueError):
                command = process.cmdline()
                if command[command.index("--split-index") + 1] == str(index):
                    return process
        time.sleep(0.01)
    raise LookupError(run.output)


def record(kind: str, fault: str, seconds: float) -> None:
    """Keep a line of the table."""
    print(f"{kind} {fault}: {seconds:.1f} s")
    if path := os.environ.get("GANGWAY_FAULT_TABLE"):
        with open(path, "a") as file:
            file.write(f"{kind}\t{fault}\t{seconds:.2f}\n")
