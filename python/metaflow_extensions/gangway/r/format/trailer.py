"""What follows R's serialization in a stored artifact: its description, for readers without R.

R's ``unserialize()`` stops at the object's end and never sees it.
"""

from __future__ import annotations

import json
import struct
from typing import Any

MAGIC = b"gangwayR"
VERSION = 1
_SIZE = struct.Struct("<I")
_END = _SIZE.size + len(MAGIC)


def _problem(text: str) -> Exception:
    import metaflow  # noqa: F401  # before the extension; Ray's workers do without it

    from ...exceptions import ArtifactException

    return ArtifactException(text)


def add_trailer(stream: bytes, description: dict[str, Any]) -> bytes:
    """Make a stored artifact of R's serialization.

    Parameters
    ----------
    stream : bytes
        R's serialization.
    description : dict
        ``class`` (list of str), ``type`` (R's ``typeof``), ``length`` (rows of a data frame),
        ``dim`` (list or None), ``r`` (the version of R that wrote it), ``restore`` (list of str).
    """
    full = {"version": VERSION, **description, "bytes": len(stream)}
    text = json.dumps(full, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join((stream, text, _SIZE.pack(len(text)), MAGIC))


def read_trailer(blob: bytes) -> dict[str, Any]:
    """Return the description of a stored artifact.

    Raises
    ------
    ArtifactException
        The blob is empty, truncated, damaged, none of gangway's, or of a later version.
    """
    if not blob:
        raise _problem("It is empty (0 bytes). Run the step that made it again.")
    start = blob[:2]
    if start not in (b"B\n", b"X\n"):
        raise _problem(
            f"It is no R object: {len(blob)} bytes that begin with {blob[:8]!r}, where R's "
            "serialization begins with b'B\\n'. Run the step that made it again."
        )
    if blob[-len(MAGIC) :] != MAGIC:
        raise _problem(
            f"It is truncated, or was not written by gangway: its {len(blob)} bytes end with "
            f"{blob[-8:]!r} and not with {MAGIC!r}. Run the step that made it again."
        )
    try:
        (size,) = _SIZE.unpack(blob[-_END : -len(MAGIC)])
        description = json.loads(blob[len(blob) - _END - size : -_END])
        version, length = description["version"], description["bytes"]
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise _problem(
            f"It is damaged: the description at its end cannot be read ({error!r}). "
            "Run the step that made it again."
        ) from None
    if version > VERSION:
        raise _problem(
            f"A later gangway wrote it (format {version}; this one reads {VERSION}). "
            "Update the Python package metaflow-gangway."
        )
    if length != len(blob) - _END - size:
        raise _problem(
            f"It is damaged: R's object has {len(blob) - _END - size} bytes, where {length} were "
            "written. Run the step that made it again."
        )
    return dict(description)
