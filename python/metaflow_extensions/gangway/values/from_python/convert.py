"""Python's values as R's natural objects: the one door for tasks and for an R session's client.

The result is R's serialization, made without R, so that both give R the same object. Which type
becomes which, and what is lost, is told in vignettes/artifacts.Rmd.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from ...rds.build import character, double, integer, list_, null, raw
from ...rds.nodes import Node
from ...rds.trailer import add_trailer
from ...rds.write import write
from ..describe import describe
from .scalars import kind_of, strings, vector


class Converted(NamedTuple):
    """A value on its way to R.

    Attributes
    ----------
    stream : bytes
        R's serialization.
    description : dict
        What a stored artifact tells of its object.
    unconverted : list
        What has no counterpart in R, and R objects. The stream holds their positions from 1, as
        doubles of the class ``gangway_placeholder``.
    """

    stream: bytes
    description: dict[str, Any]
    unconverted: list[Any]


class NoCounterpart(Exception):
    """R has nothing that equals a value."""


def to_blob(value: Any) -> bytes | None:
    """Make an artifact of R; None where R has no counterpart of a value or a part of it."""
    converted = convert(value)
    if converted is None or converted.unconverted:
        return None
    return add_trailer(converted.stream, converted.description)


def convert(value: Any) -> Converted | None:
    """Make R's natural object of a value.

    Parameters
    ----------
    value : object
        Any Python value that is no `RObject`.

    Returns
    -------
    Converted or None
        None where R has no counterpart of the value as a whole.
    """
    conversion = Conversion()
    try:
        node = conversion.exactly(value)
    except (NoCounterpart, RecursionError):  # what holds itself
        return None
    return Converted(write(node), describe(node, r=""), conversion.unconverted)


class Conversion:
    """One value and what is in it."""

    def __init__(self) -> None:
        self.unconverted: list[Any] = []

    def node(self, value: Any) -> Node:
        """R's object for an element; a placeholder where there is none."""
        count = len(self.unconverted)
        try:
            return self.exactly(value)
        except NoCounterpart:
            del self.unconverted[count:]
            self.unconverted.append(value)
            return double([float(count + 1)], {"class": character(["gangway_placeholder"])})

    def exactly(self, value: Any) -> Node:
        """R's object for a value; raises `NoCounterpart` where there is none."""
        if value is None:
            return null()
        if kind_of(type(value)):
            return self.known(vector([value]))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return raw(value)
        maker = _maker_of(value)
        if maker is None:
            raise NoCounterpart
        return maker(value, self)

    def known(self, node: Node | None) -> Node:
        """Return the node; raise `NoCounterpart` where it is None."""
        if node is None:
            raise NoCounterpart
        return node

    def sequence(self, values: Sequence[Any]) -> Node:
        """Make a vector of scalars of one kind, else a list."""
        node = vector(values) if values else None
        return node or list_([self.node(v) for v in values])

    def named(self, values: Mapping[Any, Any]) -> Node:
        """Make a named list."""
        names = list(values)
        if not all(isinstance(name, str) and name for name in names):
            raise NoCounterpart  # R's names are strings, and an empty one means none
        labels = self.known(strings(names))
        return list_([self.node(v) for v in values.values()], attributes={"names": labels})

    def data_frame(
        self, columns: Sequence[Node], names: list[str], rows: int, row_names: Node | None = None
    ) -> Node:
        """Make a data frame of columns of one length; numbered rows where they have no names."""
        attributes = {
            "names": self.known(strings(names)),
            "class": character(["data.frame"]),
            # R's short form of 1 to n
            "row.names": row_names or integer([None, -rows] if rows else []),
        }
        return list_(columns, attributes=attributes)


Maker = Callable[[Any, Conversion], Node]


def _maker_of(value: Any) -> Maker | None:
    for test, maker in _CONTAINERS:
        if test(value):
            return maker
    for base in type(value).__mro__:
        library = base.__module__.partition(".")[0]
        if library in _LIBRARIES:
            return _LIBRARIES[library]
    return None


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_asdict")


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _set(value: Any, conversion: Conversion) -> Node:
    # Python's order of a set of strings differs from process to process
    try:
        return conversion.sequence(sorted(value))
    except TypeError:
        return conversion.sequence(list(value))


def _range(value: range, conversion: Conversion) -> Node:
    return conversion.known(vector(value)) if value else integer([])


def _record(value: Any, conversion: Conversion) -> Node:
    return conversion.named({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})


def _caught(value: Any, conversion: Conversion) -> Node:
    from . import caught

    return caught.condition(value, conversion)


def _numpy(value: Any, conversion: Conversion) -> Node:
    from . import arrays

    return arrays.from_array(value, conversion)


def _pandas(value: Any, conversion: Conversion) -> Node:
    from . import frames

    return frames.from_pandas(value, conversion)


def _arrow(value: Any, conversion: Conversion) -> Node:
    from . import arrow

    return arrow.from_arrow(value, conversion)


def _polars(value: Any, conversion: Conversion) -> Node:
    try:
        table = value.to_arrow()
    except (ImportError, AttributeError) as error:  # no pyarrow, or a lazy frame, an expression
        raise NoCounterpart from error
    return _arrow(table, conversion)


_CONTAINERS: list[tuple[Callable[[Any], bool], Maker]] = [
    (_is_named_tuple, lambda value, conversion: conversion.named(value._asdict())),
    (
        lambda value: isinstance(value, Mapping),
        lambda value, conversion: conversion.named(value),
    ),
    (
        lambda value: isinstance(value, (list, tuple, deque)),
        lambda value, conversion: conversion.sequence(list(value)),
    ),
    (lambda value: isinstance(value, (set, frozenset)), _set),
    (lambda value: isinstance(value, range), _range),
    (
        lambda value: isinstance(value, PurePath),
        lambda value, conversion: conversion.exactly(str(value)),
    ),
    (_is_record, _record),
    (lambda value: type(value).__name__ == "MetaflowExceptionWrapper", _caught),
]
_LIBRARIES: dict[str, Maker] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "pyarrow": _arrow,
    "polars": _polars,
}
