"""R's vectors in Python's hands: R makes them under its own guard, and Python reads where they lie.

An error in a function of R's C API jumps back to where R has begun, over the frames of Python in
between, and the process is lost. So R itself, by ``R_tryEval``, does what may fail: it makes what
is as large as the data, and sets what depends on a value. Less than a page (the cells of calls,
names and references, and small vectors) is taken directly, which is quicker: it is missing only
where R has not one page left.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
from typing import Any

_PAGE = 4096


def bytes_to_raw(data: Any) -> Any:
    """Copy bytes (or what has the buffer protocol) into an R raw vector.

    Raises
    ------
    MemoryError
        R has no room for it.
    """
    from rpy2.rinterface_lib import conversion, openrlib

    raw = new_raw(memoryview(data).cast("B"), openrlib)
    try:
        return conversion._cdata_to_rinterface(raw)
    finally:
        openrlib.rlib.Rf_unprotect(1)


def raw_to_bytes(sexp: Any) -> bytes:
    """Copy an R raw vector into bytes; it is one that R code of gangway's has made."""
    from rpy2.rinterface_lib import openrlib

    return openrlib.ffi.buffer(openrlib.RAW(sexp.__sexp__._cdata), len(sexp))[:]  # type: ignore[no-any-return]


def is_altrep(sexp: Any) -> bool:
    """Whether R makes a vector's elements when it is asked for them, as those of 1:1e9.

    rpy2 does not know R's function, and takes another bit for that mark.
    """
    from rpy2.rinterface_lib import openrlib

    address = int(openrlib.ffi.cast("uintptr_t", sexp.__sexp__._cdata))
    return bool(_library().ALTREP(ctypes.c_void_p(address)))


@functools.cache
def _library() -> ctypes.CDLL:
    from rpy2 import situation

    return ctypes.CDLL(situation.get_rlib_path(os.environ["R_HOME"], platform.system()))


def new_raw(data: Any, openrlib: Any) -> Any:
    """Make a raw vector with this content, which is protected once."""
    rlib, ffi = openrlib.rlib, openrlib.ffi
    length = len(data)  # of bytes, or a view of bytes
    if length < _PAGE:
        raw = rlib.Rf_protect(rlib.Rf_allocVector(rlib.RAWSXP, length))
    else:
        call, size, failed, _ = _making_raw()
        size[0] = length
        raw = rlib.Rf_protect(rlib.R_tryEval(call, rlib.R_BaseEnv, failed))
        if failed[0]:
            rlib.Rf_unprotect(1)
            raise MemoryError(f"R has no room for {length:,} bytes")
    ffi.memmove(openrlib.RAW(raw), ffi.from_buffer(data), length)
    return raw


@functools.cache
def _making_raw() -> tuple[Any, ...]:
    """Return a call that makes a raw vector, its size, whether it has failed, and what keeps it."""
    import rpy2.rinterface as ri
    from rpy2.rinterface_lib import openrlib

    call: Any = ri.evalr('quote(.Internal(vector("raw", 0)))')
    size = openrlib.REAL(call[1][2].__sexp__._cdata)
    return call.__sexp__._cdata, size, openrlib.ffi.new("int *"), call
