"""Random signals to random processes of gangs and flows, at random moments.

A seed makes the choices: GANGWAY_FAULT_SEED gives it (else it is the day's, and printed), and
GANGWAY_FAULT_ROUNDS says how many runs of each kind there are. A failure says how to repeat it.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import psutil
import pytest
from conftest import Run, StartFlow
from fault_table import environment_of

SEED = os.environ.get("GANGWAY_FAULT_SEED", datetime.date.today().isoformat())
ROUNDS = int(os.environ.get("GANGWAY_FAULT_ROUNDS", "2"))
HEARTBEAT, HOLD = 5, 2.0
RESULTS = {
    "plain": [1, 1],
    "parallel": [1, 1],
    "core": [1, 1],
    "torchrun": [1, 1],
    "mpi": [1],
    "ray_parallel": [sum(i * i for i in range(30))],
}
# What a run says when a moment of its step `work` has come, and how long that is about.
MOMENTS = {"forming": ("/work/", 2.5), "working": ("WORKING", HOLD), "ending": ("WORKED", 0.6)}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP)

pytestmark = pytest.mark.faults


class Fault(NamedTuple):
    """A signal at a moment, and for how many seconds SIGSTOP holds."""

    moment: str
    after: float
    number: signal.Signals
    hold: float

    @classmethod
    def choose(cls, dice: random.Random) -> Fault:
        moment = dice.choice(list(MOMENTS))
        after = dice.uniform(0, MOMENTS[moment][1])
        return cls(moment, after, dice.choice(SIGNALS), dice.uniform(0.2, HEARTBEAT + 3))


class Reader:
    """Reads what a run says while it is disturbed."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.run.process.stdout is not None
        for line in self.run.process.stdout:
            self.run.output += line

    def wait_for(self, text: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.run.output and time.monotonic() < deadline:
            if self.run.process.poll() is not None:
                break
            time.sleep(0.005)

    def wait(self, seconds: float) -> None:
        self.run.process.wait(seconds)
        self._thread.join(seconds)


@pytest.mark.parametrize("kind", RESULTS)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_random_faults(
    start_flow: StartFlow, importable: Callable[[str], str], kind: str, number: int
) -> None:
    missing = {"torchrun": not find_spec("torch"), "mpi": not shutil.which("mpicc")}
    if missing.get(kind):
        pytest.skip(f"{kind} is not installed")
    dice = random.Random(f"{SEED} {kind} {number}")
    fault = Fault.choose(dice)
    environment = {} if kind in ("plain", "parallel") else environment_of(kind, importable)
    environment |= {"KIND": kind, "HOLD": str(HOLD), "HEARTBEAT": str(HEARTBEAT)}
    # Metaflow's own workers run with whatever `python` is there.
    environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    name = "random_faults_plain.py" if kind == "plain" else "random_faults.py"
    run = start_flow(name, **environment)
    reader = Reader(run)
    reader.wait_for(MOMENTS[fault.moment][0], 120)
    time.sleep(fault.after)
    whom = disturb(run, fault, dice)
    said = f"{fault} to {whom}"
    print(f"{kind} {number}: {said}")
    repeat = (
        f"{said}\nRepeat it: GANGWAY_FAULT_SEED={SEED} GANGWAY_FAULT_ROUNDS={number + 1} "
        f'... pytest tests/python/test_random_faults.py -k "{number}-{kind}"'
    )
    began = time.monotonic()
    try:
        reader.wait(240)
    except Exception:
        raise AssertionError(f"{repeat}\nIt hangs:\n{run.output}") from None
    print(f"status {run.status} after {time.monotonic() - began:.1f} s")
    judge(run, fault, whom, RESULTS[kind], repeat)


def disturb(run: Run, fault: Fault, dice: random.Random) -> str:
    """Send the fault's signal to a process of the run; say to which, or "" if none was left."""
    with contextlib.suppress(psutil.Error):
        whole = psutil.Process(run.process.pid)
        below = sorted(whole.children(recursive=True), key=lambda each: each.create_time())
        # A run's own process is one of many, and as interesting as any.
        target = whole if dice.random() < 0.15 else dice.choice([whole, *below])
        command = " ".join(target.cmdline()[:12])[-160:] or target.name()
        target.send_signal(fault.number)
        if fault.number == signal.SIGSTOP:
            time.sleep(fault.hold)
            with contextlib.suppress(psutil.Error):
                target.resume()
        return "the run" if target == whole else command
    return ""


def judge(run: Run, fault: Fault, whom: str, result: list[int], repeat: str) -> None:
    """Hold a run that has ended against what must be."""
    why = f"{repeat}\n{run.output}"
    ended = [line for line in run.output.splitlines() if "] RESULT " in line]
    if run.status == 0:
        assert ended and json.loads(ended[0].partition("RESULT ")[2]) == result, why
    if whom == "the run" and fault.number != signal.SIGSTOP:
        return  # `nothing_is_left` looks for the rest
    assert run.status == 0, why
    assert run.output.count("Task failed") <= 1, why
