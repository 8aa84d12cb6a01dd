"""What a node may use of its machine, where each node has a container of its own.

On Batch a container's CPUs are shares, not a limit: nothing in the container tells how many there
are, and whoever counts the machine's cores takes those of other jobs too. So what the step has
asked for counts, within the limits that there are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from .cpus import cores

_MB = 1024 * 1024
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Container:
    """A node's share of its machine.

    Parameters
    ----------
    cpus : int
        Cores.
    gpus : int or None
        GPUs, or None to look: the container sees no others than its own.
    memory : int
        Bytes.
    """

    cpus: int
    gpus: int | None
    memory: int


def container_of(decorators: Iterable[Any], group: Mapping[str, Any] | None = None) -> Container:
    """Return what this task's container has, by ``@batch`` or ``@kubernetes`` and its limits.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    group : mapping, optional
        What the node's group asks for, which wins. Nodes without GPUs of their own may then be on
        machines that have some: what they have not asked for is not theirs.
    """
    asked: dict[str, float] = {}
    for deco in decorators:
        if deco.name in ("batch", "kubernetes"):
            all_given = {**deco.attributes, **(group or {})}
            given = {k: all_given.get(k) for k in ("cpu", "gpu", "memory")}
            asked = {k: float(v) for k, v in given.items() if v is not None}
    cpus = min(cores(), asked.get("cpu", cores()))
    memory = min(_memory_limit(), asked.get("memory", float("inf")) * _MB)
    gpus = int(asked.get("gpu", 0)) or (None if group is None else 0)
    return Container(max(1, int(cpus)), gpus, int(memory))


def _memory_limit() -> int:
    limits = [psutil.virtual_memory().total]
    for path in _MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            limits.append(int(file.read()))
    return int(min(limits))
