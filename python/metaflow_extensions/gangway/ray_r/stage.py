"""A file in memory for R to write a large value into, of which a raw vector would be a copy."""

from __future__ import annotations

import mmap
import os


class Stage:
    """The file that R writes into now, if there is one."""

    def __init__(self) -> None:
        self._file: int | None = None

    def open(self) -> str:
        """Name a new file; an empty string where there are none in memory."""
        self._close()
        if not hasattr(os, "memfd_create"):  # no Linux
            return ""
        self._file = os.memfd_create("gangway")
        return f"/dev/fd/{self._file}"

    def taken(self) -> mmap.mmap:
        """Return what R has written, without a copy."""
        assert self._file is not None, "R names the file that it was given last"
        try:
            return mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)
        finally:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
