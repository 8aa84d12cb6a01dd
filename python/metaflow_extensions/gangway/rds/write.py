"""Write nodes as R's serialization, version 3, native binary."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from .nodes import (
    ALTREP,
    BUILTIN,
    BYTECODE,
    CALL,
    CHARACTER,
    CLOSURE,
    DOTS,
    ENVIRONMENT,
    EXPRESSION,
    HAS_ATTRIBUTES,
    HAS_TAG,
    LEVELS_SHIFT,
    LIST,
    NAMESPACE,
    NULL,
    PACKAGE,
    PAIRLIST,
    PERSISTENT,
    POINTER,
    PROMISE,
    REFERENCE,
    S4,
    SINGLETONS,
    SPECIAL,
    STRING,
    SYMBOL,
    WEAKREF,
    WIDTHS,
    Node,
    String,
)


class Header(NamedTuple):
    """What a stream tells of its writer."""

    writer: tuple[int, int, int] = (3, 5, 0)
    reader: tuple[int, int, int] = (3, 5, 0)  # the oldest R that can read it
    encoding: str = "UTF-8"


_int = struct.Struct("<i").pack
_two = struct.Struct("<ii").pack
_ASCII = STRING | 64 << LEVELS_SHIFT
_UTF8 = STRING | 8 << LEVELS_SHIFT
_NA = _two(STRING, -1)
# The strings' heads of the usual lengths, made once: a third of the time of writing strings.
_HEADS = [_two(_ASCII, n) for n in range(256)]
_LONG = 2**31


def write(node: Node, header: Header | None = None) -> bytes:
    """Serialize an object as R's ``serialize(x, NULL, xdr = FALSE, version = 3)`` does.

    Parameters
    ----------
    node : Node
        The object.
    header : Header, optional
        What the stream tells of its writer.
    """
    header = header or Header()
    encoding = header.encoding.encode()
    out: list[Any] = [b"B\n", _int(3)]
    out += [_int(a << 16 | b << 8 | c) for a, b, c in (header.writer, header.reader)]
    out += [_int(len(encoding)), encoding]
    _Writer(out).run(node)
    return b"".join(out)


class _Writer:
    """Writes nodes from a stack, so that a deep object does not end Python's own."""

    def __init__(self, out: list[Any]) -> None:
        self._out = out
        self._stack: list[Any] = []
        self._references: dict[Any, int] = {}

    def run(self, node: Node) -> None:
        out, stack = self._out, self._stack
        stack.append(node)
        while stack:
            part = stack.pop()
            if isinstance(part, Node):
                self._node(part)
            elif isinstance(part, int):
                out.append(_int(part))
            else:
                out.append(part)

    def _node(self, node: Node) -> None:
        kind = node.type
        if kind in WIDTHS:
            self._head(node)
            self._length(len(node.value) // WIDTHS[kind])
            self._out.append(node.value)
        elif kind == CHARACTER:
            self._head(node)
            self._length(len(node.value))
            self._out.extend(_strings(node.value))
        elif kind in (LIST, EXPRESSION):
            self._head(node)
            self._length(len(node.value))
            self._stack.extend(reversed(node.value))
        elif kind in SINGLETONS:
            self._out.append(_int(kind | node.flags))
        elif kind in (PAIRLIST, CALL, DOTS):
            self._cells(node)
        elif kind == SYMBOL:
            if not self._known(node.value):
                self._out += [_int(SYMBOL), *_strings([node.value])]
        else:
            self._other(node)

    def _other(self, node: Node) -> None:
        kind = node.type
        if kind in (ENVIRONMENT, POINTER, WEAKREF, NAMESPACE, PACKAGE, PERSISTENT):
            if not self._known(id(node)):
                self._referable(node)
        elif kind in (CLOSURE, PROMISE):
            environment, *parts = node.value
            self._out.append(_int(self._flags(node) | (HAS_TAG if environment else 0)))
            environment = [environment] if environment else []
            self._push([*_pairs(node.attributes), *environment, *parts])
        elif kind in (SPECIAL, BUILTIN):
            name = node.value.encode()
            self._out += [_int(kind | node.flags), _int(len(name)), name]
        elif kind == BYTECODE:
            self._head(node)
            self._push(node.value)
        elif kind == S4:
            self._head(node)
        elif kind == ALTREP:
            self._out.append(_int(kind | node.flags))
            self._push(node.value)
        else:
            raise ValueError(f"R's serialization has no type {kind}")

    def _head(self, node: Node) -> None:
        """Write the first integer; the attributes follow what will be pushed after this."""
        self._out.append(_int(self._flags(node)))
        self._push(_pairs(node.attributes))

    def _cells(self, node: Node) -> None:
        cells, tail = node.value
        parts: list[Any] = []
        for i, (tag, value, flags) in enumerate(cells):
            flags |= PAIRLIST if i else self._flags(node)
            parts.append(flags | (HAS_TAG if tag else 0))
            if not i:
                parts += _pairs(node.attributes)
            if tag:
                parts.append(tag)
            parts.append(value)
        self._push([*parts, tail or NULL])

    def _referable(self, node: Node) -> None:
        kind = node.type
        if kind == ENVIRONMENT:
            locked, *parts = node.value
            self._push([ENVIRONMENT, locked, *parts, *(_pairs(node.attributes) or [NULL])])
        elif kind in (POINTER, WEAKREF):
            self._head(node)
            self._push(node.value or [])
        else:
            self._out += [_int(kind), _two(0, len(node.value)), *_strings(node.value)]

    def _known(self, key: Any) -> bool:
        """Write a reference, where the object has been written before."""
        index = self._references.get(key)
        if index is None:
            self._references[key] = len(self._references) + 1
            return False
        self._out.append(_int(index << 8 | REFERENCE))
        return True

    def _length(self, n: int) -> None:
        self._out.append(_int(n) if n < _LONG else struct.pack("<iII", -1, n >> 32, n & 0xFFFFFFFF))

    def _push(self, parts: Sequence[Any]) -> None:
        self._stack.extend(reversed(parts))

    @staticmethod
    def _flags(node: Node) -> int:
        return node.type | node.flags | (HAS_ATTRIBUTES if node.attributes else 0)


def _pairs(attributes: dict[Any, Node] | None) -> list[Any]:
    """Attributes as the pairlist that R keeps them in."""
    if not attributes:
        return []
    parts: list[Any] = []
    for name, value in attributes.items():
        parts += [PAIRLIST | HAS_TAG, Node(SYMBOL, name), value]
    return [*parts, NULL]


def _strings(values: Sequence[String]) -> list[bytes]:
    out: list[bytes] = []
    add = out.append
    for value in values:
        if value is None:
            add(_NA)
        elif isinstance(value, str):
            data = value.encode()
            n = len(data)
            if n > len(value):
                add(_two(_UTF8, n))
            else:
                add(_HEADS[n] if n < 256 else _two(_ASCII, n))
            add(data)
        else:
            add(_two(STRING | value.levels << LEVELS_SHIFT, len(value.data)))
            add(value.data)
    return out
