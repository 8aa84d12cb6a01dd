"""The description of an R object that was read, or made, without R."""

from __future__ import annotations

from array import array
from typing import Any

from ..rds.altrep import expand
from ..rds.nodes import (
    BASE_ENVIRONMENT,
    BASE_NAMESPACE,
    BUILTIN,
    BYTECODE,
    CALL,
    CHARACTER,
    CLOSURE,
    COMPLEX,
    DOUBLE,
    EMPTY_ENVIRONMENT,
    ENVIRONMENT,
    EXPRESSION,
    GLOBAL_ENVIRONMENT,
    INTEGER,
    LIST,
    LOGICAL,
    NA_INTEGER,
    NAMESPACE,
    NULL,
    PACKAGE,
    PAIRLIST,
    POINTER,
    RAW,
    S4,
    SPECIAL,
    SYMBOL,
    WEAKREF,
    WIDTHS,
    Node,
)

_TYPES = {
    NULL: "NULL",
    SYMBOL: "symbol",
    PAIRLIST: "pairlist",
    CLOSURE: "closure",
    CALL: "language",
    SPECIAL: "special",
    BUILTIN: "builtin",
    LOGICAL: "logical",
    INTEGER: "integer",
    DOUBLE: "double",
    COMPLEX: "complex",
    CHARACTER: "character",
    LIST: "list",
    EXPRESSION: "expression",
    BYTECODE: "bytecode",
    POINTER: "externalptr",
    WEAKREF: "weakref",
    RAW: "raw",
    S4: "S4",
    **dict.fromkeys(
        (
            ENVIRONMENT,
            GLOBAL_ENVIRONMENT,
            BASE_ENVIRONMENT,
            BASE_NAMESPACE,
            EMPTY_ENVIRONMENT,
            NAMESPACE,
            PACKAGE,
        ),
        "environment",
    ),
}
# class() of what has no class, where it is not R's name of the type
_CLASSES = {
    "symbol": "name",
    "double": "numeric",
    "language": "call",
    **dict.fromkeys(("closure", "special", "builtin"), "function"),
}
_KEYWORDS = ("if", "while", "for", "=", "<-", "(", "{")


def describe(node: Node, r: str) -> dict[str, Any]:
    """Describe an object, as the R that writes one does.

    Parameters
    ----------
    node : Node
        The object, no compact vector.
    r : str
        The version of R that wrote it.
    """
    classes = class_of(node)
    dim = dimensions(node)
    length = size(node)
    if "data.frame" in classes and node.type == LIST:
        dim = [row_count(node), length]
        length = dim[0]
    return {
        "class": classes or _implicit_class(node, dim),
        "type": type_name(node),
        "length": length,
        "dim": dim,
        "r": r,
        "restore": ["data.table"] if "data.table" in classes else [],
        **({"opaque": None} if node.type == S4 else {}),
    }


def type_name(node: Node) -> str:
    """R's ``typeof()``."""
    return _TYPES.get(node.type, "any")


def attribute(node: Node, name: str) -> Node | None:
    """Return an attribute, as an ordinary vector; or None."""
    if not node.attributes or name not in node.attributes:
        return None
    return expand(node.attributes[name])


def texts(node: Node | None) -> list[str | None]:
    """Return the strings of a character vector; of anything else none."""
    if node is None or node.type != CHARACTER:
        return []
    return [s if s is None or isinstance(s, str) else s.data.decode("latin1") for s in node.value]


def class_of(node: Node) -> list[str]:
    """Return the attribute class."""
    if not node.attributes:
        return []
    return [c for c in texts(attribute(node, "class")) if c is not None]


def dimensions(node: Node) -> list[int] | None:
    """Return the attribute dim."""
    dim = attribute(node, "dim")
    return None if dim is None or dim.type != INTEGER else integers(dim)


def integers(node: Node) -> list[int]:
    """Return the numbers of an integer vector; NA is `NA_INTEGER`."""
    return array("i", node.value).tolist()


def row_count(node: Node) -> int:
    """Return the rows of a data frame."""
    rows = attribute(node, "row.names")
    if rows is None:
        return 0
    if rows.type == INTEGER and len(rows.value) == 8:
        first, second = integers(rows)
        if first == NA_INTEGER:  # R's short form of 1:n
            return abs(second)
    return size(rows)


def size(node: Node) -> int:
    """R's ``length()`` of what has no method for it."""
    kind = node.type
    if kind in WIDTHS:
        return len(node.value) // WIDTHS[kind]
    if kind in (CHARACTER, LIST, EXPRESSION):
        return len(node.value)
    if kind in (PAIRLIST, CALL):
        cells, tail = node.value
        return len(cells) + (size(tail) if tail else 0)
    if kind == ENVIRONMENT:
        _, _, frame, table = node.value
        chains = table.value if table.type == LIST else [frame]
        return sum(size(chain) for chain in chains)
    return 0 if kind == NULL or type_name(node) == "environment" else 1


def _implicit_class(node: Node, dim: list[int] | None) -> list[str]:
    if dim:
        return ["matrix", "array"] if len(dim) == 2 else ["array"]
    if node.type == CALL:
        head = node.value[0][0].value
        if head.type == SYMBOL and head.value in _KEYWORDS:
            return [head.value]
    name = type_name(node)
    return [_CLASSES.get(name, name)]
