"""What must be true of a stream before R reads it.

R's ``unserialize()`` trusts its input. Crafted data can hold a promise as a value, whose code runs
as soon as somebody looks at it (CVE-2024-27322, rules.py). Code calls functions by name: a stream
without the name of one cannot do harm, and finding names is much faster than reading the million
elements of a list. So what is short, or has such names, is read through; the rest is not.
"""

from __future__ import annotations

import re
import struct

from .nodes import BUILTIN, SPECIAL, STRING, SYMBOL
from .read import Reader, TooManyItems

# Reading so many elements takes some milliseconds.
_FEW = 5_000

# Names of attributes of plain data; those that are functions too only look at their argument.
_HARMLESS = frozenset(
    b"names dim dimnames class levels row.names tzone tsp units comment groups .internal.selfref "
    b"sorted index ptype size balanced .drop".split()
)

# Symbols, found anywhere in the bytes of a native stream: type, the name's type, its length.
_SYMBOLS = re.compile(
    rb"\x%02x(?<=\x%02x.{3}\x%02x).{3}(..)\0\0" % (STRING, SYMBOL, STRING), re.DOTALL
)
# Functions that are part of R, stored by their name.
_BUILTINS = tuple(
    re.compile(rb"\x%02x.{3}[\x01-\x7f]\0\0\0[!-~]" % kind, re.DOTALL)
    for kind in (SPECIAL, BUILTIN)
)


def check_stream(data: bytes, end: int) -> None:
    """Look for what crafted data may hold, before R reads it.

    Parameters
    ----------
    data : bytes
        A stored artifact.
    end : int
        Where R's serialization ends in it.

    Raises
    ------
    FormatError
        It is damaged, or holds a promise as a value.
    """
    reader = Reader(data, end, most=_FEW)
    try:
        reader.run()
    except TooManyItems:
        if data[:2] != b"B\n" or may_hold_code(data, end):
            Reader(data, end).run()


def may_hold_code(data: bytes, end: int) -> bool:
    """Whether a native stream has the name of a function, or bytes that look like one."""
    position = 0
    while found := _SYMBOLS.search(data, position, end):
        (size,) = struct.unpack("<H", found[1])
        name = data[found.end() : found.end() + size]
        if name not in _HARMLESS and b"\0" not in name:
            return True
        position = found.start() + 1
    return any(pattern.search(data, 0, end) for pattern in _BUILTINS)
