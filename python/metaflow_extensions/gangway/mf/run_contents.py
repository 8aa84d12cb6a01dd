"""Contents of a flow's datastore that are no artifacts, as Metaflow's client reads code packages.

Metaflow has no public way to save and read a content that belongs to a run as a whole: an artifact
belongs to a task, and could be written by the code that is to be checked.
"""

from __future__ import annotations

from typing import Any

from metaflow.client.filecache import FileCache


def save(flow_datastore: Any, content: bytes) -> tuple[str, str, str]:
    """Save a content: the datastore's type, the content's key (its SHA-1) and location."""
    location, key = flow_datastore.save_data([content])[0]
    return flow_datastore.TYPE, key, location


def load(kind: str, flow: str, location: str, key: str) -> bytes:
    """Read a content that `save` has saved."""
    content: bytes = FileCache().get_data(kind, flow, location, key)[1]
    return content
