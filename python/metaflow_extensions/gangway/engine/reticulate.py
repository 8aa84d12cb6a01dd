"""Let R code of a task use reticulate, which behaves as if R had started Python.

R runs here with the GIL released, so that Python's other threads go on. reticulate takes it for
each call of its own, but before 1.31 (Debian 12 has 1.28) not in the finalizers of its objects: the
first ``gc()`` after an ``import()`` ended the process. The finalizers call ``Py_DecRef`` through a
pointer of reticulate's library, which can be set to a function that takes the GIL first.

A thread of reticulate's asks for its event loop twice a second, through such a pointer too, and
goes on when Python has ended: that ended one task in twenty by a segmentation fault.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any

_DROP = "_ZN10reticulate9libpython9Py_DecRefE"
_ASK = "_ZN10reticulate9libpython17Py_AddPendingCallE"
_Function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_drop = ctypes.pythonapi.Py_DecRef
_drop.argtypes = [ctypes.c_void_p]
_drop.restype = None

# A callback of ctypes takes the GIL. Kept here: a callback that is collected is a dangling pointer.
_drop_with_gil = _Function(_drop)


def guard_finalizers(library: str) -> None:
    """Let the library drop references with the GIL held.

    Parameters
    ----------
    library : str
        Path of reticulate's shared library, which R has loaded and which has found Python.
    """
    _set(library, _DROP, _drop_with_gil)


def end_event_loop(library: Any) -> bool:
    """Let the library ask Python for nothing more, which is about to end.

    Parameters
    ----------
    library : Sexp
        As for `guard_finalizers`; NULL where R has not loaded it.

    Returns
    -------
    bool
        Whether R has loaded it.
    """
    if not library:
        return False
    with contextlib.suppress(ValueError):  # another reticulate has no such pointer
        _set(library[0], _ASK, ctypes.CDLL(None).getpid)  # C code that minds no arguments
    return True


def _set(library: str, name: str, function: Any) -> None:
    pointer = ctypes.c_void_p.in_dll(ctypes.CDLL(library), name)
    pointer.value = ctypes.cast(function, ctypes.c_void_p).value
