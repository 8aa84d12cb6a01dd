"""Which R objects have a length and elements, as Python's types have them or raise `TypeError`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rds.altrep import expand
from ..rds.nodes import ENVIRONMENT, LIST, PAIRLIST, Cell, Node
from .asking import asked_of_r

if TYPE_CHECKING:
    from .robject import RObject

_TYPES = frozenset(
    (
        *("logical", "integer", "double", "complex", "character", "raw"),
        *("NULL", "list", "expression", "pairlist", "language", "environment"),
    )
)


def is_container(value: RObject) -> bool:
    """Whether an object has elements; of some S4 objects only R knows."""
    kind = value.info["type"]
    return kind in _TYPES or (kind == "S4" and not value.info.get("opaque"))


def has_names_alone(value: RObject) -> bool:
    """Whether it is an environment whose variables have no numbers."""
    classes = value.classes
    return value.info["type"] == "environment" and (classes == ["environment"] or "R6" in classes)


def count(value: RObject) -> int:
    """R's ``length()``, of a data frame the number of its rows.

    Raises
    ------
    TypeError
        It is no container.
    """
    length: int | None = None
    if is_container(value):
        length = int(value.info["length"])
        if value.info.get("opaque", 0) is None:
            length = asked_of_r(value, lambda engine: engine.length(value))
    if length is None:
        raise TypeError(f"{value!r} has no len()")
    return length


def variables(node: Node) -> list[Cell]:
    """Return the variables of an environment."""
    if node.type != ENVIRONMENT:  # the global one, a namespace: another process has others in it
        return []
    _, _, frame, table = node.value
    found: list[Cell] = []
    for chain in map(expand, table.value if table.type == LIST else [frame]):
        if chain.type == PAIRLIST:
            first, *others = chain.value[0]
            found += [first._replace(flags=chain.flags), *others]
    return found
