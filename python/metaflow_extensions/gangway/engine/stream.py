"""Take over what R's ``serialize()`` writes, while it writes it.

``serialize(x, NULL)`` holds the whole stream twice beside the object, and Python's copy would be
one more. Through a pipe there is a single one, and it is the artifact's own.
"""

from __future__ import annotations

import contextlib
import os
from io import BytesIO

from ..signals.threads import start_thread

_PIECE = 1 << 20


class RStream:
    """Collects what R writes to `path`, in a thread: R writes no further than a pipe holds.

    Attributes
    ----------
    path : str
        What R opens, writes and closes.

    Examples
    --------
    >>> stream = RStream()
    >>> with open(stream.path, "wb") as file:
    ...     file.write(b"abc")
    3
    >>> stream.size
    3
    >>> stream.end(b"def")
    b'abcdef'
    """

    def __init__(self) -> None:
        self._bytes = BytesIO()
        self._error: BaseException | None = None
        self._reader, self._writer = os.pipe()
        self.path = f"/dev/fd/{self._writer}"
        self._widen()
        self._thread = start_thread(self._read, name="gangway-r-stream")

    @property
    def size(self) -> int:
        """How many bytes there are, when R has closed `path`."""
        self._finish()
        if self._error is not None:
            raise self._error
        return self._bytes.tell()

    def peek(self) -> bytes:
        """Return what was written: the same memory, until `end`, by when it has to be let go."""
        self._finish()
        return self._bytes.getvalue()

    def end(self, more: bytes = b"") -> bytes:
        """Return what was written, and `more` after it."""
        self._finish()
        self._bytes.write(more)
        return self._bytes.getvalue()

    def _finish(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
        self._thread.join()

    def _read(self) -> None:
        try:
            while piece := os.read(self._reader, _PIECE):
                self._bytes.write(piece)
        except BaseException as error:  # out of memory: `size` says so, and R must not wait for it
            self._error = error
        finally:
            os.close(self._reader)

    def _widen(self) -> None:
        import fcntl

        set_size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux
        if set_size is not None:
            with contextlib.suppress(OSError):  # more than this user may have
                fcntl.fcntl(self._writer, set_size, _PIECE)
