"""An R object as a tree of nodes, with everything that R's serialization knows about it."""

from __future__ import annotations

from typing import Any, NamedTuple

# R's types (SEXPTYPE), as its serialization numbers them.
SYMBOL = 1
PAIRLIST = 2
CLOSURE = 3
ENVIRONMENT = 4
PROMISE = 5
CALL = 6
SPECIAL = 7
BUILTIN = 8
STRING = 9  # one string, an element of a character vector
LOGICAL = 10
INTEGER = 13
DOUBLE = 14
COMPLEX = 15
CHARACTER = 16
DOTS = 17
LIST = 19
EXPRESSION = 20
BYTECODE = 21
POINTER = 22
WEAKREF = 23
RAW = 24
S4 = 25

# What the serialization has beyond R's types (serialize.c).
ALTREP = 238
CALL_WITH_ATTRIBUTES = 240
PAIRLIST_WITH_ATTRIBUTES = 239
BASE_ENVIRONMENT = 241
EMPTY_ENVIRONMENT = 242
CODE_REFERENCE = 243
CODE_DEFINITION = 244
PERSISTENT = 247
PACKAGE = 248
NAMESPACE = 249
BASE_NAMESPACE = 250
MISSING_ARGUMENT = 251
UNBOUND = 252
GLOBAL_ENVIRONMENT = 253
NULL = 254
REFERENCE = 255

# What has nothing but its type.
SINGLETONS = frozenset(
    (
        BASE_ENVIRONMENT,
        EMPTY_ENVIRONMENT,
        BASE_NAMESPACE,
        MISSING_ARGUMENT,
        UNBOUND,
        GLOBAL_ENVIRONMENT,
        NULL,
    )
)

# Bytes of one element.
WIDTHS = {LOGICAL: 4, INTEGER: 4, DOUBLE: 8, COMPLEX: 16, RAW: 1}

# Bits of an item's first integer; the lowest eight are its type.
IS_OBJECT = 1 << 8
HAS_ATTRIBUTES = 1 << 9
HAS_TAG = 1 << 10
LEVELS_SHIFT = 12

NA_INTEGER = -(2**31)
# R's NA among the doubles is a NaN with 1954 in its lower half.
NA_REAL_BYTES = b"\xa2\x07\x00\x00\x00\x00\xf0\x7f"


class FormatError(ValueError):
    """The bytes are not what R's serialization and gangway write."""


class EncodedString(NamedTuple):
    """A string that is not a Python one: latin1, bytes, native, or no valid UTF-8.

    `levels` are R's bits of its encoding: 2 bytes, 4 latin1, 8 UTF-8, 0 native.
    """

    data: bytes
    levels: int


String = str | EncodedString | None  # None is NA


class Cell(NamedTuple):
    """One argument of a call, one element of a pairlist, or one variable of an environment."""

    tag: Node | None
    value: Node
    flags: int = 0


class Node:
    """An R object.

    Parameters
    ----------
    type : int
        One of this module's types.
    value : object
        Of logical, integer, double, complex and raw vectors their bytes, little-endian; of
        character vectors a list of `String`; of lists and expressions a list of nodes; of symbols
        and built-in functions the name; of pairlists, calls and dots ``(cells, tail)``; of
        closures ``(environment, formals, body)``; of promises ``(environment, value, code)``; of
        environments ``[locked, enclosure, frame, hash table]``; of namespaces and packages a list
        of strings; of ALTREP objects ``(class, state, attributes)``; of pointers
        ``[protected, tag]``.
    attributes : dict of str to Node, optional
        R's attributes in their order. Of promises and pairlists too.
    flags : int, optional
        R's other bits of the item (object, S4, levels); without it, what follows from the class.
    """

    __slots__ = ("attributes", "flags", "type", "value")

    def __init__(
        self,
        type: int,
        value: Any = None,
        attributes: dict[str, Node] | None = None,
        flags: int | None = None,
    ) -> None:
        self.type = type
        self.value = value
        self.attributes = attributes
        if flags is None:
            flags = IS_OBJECT if attributes and "class" in attributes else 0
        self.flags = flags

    def __repr__(self) -> str:
        return f"Node({self.type}, {self.value!r}, {self.attributes!r})"
