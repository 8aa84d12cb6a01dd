"""What an R session with reticulate needs to read artifacts."""

from __future__ import annotations

from typing import Any

from . import fast_gzip
from .format.scan import check_stream
from .from_python import convert
from .robject import RObject
from .understand import understand

fast_gzip.enable()

# Binary serialization of R, version 2 or 3: big-endian, as serialize() writes by default.
_SERIALIZED = (b"X\n\0\0\0\2", b"X\n\0\0\0\3")


def fetch(value: Any, task: Any = None) -> tuple[Any, ...]:
    """Prepare an artifact for R.

    Parameters
    ----------
    value : object
        An artifact as Metaflow's client gives it.
    task : metaflow.Task, optional
        The task that holds it.

    Returns
    -------
    tuple
        ``("r", bytes, restore)``: R's serialization, and what is to be done after it is read;
        ``("parts", bytes, others)``: the same, and what its placeholders stand for;
        ``("py", value)``: a Python object that has no counterpart in R.

    Raises
    ------
    ArtifactException
        R must not read it: it is damaged or crafted.
    """
    if isinstance(value, RObject):
        value.check()
        return "r", bytearray(value.data), value.info["restore"]
    if _is_serialized(value) and made_by_netflix(task):
        understand("What Netflix's R package stored", check_stream, bytes(value), len(value))
        return "r", bytearray(value), []
    converted = convert(value)
    if converted is None:
        return "py", value
    return "parts", bytearray(converted.stream), converted.others


def made_by_netflix(task: Any) -> bool:
    """Whether Netflix's R package ran a task: its bytes may be R's serialization."""
    tags = task.system_tags if task is not None else ()
    return any(tag.startswith("metaflow_r_version:") for tag in tags)


def _is_serialized(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray)) and bytes(value[:6]) in _SERIALIZED
