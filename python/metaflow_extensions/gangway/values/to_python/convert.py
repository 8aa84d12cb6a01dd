"""R objects as Python's own types, NumPy's and pandas', without R."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...exceptions import ArtifactException
from ...rds.altrep import expand
from ...rds.nodes import (
    CHARACTER,
    COMPLEX,
    DOUBLE,
    INTEGER,
    LEVELS_SHIFT,
    LIST,
    NULL,
    PAIRLIST,
    RAW,
    WIDTHS,
    FormatError,
    Node,
)
from ..describe import attribute, class_of, size
from ..elements import names, plain, scalar
from ..reading import reading
from . import arrays, frames, times

if TYPE_CHECKING:
    from ..robject import RObject

_IS_S4 = 16 << LEVELS_SHIFT


def convert(value: RObject) -> Any:
    """Convert an object; see `RObject.to_python`."""
    return guarded(value, lambda: _Conversion(value).convert(value.node))


def guarded(value: RObject, make: Callable[[], Any]) -> Any:
    """Return what `make` converts the object to; what it cannot is an `ArtifactException`."""
    if value.packed_by:
        return value  # what only R packages can bring back
    try:
        return reading(value, make)
    except arrays.MissingModule as error:
        raise ArtifactException(
            f"{value!r} has NumPy's or pandas' types in Python, and {error}: python -m pip install "
            "numpy pandas. The method to_builtins() gives lists and dicts, and needs neither."
        ) from None
    except RecursionError:
        raise ArtifactException(
            f"{value!r} is nested too deeply for Python's own types; take its elements."
        ) from None
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as e:
        raise ArtifactException(
            f"{value!r} cannot be converted: its parts do not fit together ({e!r}), or it is too "
            "large. Its elements, or R, may still be able to read it."
        ) from e


def named(known: list[str | None] | None, values: list[Any]) -> Any:
    """Convert a list; of named elements a dict, or pairs if names repeat or are missing."""
    if known is None:
        return values
    pairs = list(zip(known, values, strict=True))
    unique = len(set(known)) == len(known) and not {None, ""} & set(known)
    return dict(pairs) if unique else pairs


def data_of(node: Node) -> Node | None:
    """Return the data that an object is; S4 objects, functions and the like are none."""
    try:
        node = expand(node)
    except FormatError:
        return None
    of_pairs = node.type == PAIRLIST and node.value[1] is None
    is_data = of_pairs or node.type in (NULL, CHARACTER, LIST, *WIDTHS)
    return node if is_data and not node.flags & _IS_S4 else None


class _Conversion:
    def __init__(self, value: RObject) -> None:
        self._value = value
        self._native = value.header.encoding

    def convert(self, node: Node) -> Any:
        """Any object: vectors of length one become scalars."""
        data = data_of(node)
        if data is None:
            return self._keep(node)
        node = data
        if node.type == NULL:
            return None
        if node.type in (LIST, PAIRLIST) and "POSIXlt" not in class_of(node):
            return self._list(node)
        known = names(node)
        if node.type == RAW and not class_of(node) and attribute(node, "dim") is None:
            return bytes(node.value)
        if size(node) == 1 and known is None and attribute(node, "dim") is None:
            return self._one(node)
        values = self.vector(node)
        if known is not None and attribute(node, "dim") is None and node.type != LIST:
            return frames.series(values, known)
        return values

    def vector(self, node: Node) -> Any:
        """Convert a vector to an array, also where it has one element."""
        classes = class_of(node)
        if "factor" in classes and node.type == INTEGER:
            return arrays.factor(node, self._native)
        if "POSIXlt" in classes:
            return times.broken_down_times(node)
        if node.type in (INTEGER, DOUBLE):
            if "Date" in classes:
                return times.dates(node)
            if "POSIXct" in classes:
                return times.times(node)
            if "difftime" in classes:
                return times.differences(node)
        if node.type == CHARACTER and attribute(node, "dim") is None:
            return arrays.strings(node, self._native)
        return arrays.array(node, self._native)

    def _one(self, node: Node) -> Any:
        classes = class_of(node)
        if "factor" in classes:
            return self.vector(node)
        if "Date" in classes and node.type in (INTEGER, DOUBLE):
            return times.date(node)
        if "difftime" in classes and "POSIXct" not in classes and node.type in (INTEGER, DOUBLE):
            return times.difference(node)
        if {"POSIXct", "difftime"} & set(classes):
            value = self.vector(node)[0]
            return _nothing_or(value)
        if node.type == COMPLEX or "integer64" in classes:
            value = arrays.array(node, self._native)[0]
            return None if value is arrays.module("pandas").NA else value.item()
        if node.type == CHARACTER:
            return arrays.strings(node, self._native)[0]
        value = scalar(node, 0)
        return float("nan") if value is None and node.type == DOUBLE else value

    def _list(self, node: Node) -> Any:
        if "data.frame" in class_of(node) and node.type == LIST:
            return frames.frame(node, self.vector, self.convert, self._native)
        elements = node.value if node.type == LIST else [v for _, v, _ in node.value[0]]
        return named(names(node), [self.convert(e) for e in elements])

    def _keep(self, node: Node) -> Any:
        return self._value if node is self._value.node else plain(node, self._value)


def _nothing_or(value: Any) -> Any:
    """Make Python's own of a scalar of pandas or NumPy; NaT is None."""
    if value != value:
        return None
    try:
        return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value.item()
    except (ValueError, NotImplementedError):  # of pandas, which has more years
        raise times.beyond(f"{value.timestamp():g} seconds since 1970") from None
