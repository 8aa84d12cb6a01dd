"""R processes on the cluster's nodes that listen to others than Ray: the daemons of mirai.

A node's are children of one Ray task, which ends with the last of them; so they end with the
driver, with the cluster, and with the worker that runs the task.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .failures import what_happened

_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
# One that dies again and again is not started more often than that (seconds).
_PACE = 1.0
# The code comes through a pipe: a command line is there for all to read.
_READ_CODE = "eval(local({ on.exit(close(con)); parse(con <- file('stdin')) }))"
_RUN = """tryCatch({{
  if (dir.exists({folder})) setwd({folder})
  {code}
}}, error = function(e) {{
  writeLines(conditionMessage(e), {why})
  quit(status = 1L)
}})"""

# What the driver has started, by R's number for it.
_started: dict[int, Any] = {}


def address() -> str:
    """Where this machine's node, and so this process, is reached by the other nodes."""
    return ray.util.get_node_ip_address()


def start_daemons(
    number: int,
    node: str,
    code: str | Sequence[str],
    libraries: str | Sequence[str],
    folder: str,
    gpus: float = 0,
    again: bool = True,
) -> None:
    """Start R processes on a node, known from now on by a number.

    Parameters
    ----------
    code : sequence of str
        What each of them runs.
    libraries : sequence of str
        Where R finds its packages.
    folder : str
        Where they work, if it exists there.
    gpus : float
        How many each of them takes of the node.
    again : bool
        Whether a process that is killed is started again.
    """
    codes, paths = ([x] if isinstance(x, str) else list(x) for x in (code, libraries))
    here = next(n["NodeID"] for n in ray.nodes() if n["Alive"] and n["NodeName"] == node)
    # No core: a map on the cluster would wait for them without end.
    remote = ray.remote(run_daemons).options(
        num_cpus=0,
        num_gpus=gpus * len(codes),
        max_retries=-1 if again else 0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
    )
    _started[int(number)] = remote.remote(codes, paths, folder, gpus, again)


def daemons_ended(numbers: int | Sequence[int]) -> list[str]:
    """Tell why R processes do not run, or an empty text, and forget those that have all ended."""
    listed = [numbers] if isinstance(numbers, (int, float)) else numbers
    said = []
    for number in map(int, listed):
        task = _started.get(number)
        if task is not None and ray.wait([task], timeout=0)[0]:
            try:
                said.append(ray.get(task))
            except ray.exceptions.RayError as error:
                said.append(what_happened(error))
            _started[number] = None
    return said


def forget_daemons() -> None:
    """Forget all, as the cluster is left."""
    _started.clear()


def run_daemons(
    codes: Sequence[str], libraries: Sequence[str], folder: str, gpus: float, again: bool
) -> str:
    """Run R processes until all have ended, as a task on Ray; return what R says if one fails."""
    # What a killed R leaves goes with it.
    with tempfile.TemporaryDirectory(prefix="daemons-") as temporary:
        start = functools.partial(_start, libraries=libraries, folder=folder, temporary=temporary)
        running: dict[Future[int], tuple[int, subprocess.Popen[bytes], float]] = {}
        pool = ThreadPoolExecutor(len(codes))

        def begin(index: int) -> None:
            process = start(index, codes[index], gpus=_visible_gpus(index, gpus))
            running[pool.submit(process.wait)] = index, process, time.monotonic()

        try:
            for index in range(len(codes)):
                begin(index)
            while running:
                for ended in wait(running, return_when=FIRST_COMPLETED).done:
                    index, _, began = running.pop(ended)
                    if os.path.exists(_why(temporary, index)):
                        with open(_why(temporary, index), encoding="utf-8") as file:
                            return file.read().strip()
                    # mirai ends one that it needs no longer by SIGTERM.
                    if again and ended.result() < 0 and ended.result() != -signal.SIGTERM:
                        time.sleep(max(0.0, began + _PACE - time.monotonic()))
                        begin(index)
        finally:
            for _, process, _ in running.values():
                process.kill()
            pool.shutdown()
    return ""


def _start(
    index: int, code: str, gpus: str | None, libraries: Sequence[str], folder: str, temporary: str
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "R_LIBS": os.pathsep.join(libraries), "TMPDIR": temporary}
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpus
    home = environment.get("R_HOME")
    process = subprocess.Popen(
        [os.path.join(home, "bin", "Rscript") if home else "Rscript", "-e", _READ_CODE],
        stdin=subprocess.PIPE,
        env=environment,
        # Ray's signals to the worker are not for them.
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    why = json.dumps(_why(temporary, index))
    run = _RUN.format(code=code, why=why, folder=json.dumps(folder, ensure_ascii=False))
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(run.encode())
    return process


def _why(temporary: str, index: int) -> str:
    return os.path.join(temporary, f"why-{index}")


def _die_with_parent() -> None:
    _libc.prctl(_DIES_WITH_PARENT, signal.SIGKILL)


_libc = ctypes.CDLL(None)  # loaded before a fork, after which little is safe


def _visible_gpus(index: int, gpus: float) -> str | None:
    """Return the part of the task's GPUs that is this process's, None where all is left as is."""
    if not gpus:
        return None
    ids = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    first = int(index * gpus)
    return ",".join(ids[first : max(first + 1, int((index + 1) * gpus))])
