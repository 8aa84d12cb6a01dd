"""What follows R's serialization in a stored artifact: its description, for readers without R.

R's ``unserialize()`` stops at the object's end and never sees it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from .nodes import FormatError

# How Metaflow's datastore tells such an artifact from what it pickles.
ENCODING = "r-serialize-v3"
MAGIC = b"gangwayR"
# 2: between R's serialization and the description stand copies of elements (`element_copies`).
VERSION = 2
_SIZE = struct.Struct("<I")
_END = _SIZE.size + len(MAGIC)


def add_trailer(stream: bytes, description: dict[str, Any]) -> bytes:
    """Make a stored artifact of R's serialization.

    Parameters
    ----------
    stream : bytes
        R's serialization.
    description : dict
        ``class`` (list of str), ``type`` (R's ``typeof``), ``length`` (rows of a data frame),
        ``dim`` (list or None), ``r`` (the version of R that wrote it), ``restore`` (list of str:
        what a reader in R has to do after ``unserialize()``). A list that a foreach goes over also
        has ``elements`` (`r.foreach_index`). Of S4 objects alone ``opaque``: true of one whose
        class has neither a length nor elements, None where that is not known.
    """
    return b"".join((stream, trailer(len(stream), description)))


def trailer(size: int, description: dict[str, Any]) -> bytes:
    """Return what follows a stream of this size; see `add_trailer`."""
    version = VERSION if copies_of(description) else 1
    full = {"version": version, **description, "bytes": size}
    text = json.dumps(full, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join((text, _SIZE.pack(len(text)), MAGIC))


def read_trailer(blob: bytes) -> dict[str, Any]:
    """Return the description of a stored artifact.

    Raises
    ------
    FormatError
        The blob is empty, truncated, damaged, none of gangway's, or of a later version.
    """
    if not blob:
        raise FormatError("it is empty (0 bytes)")
    if blob[:2] not in (b"B\n", b"X\n"):
        raise FormatError(
            f"its {len(blob)} bytes begin with {blob[:8]!r}, where R's serialization begins with "
            "b'B\\n'"
        )
    if blob[-len(MAGIC) :] != MAGIC:
        raise FormatError(
            f"it is truncated, or gangway did not write it: its {len(blob)} bytes end with "
            f"{blob[-8:]!r}, and should with {MAGIC!r}"
        )
    return description_from(lambda start, stop: blob[start:stop], len(blob))


def description_from(read: Callable[[int, int], bytes], size: int) -> dict[str, Any]:
    """Return the description of a stored artifact of which parts can be read.

    Parameters
    ----------
    read : callable
        Gives the artifact's bytes from a position up to another one.
    size : int
        How many it has.

    Raises
    ------
    FormatError
        See `read_trailer`.
    """
    description, stream = _description(read, size)
    if description["version"] > VERSION:
        raise FormatError(
            f"a later gangway wrote it (version {description['version']}, and this one reads "
            f"{VERSION}): update the Python package metaflow-gangway"
        )
    stream -= copies_of(description)
    if description["bytes"] != stream:
        raise FormatError(
            f"R's object in it has {stream} bytes, where {description['bytes']} were written"
        )
    return description


def copies_of(description: dict[str, Any]) -> int:
    """How many bytes of copied elements follow R's serialization."""
    places = (description.get("elements") or {}).get("copies")
    return places[-1] - places[0] if places else 0


def _description(read: Callable[[int, int], bytes], whole: int) -> tuple[dict[str, Any], int]:
    found: Any = None
    stream = 0
    try:
        (size,) = _SIZE.unpack(read(max(0, whole - _END), whole - len(MAGIC)))
        stream = whole - _END - size
        if stream > 0:
            found = json.loads(read(stream, whole - _END))
    except (ValueError, RecursionError, struct.error):
        pass
    if found is None or not _complete(found):
        raise FormatError("the description at its end cannot be read")
    return found, stream


# What R's ``typeof()`` says of objects.
_TYPES = (
    *("NULL", "symbol", "pairlist", "closure", "environment", "promise", "language", "special"),
    *("builtin", "logical", "integer", "double", "complex", "character", "list", "expression"),
    *("bytecode", "externalptr", "weakref", "raw", "S4", "object"),
)


def _complete(found: Any) -> bool:
    """Whether a description has what its readers use; a later version may have more."""
    if not isinstance(found, dict) or type(found.get("version")) is not int:
        return False
    if found["version"] > VERSION:
        return True
    texts = [found.get(name) for name in ("class", "restore")]
    return (
        all(type(found.get(name)) in (int, float) for name in ("length", "bytes"))
        and 0 <= found["length"] < float("inf")
        and isinstance(found.get("r"), str)
        and found.get("type") in _TYPES
        and isinstance(found.get("dim", ""), (list, type(None)))
        and all(isinstance(t, list) and all(isinstance(s, str) for s in t) for t in texts)
        and _are_places(found.get("elements"))
    )


def _are_places(elements: Any) -> bool:
    if elements is None:
        return True
    copies = elements.get("copies", [0]) if isinstance(elements, dict) else None
    return isinstance(copies, list) and bool(copies) and all(type(n) is int for n in copies)
