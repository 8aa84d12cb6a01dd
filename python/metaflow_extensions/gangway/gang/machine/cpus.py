"""How many cores there are, and how many of something a step asks for on each node."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

_V2, _V1 = "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_{}_us"


def cores() -> int:
    """Cores of this machine that the process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        count = len(os.sched_getaffinity(0))
        return max(1, min(count, int(_limit(count))))
    return os.cpu_count() or 1


def _limit(count: int) -> float:
    """Return the limit of the container that this may run in; at most so many."""
    with contextlib.suppress(OSError, ValueError), open(_V2) as file:
        quota, period = map(int, file.read().split())
        return quota / period
    with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(_V1.format(x))) for x in ("quota", "period")]
        quota, period = (int(file.read()) for file in files)
        return quota / period if quota > 0 else count
    return count


def asked_for(
    decorators: Iterable[Any], *kinds: str, group: Mapping[str, Any] = MappingProxyType({})
) -> int:
    """Return what ``@resources``, ``@batch`` and ``@kubernetes`` ask for; the largest, at least 1.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    kinds : str
        ``"cpu"``, ``"gpu"``: the first that a decorator names counts.
    group : mapping, optional
        What the node's group asks for, which wins.
    """
    named = ("resources", "batch", "kubernetes")
    asking = [{**deco.attributes, **group} for deco in decorators if deco.name in named]
    amounts = [next((a[k] for k in kinds if a.get(k)), 1) for a in asking or [{**group}]]
    return max([1, *(int(float(amount)) for amount in amounts)])
