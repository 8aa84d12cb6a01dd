"""What each node offers to Ray: the attributes' values, or a fair share of this machine."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import psutil

from ..gang.machine.container import Container
from ..gang.machine.cpus import cores
from ..gang.machine.gpus import share_out, visible_gpus
from ..gang.machine.shares import shares
from .command import NodeResources

if TYPE_CHECKING:
    from ..gang.node import NodeSpec

_MB = 1024 * 1024
_LEAST_STORE = 80 * _MB  # Ray refuses less than 75 MB
_STORE_SHARE = 0.3
_HEAP_SHARE = 0.7
# A task asks for 1 to be in the group; it shall never wait for others that do the same.
_OF_A_GROUP = 1000


def local_resources(spec: NodeSpec) -> NodeResources:
    """Share out this machine among nodes that all run on it.

    Parameters
    ----------
    spec : NodeSpec
        The node; its decorator's attributes win.
    """
    attributes, nodes, index = spec.attributes, spec.num_nodes, spec.index
    gpus = visible_gpus()
    mine = share_out(gpus, spec.wishes("gpu"))[index]
    cpus = attributes["num_cpus"]
    num_gpus = attributes["num_gpus"]
    store = attributes["object_store_memory"]
    available = psutil.virtual_memory().available // _MB
    return NodeResources(
        num_cpus=shares(cores(), spec.wishes("cpu"), 1)[index] if cpus is None else cpus,
        num_gpus=len(mine) if num_gpus is None else num_gpus,
        # With num_gpus=, nodes may share devices: which ones is Ray's and the user's business.
        gpu_ids=",".join(mine) if gpus and num_gpus is None else None,
        memory=int(shares(available, spec.wishes("memory"), 1)[index] * _MB * _HEAP_SHARE),
        object_store_memory=_store(nodes) if store is None else store * _MB,
        custom=_custom(spec),
    )


def container_resources(spec: NodeSpec, container: Container) -> NodeResources:
    """Give what a node offers that has a container of its own.

    Parameters
    ----------
    spec : NodeSpec
        The node; its decorator's attributes win.
    container : Container
        What the node may use.
    """
    attributes = spec.attributes
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
        custom=_custom(spec),
    )


def _custom(spec: NodeSpec) -> dict[str, float | int]:
    given = spec.attributes["resources"] or {}
    return {**given, f"group_{spec.group.name}": _OF_A_GROUP} if spec.group else given


def _store(nodes: int, memory: int | None = None) -> int:
    size = (memory or psutil.virtual_memory().total) * _STORE_SHARE / nodes
    if sys.platform == "linux" and os.path.isdir("/dev/shm"):
        size = min(size, shutil.disk_usage("/dev/shm").free * 0.9 / nodes)
    return max(int(size), _LEAST_STORE)
