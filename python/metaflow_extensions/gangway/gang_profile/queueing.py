"""How long a task waited before its process began, and how long that took to come to its step.

Metaflow's runtime notes the time when it makes a task. Where it has made this one, that time
reaches the task: on this machine in its environment, elsewhere through the run's datastore, before
the task notes its own time in the same place. Schedulers (Step Functions, Argo) note none.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

import psutil

MADE = "GANGWAY_TASK_MADE"  # seconds since the epoch


def made_at(flow_datastore: Any, step_name: str) -> float | None:
    """Give the time at which the runtime has made this process's task, or None.

    To be asked before the task begins.
    """
    with contextlib.suppress(Exception):
        if MADE in os.environ:
            return float(os.environ[MADE])
        run, step, task = os.environ["MF_PATHSPEC"].split("/")[-3:]
        if step != step_name:
            return None
        attempt = int(os.environ.get("MF_ATTEMPT", "0"))
        store = flow_datastore.get_task_datastore(
            run, step, task, attempt=attempt, mode="r", allow_not_done=True
        )
        name = store.METADATA_ATTEMPT_SUFFIX
        return float(store.load_metadata([name])[name]["time"])
    return None


def durations(made: float | None) -> dict[str, float]:
    """Give the seconds ``start`` and, where it is known, ``queue``, now that the step begins."""
    began = _began()
    found = {"start": round(max(0.0, time.time() - began), 2)}
    if made is not None:
        found["queue"] = round(max(0.0, began - made), 2)
    return found


def _began() -> float:
    """When the container began, where Metaflow has one for the task, or this process."""
    me = float(psutil.Process().create_time())
    if "MF_PATHSPEC" in os.environ:
        with contextlib.suppress(psutil.Error, OSError):
            return min(me, float(psutil.Process(1).create_time()))
    return me
