"""What follows R's serialization in a stored artifact: its description, for readers without R.

R's ``unserialize()`` stops at the object's end and never sees it.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from .nodes import FormatError

MAGIC = b"gangwayR"
VERSION = 1
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
        what a reader in R has to do after ``unserialize()``).
    """
    return b"".join((stream, trailer(len(stream), description)))


def trailer(size: int, description: dict[str, Any]) -> bytes:
    """What follows a stream of this size; see `add_trailer`."""
    full = {"version": VERSION, **description, "bytes": size}
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
    description, stream = _description(blob)
    if description["version"] > VERSION:
        raise FormatError(
            f"a later gangway wrote it (version {description['version']}, and this one reads "
            f"{VERSION}): update the Python package metaflow-gangway"
        )
    if description["bytes"] != stream:
        raise FormatError(
            f"R's object in it has {stream} bytes, where {description['bytes']} were written"
        )
    return description


def _description(blob: bytes) -> tuple[dict[str, Any], int]:
    found: Any = None
    stream = 0
    try:
        (size,) = _SIZE.unpack(blob[-_END : -len(MAGIC)])
        stream = len(blob) - _END - size
        if stream > 0:
            found = json.loads(blob[stream:-_END])
    except (ValueError, RecursionError, struct.error):
        pass
    if found is None or not _complete(found):
        raise FormatError("the description at its end cannot be read")
    return found, stream


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
        and all(isinstance(found.get(name), str) for name in ("type", "r"))
        and isinstance(found.get("dim", ""), (list, type(None)))
        and all(isinstance(t, list) and all(isinstance(s, str) for s in t) for t in texts)
    )
