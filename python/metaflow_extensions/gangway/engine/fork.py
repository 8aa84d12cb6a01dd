"""Forks and other R code that needs Python's lock, which R runs without here.

R runs with the GIL released, so that Python's other threads go on. Two kinds of R code cannot do
with that: ``parallel`` forks (a thread that holds the GIL at that moment is not there in the child,
which would wait for it for ever), and an old reticulate starts. `call_with_gil` runs them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

from ..signals.interrupt import leave_signals_to_system
from . import embed

_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
_Function = ctypes.PYFUNCTYPE(ctypes.c_void_p, *[ctypes.c_void_p] * 3)


def call_with_gil(function: Any) -> Any:
    """Call an R function without arguments and hold Python's lock until it returns.

    Parameters
    ----------
    function : SexpClosure
        It has to catch its own errors.

    Returns
    -------
    Sexp
        R's value; NULL after an error or an interrupt.
    """
    return _finished(_evaluated(function))


def fork(function: Any) -> Any:
    """Call an R function that forks so that Python goes on in both processes.

    The child is R code's alone: signals end it as they end any process, and so does the end of the
    process that forked it. Nothing of Metaflow or Ray runs in it (``runtime/task/fork.R``).

    Parameters
    ----------
    function : SexpClosure
        As for `call_with_gil`. In both processes it has to call `after_fork` before all else: the
        first line of Python could wait in the child for a thread that is not there.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    embed.flush()  # or the child would write it again
    parent = os.getpid()
    ctypes.pythonapi.PyOS_BeforeFork()
    answer = _evaluated(function)
    if os.getpid() != parent:
        if answer is None:
            os._exit(1)  # R code was interrupted; its handlers are the parent's
        _begin_child(parent)
    return _finished(answer)


def after_fork() -> list[Any]:
    """Python's two functions to call after a fork, in the parent and in the child, for ``.C()``."""
    from rpy2.rinterface_lib import conversion, openrlib

    rlib, ffi = openrlib.rlib, openrlib.ffi
    tag = rlib.Rf_install(b"native symbol")
    found = []
    for function in (ctypes.pythonapi.PyOS_AfterFork_Parent, ctypes.pythonapi.PyOS_AfterFork_Child):
        address = ctypes.cast(function, ctypes.c_void_p).value
        pointer = rlib.R_MakeExternalPtr(ffi.cast("void *", address), tag, rlib.R_NilValue)
        found.append(conversion._cdata_to_rinterface(rlib.Rf_protect(pointer)))
        rlib.Rf_unprotect(1)
    return found


def _begin_child(parent: int) -> None:
    from rpy2.rinterface_lib import callbacks

    leave_signals_to_system()
    callbacks.cleanup = lambda save, status, last: os._exit(status)  # R's quit(): no more than that
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _evaluated(function: Any) -> int | None:
    """Return the address of R's value, None after an error; `_finished` lets the call go."""
    # Through ctypes: cffi releases the GIL around each call.
    from rpy2.rinterface_lib import openrlib

    rlib, ffi = openrlib.rlib, openrlib.ffi
    call = rlib.Rf_protect(rlib.Rf_lang1(function.__sexp__._cdata))
    failed = ffi.new("int *")
    pointers = (ffi.addressof(rlib, "R_tryEval"), call, rlib.R_GlobalEnv, failed)
    evaluate, *arguments = (int(ffi.cast("uintptr_t", p)) for p in pointers)
    answer: int | None = _Function(evaluate)(*arguments)
    return answer


def _finished(answer: int | None) -> Any:
    from rpy2.rinterface_lib import conversion, openrlib

    rlib = openrlib.rlib
    value = rlib.Rf_protect(openrlib.ffi.cast("SEXP", answer) if answer else rlib.R_NilValue)
    try:
        return conversion._cdata_to_rinterface(value)
    finally:
        rlib.Rf_unprotect(2)
