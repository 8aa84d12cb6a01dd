"""Which of a cluster's nodes are alive, asked many times a second.

This is the one place that uses private parts of Ray: the name of the file that holds the head's
port, and ``GcsClient``. The public ways are a driver, which takes 0.5 s to connect and cannot live
in the process that runs ``ray start``, and ``ray_current_cluster``, which is written only 1 s after
the head is ready. Without the port's file the latter is what is used.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.05


def watch_nodes(
    folder: str, node_ip: str | None, num_nodes: int, tell: Callable[..., None]
) -> None:
    """Tell when the head is alive, and then which nodes are, until all are.

    Parameters
    ----------
    folder : str
        The head's temporary folder.
    node_ip : str or None
        The head's address, where it is known before Ray tells.
    num_nodes : int
        How many nodes there will be.
    tell : callable
        Called with ``"head"`` and ``address=``, and with ``"alive"`` and ``nodes=``, their indices.
    """
    from ray import _raylet  # compiled, without annotations

    address = _wait_for_address(folder, node_ip)
    client = None
    known: list[int] = []
    while len(known) < num_nodes:
        try:
            client = client or _raylet.GcsClient(address=address)  # type: ignore[attr-defined]
            alive = _alive(client)
        except Exception:  # not up yet; the task has the deadline
            time.sleep(POLL_SECONDS)
            continue
        if alive != known:
            if 0 in alive and 0 not in known:
                tell("head", address=address)
            tell("alive", nodes=alive)
            known = alive
        time.sleep(POLL_SECONDS)


def _alive(client: Any) -> list[int]:
    from ray.core.generated import gcs_pb2

    up = gcs_pb2.GcsNodeInfo.ALIVE  # type: ignore[attr-defined]
    infos = client.get_all_node_info(timeout=5).values()
    names = [info.node_name for info in infos if info.state == up]
    return sorted(int(name.removeprefix("node-")) for name in names if name.startswith("node-"))


def _wait_for_address(folder: str, node_ip: str | None) -> str:
    while True:
        for path in glob.glob(os.path.join(folder, "session_*", "gcs_server_port_*")):
            with open(path) as file:
                if node_ip and (port := file.read().strip()):
                    return f"{node_ip}:{port}"
        path = os.path.join(folder, "ray_current_cluster")
        if os.path.exists(path):
            with open(path) as file:
                return file.read().strip()
        time.sleep(POLL_SECONDS)
