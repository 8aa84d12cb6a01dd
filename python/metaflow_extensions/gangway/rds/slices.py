"""The elements of a list within R's serialization, each of which can be read without the rest.

R writes an element's bytes one after another. All that ties them to what stands before are
references: to symbols (the names of attributes) and packages, and to environments. So the bytes of
an element, behind the symbols that came before it, are a serialization of their own. An element
that refers to an environment of another one has none.
"""

from __future__ import annotations

import struct
from typing import Any

from .nodes import HAS_ATTRIBUTES, LIST, NAMESPACE, NULL, PACKAGE, SYMBOL, FormatError, Node, String
from .read import Reader, Reading
from .rules import as_attributes, refuse_promise
from .scan import Skim
from .write import write

_HEAD = len(write(Node(NULL))) - 4
_two = struct.Struct("<ii").pack
# Vectors of so many strings are read: the names and versions of packages are such.
_FEW_STRINGS = 5


def find_elements(data: bytes, end: int) -> dict[str, Any] | None:
    """Where the elements of a list are.

    Parameters
    ----------
    data : bytes
        R's serialization of an object.
    end : int
        Where it ends in `data`.

    Returns
    -------
    dict or None
        For JSON: ``head``, what the serialization begins with, in hexadecimal digits; ``starts``,
        where each element begins, and where the last one ends; ``symbols``, what can be referred
        to, in its order: the name of a symbol, the type and strings of a package, or None of what
        cannot stand by itself; ``known``, how many of these come before each element, or -1 of an
        element that needs one of the last kind. None of what is no plain list.
    """
    if data[:2] != b"B\n":
        return None
    finder = _Finder(data, end)
    head = finder.position
    if not finder.is_list():
        return None
    try:
        attributes = finder.run().attributes or {}
    except FormatError:  # what reads it says so
        return None
    if set(attributes) - {"names"}:
        return None
    return {
        "head": data[:head].hex(),
        "starts": finder.starts,
        "symbols": finder.symbols[: max([0, *finder.known])],
        "known": finder.known,
    }


def before(head: bytes, known: list[Any]) -> bytes:
    """Return what makes an element's bytes, put behind it, the serialization of a list of two.

    The first of the two is what the element may refer to, the second the element.

    Parameters
    ----------
    head : bytes
        What the whole begins with.
    known : list
        Those of ``symbols`` that come before the element.
    """
    symbols = [write(_node(one))[_HEAD:] for one in known]
    return b"".join((head, _two(LIST, 2), _two(LIST, len(symbols)), *symbols))


class _Finder(Skim):
    """A reader that notes where the elements of the outermost list begin."""

    def __init__(self, data: bytes, end: int) -> None:
        super().__init__(data, end)
        self.starts: list[int] = []
        self.known: list[int] = []
        self.symbols: list[Any] = []
        self._composites[LIST] = self._outermost

    @property
    def position(self) -> int:
        return self._pos

    def is_list(self) -> bool:
        (flags,) = self._unpack(self._data, self._pos)
        return bool(flags & 255 == LIST)

    def _outermost(self, flags: int) -> Reading:
        self._composites[LIST] = self._list
        for _ in range(self._count(4)):
            self.starts.append(self._pos)
            self.known.append(len(self._references))
            value = yield
            refuse_promise(value)
        self.starts.append(self._pos)
        node = Node(LIST, [])
        if flags & HAS_ATTRIBUTES:
            node.attributes = as_attributes((yield))
        return node

    def _remember(self, node: Node) -> Node:
        self.symbols.append(_by_itself(node))
        return super()._remember(node)

    def _reference(self, flags: int) -> Node:
        index = flags >> 8 & 0xFFFFFF or self._unpack(self._data, self._pos)[0]
        if self.known and 0 < index <= self.known[-1] and self.symbols[index - 1] is None:
            self.known[-1] = -1
        return super()._reference(flags)

    def _strings(self, n: int) -> list[String]:
        return Reader._strings(self, n) if n <= _FEW_STRINGS else super()._strings(n)


def _node(one: Any) -> Node:
    return Node(one[0], one[1:]) if isinstance(one, list) else Node(SYMBOL, one or "x")


def _by_itself(node: Node) -> Any:
    if node.type == SYMBOL and isinstance(node.value, str):
        return node.value
    if node.type in (NAMESPACE, PACKAGE) and all(isinstance(s, str) for s in node.value):
        return [node.type, *node.value]
    return None
