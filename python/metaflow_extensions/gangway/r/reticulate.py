"""Let R code of a task use an old reticulate, which drops Python objects without the GIL.

R runs here with the GIL released, so that Python's other threads go on. reticulate takes it for
each call of its own, but before 1.31 (Debian 12 has 1.28) not in the finalizers of its objects: the
first ``gc()`` after an ``import()`` ended the process. The finalizers call ``Py_DecRef`` through a
pointer of reticulate's library, which can be set to a function that takes the GIL first.
"""

from __future__ import annotations

import ctypes

_POINTER = "_ZN10reticulate9libpython9Py_DecRefE"
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
    pointer = ctypes.c_void_p.in_dll(ctypes.CDLL(library), _POINTER)
    pointer.value = ctypes.cast(_drop_with_gil, ctypes.c_void_p).value
