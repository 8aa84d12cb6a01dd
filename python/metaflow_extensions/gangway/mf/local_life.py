"""Whether a run in local metadata lives, and how it ended: a service knows it by heartbeats.

A run's process holds two locks, which the system takes from it however it ends: one on a file of
its flow, together with the flow's other runs, and one on a file of its own, in which it writes at
last how it ended. A run of a Python script has neither: its process is looked for.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import psutil
from metaflow.plugins.datastores.local_storage import LocalStorage

RUN_LOCK = "gangway.run.lock"
RESUME_LOCK = "gangway.resume.lock"
_RECORD = "gangway.run.json"
# The clock by which the system tells when a process began may be that much off.
_SLACK_S = 60


def share(root: str, flow: str, lock: str) -> IO[str] | None:
    """Hold a lock of a flow, with others who share it; wait for who has it alone.

    Returns
    -------
    file, optional
        What holds the lock while it is open; None where the file system has no locks.
    """
    return _held(os.path.join(root, flow, LocalStorage.METADATA_DIR, lock), fcntl.LOCK_SH)


@contextmanager
def alone(root: str, flow: str, lock: str) -> Iterator[bool]:
    """Hold a lock of a flow alone, and say so; or say that others share it."""
    path = os.path.join(root, flow, LocalStorage.METADATA_DIR, lock)
    try:
        file = _held(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        if file is not None:
            file.close()


def _held(path: str, how: int) -> IO[str] | None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    file = open(path, "a+", encoding="utf-8")  # noqa: SIM115
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        file.close()
        raise
    except OSError:
        file.close()
        return None
    return file


def when_run_begins(metadata: Any, begin: Callable[[str], None]) -> None:
    """Have a function called with the run's id when Metaflow would start a heartbeat."""
    start = metadata.start_run_heartbeat

    def start_run_heartbeat(flow_id: str, run_id: str) -> None:
        begin(run_id)
        start(flow_id, run_id)

    metadata.start_run_heartbeat = start_run_heartbeat


class Record:
    """The file of a run that lives.

    Parameters
    ----------
    flow, run : str
        The flow's name and the run's identifier in the local metadata that this process writes.
    """

    def __init__(self, flow: str, run: str) -> None:
        root = str(LocalStorage.datastore_root)
        self._file = _held(_record_path(root, flow, run), fcntl.LOCK_EX)

    def end(self, status: str) -> None:
        """Write how the run ended, and let go."""
        if self._file is not None:
            json.dump({"status": status, "ended": time.time()}, self._file)
            self._file.close()


def life(root: str, flow: str, run: str) -> dict[str, Any]:
    """Say whether a run lives.

    Returns
    -------
    dict
        ``status``: ``"running"``; ``"ended"`` of a run that has reached its end; how the run says
        that it ended (``ended``, a time); ``"aborted"`` where it could not say it; ``"gone"`` where
        nothing but its process could tell, and is gone.
    """
    folder = os.path.join(root, flow, run)
    if "True" in _noted(
        folder, _noted(folder, ["_parameters"], "end_step") or ["end"], "attempt_ok"
    ):
        return {"status": "ended"}
    try:
        with open(_record_path(root, flow, run), encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            text = file.read()
    except BlockingIOError:
        return {"status": "running"}
    except OSError:
        return {"status": "running" if _has_process(folder) else "gone"}
    try:
        return dict(json.loads(text))
    except ValueError:
        return {"status": "aborted"}


def _record_path(root: str, flow: str, run: str) -> str:
    return os.path.join(root, flow, run, LocalStorage.METADATA_DIR, _RECORD)


def _noted(folder: str, steps: list[str], what: str) -> list[str]:
    """Return what the tasks of steps have noted under a name."""
    found = []
    for step in steps:
        tasks = os.path.join(glob.escape(os.path.join(folder, step)), "*")
        for path in glob.glob(os.path.join(tasks, LocalStorage.METADATA_DIR, f"sysmeta_{what}_*")):
            with open(path, encoding="utf-8") as file:
                found.append(str(json.load(file)["value"]))
    return found


def _has_process(folder: str) -> bool:
    """Whether a process may be a run's: it began before the run, and runs a script of its name."""
    scripts = [os.path.basename(name) for name in _noted(folder, ["_parameters"], "script-name")]
    with open(os.path.join(folder, LocalStorage.METADATA_DIR, "_self.json")) as file:
        began = json.load(file)["ts_epoch"] / 1000
    for process in psutil.process_iter(["cmdline", "create_time"]):
        words = set(map(os.path.basename, process.info["cmdline"] or []))
        runs = words & set(scripts) if scripts else any(word.endswith(".py") for word in words)
        first = process.info["create_time"] <= began + _SLACK_S
        if runs and first and words & {"run", "resume"}:
            return True
    return False
