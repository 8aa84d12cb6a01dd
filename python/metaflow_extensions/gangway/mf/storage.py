"""Where the nodes of a gang keep files: folders on the run's own datastore."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from typing import IO, Any

from metaflow.metaflow_current import current


def storage_of(flow_datastore: Any) -> Any:
    """Metaflow's own access to the datastore: its paths, bytes and S3 client."""
    return flow_datastore._storage_impl


def storage_at(kind: str, root: str) -> Any:
    """Give the same access to a datastore of this type and root, in any process."""
    from metaflow.plugins import DATASTORES  # loads this package, for its decorators

    return {each.TYPE: each for each in DATASTORES}[kind](root)


def save_files(storage: Any, files: Iterable[tuple[str, str]]) -> None:
    """Copy local files to the datastore: pairs of a file's place there and its path here."""
    if storage.TYPE == "local":  # Metaflow would read each file into memory
        for key, path in files:
            target = storage.full_uri(key)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
    else:
        storage.save_bytes(_opened(files), overwrite=True)


def storage_path(flow_datastore: Any, folder: str, *parts: str) -> str:
    """Give the path or address of a folder; on this machine it is made.

    Parameters
    ----------
    flow_datastore : FlowDataStore
        The run's datastore.
    folder : str
        The framework's folder, such as ``mf.torchrun``.
    parts : str
        Names of the flow, run, step, and what lies below. With the attempt among them, a retry
        starts with an empty folder.
    """
    root = flow_datastore.datastore_root
    if flow_datastore.TYPE == "local":
        path = os.path.join(os.path.abspath(root), folder, *parts)
        os.makedirs(path, exist_ok=True)
        return path
    return "/".join((root.rstrip("/"), folder, *parts))


def push_results(flow_datastore: Any, folder: str, local: str, below: str | None, node: int) -> str:
    """Copy what a node has written into a local folder to the run's datastore.

    Parameters
    ----------
    flow_datastore : FlowDataStore
        The run's datastore.
    folder : str
        The framework's folder.
    local : str
        The local folder.
    below : str, optional
        The name below the step's folder; as the local folder's path by default.
    node : int
        The node's index: each node has a folder of its own.

    Returns
    -------
    str
        The path or address that has the nodes' folders.
    """
    below = (below or local).strip("/")
    parts = (str(current.flow_name), str(current.run_id), str(current.step_name), below)
    key = "/".join((folder, *parts, str(node)))
    files = ((f"{key}/{name}", os.path.join(local, name)) for name in files_below(local))
    save_files(storage_of(flow_datastore), files)
    return storage_path(flow_datastore, folder, *parts)


def files_below(folder: str) -> Iterator[str]:
    """List the files of a folder and the folders in it, by their path from there."""
    for each, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(each, name), folder)


def _opened(files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, IO[bytes]]]:
    for key, path in files:
        with open(path, "rb") as file:
            yield key, file
