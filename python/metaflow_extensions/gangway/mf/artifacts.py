"""What the worker tasks of a gang store: nothing of the user's.

A worker runs no user code, yet Metaflow would store its parent's artifacts with it. The join after
the gang would then see two values of whatever control has changed, and `merge_artifacts` refuses
that. So a worker keeps parameters, constants and Metaflow's own, and control holds the results.
"""

from __future__ import annotations

from typing import Any

from .flow import is_parameter


def forget_inherited(flow: Any) -> None:
    """Drop the parent's artifacts from what this task will store."""
    datastore = flow._datastore
    for name in list(datastore._objects):
        if not _kept(flow, name):
            datastore._objects.pop(name, None)
            datastore._info.pop(name, None)


def _kept(flow: Any, name: str) -> bool:
    return name.startswith("_") or name == "name" or is_parameter(flow, name)
