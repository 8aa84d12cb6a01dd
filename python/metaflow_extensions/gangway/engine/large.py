"""R's ``unserialize()`` for values in Ray's shared memory, whose large vectors it need not see.

R wants the whole stream as a raw vector, and makes the value beside it: of 200 MB of numbers nearly
all the time goes into memory that is touched for the first time. So large vectors are cut out of
the stream, and copied from where they lie to where R wants them.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..rds.nodes import DOUBLE, HAS_ATTRIBUTES, INTEGER, LIST, LOGICAL, NULL, RAW
from . import embed

LARGE = 1 << 20
# What R's vector() calls a type, the function that tells where its values are, and their width.
_KINDS = {
    LOGICAL: ("logical", "LOGICAL", 4),
    INTEGER: ("integer", "INTEGER", 4),
    DOUBLE: ("numeric", "REAL", 8),
    RAW: ("raw", "RAW", 1),
}
_IS_S4 = 1 << 16
# So many elements of lists are looked at.
_MOST = 10_000


class Vector(NamedTuple):
    """Where a vector is: the places in lists that lead to it, and of its values in the stream."""

    path: tuple[int, ...]
    kind: int
    start: int
    end: int


def unserialize(data: Any, read: Callable[[Any], Any], front: bytes = b"") -> Any:
    """Return the R object of what ``serialize(xdr = FALSE)`` has written.

    Parameters
    ----------
    data : bytes-like
        Not copied as a whole.
    read : callable
        R's function that reads a stream.
    front : bytes
        What the stream of a vector of numbers has before them: then they are the data.
    """
    view = memoryview(data)
    if front:
        return _filled(_int(memoryview(front), 18 + _int(memoryview(front), 14)) & 0xFF, view)
    vectors = large_vectors(view)
    value = read(embed.bytes_to_raw(_without(view, vectors)))
    for vector in vectors:
        filled = _filled(vector.kind, view[vector.start : vector.end])
        if not vector.path:
            value = _with_attributes_of(value.__sexp__._cdata, filled)
        else:
            _put(value, vector.path, filled)
    return value


def large_vectors(data: memoryview) -> list[Vector]:
    """Find large vectors of numbers, up to the first item that would have to be read to pass it."""
    found: list[Vector] = []
    if len(data) >= LARGE and data[:2] == b"B\n" and _int(data, 2) == 3:
        with contextlib.suppress(_Unknown, RecursionError):
            _look(data, 18 + _int(data, 14), (), found, [_MOST])
    return found


def numbers_of(vector: Any) -> Any:
    """Where the numbers of an R vector are; None of one that has none in memory, such as 1:1e9."""
    from rpy2.rinterface_lib import openrlib

    if embed.is_altrep(vector):
        return None
    value = vector.__sexp__._cdata
    _, address_of, width = _KINDS[value.sxpinfo.type]
    address = getattr(openrlib, address_of)(value)
    return openrlib.ffi.buffer(address, len(vector) * width)


def assign(environment: Any, name: str, value: Any) -> None:
    """Bind a value in an R environment; rpy2 would bind a copy."""
    from rpy2.rinterface_lib import openrlib

    symbol = openrlib.rlib.Rf_install(name.encode())
    openrlib.rlib.Rf_defineVar(symbol, value.__sexp__._cdata, environment.__sexp__._cdata)


class _Unknown(Exception):
    pass


def _int(data: memoryview, at: int) -> int:
    return int(struct.unpack_from("<i", data, at)[0])


def _look(
    data: memoryview, at: int, path: tuple[int, ...], found: list[Vector], left: list[int]
) -> int:
    """Look at the item there; return where it ends."""
    flags = _int(data, at)
    kind = flags & 0xFF
    left[0] -= 1
    if left[0] < 0 or flags & _IS_S4:
        raise _Unknown
    if kind == NULL:
        return at + 4
    if kind != LIST and kind not in _KINDS:
        raise _Unknown
    size, at = _int(data, at + 4), at + 8
    # R writes the length of a vector of 2^31 elements and more as -1 and two numbers.
    if size < 0:
        raise _Unknown
    if kind == LIST:
        for place in range(size):
            at = _look(data, at, (*path, place), found, left)
    else:
        start, at = at, at + size * _KINDS[kind][2]
        if at - start >= LARGE:
            found.append(Vector(path, kind, start, at))
    if flags & HAS_ATTRIBUTES:
        raise _Unknown
    return at


def _without(data: memoryview, vectors: Sequence[Vector]) -> Any:
    """The stream with vectors of no length in their places, which have their attributes."""
    if not vectors:
        return data
    pieces: list[Any] = []
    done = 0
    for vector in vectors:
        pieces += [data[done : vector.start - 4], bytes(4)]
        done = vector.end
    return b"".join([*pieces, data[done:]])


def _filled(kind: int, values: memoryview) -> Any:
    import rpy2.rinterface as ri
    from rpy2.rinterface_lib import openrlib

    mode, address_of, width = _KINDS[kind]
    # By R's own function: for want of memory the one in C would jump out of Python.
    size = ri.FloatSexpVector([len(values) // width])
    vector = ri.baseenv["vector"](ri.StrSexpVector([mode]), size)
    address = getattr(openrlib, address_of)(vector.__sexp__._cdata)
    openrlib.ffi.memmove(address, openrlib.ffi.from_buffer(values), len(values))
    return vector


def _with_attributes_of(empty: Any, vector: Any) -> Any:
    import rpy2.rinterface as ri
    from rpy2.rinterface_lib import conversion, openrlib

    attributes = ri.baseenv["attributes"](conversion._cdata_to_rinterface(empty))
    if attributes is not ri.NULL:
        for name, attribute in zip(attributes.names, attributes, strict=True):
            symbol = openrlib.rlib.Rf_install(name.encode())
            openrlib.rlib.Rf_setAttrib(vector.__sexp__._cdata, symbol, attribute.__sexp__._cdata)
    return vector


def _put(value: Any, path: Sequence[int], vector: Any) -> None:
    from rpy2.rinterface_lib import openrlib

    rlib = openrlib.rlib
    holder = value.__sexp__._cdata
    for place in path[:-1]:
        holder = rlib.VECTOR_ELT(holder, place)
    whole = _with_attributes_of(rlib.VECTOR_ELT(holder, path[-1]), vector)
    rlib.SET_VECTOR_ELT(holder, path[-1], whole.__sexp__._cdata)
