"""`current.ray_storage_path`: where the nodes of a gang can share files."""

from __future__ import annotations

import os
from typing import Any

_FOLDER = "mf.ray_decorator"


def storage_path(flow_datastore: Any, flow: str, run_id: str, step: str, attempt: int) -> str:
    """Give the folder of one attempt of a step, on the run's own datastore.

    Parameters
    ----------
    flow_datastore : FlowDataStore
        The run's datastore.
    flow, run_id, step : str
        Their names.
    attempt : int
        The attempt, so that a retry starts with an empty folder.
    """
    root = flow_datastore.datastore_root
    parts = (_FOLDER, flow, run_id, step, str(attempt))
    if flow_datastore.TYPE == "local":
        path = os.path.join(os.path.abspath(root), *parts)
        os.makedirs(path, exist_ok=True)
        return path
    return "/".join((root.rstrip("/"), *parts))
