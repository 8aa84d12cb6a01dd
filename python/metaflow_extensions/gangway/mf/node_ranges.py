"""Nodes of a gang for which a scheduler gets properties of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class NodeRange(NamedTuple):
    """Nodes that are alike; control is always a range of its own.

    Parameters
    ----------
    group : str
        The name of their group.
    nodes : range
        Their indices.
    resources : mapping
        What each of them has, by the names of ``@resources``; what is missing is the step's.
    """

    group: str
    nodes: range
    resources: Mapping[str, float | int]


def group_of(ranges: Iterable[NodeRange], node: int) -> str:
    """Return the group of a node; an empty string where there are no groups."""
    return next((each.group for each in ranges if node in each.nodes), "")
