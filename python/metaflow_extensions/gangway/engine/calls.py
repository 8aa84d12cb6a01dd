"""Calls of the runtime's functions, by their names.

A call that had the function itself in it would stand so in `sys.calls()`: whoever keeps that, as
future does with each condition and rlang with each error, would keep the whole runtime.
"""

from __future__ import annotations

from typing import Any

from .vectors import new_raw

_BYTES = ".bytes"


class Calls:
    """The functions of the runtime, to be called.

    Parameters
    ----------
    runtime : SexpEnvironment
        R's environment that has them.
    """

    def __init__(self, runtime: Any) -> None:
        from rpy2.rinterface_lib import openrlib

        self._runtime = runtime
        self._bytes = openrlib.rlib.Rf_install(_BYTES.encode())
        self._with_bytes: dict[str, Any] = {}

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function with R's values.

        Raises
        ------
        rpy2.rinterface_lib.embedded.RRuntimeError
            R's error.
        """
        from rpy2.rinterface_lib import _rinterface_capi, conversion, embedded, openrlib

        rlib, failed = openrlib.rlib, openrlib.ffi.new("int *")
        symbol = rlib.Rf_install(name.encode())
        call = rlib.Rf_protect(_rinterface_capi.build_rcall(symbol, arguments))
        answer = rlib.Rf_protect(rlib.R_tryEval(call, self._runtime.__sexp__._cdata, failed))
        try:
            if failed[0]:
                raise embedded.RRuntimeError(_rinterface_capi._geterrmessage())
            return conversion._cdata_to_rinterface(answer)
        finally:
            rlib.Rf_unprotect(2)

    def call_with_bytes(self, name: str, data: Any) -> Any:
        """Call a function with a raw vector; return the bytes of the raw vector that it gives.

        Does what rpy2 does in an eighth of the time. Anything else than a raw vector is returned as
        rpy2's object; R's function has to see to its errors itself.

        Raises
        ------
        MemoryError
            R has no room for the data.
        """
        from rpy2.rinterface_lib import conversion, openrlib

        rlib, ffi, runtime = openrlib.rlib, openrlib.ffi, self._runtime.__sexp__._cdata
        call = self._with_bytes.get(name)
        if call is None:
            call = rlib.Rf_lang2(rlib.Rf_install(name.encode()), self._bytes)
            rlib.R_PreserveObject(call)
            self._with_bytes[name] = call
        rlib.Rf_defineVar(self._bytes, new_raw(data, openrlib), runtime)
        rlib.Rf_unprotect(1)
        failed = ffi.new("int *")
        answer = rlib.Rf_protect(rlib.R_tryEval(call, runtime, failed))
        try:
            if failed[0]:
                raise RuntimeError("an R function of gangway has failed; R's message is in the log")
            if answer.sxpinfo.type == rlib.RAWSXP:  # rpy2 has no TYPEOF()
                return ffi.buffer(openrlib.RAW(answer), rlib.Rf_xlength(answer))[:]
            return conversion._cdata_to_rinterface(answer)
        finally:
            rlib.Rf_defineVar(self._bytes, rlib.R_NilValue, runtime)
            rlib.Rf_unprotect(1)
