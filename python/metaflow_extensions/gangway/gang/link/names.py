"""What the nodes of this task's gang are called.

It is their index, with their group if they have one. A task is in one gang at most, so what speaks
of nodes asks here and need not be told.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...mf.node_ranges import NodeRange, group_of

_ranges: list[NodeRange] = []


def name_by_groups(ranges: Sequence[NodeRange]) -> None:
    """From now on, call nodes by these groups too."""
    _ranges[:] = ranges


def node_label(node: int) -> str:
    """Return a node's index, and its group: ``3`` or ``3 (gpu)``."""
    group = group_of(_ranges, node)
    return f"{node} ({group})" if group else str(node)


def node_name(node: int) -> str:
    """Return how a node is called in messages: ``node 3`` or ``node 3 (gpu)``."""
    return f"node {node_label(node)}"
