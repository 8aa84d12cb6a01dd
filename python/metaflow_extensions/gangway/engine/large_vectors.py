"""R's ``unserialize()`` for values in Ray's shared memory, whose large vectors it need not see.

R wants the whole stream as a raw vector, and makes the value beside it: of 200 MB of numbers nearly
all the time goes into memory that is touched for the first time. So large vectors are cut out of
the stream, and copied from where they lie to where R wants them.
"""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..rds.nodes import DOUBLE, HAS_ATTRIBUTES, INTEGER, LIST, LOGICAL, NULL, RAW
from .vectors import bytes_to_raw, is_altrep

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
        return _filled(_int(memoryview(front), 18 + _int(memoryview(front), 14)) & 0xFF, view, None)
    vectors = large_vectors(view)
    value = read(bytes_to_raw(_without(view, vectors)))
    for vector in vectors:
        values = view[vector.start : vector.end]
        if not vector.path:
            value = _filled(vector.kind, values, value)
        else:
            _put(value, vector, values)
    return value


def large_vectors(data: memoryview) -> list[Vector]:
    """Find large vectors of numbers, up to the first item that would have to be read to pass it."""
    found: list[Vector] = []
    if len(data) >= LARGE and bytes(data[:2]) == b"B\n" and _int(data, 2) == 3:
        with contextlib.suppress(_Unknown, RecursionError):
            _look(data, 18 + _int(data, 14), (), found, [_MOST])
    return found


def numbers_of(vector: Any) -> Any:
    """Where the numbers of an R vector are; None of one that has none in memory, such as 1:1e9."""
    from rpy2.rinterface_lib import openrlib

    if is_altrep(vector):
        return None
    value = vector.__sexp__._cdata
    _, address_of, width = _KINDS[value.sxpinfo.type]
    address = getattr(openrlib, address_of)(value)
    return openrlib.ffi.buffer(address, len(vector) * width)


def assign(environment: Any, name: str, value: Any) -> None:
    """Bind a value in an R environment that is not locked; rpy2 would bind a copy."""
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
    """Return the stream with vectors of no length in their places, which have their attributes."""
    if not vectors:
        return data
    pieces: list[Any] = []
    done = 0
    for vector in vectors:
        pieces += [data[done : vector.start - 4], bytes(4)]
        done = vector.end
    return b"".join([*pieces, data[done:]])


def _filled(kind: int, values: memoryview, like: Any) -> Any:
    """Make a vector of these values, with the attributes of `like`."""
    import rpy2.rinterface as ri
    from rpy2.rinterface_lib import openrlib

    mode, address_of, width = _KINDS[kind]
    size = ri.FloatSexpVector([len(values) // width])
    vector = _making()(ri.StrSexpVector([mode]), size, ri.NULL if like is None else like)
    address = getattr(openrlib, address_of)(vector.__sexp__._cdata)
    openrlib.ffi.memmove(address, openrlib.ffi.from_buffer(values), len(values))
    return vector


@functools.cache
def _making() -> Any:
    """Return R's function for a vector.

    For want of memory, or for attributes that do not fit, C would jump out of Python (vectors.py).
    """
    import rpy2.rinterface as ri

    return ri.evalr("""local(envir = baseenv(), function(mode, size, like) {
        vector <- vector(mode, size)
        attributes(vector) <- attributes(like)
        vector
    })""")


def _put(value: Any, vector: Vector, values: memoryview) -> None:
    from rpy2.rinterface_lib import conversion, openrlib

    holder = value.__sexp__._cdata
    for place in vector.path[:-1]:
        holder = _element(holder, place)
    last = vector.path[-1]
    empty = conversion._cdata_to_rinterface(_element(holder, last))
    filled = _filled(vector.kind, values, empty)
    openrlib.rlib.SET_VECTOR_ELT(holder, last, filled.__sexp__._cdata)


def _element(holder: Any, place: int) -> Any:
    from rpy2.rinterface_lib import openrlib

    rlib = openrlib.rlib
    if holder.sxpinfo.type != rlib.VECSXP or place >= rlib.Rf_xlength(holder):
        raise ValueError("R has read another list than the one that is in the stream")
    return rlib.VECTOR_ELT(holder, place)
