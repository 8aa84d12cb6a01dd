"""R objects as Python's built-in types alone, without R, NumPy and pandas."""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...rds.altrep import expand
from ...rds.nodes import (
    CHARACTER,
    COMPLEX,
    DOUBLE,
    INTEGER,
    LIST,
    LOGICAL,
    NA_INTEGER,
    NULL,
    PAIRLIST,
    RAW,
    Node,
)
from ...rds.strings import as_text
from ..describe import attribute, class_of, dimensions
from ..elements import names, plain
from .convert import data_of, guarded, named
from .times import DAY, beyond, seconds_of, zone

if TYPE_CHECKING:
    from ..robject import RObject

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_NA_INTEGER64 = -(2**63)


def convert(value: RObject) -> Any:
    """Convert an object; see `RObject.to_builtins`."""
    return guarded(value, lambda: _Conversion(value).convert(value.node))


class _Conversion:
    def __init__(self, value: RObject) -> None:
        self._value = value
        self._native = value.header.encoding

    def convert(self, node: Node) -> Any:
        """Any object: vectors of length one become scalars."""
        data = data_of(node)
        if data is None or "POSIXlt" in class_of(data):
            return self._keep(node)
        node = data
        if node.type == NULL:
            return None
        if node.type in (LIST, PAIRLIST):
            return self._list(node)
        values = self._vector(node)
        known = names(node)
        if attribute(node, "dim") is not None and len(dimensions(node) or ()) != 1:
            return values
        if known is not None:
            return named(known, list(values))
        return values[0] if len(values) == 1 and not isinstance(values, bytes) else values

    def _list(self, node: Node) -> Any:
        if "data.frame" in class_of(node) and node.type == LIST:
            return named(names(node), [self._column(expand(e)) for e in node.value])
        elements = node.value if node.type == LIST else [v for _, v, _ in node.value[0]]
        return named(names(node), [self.convert(e) for e in elements])

    def _column(self, node: Node) -> Any:
        if node.type == LIST and not {"data.frame", "POSIXlt"} & set(class_of(node)):
            values = [self.convert(e) for e in node.value]
            dim = dimensions(node)
            return _nested(values, dim) if dim else values
        if node.type != LIST and data_of(node) is not None:
            return self._vector(node)
        return self.convert(node)

    def _vector(self, node: Node) -> Any:
        """Make a list of a vector, also of one element; of more dimensions lists of lists."""
        dim = dimensions(node)
        if node.type == RAW and not dim:
            return bytes(node.value)
        values = self._values(node)
        return _nested(values, dim) if dim and len(dim) > 1 else values

    def _values(self, node: Node) -> list[Any]:
        classes = class_of(node)
        if node.type == CHARACTER:
            return self._strings(node)
        if node.type == RAW:
            return list(node.value)
        if node.type == COMPLEX:
            parts = _present(Node(DOUBLE, node.value))
            pairs = zip(parts[::2], parts[1::2], strict=True)
            return [None if r is None or i is None else complex(r, i) for r, i in pairs]
        if "integer64" in classes and node.type == DOUBLE:
            return [None if v == _NA_INTEGER64 else v for v in _numbers(node, "q")]
        if node.type == LOGICAL:
            return [None if v == NA_INTEGER else bool(v) for v in _numbers(node, "i")]
        numbers = _present(node)
        if "factor" in classes and node.type == INTEGER:
            return _each(numbers, self._labels(node))
        if "Date" in classes:
            return _each(numbers, lambda v: (_EPOCH + v // 1 * DAY).date(), is_time=True)
        if "POSIXct" in classes:
            here = zone(node)
            return _each(numbers, lambda v: (_EPOCH + _seconds(v)).astimezone(here), is_time=True)
        if "difftime" in classes:
            unit = seconds_of(node)
            return _each(numbers, lambda v: _seconds(v * unit), is_time=True)
        return numbers

    def _strings(self, node: Node) -> list[str | None]:
        return [
            s if s is None or isinstance(s, str) else as_text(s, self._native) for s in node.value
        ]

    def _labels(self, node: Node) -> Callable[[int], str | None]:
        levels = attribute(node, "levels")
        labels = self._strings(levels) if levels is not None and levels.type == CHARACTER else []

        def label(code: int) -> str | None:
            if not 1 <= code <= len(labels):
                raise ValueError("a factor has values that are none of its levels")
            return labels[code - 1]

        return label

    def _keep(self, node: Node) -> Any:
        return self._value if node is self._value.node else plain(node, self._value)


def _numbers(node: Node, code: str) -> Sequence[Any]:
    return array(code, bytes(node.value))


def _present(node: Node) -> list[Any]:
    """Integers or doubles; NA is None, and NaN stays."""
    if node.type == INTEGER:
        return [None if v == NA_INTEGER else v for v in _numbers(node, "i")]
    values = _numbers(node, "d")
    bits = _numbers(node, "q")
    # the lower half tells NA from NaN; arithmetic may have set the bit of a quiet NaN
    return [
        None if v != v and b & 0xFFFFFFFF == 1954 else v for v, b in zip(values, bits, strict=True)
    ]


def _each(values: list[Any], make: Callable[[Any], Any], is_time: bool = False) -> list[Any]:
    if not is_time:
        return [None if v is None else make(v) for v in values]
    return [None if v is None or v != v else _time(v, make) for v in values]


def _time(value: Any, make: Callable[[Any], Any]) -> Any:
    try:
        return make(value)
    except (OverflowError, ValueError):
        raise beyond(f"{value:g}") from None


def _seconds(value: float) -> datetime.timedelta:
    # a double of today's seconds is exact to a quarter of a microsecond
    return datetime.timedelta(microseconds=round(value * 1e6))


def _nested(values: list[Any], dim: list[int]) -> list[Any]:
    """R's order is by columns: of a matrix the rows, as lists."""
    if len(dim) == 1:
        return values
    return [_nested(values[i :: dim[0]], dim[1:]) for i in range(dim[0])]
