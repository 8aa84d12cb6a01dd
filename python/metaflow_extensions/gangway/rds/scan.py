"""What must be true of a stream before R reads it.

R's ``unserialize()`` trusts its input. Crafted data can hold a promise as a value, whose code runs
as soon as somebody looks at it (CVE-2024-27322, rules.py). A promise that has not run has R's mark
for no value, and code calls functions by name: a stream without either cannot do harm, and finding
them is faster than going through a million elements. So what is short, or has both, is gone
through; the rest is not.
"""

from __future__ import annotations

import re
import struct

from .nodes import (
    BUILTIN,
    CHARACTER,
    HAS_ATTRIBUTES,
    NULL,
    SPECIAL,
    STRING,
    SYMBOL,
    UNBOUND,
    WIDTHS,
    FormatError,
    Node,
    String,
)
from .read import Reader, Reading, TooManyItems
from .rules import Check, as_attributes, refuse_promise

# Going through so many elements, or rows of elements that are alike, takes some milliseconds.
_FEW = 5_000
# So many elements are compared at a time: of more than that a processor's cache would not hold all.
_FIRST_BLOCK, _LARGEST_BLOCK = 16, 1 << 14

# Attributes and classes of plain data. Some are functions too, which do nothing but look at their
# arguments. A vector of one string looks like a symbol.
_HARMLESS = frozenset(
    b"names dim dimnames class levels row.names tzone tsp units comment groups .internal.selfref "
    b"sorted index ptype size .drop data.frame factor Date difftime AsIs integer64 list table "
    b"UTC secs mins hours days weeks".split()
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
    try:
        Skim(data, end, most=_FEW).run()
    except TooManyItems:
        if data[:2] != b"B\n" or may_hold_code(data, end):
            Skim(data, end).run()


def problem_of(data: bytes, end: int) -> str:
    """Return what `check_stream` says of a stream, or an empty string."""
    try:
        check_stream(data, end)
    except FormatError as error:
        return str(error)
    return ""


def may_hold_code(data: bytes, end: int) -> bool:
    """Whether a native stream has a promise and the name of a function, or bytes that look so."""
    if data.find(UNBOUND, 0, end) < 0:  # no byte of text, and of few numbers
        return False
    position = 0
    while found := _SYMBOLS.search(data, position, end):
        (size,) = struct.unpack("<H", found[1])
        name = data[found.end() : found.end() + size]
        if name and name not in _HARMLESS and b"\0" not in name:
            return True
        position = found.start() + 1
    return any(pattern.search(data, 0, end) for pattern in _BUILTINS)


class Skim(Reader):
    """A reader that keeps no elements of vectors: only what is an object by itself."""

    def _numbers(self, kind: int, width: int) -> bytes:
        size = self._count(width) * width  # moves on, too
        self._pos += size
        return b""

    def _strings(self, n: int) -> list[String]:
        if n == 1:  # it may be the name of a symbol
            return super()._strings(n)
        self._pos = self._after_strings(self._pos, n)
        return []

    def _list(self, flags: int, check: Check = refuse_promise) -> Reading:
        left = self._count(4)
        while left := left - self._pass_vectors(left):
            self._spend(1)
            check((yield))
            left -= 1
        node = Node(flags & 255, [])
        if flags & HAS_ATTRIBUTES:
            node.attributes = as_attributes((yield))
        return node

    def _pass_vectors(self, most: int) -> int:
        """Pass over the vectors without attributes that come next; return how many."""
        data, end, unpack, pos = self._data, self._end, self._unpack_two, self._pos
        passed = 0
        while passed < most and pos + 8 <= end:
            flags, n = unpack(data, pos)
            kind = flags & (255 | HAS_ATTRIBUTES)
            width = WIDTHS.get(kind)
            if width is not None and 0 <= n <= (end - pos - 8) // width:
                head, length = 8, 8 + n * width
            elif kind == CHARACTER and 0 <= n <= (end - pos - 8) // 8:
                head, length = 16, self._after_strings(pos + 8, n) - pos
            elif flags & 255 == NULL:
                head, length = 4, 4
            else:
                break
            # Of several strings the beginning does not tell where they are.
            several = kind == CHARACTER and n != 1
            alike = 1 if several else self._alike(pos, head, length, most - passed)
            pos += length * alike
            passed += alike
        self._pos = pos
        return passed

    def _after_strings(self, pos: int, n: int) -> int:
        data, end, unpack = self._data, self._end, self._unpack_two
        while n:
            flags, size = unpack(data, pos)
            if flags & (255 | HAS_ATTRIBUTES) != STRING or not -1 <= size <= end - pos - 8:
                raise FormatError(f"no string at byte {pos}, where one should be")
            length = 8 + max(size, 0)
            alike = self._alike(pos, 8, length, n)
            pos += length * alike
            n -= alike
        return pos

    def _alike(self, pos: int, head: int, length: int, most: int) -> int:
        """How many items from this one on are as long, and begin with the same bytes, as it does.

        Parameters
        ----------
        pos, length : int
            Where the item is.
        head : int
            With how many bytes: those that say what it is, and how long.
        most : int
            So many at most.
        """
        self._spend(1)
        data = self._data
        begin = data[pos : pos + head]
        if data[pos + length : pos + length + head] != begin:
            return 1
        most = min(most, (self._end - pos) // length)
        found, block = 0, _FIRST_BLOCK
        while found < most:
            # Of each byte of the beginnings the column of all items, which strip() measures in C.
            wanted = min(block, most - found)
            alike = wanted
            for i in range(head):
                start = pos + i
                column = data[start : start + length * alike : length]
                alike -= len(column.lstrip(begin[i : i + 1]))
            found += alike
            pos += length * alike
            if alike < wanted:
                break
            block = min(2 * block, _LARGEST_BLOCK)
        return found
