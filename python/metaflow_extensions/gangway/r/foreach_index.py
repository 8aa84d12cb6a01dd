"""Where the elements of a foreach are in its artifact, so that a task reads its own alone.

A plain list's elements are found in R's serialization of it (`rds.slices`). What else R goes
over (the rows of a data frame, models that share an environment) it cuts itself: copies of the
elements follow the serialization. The artifact's description tells where they are, and the artifact
is what it was to everybody else.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from ..mf.fast_gzip import SMALLEST
from ..rds.nodes import CHARACTER
from ..rds.slices import before, find_elements
from ..rds.trailer import trailer
from ..values.elements import plain
from ..values.from_python.convert import to_blob
from ..values.robject import RObject

# With more elements than this the index is no longer small.
_MOST = 20_000
# Each element is read behind what it may refer to.
_MOST_SYMBOLS = 5_000
# Copies may take so many times the whole; rows with long attributes take more.
_MOST_COPIED = 1.5
# Smaller elements are read at once; of larger ones the split needs no more than a name.
_SHOWN = 1 << 16


class Element:
    """One element, as an artifact of its own.

    Parameters
    ----------
    copy : callable
        Writes the whole artifact's bytes from a position up to another one.
    info : dict
        Its description, with the elements' places.
    index : int
        Which one, from 0.
    """

    def __init__(
        self, copy: Callable[[int, int, BytesIO], object], info: dict[str, Any], index: int
    ) -> None:
        self._copy, self._info, self._index = copy, info, index
        places = info["elements"]
        self._is_copy = "copies" in places
        starts = places["copies" if self._is_copy else "starts"]
        self._start, self._stop = starts[index], starts[index + 1]
        if not 0 < self._start < self._stop:
            raise ValueError(f"element {index} is at byte {self._start}")

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return int(self._stop - self._start)

    def for_r(self) -> RObject:
        """Return what R makes the element of; its bytes are held once."""
        out = BytesIO()
        if self._is_copy:
            self._copy(self._start, self._stop, out)
            return RObject(out.getvalue())
        places = self._info["elements"]
        known = places["symbols"][: places["known"][self._index]]
        out.write(before(bytes.fromhex(places["head"]), known))
        self._copy(self._start, self._stop, out)
        description = {
            "class": ["list"],
            "type": "list",
            "length": 2,
            "dim": None,
            "r": self._info["r"],
            "restore": ["element", *self._info["restore"]],
        }
        out.write(trailer(out.tell(), description))
        return RObject(out.getvalue())

    def plain(self) -> Any:
        """Return the element as Python sees it: a plain value, or an `RObject`."""
        value = self.for_r()
        if not self._is_copy:
            return plain(value.node.value[1], value)
        return plain(value.node, value) if value.info["length"] == 1 else value

    def is_long_string(self) -> bool:
        """Whether it is one string, which Python has as such; shorter elements are not asked."""
        if self._is_copy:
            return bool(self.for_r().info["type"] == "character")
        head = BytesIO()
        self._copy(self._start, self._start + 8, head)
        return head.getvalue() == struct.pack("<ii", CHARACTER, 1)


class Indexed(RObject):
    """An object of which Metaflow counts the elements, without reading them."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        for i in range(count_of(self.info)):
            element = Element(self._copy, self.info, i)
            is_read = element.size < _SHOWN or element.is_long_string()
            yield element.plain() if is_read else _Later(element)

    def _copy(self, start: int, stop: int, out: BytesIO) -> None:
        with memoryview(self.data) as data:
            out.write(data[start:stop])


def element_of(whole: RObject, index: int) -> RObject | None:
    """Return an element for R of an object with its elements' places; None if it has none."""
    if "elements" not in whole.info:
        return None
    return Element(Indexed(whole.data)._copy, whole.info, index).for_r()


class _Later(RObject):
    """An element that is read when it is asked for something."""

    __slots__ = ("_element",)

    def __init__(self, element: Element) -> None:
        self._element = element
        self._info: Any = None
        self._read: Any = None
        self._checked = False

    def __getattr__(self, name: str) -> Any:
        if name != "data":
            raise AttributeError(name)
        value = self._element.plain()
        blob = value.data if isinstance(value, RObject) else to_blob(value)
        self.data = blob or b""  # a scalar of R has its counterpart
        return self.data

    def __repr__(self) -> str:
        return f"<R, {self._element.size / 1e6:.1f} MB>"


def count_of(info: dict[str, Any]) -> int:
    """How many elements a description tells the places of."""
    places = info["elements"]
    return len(places["copies" if "copies" in places else "starts"]) - 1


def with_index(whole: RObject) -> RObject | None:
    """Add its elements' places to an object, where they are worth it.

    Parameters
    ----------
    whole : RObject
        What a foreach goes over; iterating gives its elements.
    """
    info = whole.info
    if "elements" in info:
        return Indexed(whole.data)
    places = places_of(whole.data, info["bytes"], info)
    if places:
        return _rebuilt(whole, BytesIO(), places)
    is_large = info["bytes"] >= SMALLEST and 1 < info["length"] <= _MOST
    return _with_copies(whole) if is_large else None


def places_of(data: bytes, size: int, info: dict[str, Any]) -> dict[str, Any]:
    """Return what a plain list's description says more; nothing if R has to cut it.

    Parameters
    ----------
    data : bytes
        R's serialization of it.
    size : int
        How many bytes that takes.
    info : dict
        Its description.
    """
    is_packed = any(how in ("bundle", "marshal") for how in info["restore"])
    if info["class"] != ["list"] or info["type"] != "list" or is_packed or info["length"] > _MOST:
        return {}
    places = find_elements(data, size)
    if places is None or -1 in places["known"] or len(places["symbols"]) > _MOST_SYMBOLS:
        return {}
    return {"elements": places}


def _with_copies(whole: RObject) -> RObject | None:
    size = whole.info["bytes"]
    places, added = [size], BytesIO()
    for value in whole:
        blob = value.data if isinstance(value, RObject) else to_blob(value)
        if blob is None or added.tell() + len(blob) > _MOST_COPIED * size:
            return None
        added.write(blob)
        places.append(size + added.tell())
    return _rebuilt(whole, added, {"elements": {"copies": places}})


def _rebuilt(whole: RObject, added: BytesIO, more: dict[str, Any]) -> RObject:
    info = {name: value for name, value in whole.info.items() if name not in ("version", "bytes")}
    size = whole.info["bytes"]
    end = trailer(size, {**info, **more})
    with memoryview(whole.data) as data, added.getbuffer() as copies:
        return Indexed(b"".join((data[:size], copies, end)))
