"""The strings of a character vector: where most of the time of reading R's objects goes."""

from __future__ import annotations

from collections.abc import Callable

from .nodes import HAS_ATTRIBUTES, LEVELS_SHIFT, STRING, EncodedString, FormatError, String

# Bits of a string's encoding.
LATIN1 = 4
_KNOWN = (8 | 64) << LEVELS_SHIFT  # UTF-8 and ASCII
_KEPT = 2 | LATIN1 | 8


def read_strings(
    data: bytes, pos: int, end: int, n: int, unpack: Callable[[bytes, int], tuple[int, int]]
) -> tuple[list[String], int]:
    """Read `n` strings from `pos` on; return them and the position after them."""
    values: list[String] = []
    add = values.append
    for _ in range(n):
        flags, size = unpack(data, pos)
        if flags & (255 | HAS_ATTRIBUTES) != STRING:
            raise FormatError(f"no string at byte {pos}, where one should be")
        pos += 8
        stop = pos + size
        if size < 0 or stop > end:
            if size != -1:
                raise FormatError(
                    f"a string of {size} bytes at byte {pos}, where {end - pos} are left"
                )
            add(None)
            continue
        text = data[pos:stop]
        pos = stop
        if flags & _KNOWN:
            try:
                add(text.decode())
                continue
            except UnicodeDecodeError:
                pass
        add(EncodedString(text, flags >> LEVELS_SHIFT & _KEPT))
    return values, pos


def as_text(value: EncodedString, native: str) -> str:
    """Text of a string that is not UTF-8; what cannot be decoded is escaped as R prints it."""
    encoding = "latin1" if value.levels & LATIN1 else native if not value.levels else "ascii"
    try:
        return value.data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return value.data.decode("ascii", "backslashreplace")
