"""R processes on the cluster's nodes that listen to others than Ray: the daemons of mirai.

A node's are children of one Ray task, which ends with the last of them; so they end with the
driver, with the cluster, and with the worker that runs the task.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urlsplit

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .failures import what_happened

# One that dies again and again is not started more often than that (seconds).
_PACE = 1.0
# In the process that becomes R, as a function between fork and exec is not safe in Ray's worker: on
# Linux the kernel ends it with its parent (1 is PR_SET_PDEATHSIG), and it hears the interrupts by
# which mirai ends what takes too long, also where the cluster's processes do not.
_BOOT = (
    "import ctypes, os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, ()); "
    "sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
)
# The code comes through a pipe: a command line is there for all to read.
_READ_CODE = "eval(local({ on.exit(close(con)); parse(con <- file('stdin')) }))"
_RUN = """tryCatch({{
  writeLines("up", {note})
  if (dir.exists({folder})) setwd({folder})
  {code}
  writeLines("ended", {note})
}}, error = function(e) {{
  writeLines(c("failed", conditionMessage(e)), {note})
  quit(status = 1L)
}})"""

# What the driver has started, by R's number for it.
_started: dict[int, Any] = {}


def address() -> str:
    """Where this machine's node, and so this process, is reached by the other nodes."""
    return str(ray.util.get_node_ip_address())


def start_daemons(
    number: int,
    node: str,
    code: str | Sequence[str],
    libraries: str | Sequence[str],
    folder: str,
    gpus: float = 0,
    url: str = "",
    shown: bool = True,
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
    url : str
        Where they connect to: while somebody listens there, one that has died is started again.
    shown : bool
        Whether what they print is where what Ray's workers print is.
    """
    codes, paths = ([x] if isinstance(x, str) else list(x) for x in (code, libraries))
    here = next(n["NodeID"] for n in ray.nodes() if n["Alive"] and n["NodeName"] == node)
    # No core: a map on the cluster would wait for them without end.
    remote = ray.remote(run_daemons).options(
        num_cpus=0,
        num_gpus=gpus * len(codes),
        max_retries=-1 if url else 0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
    )
    _started[int(number)] = remote.remote(codes, paths, folder, gpus, url, shown)


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
    codes: Sequence[str],
    libraries: Sequence[str],
    folder: str,
    gpus: float,
    url: str,
    shown: bool,
) -> str:
    """Run R processes until all have ended, as a task on Ray; return what R says if one fails."""
    # What a killed R leaves goes with it.
    with tempfile.TemporaryDirectory(prefix="daemons-") as temporary:
        rscript = _rscript()
        if rscript is None:
            return "there is no Rscript"

        def start(index: int) -> subprocess.Popen[bytes]:
            environment = {"R_LIBS": os.pathsep.join(libraries), "TMPDIR": temporary}
            environment.update(_visible_gpus(index, gpus))
            note = json.dumps(_note(temporary, index))
            where = json.dumps(folder, ensure_ascii=False)
            run = _RUN.format(code=codes[index], note=note, folder=where)
            return _start(rscript, run, environment, shown)

        return _watch(len(codes), start, functools.partial(_read_note, temporary), url)


def _watch(
    count: int,
    start: Callable[[int], subprocess.Popen[bytes]],
    noted: Callable[[int], list[str]],
    url: str,
) -> str:
    running: dict[Future[int], tuple[int, subprocess.Popen[bytes], float]] = {}
    said = ""
    pool = ThreadPoolExecutor(count)

    def begin(index: int) -> None:
        process = start(index)
        running[pool.submit(process.wait)] = index, process, time.monotonic()

    try:
        for index in range(count):
            begin(index)
        while running:
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                index, _, began = running.pop(ended)
                status, state, *why = ended.result(), *noted(index)
                if state == "failed":
                    return "\n".join(why)
                if state == "":
                    return f"R does not start (status {status})"
                # By SIGTERM it ends itself, as it is needed no longer.
                if not url or state != "up" or status == -signal.SIGTERM:
                    continue
                if not _is_heard(url):
                    said = "they do not reach the process that has started them"
                    continue
                time.sleep(max(0.0, began + _PACE - time.monotonic()))
                begin(index)
    finally:
        for _, process, _ in running.values():
            process.kill()
        pool.shutdown()
    return said


def _is_heard(url: str) -> bool:
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname, place.port or 0), timeout=5).close()
    except OSError:
        return False
    return True


def _start(rscript: str, run: str, changes: dict[str, str], shown: bool) -> subprocess.Popen[bytes]:
    output = None if shown else subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-ISc", _BOOT, rscript, "-e", _READ_CODE],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        env={**os.environ, **changes},
        # Ray's signals to the worker are not for them.
        start_new_session=True,
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(run.encode())
    return process


def _rscript() -> str | None:
    home = os.environ.get("R_HOME")
    return shutil.which("Rscript", path=os.path.join(home, "bin") if home else None)


def _note(temporary: str, index: int) -> str:
    return os.path.join(temporary, f"note-{index}")


def _read_note(temporary: str, index: int) -> list[str]:
    """Return what R has noted of itself, and forget it: an empty text if it has not come so far."""
    path = _note(temporary, index)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        os.unlink(path)
    except FileNotFoundError:
        return [""]
    return lines or [""]


def _visible_gpus(index: int, gpus: float) -> dict[str, str]:
    """Return the part of the task's GPUs that is this process's."""
    if not gpus:
        return {}
    ids = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    first = int(index * gpus)
    return {"CUDA_VISIBLE_DEVICES": ",".join(ids[first : max(first + 1, int((index + 1) * gpus))])}
