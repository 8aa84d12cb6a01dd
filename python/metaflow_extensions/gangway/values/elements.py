"""The elements of an R object: from the R of this process, or without any."""

from __future__ import annotations

import operator
import struct
from typing import TYPE_CHECKING, Any

from ..did_you_mean import did_you_mean
from ..exceptions import ArtifactException
from ..rds.altrep import expand
from ..rds.build import character, integer
from ..rds.nodes import (
    CALL,
    CHARACTER,
    DOUBLE,
    ENVIRONMENT,
    EXPRESSION,
    INTEGER,
    LEVELS_SHIFT,
    LIST,
    LOGICAL,
    NA_INTEGER,
    NULL,
    PAIRLIST,
    PROMISE,
    S4,
    UNBOUND,
    WIDTHS,
    FormatError,
    Node,
)
from ..rds.trailer import add_trailer
from ..rds.write import write
from . import asking
from .asking import asked_of_r
from .containers import has_names_alone, is_container, variables
from .describe import attribute, class_of, describe, dimensions, integers, row_count, size, texts

if TYPE_CHECKING:
    from .robject import RObject

# What `[` of these keeps, and `[[`, but that drops the class of a difftime.
_KEPT: dict[tuple[str, ...], tuple[str, ...]] = {
    (): (),
    ("factor",): ("levels", "class"),
    ("ordered", "factor"): ("levels", "class"),
    ("Date",): ("class",),
    ("POSIXct", "POSIXt"): ("class", "tzone"),
    ("difftime",): ("class", "units"),
    ("table",): (),
    ("formula",): (),
}
_FRAMES = (("data.frame",), ("tbl_df", "tbl", "data.frame"))
_ATOMIC = ("logical", "integer", "double", "complex", "character", "raw")
_NA_REAL = 1954
_IS_ACTIVE = 1 << 15 + LEVELS_SHIFT  # a variable whose value is what a function gives


class OnlyR(Exception):
    """Only R knows what `[[` gives."""


def element(value: RObject, index: int | str) -> Any:
    """Return an element of an object; see `RObject.__getitem__`."""
    if not is_container(value):
        raise TypeError(f"{value!r} is not subscriptable")
    if isinstance(index, str):
        return _by_name(value, index)
    position = _position(value, index)
    if asking.running is None or value.info["type"] in _ATOMIC:  # R takes longer to be asked
        try:
            if value.packed_by:
                raise OnlyR
            return plain(_by_position(value, position), value)
        except (OnlyR, FormatError):
            pass
    return asked_of_r(value, lambda engine: engine.element(value, position), index)


def _position(value: RObject, index: Any) -> int:
    """Return an index from 0 on."""
    try:
        position = operator.index(index)
    except TypeError:
        raise TypeError(
            f"indices of {value!r} are whole numbers or names, not {type(index).__name__}"
        ) from None
    if has_names_alone(value):
        raise KeyError(f"{index!r}: the elements of {value!r} have names alone")
    length = len(value)
    position += length if position < 0 else 0
    if not 0 <= position < length:
        raise IndexError(f"index {index} of {value!r}")
    return position


def names(node: Node) -> list[str | None] | None:
    """Return the names of an object's elements."""
    node = expand(node)
    if node.type in (PAIRLIST, CALL):
        tags = [tag.value if tag else "" for tag, _, _ in node.value[0]]
        return tags if any(tags) else None
    if node.type == ENVIRONMENT:
        return [cell.tag.value for cell in variables(node) if cell.tag]
    found = attribute(node, "names")
    if found is None and len(dimensions(node) or ()) == 1:
        dimnames = attribute(node, "dimnames")
        found = expand(dimnames.value[0]) if dimnames is not None and dimnames.value else None
    return None if found is None or found.type == NULL else texts(found)


def plain(node: Node, parent: RObject) -> Any:
    """Make a Python value, where there is an exact one, or an object of its own."""
    node = expand(node)
    if node.type == NULL:
        return None
    if not node.attributes and size(node) == 1:
        value = scalar(node, 0)
        if value is not None:
            return value
    stream = write(node, parent.header)
    description = describe(node, parent.info["r"])
    if class_of(node):  # its methods are where those of the whole are
        packages = [by for by in parent.info["restore"] if by.startswith("package:")]
        description["restore"] += packages
    return parent._sibling(add_trailer(stream, description))


def scalar(node: Node, i: int) -> Any:
    """Return a vector's element as Python's bool, int, float or str; None for all else."""
    if node.type == DOUBLE:
        data = node.value[8 * i : 8 * i + 8]
        (number,) = struct.unpack("<d", data)
        is_na = number != number and struct.unpack("<ii", data)[0] == _NA_REAL
        return None if is_na else number
    if node.type in (LOGICAL, INTEGER):
        (whole,) = struct.unpack("<i", node.value[4 * i : 4 * i + 4])
        return None if whole == NA_INTEGER else bool(whole) if node.type == LOGICAL else whole
    if node.type == CHARACTER and isinstance(node.value[i], str):
        return node.value[i]
    return None


def refuse_packed(value: RObject) -> None:
    """Refuse a packed object: what is stored of it has other elements than it has."""
    if value.packed_by:
        raise ArtifactException(
            f"{value!r} was packed by the R package {' and '.join(value.packed_by)} to be stored. "
            "Only R knows its names: read it in an R step, or with gangway's R client."
        )


def _by_name(value: RObject, name: str) -> Any:
    refuse_packed(value)
    node = expand(value.node)
    if node.type == S4:
        return asked_of_r(value, lambda engine: engine.element(value, name), name)
    known = names(node)
    if not known or name not in known:
        hint = did_you_mean(name, filter(None, known or []))
        raise KeyError(f"{value!r} has no element {name!r}" + (f". {hint}" if hint else ""))
    i = known.index(name)
    try:
        if node.type == LIST:
            return plain(node.value[i], value)
        if node.type in (PAIRLIST, CALL):
            return plain(node.value[0][i].value, value)
        found = _variable(node, i) if node.type == ENVIRONMENT else _by_position(value, i)
        return plain(found, value)
    except OnlyR:
        return asked_of_r(value, lambda engine: engine.element(value, name), name)


def _variable(node: Node, i: int) -> Node:
    cell = variables(node)[i]
    found = cell.value.value[1] if cell.value.type == PROMISE else cell.value
    if cell.flags & _IS_ACTIVE or found.type == UNBOUND:
        raise OnlyR  # to have it runs code
    return found  # type: ignore[no-any-return]


def _by_position(value: RObject, i: int) -> Node:
    node = expand(value.node)
    classes = tuple(class_of(node))
    if classes in _FRAMES and node.type == LIST:
        return _row(node, i)
    if classes not in _KEPT:
        raise OnlyR
    if node.type in (LIST, EXPRESSION) and not classes:
        return node.value[i]  # type: ignore[no-any-return]
    if node.type in (PAIRLIST, CALL) and node.value[1] is None:
        return node.value[0][i].value  # type: ignore[no-any-return]
    if node.type in WIDTHS or node.type == CHARACTER:
        return _slice(node, i, () if classes == ("difftime",) else _KEPT[classes])
    raise OnlyR


def _slice(node: Node, i: int, kept: tuple[str, ...]) -> Node:
    if node.type in WIDTHS:
        width = WIDTHS[node.type]
        part = bytes(node.value[i * width : (i + 1) * width])
    else:
        part = node.value[i : i + 1]
    attributes = {n: a for n in kept if (a := attribute(node, n))}
    return Node(node.type, part, attributes or None)


def _row(frame: Node, i: int) -> Node:
    """Return the data frame of one row."""
    attributes = frame.attributes or {}
    if set(attributes) != {"names", "row.names", "class"}:
        raise OnlyR
    count = row_count(frame)
    columns = []
    for column in map(expand, frame.value):
        classes = tuple(class_of(column))
        kept = ("class",) if column.type == LIST and classes == ("AsIs",) else _KEPT.get(classes)
        if kept is None or set(column.attributes or ()) - set(kept) or size(column) != count:
            raise OnlyR
        if column.type not in (LIST, CHARACTER, *WIDTHS):
            raise OnlyR
        columns.append(_slice(column, i, kept))
    is_tibble = len(class_of(frame)) > 1
    rows = attribute(frame, "row.names")
    if rows is not None and rows.type == CHARACTER and not is_tibble:
        row = character([rows.value[i]])
    else:
        number = 1 if is_tibble or rows is None else _row_number(rows, i)
        row = integer([None, -1] if number == 1 else [number])
    return Node(LIST, columns, {**attributes, "row.names": row})


def _row_number(rows: Node, i: int) -> int:
    if rows.type != INTEGER:
        raise OnlyR
    numbers = integers(rows)
    return i + 1 if len(numbers) == 2 and numbers[0] == NA_INTEGER else numbers[i]
