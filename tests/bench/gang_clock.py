"""For the benchmarks of gangs: runs a flow of two nodes, and reads the moments that it prints.

A moment is a word and a time in a line of its own, as in ``READY 1700000000.25``.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FLOW = """
import os
import time

from metaflow import FlowSpec, current, step
{imports}

class GangBench(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @{decorator}
    @step
    def train(self):
        print("USER", time.time(), flush=True)
        {code}
        print("ENDS", time.time(), flush=True)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    GangBench()
"""


def environment(folder: str) -> dict[str, str]:
    """The environment of both sides."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("METAFLOW_", "RAY_"))}
    path = os.pathsep.join([str(ROOT / "python"), env.get("PYTHONPATH", "")])
    home = {"METAFLOW_HOME": folder, "METAFLOW_USER": "bench"}
    # Metaflow's own @parallel starts its workers with whatever `python` is first on the PATH.
    tools = os.pathsep.join([os.path.dirname(sys.executable), env.get("PATH", "")])
    return {**env, **home, "PATH": tools, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def run_flow(folder: str, decorator: str, code: str, imports: str = "") -> str:
    """Run a gang of two whose nodes run some code; return what it printed."""
    flow = Path(folder, "flow.py")
    flow.write_text(FLOW.format(decorator=decorator, code=code, imports=imports))
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=folder,
        env=environment(folder),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if run.returncode:
        sys.exit(f"the flow failed:\n{run.stdout}")
    return run.stdout


def moments(output: str, word: str) -> list[float]:
    """When a word was printed."""
    return [float(at) for at in re.findall(rf"\b{word} (\d+\.\d+)", output)]


def log_time(log: str, message: str) -> float:
    """When Metaflow's runtime said something about the step."""
    line = next(x for x in log.splitlines() if "/train/" in x and message in x)
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S.%f").timestamp()


def verdict(name: str, values: list[float], goal: float) -> bool:
    """Print the median of a figure with its goal; say whether it is met."""
    median = statistics.median(values)
    print(f"{name} {median:.3g} (goal at most {goal:g})", flush=True)
    return median <= goal
