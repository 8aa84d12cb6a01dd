"""R's compact vectors (1:n, as.character(1:n), wrapped ones) as ordinary nodes."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Callable, Sequence

from .nodes import (
    ALTREP,
    CHARACTER,
    DOUBLE,
    INTEGER,
    LIST,
    NA_INTEGER,
    PAIRLIST,
    SYMBOL,
    FormatError,
    Node,
    String,
)
from .rules import as_attributes

# What is longer stays as it is: a few bytes say how long it is, and damaged ones may say anything.
_LONGEST = 10**8


def expand(node: Node) -> Node:
    """Return the ordinary vector of a compact one; other objects as they are.

    Raises
    ------
    FormatError
        The class of compact vectors is none of R's own, or its state is damaged.
    """
    while node.type == ALTREP:
        names, state, attributes = node.value
        cells = names.value[0] if names.type == PAIRLIST else []
        name = cells[0].value.value if cells and cells[0].value.type == SYMBOL else None
        if name not in _CLASSES:
            raise FormatError(f"only R knows vectors of the class {name!r} (ALTREP)")
        try:
            plain = _CLASSES[name](state)
        except (IndexError, struct.error, ValueError, OverflowError, TypeError, AttributeError):
            raise FormatError(f"the state of a vector of the class {name!r} is damaged") from None
        node = Node(plain.type, plain.value, as_attributes(attributes), node.flags)
    return node


def _sequence(state: Node, code: str, kind: int) -> Node:
    count, first, step = struct.unpack("<3d", state.value)
    if not 0 <= count <= _LONGEST or step not in (1, -1):
        raise ValueError
    start = int(first)
    numbers = range(start, start + int(count) * int(step), int(step))
    if code == "d" and first != start:
        return Node(kind, array(code, (first + i * step for i in range(int(count)))).tobytes())
    return Node(kind, array(code, numbers).tobytes())


def _wrapped(state: Node) -> Node:
    if state.type == LIST:
        return expand(state.value[0])
    (cell,), _ = state.value
    return expand(cell.value)


def _deferred(state: Node) -> Node:
    """Numbers that R has not turned into strings yet."""
    (cell,), tail = state.value
    numbers = expand(cell.value)
    if numbers.type == INTEGER:
        integers: Sequence[int] = memoryview(numbers.value).cast("i")
        return Node(CHARACTER, [None if i == NA_INTEGER else str(i) for i in integers])
    if numbers.type != DOUBLE:
        raise ValueError
    (scipen,) = struct.unpack("<i", expand(tail).value)
    bits = memoryview(numbers.value).cast("q")
    doubles = memoryview(numbers.value).cast("d")
    pairs = zip(bits, doubles, strict=True)
    # the lower half tells NA from NaN; arithmetic may have set the bit of a quiet NaN
    return Node(
        CHARACTER,
        [_digits(d, scipen) if b & 0xFFFFFFFF != 1954 or d == d else None for b, d in pairs],
    )


def _digits(x: float, scipen: int) -> String:
    """Write a double as R's ``as.character()`` does: up to 15 digits, fixed if not wider."""
    if x == 0:
        return "0"  # also of -0
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Inf" if x > 0 else "-Inf"
    mantissa, exponent = f"{x:.14e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    digits = len(mantissa.lstrip("-").replace(".", ""))
    power = int(exponent)
    decimals = max(0, digits - 1 - power)
    fixed = f"{x:.{decimals}f}"
    scientific = f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return fixed if len(fixed) <= len(scientific) + scipen else scientific


_CLASSES: dict[object, Callable[[Node], Node]] = {
    "compact_intseq": lambda state: _sequence(state, "i", INTEGER),
    "compact_realseq": lambda state: _sequence(state, "d", DOUBLE),
    "deferred_string": _deferred,
    **{
        f"wrap_{kind}": _wrapped
        for kind in ("logical", "integer", "real", "complex", "raw", "string", "list")
    },
}
