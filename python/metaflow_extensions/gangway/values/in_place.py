"""Bytes that an R session with reticulate reads where they lie: a raw vector would be a copy."""

from __future__ import annotations

import ctypes
from typing import Any


class InPlace:
    """Bytes, piece after piece, that R reads before it calls `release`.

    Parameters
    ----------
    *pieces : bytes-like
        The bytes.

    Attributes
    ----------
    place : str
        Of each piece its address and its size; `read_bytes()` of the R package reads it.
    """

    def __init__(self, *pieces: Any) -> None:
        self._buffers = [_Buffer() for _ in pieces]
        for piece, buffer in zip(pieces, self._buffers, strict=True):
            ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(piece), ctypes.byref(buffer), 0)
        self.place = " ".join(f"{buffer.address or 0} {buffer.size}" for buffer in self._buffers)

    def release(self) -> None:
        """Let them go now: R's garbage collector knows nothing of their size."""
        for buffer in self._buffers:
            ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
        self._buffers = []

    def __del__(self) -> None:
        self.release()


class _Buffer(ctypes.Structure):
    # Python's Py_buffer: what there is after these fields differs between its versions.
    _fields_ = (
        ("address", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
        ("size", ctypes.c_ssize_t),
        ("rest", ctypes.c_void_p * 16),
    )
