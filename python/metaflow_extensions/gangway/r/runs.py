"""The runs of flows as tables for R, and their deletion; both as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from metaflow import Flow, Run, get_metadata
from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

from ..mf import heartbeat
from ..mf.local_deletion import Deletion, Plan, ResumeUnderWay
from ..mf.local_life import life
from ..mf.local_runs import LocalRuns


def describe(run: Run) -> dict[str, Any]:
    """Tell what is known of a run.

    Returns
    -------
    dict
        ``status``: ``"ok"``, ``"failed"``, ``"running"``, or ``"aborted"`` of a run that neither
        runs nor has come to an end; ``started``, ``finished``: seconds since 1970, ``finished`` is
        None of a run that has not, or has not said when; ``user``; ``tags``, the user's.
    """
    status, finished = _status(run)
    users = [tag[len("user:") :] for tag in run.system_tags if tag.startswith("user:")]
    return {
        "flow": run.path_components[0],
        "run_id": run.id,
        "status": status,
        "started": run.created_at.timestamp(),
        "finished": finished,
        "user": users[0] if users else None,
        "tags": sorted(run.user_tags),
    }


def _status(run: Run) -> tuple[str, float | None]:
    end = run.end_task
    if end is not None and end.finished and end.finished_at is not None:
        return "ok" if end.successful else "failed", end.finished_at.timestamp()
    root = _local_root()
    known = life(root, *run.path_components) if root else heartbeat.life(run)
    if known["status"] == "ended":  # since we have looked
        return "ok", None
    if known["status"] not in ("gone", "unknown"):
        return known["status"], known.get("ended")
    failed = [task.finished_at.timestamp() for task in _failed(run)]
    if failed:
        return "failed", max(failed)
    return ("aborted" if known["status"] == "gone" else "running"), None


def _failed(run: Run) -> Iterator[Any]:
    for step in run:
        for task in step:
            if task.finished_at is not None and not task.finished:
                yield task


def _local_root() -> str | None:
    kind, _, folder = get_metadata().partition("@")
    return os.path.join(folder, DATASTORE_LOCAL_DIR) if kind == "local" else None


def table(flow: str) -> str:
    """Describe all runs of a flow in the namespace, the newest first, with their ``size``."""
    root = _local_root()
    store = LocalRuns(root, flow) if root else None
    rows = []
    for run in Flow(flow).runs():
        row = describe(run)
        uses = store.uses(run.id) if store else None
        row["size"] = store.size(run.id, uses) if store and uses and uses.stored_here else None
        rows.append(row)
    return json.dumps(rows)


def status(run: Run) -> str:
    """Give what `describe` does."""
    return json.dumps(describe(run))


def plan_deletion(flow: str, runs: list[str]) -> str:
    """Say what `delete` would delete, and how much it would free."""
    return _told(Deletion(_store(flow)).plan(runs))


def delete(flow: str, runs: list[str]) -> str:
    """Delete runs of a flow from the local store, with what no other run needs."""
    try:
        return _told(Deletion(_store(flow)).delete(runs))
    except ResumeUnderWay:
        return json.dumps({"resumed": True})


def is_local() -> bool:
    """Whether the metadata in use are a folder's."""
    return _local_root() is not None


def _store(flow: str) -> LocalRuns:
    root = _local_root()
    assert root is not None
    return LocalRuns(root, flow)


def _told(plan: Plan) -> str:
    told = {"go": plan.go, "kept": plan.kept, "freed": plan.freed}
    return json.dumps({**told, "waiting": plan.waiting})
