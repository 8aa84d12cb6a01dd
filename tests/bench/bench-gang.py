"""How long a gang of two local Ray nodes takes to form and to end, against the bare limit.

The limit is what the same machine does by hand in the same round: ``ray start --head``, then ``ray
start --address`` with a probe beside it that waits for two nodes to be alive.

    python tests/bench/bench-gang.py [rounds]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from gang_clock import environment, log_time, moments, run_flow, verdict
from table import row

FORM_GOAL, END_GOAL = 1.2, 0.6

CODE = "import ray; ray.init(log_to_driver=False); assert len(ray.nodes()) == 2"

PROBE = """
import sys, time, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
while sum(node["Alive"] for node in ray.nodes()) < 2:
    time.sleep(0.02)
"""


def gang(folder: str) -> tuple[float, float]:
    """Run the flow; return the seconds to the user's code, and from its end to the task's end."""
    said = run_flow(folder, "ray_parallel", CODE, "from metaflow import ray_parallel")
    (user,), (ends,) = moments(said, "USER"), moments(said, "ENDS")
    finished = log_time(said, "Task finished successfully")
    return user - log_time(said, "Task is starting"), finished - ends


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


def main(rounds: int) -> int:
    """Measure in turns and print medians; return 1 when one is beyond its limit."""
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
    print(f"by hand {statistics.median(bare):.2f} s")
    ratios = [form / by for form, by in zip(formed, bare, strict=True)]
    met = [
        verdict("ray-form-ratio", ratios, FORM_GOAL),
        verdict("ray-end-seconds", ended, END_GOAL),
    ]
    middle = statistics.median
    row(
        *("ray-form", "a Ray gang of 2, from the control task's start to the user's code"),
        *(middle(formed), "s", "`ray start` by hand", middle(bare), middle(ratios)),
        most=FORM_GOAL,
    )
    row(
        *("ray-end", "a Ray gang of 2, from the end of the user's code to the end of the task"),
        *(middle(ended), "s"),
        most=END_GOAL,
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
