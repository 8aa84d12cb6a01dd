"""What the run's own process says on its standard error, once more in a file of its own."""

from __future__ import annotations

import io
import os
import sys


class _Copying(io.RawIOBase):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._copy = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2

    def write(self, data: object) -> int:
        written = os.write(2, data)  # type: ignore[arg-type]
        os.write(self._copy, data[:written])  # type: ignore[index]
        return written


def copy_stderr(path: str) -> None:
    """Have all that Python code of this process writes to its standard error in a file as well.

    Where it goes by itself, the log of the run, it stands among the lines of the tasks.

    Parameters
    ----------
    path : str
        The file.
    """
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Copying(path)),
        encoding=sys.stderr.encoding,
        errors=sys.stderr.errors,
        line_buffering=True,
    )
