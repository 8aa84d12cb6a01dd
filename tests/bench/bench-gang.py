"""How long a gang of two local Ray nodes takes to form and to end, against the bare limit.

The limit is what the same machine does by hand in the same round: ``ray start --head``, then ``ray
start --address`` with a probe beside it that waits for two nodes to be alive.

    python tests/bench/gang.py [rounds]
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
FORM_GOAL, END_GOAL = 1.2, 1.5

FLOW = """
import time
from metaflow import FlowSpec, ray_parallel, step

class GangBench(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @ray_parallel
    @step
    def train(self):
        print("USER", time.time(), flush=True)
        import ray
        ray.init(log_to_driver=False)
        assert len(ray.nodes()) == 2
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

PROBE = """
import sys, time, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
while sum(node["Alive"] for node in ray.nodes()) < 2:
    time.sleep(0.02)
"""


def environment(folder: str) -> dict[str, str]:
    """The environment of both sides."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("METAFLOW_", "RAY_"))}
    path = os.pathsep.join([str(ROOT / "python"), env.get("PYTHONPATH", "")])
    home = {"METAFLOW_HOME": folder, "METAFLOW_USER": "bench"}
    return {**env, **home, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def gang(folder: str) -> tuple[float, float]:
    """Run the flow; return the seconds to the user's code, and from its end to the task's end."""
    flow = Path(folder, "flow.py")
    flow.write_text(FLOW)
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=folder,
        env=environment(folder),
        text=True,
        capture_output=True,
        check=True,
    )
    marks = {name: float(at) for name, at in re.findall(r"(USER|ENDS) ([\d.]+)", run.stdout)}
    started = log_time(run.stdout, "Task is starting")
    finished = log_time(run.stdout, "Task finished successfully")
    return marks["USER"] - started, finished - marks["ENDS"]


def log_time(log: str, message: str) -> float:
    """When Metaflow's runtime said something about the step."""
    line = next(x for x in log.splitlines() if "/train/" in x and message in x)
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S.%f").timestamp()


@contextmanager
def by_hand() -> Iterator[float]:
    """Start two nodes by hand and give the seconds it took; stop them in the end."""
    with tempfile.TemporaryDirectory(prefix="gwb", dir="/tmp", ignore_cleanup_errors=True) as tmp:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "b" * 64}
        env = {**environment(tmp), **token}
        ray = [sys.executable, "-m", "ray.scripts.scripts"]
        quiet = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        share = ["--num-cpus", "1", "--disable-usage-stats"]
        start = time.monotonic()
        head = [*ray, "start", "--head", "--port", "0", "--include-dashboard", "false", *share]
        subprocess.run([*head, "--temp-dir", f"{tmp}/a"], check=True, **quiet)  # type: ignore[call-overload]
        address = Path(tmp, "a", "ray_current_cluster").read_text()
        probe = subprocess.Popen([sys.executable, "-c", PROBE, address], **quiet)  # type: ignore[call-overload]
        worker = [*ray, "start", "--address", address, *share, "--temp-dir", f"{tmp}/b"]
        ports = ["--dashboard-agent-listen-port", "0"]
        subprocess.run([*worker, *ports], check=True, **quiet)  # type: ignore[call-overload]
        if probe.wait() != 0:
            raise SystemExit("the probe of the bare cluster failed")
        seconds = time.monotonic() - start
        try:
            yield seconds
        finally:
            stop(tmp)


def stop(folder: str) -> None:
    """End the processes that name a folder; Ray's workers follow by themselves."""
    for process in psutil.process_iter():
        try:
            if folder in " ".join(process.cmdline()):
                process.kill()
        except psutil.Error:
            continue


def main(rounds: int) -> None:
    """Measure in turns, and print medians and ratios."""
    formed, ended, bare = [], [], []
    for number in range(rounds):
        with by_hand() as seconds:
            bare.append(seconds)
        time.sleep(1)
        with tempfile.TemporaryDirectory() as folder:
            to_user, to_end = gang(folder)
        formed.append(to_user)
        ended.append(to_end)
        each = f"by hand {bare[-1]:.2f} s, gang {to_user:.2f} s, end {to_end:.2f} s"
        print(f"round {number + 1}: {each}", flush=True)
    form, limit, end = map(statistics.median, (formed, bare, ended))
    print(f"gang of 2, task start to user code: {form:.2f} s; by hand: {limit:.2f} s")
    print(f"gang-form-ratio {form / limit:.2f} (goal at most {FORM_GOAL})")
    print(f"gang-end-seconds {end:.2f} (goal at most {END_GOAL})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
