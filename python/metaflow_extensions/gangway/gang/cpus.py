"""How many cores there are, and how many of something a step asks for on each node."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any


def cores() -> int:
    """Cores of this machine that the process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def asked_for(decorators: Iterable[Any], *kinds: str) -> int:
    """What ``@resources``, ``@batch`` and ``@kubernetes`` ask for; the largest, at least 1.

    Parameters
    ----------
    decorators : iterable
        All decorators of the step.
    kinds : str
        ``"cpu"``, ``"gpu"``: the first that a decorator names counts.
    """
    asking = [d.attributes for d in decorators if d.name in ("resources", "batch", "kubernetes")]
    amounts = [next((a[k] for k in kinds if a.get(k)), 1) for a in asking]
    return max([1, *(int(float(amount)) for amount in amounts)])
