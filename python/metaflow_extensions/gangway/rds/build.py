"""Nodes of R's vectors and lists, made of Python's values."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from .nodes import (
    CHARACTER,
    COMPLEX,
    DOUBLE,
    INTEGER,
    LIST,
    LOGICAL,
    NA_INTEGER,
    NA_REAL_BYTES,
    NULL,
    RAW,
    Node,
    String,
)

Attributes = dict[str, Node] | None


def null() -> Node:
    """R's NULL."""
    return Node(NULL)


def logical(values: Any, attributes: Attributes = None) -> Node:
    """Make a logical vector of a list (None is NA) or an array (of bool, or R's integers)."""
    return Node(LOGICAL, _integers(values), attributes)


def integer(values: Any, attributes: Attributes = None) -> Node:
    """Make an integer vector of a list (None is NA) or an array; they must fit in 32 bits."""
    return Node(INTEGER, _integers(values), attributes)


def double(values: Any, attributes: Attributes = None) -> Node:
    """Make a double vector of a list (None is NA) or a NumPy array."""
    if hasattr(values, "astype"):
        return Node(DOUBLE, _buffer(values, "<f8"), attributes)
    # array() would make another NaN of R's NA on its way through a Python float
    pack = struct.Struct("<d").pack
    if any(v is None for v in values):
        data = b"".join(NA_REAL_BYTES if v is None else pack(v) for v in values)
    else:
        data = array("d", values).tobytes()
    return Node(DOUBLE, data, attributes)


def complex_(values: Any, attributes: Attributes = None) -> Node:
    """Make a complex vector of a list (None is NA) or a NumPy array."""
    if hasattr(values, "astype"):
        return Node(COMPLEX, _buffer(values, "<c16"), attributes)
    pack = struct.Struct("<dd").pack
    na = NA_REAL_BYTES * 2
    data = b"".join(na if v is None else pack(v.real, v.imag) for v in values)
    return Node(COMPLEX, data, attributes)


def raw(data: Any, attributes: Attributes = None) -> Node:
    """Make a raw vector of bytes, or of what has the buffer protocol."""
    return Node(RAW, data if isinstance(data, bytes) else memoryview(data).cast("B"), attributes)


def character(values: Iterable[String], attributes: Attributes = None) -> Node:
    """Make a character vector; None is NA."""
    return Node(CHARACTER, list(values), attributes)


def list_(
    values: Iterable[Node], names: Sequence[str] | None = None, attributes: Attributes = None
) -> Node:
    """Make a list; `names` come before the other attributes."""
    if names is not None:
        attributes = {"names": character(names), **(attributes or {})}
    return Node(LIST, list(values), attributes)


def _integers(values: Any) -> Any:
    if hasattr(values, "astype"):
        return _buffer(values, "<i4")
    return array("i", (NA_INTEGER if v is None else v for v in values)).tobytes()


def _buffer(values: Any, dtype: str) -> Any:
    """Order an array's elements as R does (by column), without a copy where it can be."""
    flat = values.astype(dtype, copy=False).reshape(-1, order="F")
    if not flat.size:
        return b""
    return memoryview(flat).cast("B") if flat.flags.c_contiguous else flat.tobytes()
