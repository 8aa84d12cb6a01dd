"""Groups of a gang's nodes, each with resources of its own.

The order of the groups is the order of the nodes: the first node of the first group is control, and
the workers' indices go on from there. So a control task with resources of its own is a first group
of one node, and a number for each group says where its nodes are.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..mf.node_ranges import NodeRange
from . import attributes as checks

Amount = float | int

# As Kubernetes and Ray allow the value of a label.
_NAME = r"[A-Za-z]([A-Za-z0-9_-]{0,38}[A-Za-z0-9])?"
_CONTROL = "control"
_KEYS: dict[str, checks.Check] = {
    "nodes": checks.integer(1),
    "cpu": checks.above_zero,
    "gpu": checks.integer(0),
    "memory": checks.integer(1),
    "shared_memory": checks.integer(1),
    "disk": checks.integer(1),
}
_EXAMPLE = '{"control": {"cpu": 1}, "gpu": {"nodes": 2, "gpu": 1}}'
_FORM = f"a group has {', '.join(_KEYS)}"


@dataclass(frozen=True)
class Group:
    """Nodes that are alike.

    Parameters
    ----------
    name : str
        The group's name.
    nodes : range
        The indices of its nodes.
    resources : dict
        What each node has, by the names of ``@resources``; what is missing is the step's.
    """

    name: str
    nodes: range
    resources: dict[str, Amount]


@dataclass(frozen=True)
class Groups:
    """All groups of a gang, in the order of their nodes."""

    groups: tuple[Group, ...]

    @property
    def num_nodes(self) -> int:
        """Nodes of all groups, control included."""
        return self.groups[-1].nodes.stop

    def of(self, node: int) -> Group:
        """Return the group of a node."""
        return next(group for group in self.groups if node in group.nodes)

    def ranges(self) -> list[NodeRange]:
        """Give what a scheduler has to tell apart: control, and then the workers of each group."""
        found = [NodeRange(self.groups[0].name, range(1), self.groups[0].resources)]
        for group in self.groups:
            if workers := range(max(1, group.nodes.start), group.nodes.stop):
                found.append(NodeRange(group.name, workers, group.resources))
        return found

    def wishes(self, kind: str) -> list[Amount | None]:
        """Return what each node asks for of a resource; None where its group does not say.

        Where some groups ask for GPUs, the others have none.
        """
        some = any(kind in group.resources for group in self.groups)
        other = 0 if kind == "gpu" and some else None
        return [group.resources.get(kind, other) for group in self.groups for _ in group.nodes]

    def __str__(self) -> str:
        return ", ".join(f"{group.name} ({_indices(group.nodes)})" for group in self.groups)


def groups(value: Any) -> Groups:
    """Check and read groups, as ``{"control": {"cpu": 1}, "gpu": {"nodes": 2, "gpu": 1}}``."""
    if isinstance(value, str):
        with contextlib.suppress(json.JSONDecodeError):
            value = json.loads(value, object_pairs_hook=_without_twins)
    if not isinstance(value, Mapping) or not value:
        raise checks.Wrong(f"{value!r} is no dictionary of groups, as {_EXAMPLE}")
    found: list[Group] = []
    for name, given in value.items():
        start = found[-1].nodes.stop if found else 0
        resources = _read(name, given)
        nodes = range(start, start + int(resources.pop("nodes", 1)))
        if name == _CONTROL and nodes != range(1):
            raise checks.Wrong(
                f"the group {name!r} is the control task's own: put it first, with one node"
            )
        found.append(Group(name, nodes, resources))
    return Groups(tuple(found))


def _read(name: Any, given: Any) -> dict[str, Amount]:
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise checks.Wrong(
            f"{name!r} is no name for a group: take at most 40 letters, digits, '-' and '_', "
            "beginning with a letter"
        )
    if not isinstance(given, Mapping):
        if given != []:  # R's list()
            raise checks.Wrong(f"the group {name!r} is {given!r}; {_FORM}")
        given = {}
    checked = {}
    for key, amount in given.items():
        if key not in _KEYS:
            raise checks.Wrong(f"the group {name!r} has the unknown key {key!r}; {_FORM}")
        try:
            checked[key] = _KEYS[key](amount)
        except (ValueError, TypeError, OverflowError):
            raise checks.Wrong(
                f"the group {name!r} has {key}={amount!r}; it must be {_KEYS[key].__doc__}"
            ) from None
    return checked


def _indices(nodes: range) -> str:
    first, last = nodes[0], nodes[-1]
    return f"node {first}" if first == last else f"nodes {first} to {last}"


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twins := [name for name in names if names.count(name) > 1]:
        raise checks.Wrong(f"{twins[0]!r} is there twice")
    return dict(pairs)
