"""What gangway uses of Ray beyond what Ray documents; a later Ray may have it elsewhere.

Each function imports what it needs: Ray takes its time, and its workers are many.
"""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Iterable
from typing import Any

from .unplaceable import Amounts, Group

# Processes of Ray's that run no user's code, beside the servers that `ray start` starts.
RAYS_OWN = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")


def command_line() -> Any:
    """Return the command ``ray``, a Click group."""
    from ray.scripts import scripts

    return scripts.cli


def head_port_files(folder: str) -> list[str]:
    """Files in a head's temporary folder that hold the port at which its list of nodes is asked."""
    return glob.glob(os.path.join(folder, "session_*", "gcs_server_port_*"))


def head_address_file(folder: str) -> str:
    """Return the file that holds the head's address, 1 s after it is ready."""
    return os.path.join(folder, "ray_current_cluster")


def nodes_client(address: str) -> Any:
    """Ask a head for its nodes without being a driver, which takes 0.5 s to connect."""
    from ray import _raylet  # compiled, without annotations

    return _raylet.GcsClient(address=address)  # type: ignore[attr-defined]


def names_alive(client: Any) -> list[str]:
    """Return the names of the nodes that are up."""
    from ray.core.generated import gcs_pb2

    up = gcs_pb2.GcsNodeInfo.ALIVE  # type: ignore[attr-defined]
    infos = client.get_all_node_info(timeout=5).values()
    return [info.node_name for info in infos if info.state == up]


def demands(client: Any) -> tuple[list[Amounts], list[Group], dict[str, Amounts]]:
    """Return what waits in a cluster, tasks and placement groups, and what each node has.

    It is what Ray's own autoscaler asks, and takes some 10 ms.
    """
    from ray.core.generated import autoscaler_pb2

    state = client.get_cluster_resource_state()
    if isinstance(state, bytes):
        state = autoscaler_pb2.GetClusterResourceStateReply.FromString(  # type: ignore[attr-defined]
            state
        )
    state = getattr(state, "cluster_resource_state", state)
    infos = client.get_all_node_info(timeout=5).items()
    names = {node.binary(): info.node_name.replace("node-", "node ") for node, info in infos}
    groups = [
        Group(
            [dict(request.resources_bundle) for request in gang.requests],
            gang.details.partition(":")[2].partition("|")[0],
        )
        for gang in state.pending_gang_resource_requests
    ]
    requests = [dict(one.request.resources_bundle) for one in state.pending_resource_requests]
    nodes = {
        names.get(node.node_id, node.node_ip_address): dict(node.total_resources)
        for node in state.node_states
    }
    return requests, groups, nodes


def put(key: bytes, data: bytes) -> None:
    """Store bytes in the cluster's key-value store."""
    from ray.experimental import internal_kv as kv

    kv._internal_kv_put(key, data, overwrite=True)


def take(prefix: bytes) -> dict[bytes, bytes]:
    """Take from that store what lies under keys with a prefix, in the order of the keys."""
    from ray.experimental import internal_kv as kv

    keys = sorted(kv._internal_kv_list(prefix))
    found = {key: kv._internal_kv_get(key) for key in keys}
    for key in keys:
        kv._internal_kv_del(key)
    return {key: data for key, data in found.items() if data is not None}


def talking_threads() -> set[str]:
    """Return this process's threads in which Ray talks to the cluster; none where none are told."""
    found = set()
    for path in glob.glob("/proc/self/task/*/comm"):
        with contextlib.suppress(OSError), open(path) as file:
            if file.read() == "worker.io\n":
                found.add(path)
    return found


def show_no_workers() -> None:
    """Keep a Ray that is imported already from showing at the driver what workers print."""
    if constants := sys.modules.get("ray._private.ray_constants"):
        constants.RAY_LOG_TO_DRIVER = False  # type: ignore[attr-defined]


class _NoFolders(list[str]):
    """A list that Ray's additions leave empty."""

    def extend(self, folders: Iterable[str]) -> None:
        """Take none."""


def job_without_folders() -> Any:
    """Return a job's configuration by which workers do not look for modules in the driver's folder.

    Ray lets them look there first: a `json.py` beside an R script would be imported in place of
    Python's own.
    """
    from ray.job_config import JobConfig

    config = JobConfig()
    config._py_driver_sys_path = _NoFolders()
    return config
