"""Read R's serialization (binary, of either byte order) into nodes, without R.

Objects are read from a stack of generators, one for each object that is not complete yet: R's
objects may be nested deeper than Python's own stack. A generator yields None for the next object,
or another generator for a part that has a form of its own.
"""

from __future__ import annotations

import gc
import struct
from array import array
from collections.abc import Callable, Generator
from typing import Any

from .nodes import (
    ALTREP,
    BUILTIN,
    BYTECODE,
    CALL,
    CALL_WITH_ATTRIBUTES,
    CHARACTER,
    CLOSURE,
    CODE_DEFINITION,
    CODE_REFERENCE,
    DOTS,
    ENVIRONMENT,
    EXPRESSION,
    HAS_ATTRIBUTES,
    HAS_TAG,
    LIST,
    NAMESPACE,
    NULL,
    PACKAGE,
    PAIRLIST,
    PAIRLIST_WITH_ATTRIBUTES,
    PERSISTENT,
    POINTER,
    PROMISE,
    RAW,
    REFERENCE,
    S4,
    SINGLETONS,
    SPECIAL,
    SYMBOL,
    WEAKREF,
    WIDTHS,
    Cell,
    FormatError,
    Node,
    String,
)
from .rules import Check, as_attributes, refuse_in_variables, refuse_promise
from .strings import read_strings
from .write import Header

Reading = Generator[Any, Any, Any]

# R itself ends with "C stack usage is too close to the limit" before this.
_DEEPEST = 100_000
_FLAGS = 0x0FFFF100
_VIEW_FROM = 1 << 16
_CODE = (
    CALL,
    PAIRLIST,
    CODE_DEFINITION,
    CODE_REFERENCE,
    CALL_WITH_ATTRIBUTES,
    PAIRLIST_WITH_ATTRIBUTES,
)


class TooManyItems(Exception):
    """There are more elements than the caller wanted to read."""


def read(data: bytes, end: int | None = None) -> Node:
    """Read an object.

    Parameters
    ----------
    data : bytes
        R's serialization; long vectors of the result are views of it.
    end : int, optional
        Where it ends in `data`.

    Raises
    ------
    FormatError
        It is damaged, or holds what R does not write there: promises in plain data.
    """
    return Reader(data, end).run()


class Reader:
    """One reading of a stream.

    Parameters
    ----------
    data, end : bytes, int
        See `read`.
    most : int, optional
        Raise `TooManyItems` beyond so many strings and elements of lists.
    """

    def __init__(self, data: bytes, end: int | None = None, most: int | None = None) -> None:
        order = {b"B\n": "<", b"X\n": ">"}.get(data[:2])
        if order is None:
            raise FormatError(f"R's binary serialization does not begin with {data[:2]!r}")
        self._data = data
        self._view = memoryview(data)
        self._end = len(data) if end is None else end
        self._pos = 2
        self._swap = order == ">"
        self._unpack = struct.Struct(order + "i").unpack_from
        self._unpack_two = struct.Struct(order + "ii").unpack_from
        self._left = most
        self._references: list[Node] = []
        self._composites: dict[int, Callable[[int], Reading]] = {
            LIST: self._list,
            EXPRESSION: self._list,
            PAIRLIST: self._cells,
            CALL: self._cells,
            DOTS: self._cells,
            CLOSURE: self._function,
            PROMISE: self._function,
            ENVIRONMENT: self._environment,
            ALTREP: self._altrep,
            BYTECODE: self._bytecode,
            POINTER: self._pointer,
            WEAKREF: self._pointer,
            S4: lambda flags: self._with_attributes(Node(S4, flags=flags & _FLAGS)),
        }
        try:
            self.header = self._header()
        except (struct.error, UnicodeDecodeError):
            raise FormatError("it ends within its head") from None

    def run(self) -> Node:
        """Read the object."""
        collecting = gc.isenabled()
        gc.disable()  # it would look again and again at a million nodes that all are in use
        try:
            node = self._run()
        except struct.error:
            raise FormatError(f"it ends within an object, at byte {self._pos}") from None
        except UnicodeDecodeError:
            raise FormatError(f"a name is no text, at byte {self._pos}") from None
        finally:
            self._composites = {}  # its methods hold this object, and that the artifact's bytes
            if collecting:
                gc.enable()
        if self._pos != self._end:
            raise FormatError(f"its object ends at byte {self._pos}, and it at byte {self._end}")
        refuse_promise(node)
        return node

    def _header(self) -> Header:
        version = self._int()
        if version not in (2, 3):
            raise FormatError(
                f"it is of version {version}, and R's serialization has 2 and 3: a later R wrote "
                "it, or it is damaged"
            )
        writer, reader = ((n >> 16, n >> 8 & 255, n & 255) for n in (self._int(), self._int()))
        encoding = "UTF-8"
        if version == 3:
            encoding = self._bytes(self._int()).decode("ascii")
        return Header(writer, reader, encoding)

    def _run(self) -> Node:
        stack: list[Reading] = []
        data, unpack, leaf, composites = self._data, self._unpack, self._leaf, self._composites
        part: Reading | None
        while True:
            (flags,) = unpack(data, self._pos)
            self._pos += 4
            make = composites.get(flags & 255)
            if make is not None:
                part = make(flags)
            else:
                done: Any = leaf(flags)
                part = None if type(done) is Node else done
            send = None
            while True:
                if part is not None:
                    stack.append(part)
                    if len(stack) > _DEEPEST:
                        raise FormatError(f"it is nested deeper than {_DEEPEST} levels")
                    send, part = None, None
                elif not stack:
                    return done  # type: ignore[no-any-return]
                else:
                    send = done
                try:
                    part = stack[-1].send(send)
                except StopIteration as end:
                    stack.pop()
                    done = end.value
                    continue
                if part is None:
                    break

    def _leaf(self, flags: int) -> Any:
        """Read an object without parts, or begin to read one that has attributes."""
        kind = flags & 255
        width = WIDTHS.get(kind)
        if width:
            node = Node(kind, self._numbers(kind, width), None, flags & _FLAGS)
        elif kind == CHARACTER:
            node = Node(kind, self._strings(self._count(8)), None, flags & _FLAGS)
        elif kind in SINGLETONS:
            return Node(kind, flags=flags & _FLAGS)
        elif kind == REFERENCE:
            return self._reference(flags)
        elif kind == SYMBOL:
            return self._remember(Node(SYMBOL, self._strings(1)[0]))
        elif kind in (NAMESPACE, PACKAGE, PERSISTENT):
            if self._int() != 0:
                raise FormatError("strings with names, where R writes none")
            return self._remember(Node(kind, self._strings(self._count(8))))
        elif kind in (SPECIAL, BUILTIN):
            node = Node(kind, self._bytes(self._int()).decode(), None, flags & _FLAGS)
        else:
            raise FormatError(f"no object of R has type {kind} (at byte {self._pos - 4})")
        return self._with_attributes(node) if flags & HAS_ATTRIBUTES else node

    def _list(self, flags: int, check: Check = refuse_promise) -> Reading:
        values: list[Node] = []
        count = self._count(4)
        self._spend(count)
        for _ in range(count):
            value = yield
            check(value)
            values.append(value)
        node = Node(flags & 255, values, None, flags & _FLAGS)
        if flags & HAS_ATTRIBUTES:
            node.attributes = as_attributes((yield))
        return node

    def _cells(self, flags: int) -> Reading:
        kind, attributes = flags & 255, None
        cells: list[Cell] = []
        first = flags & _FLAGS
        if flags & HAS_ATTRIBUTES:
            attributes = as_attributes((yield))
        while True:
            tag = (yield) if flags & HAS_TAG else None
            value = yield
            if kind == DOTS and value.type != PROMISE:
                refuse_promise(value)
            cells.append(Cell(tag, value, flags & _FLAGS if cells else 0))
            (flags,) = self._unpack(self._data, self._pos)
            if flags & (255 | HAS_ATTRIBUTES) != PAIRLIST:
                break
            self._pos += 4
        tail = yield
        return Node(kind, (cells, None if tail.type == NULL else tail), attributes, first)

    def _function(self, flags: int) -> Reading:
        attributes = as_attributes((yield)) if flags & HAS_ATTRIBUTES else None
        environment = (yield) if flags & HAS_TAG else None
        first = yield
        code = yield
        refuse_promise(first)
        if flags & 255 == CLOSURE:
            refuse_promise(code)
            if environment is not None:
                refuse_promise(environment)
        return Node(flags & 255, (environment, first, code), attributes, flags & _FLAGS)

    def _environment(self, flags: int) -> Reading:
        node = self._remember(Node(ENVIRONMENT, [self._int()], flags=0))
        for part, check in (
            (None, refuse_promise),
            (None, refuse_in_variables),
            (self._hash_table(), None),
        ):
            node.value.append((yield part))
            if check is not None:
                check(node.value[-1])
        node.attributes = as_attributes((yield))
        return node

    def _hash_table(self) -> Reading:
        flags = self._int()
        if flags & 255 == LIST:
            return (yield self._list(flags, refuse_in_variables))
        if flags & 255 != NULL:
            raise FormatError("an environment without a table of variables")
        return Node(NULL, flags=flags & _FLAGS)

    def _altrep(self, flags: int) -> Reading:
        parts = []
        for _ in range(3):
            parts.append((yield))
            refuse_promise(parts[-1])
        return Node(ALTREP, tuple(parts), None, flags & _FLAGS)

    def _pointer(self, flags: int) -> Reading:
        node = self._remember(Node(flags & 255, [], None, flags & _FLAGS))
        if node.type == POINTER:
            node.value += [(yield), (yield)]
        if flags & HAS_ATTRIBUTES:
            node.attributes = as_attributes((yield))
        return node

    def _bytecode(self, flags: int) -> Reading:
        parts: list[Any] = [self._int()]
        yield self._code(parts)
        node = Node(BYTECODE, parts, None, flags & _FLAGS)
        if flags & HAS_ATTRIBUTES:
            node.attributes = as_attributes((yield))
        return node

    def _code(self, parts: list[Any]) -> Reading:
        parts.append((yield))
        parts.append(self._count(4))
        for _ in range(parts[-1]):
            yield self._constant(parts)

    def _constant(self, parts: list[Any]) -> Reading:
        kind = self._int()
        if kind == BYTECODE:
            parts.append(kind)
            yield self._code(parts)
        else:
            yield self._language(kind, parts)

    def _language(self, kind: int, parts: list[Any]) -> Reading:
        """Read a constant of bytecode; calls in it have a form of their own."""
        parts.append(kind)
        if kind not in _CODE:
            parts.append((yield))
            return
        if kind == CODE_REFERENCE:
            parts.append(self._int())
            return
        if kind == CODE_DEFINITION:
            parts.append(self._int())
            kind = self._int()
            parts.append(kind)
        if kind in (CALL_WITH_ATTRIBUTES, PAIRLIST_WITH_ATTRIBUTES):
            parts.append((yield))
        parts.append((yield))  # the tag
        yield self._language(self._int(), parts)
        yield self._language(self._int(), parts)

    def _with_attributes(self, node: Node) -> Reading:
        node.attributes = as_attributes((yield))
        return node

    def _int(self) -> int:
        (value,) = self._unpack(self._data, self._pos)
        self._pos += 4
        return value  # type: ignore[no-any-return]

    def _count(self, size: int) -> int:
        """Read a number of elements, each of which takes `size` bytes at least."""
        n: int = self._unpack(self._data, self._pos)[0]
        self._pos += 4
        if n == -1:
            high, low = self._unpack_two(self._data, self._pos)
            self._pos += 8
            n = (high << 32) + (low & 0xFFFFFFFF)
        if not 0 <= n <= (self._end - self._pos) // size:
            raise FormatError(
                f"{n} elements at byte {self._pos}, where {self._end - self._pos} bytes are left"
            )
        return n

    def _bytes(self, n: int) -> bytes:
        start = self._pos
        if not 0 <= n <= self._end - start:
            raise FormatError(f"{n} bytes at byte {start}, where {self._end - start} are left")
        self._pos += n
        return self._data[start : start + n]

    def _numbers(self, kind: int, width: int) -> Any:
        size = self._count(width) * width
        start, self._pos = self._pos, self._pos + size
        if self._swap and kind != RAW:
            swapped = array("i" if width == 4 else "d", self._data[start : self._pos])
            swapped.byteswap()
            return swapped.tobytes()
        # a view takes 180 bytes
        return (self._view if size >= _VIEW_FROM else self._data)[start : self._pos]

    def _strings(self, n: int) -> list[String]:
        self._spend(n)
        values, self._pos = read_strings(self._data, self._pos, self._end, n, self._unpack_two)
        return values

    def _spend(self, n: int) -> None:
        if self._left is not None:
            self._left -= n
            if self._left < 0:
                raise TooManyItems

    def _remember(self, node: Node) -> Node:
        self._references.append(node)
        return node

    def _reference(self, flags: int) -> Node:
        index = flags >> 8 & 0xFFFFFF or self._int()
        if not 1 <= index <= len(self._references):
            raise FormatError(f"a reference to object {index} of {len(self._references)}")
        return self._references[index - 1]
