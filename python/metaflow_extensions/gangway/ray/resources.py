"""What each node offers to Ray: the attributes' values, or a fair share of this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any

import psutil

from ..gang.machine.container import Container
from ..gang.machine.cpus import cores
from ..gang.machine.gpus import share, share_of, visible_gpus
from .command import NodeResources

_MB = 1024 * 1024
_LEAST_STORE = 80 * _MB  # Ray refuses less than 75 MB
_STORE_SHARE = 0.3
_HEAP_SHARE = 0.7


def local_resources(attributes: Mapping[str, Any], nodes: int, index: int) -> NodeResources:
    """Share out this machine among nodes that all run on it.

    Parameters
    ----------
    attributes : mapping
        The decorator's attributes, which win.
    nodes, index : int
        How many nodes there are, and which is meant.
    """
    gpus = visible_gpus()
    mine = share_of(gpus, nodes, index)
    cpus = attributes["num_cpus"]
    num_gpus = attributes["num_gpus"]
    store = attributes["object_store_memory"]
    return NodeResources(
        num_cpus=max(1, share(cores(), nodes, index)) if cpus is None else cpus,
        num_gpus=len(mine) if num_gpus is None else num_gpus,
        # With num_gpus=, nodes may share devices: which ones is Ray's and the user's business.
        gpu_ids=",".join(mine) if gpus and num_gpus is None else None,
        memory=int(psutil.virtual_memory().available * _HEAP_SHARE / nodes),
        object_store_memory=_store(nodes) if store is None else store * _MB,
        custom=attributes["resources"] or {},
    )


def container_resources(attributes: Mapping[str, Any], container: Container) -> NodeResources:
    """Give what a node offers that has a container of its own.

    Parameters
    ----------
    attributes : mapping
        The decorator's attributes, which win.
    container : Container
        What the node may use.
    """
    store = attributes["object_store_memory"]
    num_gpus = attributes["num_gpus"]
    size = _store(1, container.memory) if store is None else store * _MB
    if shutil.disk_usage("/dev/shm").free < size:
        print(
            f"gangway: /dev/shm has no room for an object store of {size // _MB} MB, so Ray puts "
            "it on the disk, which is slow. Ask for more with shared_memory= (MB) in @batch or "
            "@kubernetes.",
            file=sys.stderr,
        )
    return NodeResources(
        num_cpus=container.cpus if attributes["num_cpus"] is None else attributes["num_cpus"],
        num_gpus=container.gpus if num_gpus is None else num_gpus,
        memory=max(int(container.memory * _HEAP_SHARE), _MB),
        object_store_memory=size,
        custom=attributes["resources"] or {},
    )


def _store(nodes: int, memory: int | None = None) -> int:
    size = (memory or psutil.virtual_memory().total) * _STORE_SHARE / nodes
    if sys.platform == "linux" and os.path.isdir("/dev/shm"):
        size = min(size, shutil.disk_usage("/dev/shm").free * 0.9 / nodes)
    return max(int(size), _LEAST_STORE)
