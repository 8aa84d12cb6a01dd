"""Start R inside this process, quickly, through rpy2's low-level interface.

rpy2's own ``initr()`` starts Rscript twice to learn R's environment variables (0.3 s); R's shell
front end tells them in 5 ms. R writes to C streams of its own: a Python callback for each piece of
output is slow and may lose a signal handler's exception. Nor does ``endr()`` end R, which kills a
process that has loaded reticulate.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import locale
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from ..mf.conda_prefix import own_r
from ..signals.threads import leave_signals_to_main
from .reticulate import end_event_loop

OLDEST_R = (4, 2)
OPTIONS = (
    *("gangway", "--quiet", "--no-save", "--no-restore", "--no-readline"),
    # R looks for garbage when it has so much, at first for every 16 MB of small objects: while it
    # reads a million strings it would go through all of them, and those before, again and again.
    *("--min-nsize=450k", "--min-vsize=128M"),
)

_INSTALL = (
    f"Install R >= {'.'.join(map(str, OLDEST_R))} (Debian, Ubuntu: apt install r-base-core) or put "
    "it on PATH, "
    "or name it in the environment variable R_HOME."
)

_streams: list[Any] = []
_NO_FOLDER = ctypes.create_string_buffer(b"/dev/null/none")


def start() -> Any:
    """Start R in this process (once) and return the module ``rpy2.rinterface``.

    Raises
    ------
    RStartException
        No R, an old one, no rpy2, or an rpy2 that was built for another R.
    """
    _set_environment()
    with leave_signals_to_main():  # R's BLAS may have threads
        rinterface = _import_rinterface()
    from rpy2.rinterface_lib import _rinterface_capi, embedded

    if embedded.isinitialized():
        return rinterface
    embedded.set_initoptions(OPTIONS)  # type: ignore[arg-type]
    old_tmp = _use_run_tmp()
    try:
        embedded._initr(interactive=False)
    finally:
        _restore_tmp(old_tmp)
    embedded.set_python_process_info()  # tells reticulate that Python is running already
    _rinterface_capi._register_external_symbols()
    _set_constants(rinterface)
    _use_c_streams()
    _use_utf8(rinterface)
    atexit.register(stop)
    _check_version(rinterface)
    return rinterface


def begin_anew() -> None:
    """Give a fork of this process a clock and a temporary folder; R takes what it has for its."""
    from rpy2 import rinterface
    from rpy2.rinterface_lib import embedded

    # R makes a new one where it finds none.
    library = ctypes.CDLL(os.path.join(os.environ["R_HOME"], "lib", "libR.so"))
    ctypes.c_void_p.in_dll(library, "R_TempDir").value = ctypes.addressof(_NO_FOLDER)
    old_tmp = _use_run_tmp()
    try:
        rinterface.baseenv["tempdir"](True)
    finally:
        _restore_tmp(old_tmp)
    library.R_setStartTime()  # of proc.time()
    embedded.set_python_process_info()


def has_user_profile() -> bool:
    """Whether R has run a profile of the user's when it was started."""
    home = os.path.expanduser("~")
    own = [os.path.join(folder, ".Rprofile") for folder in (os.getcwd(), home)]
    return bool(os.environ.get("R_PROFILE_USER")) or any(map(os.path.exists, own))


def set_interrupt_flag() -> None:
    """Make R raise an interrupt at its next check (safe from any thread)."""
    from rpy2.rinterface_lib import openrlib

    openrlib.rlib.R_interrupts_pending = 1


def clear_interrupt_flag() -> None:
    """Forget an interrupt that R has not seen."""
    from rpy2.rinterface_lib import openrlib

    openrlib.rlib.R_interrupts_pending = 0


def stop() -> None:
    """End R: run finalizers, close devices, remove R's temporary folder."""
    from rpy2.rinterface_lib import embedded, openrlib
    from rpy2.rinterface_lib.embedded import RPY_R_Status, RRuntimeError

    if not embedded.isready():
        return
    from rpy2 import rinterface

    rlib = openrlib.rlib
    tempdir = rinterface.baseenv["tempdir"]()[0]
    # reticulate's finalizers would use Python's lock as if R owned the process, and end it.
    if not end_event_loop(rinterface.evalr('getLoadedDLLs()[["reticulate"]][["path"]]')):
        rlib.R_RunExitFinalizers()
    # By R first: what fails in the function in C would jump out of Python.
    with contextlib.suppress(RRuntimeError):
        rinterface.evalr('if (isNamespaceLoaded("grDevices")) grDevices::graphics.off()')
    rlib.Rf_KillAllDevices()
    rlib.R_CleanTempDir()
    shutil.rmtree(tempdir, ignore_errors=True)
    flush()
    embedded.rpy2_embeddedR_isinitialized = RPY_R_Status.ENDED.value


def flush() -> None:
    """Write out what R has printed."""
    if _streams:
        libc, output = _streams
        libc.fflush(output)


def _start_exception(text: str) -> Exception:
    import metaflow  # noqa: F401  # before the extension; Ray's workers do without it

    from ..exceptions import RStartException

    return RStartException(text)


# What is of the R that has started this process, or names its libraries.
_OF_ANOTHER_R = (
    *("R_HOME", "R_SHARE_DIR", "R_INCLUDE_DIR", "R_DOC_DIR", "R_ARCH", "R_LIBS", "R_LIBS_SITE"),
    "R_LIBS_USER",
)


def _use_own_r(home: str) -> None:
    env = os.environ
    if env.get("GANGWAY_OWN_R") == home:
        return
    for name in _OF_ANOTHER_R:
        env.pop(name, None)
    # "NULL" is R's word for none; the home's library has packages for another build of R.
    env.update(R_HOME=home, R_LIBS_USER="NULL", GANGWAY_OWN_R=home)


def _set_environment() -> None:
    env = os.environ
    if (home := own_r()) is not None:
        _use_own_r(home)
    if "R_SHARE_DIR" in env and os.path.isdir(env.get("R_HOME", "")):
        return
    command = os.path.join(env["R_HOME"], "bin", "R") if "R_HOME" in env else shutil.which("R")
    if command is None or not os.path.exists(command):
        raise _start_exception(f"A step with an R function needs R, but no R was found. {_INSTALL}")
    # `R CMD env` runs only R's shell front end, not R.
    answer = subprocess.run(
        [command, "CMD", "env", "-0"], capture_output=True, text=True, check=False
    )
    for line in answer.stdout.split("\0"):
        name, _, value = line.partition("=")
        # Not LD_LIBRARY_PATH: too late for this process, and wrong for its children.
        if name.startswith("R_"):
            env.setdefault(name, value)
    if "R_HOME" not in env:
        raise _start_exception(
            f"{command} does not tell R's home folder: {answer.stderr}. {_INSTALL}"
        )


def _import_rinterface() -> Any:
    try:
        from rpy2 import situation

        # Called when openrlib is imported; it would start Rscript to learn what is known already.
        situation.r_ld_library_path_from_subprocess = lambda r_home: os.environ.get(
            "LD_LIBRARY_PATH", ""
        )
        from rpy2 import rinterface
    except ImportError as error:
        raise _start_exception(
            f"A step with an R function needs the Python package rpy2-rinterface, built for this "
            f"R, in {sys.executable}: {error}. In R, gangway::install_metaflow() installs it."
        ) from error
    return rinterface


def _check_version(rinterface: Any) -> None:
    version = tuple(rinterface.baseenv["getRversion"]()[0])
    if version < OLDEST_R:
        found, needed = (".".join(map(str, v)) for v in (version, OLDEST_R))
        raise _start_exception(f"R {found} ({os.environ['R_HOME']}) is too old; needed: {needed}.")


def _use_run_tmp() -> str | None:
    """Let R's temporary folder lie in the run's, which the run removes even if a task is killed."""
    old = os.environ.get("TMPDIR")
    run_tmp = os.environ.get("GANGWAY_TMP")
    if run_tmp and os.path.isdir(run_tmp):
        os.environ["TMPDIR"] = run_tmp
    return old


def _restore_tmp(old: str | None) -> None:
    if old is None:
        os.environ.pop("TMPDIR", None)
    else:
        os.environ["TMPDIR"] = old
    tempfile.tempdir = None


def _set_constants(rinterface: Any) -> None:
    # rpy2's _post_initr_setup() less its handler for SIGINT and its look at the locale.
    from rpy2.rinterface_lib import _rinterface_capi, na_values, openrlib, sexp

    rlib = openrlib.rlib
    rinterface.emptyenv.__sexp__ = _rinterface_capi.SexpCapsule(rlib.R_EmptyEnv)
    rinterface.baseenv.__sexp__ = _rinterface_capi.SexpCapsule(rlib.R_BaseEnv)
    rinterface.globalenv.__sexp__ = _rinterface_capi.SexpCapsule(rlib.R_GlobalEnv)
    rinterface.NULL._sexpobject = _rinterface_capi.UnmanagedSexpCapsule(rlib.R_NilValue)
    rinterface.MissingArg._sexpobject = _rinterface_capi.UnmanagedSexpCapsule(rlib.R_MissingArg)
    na_values.NA_Character = rinterface.NA_Character = sexp.NACharacterType()
    na_values.NA_Integer = rinterface.NA_Integer = sexp.NAIntegerType(rlib.R_NaInt)
    na_values.NA_Logical = rinterface.NA_Logical = sexp.NALogicalType(rlib.R_NaInt)
    na_values.NA_Real = rinterface.NA_Real = sexp.NARealType(rlib.R_NaReal)
    rinterface.NA = rinterface.NA_Logical


def _use_utf8(rinterface: Any) -> None:
    """In the C locale Python reads and writes UTF-8 (PEP 540); let R of this process do so, too.

    Else the ``"\u00e9"`` of a script that was read in that locale would become ``"<c3><a9>"``.
    """
    if sys.flags.utf8_mode and not rinterface.baseenv["l10n_info"]()[1][0]:
        for name in ("C.UTF-8", "C.utf8", "UTF-8", "en_US.UTF-8"):
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                rinterface.baseenv["Sys.setlocale"]("LC_CTYPE", name)
                return


def _use_c_streams() -> None:
    """Let R write to the task's standard output, its messages and warnings too.

    Metaflow reads a task's two streams apart and cannot put their lines in order again.
    """
    # Not cffi, whose parser of C takes 50 ms to load, and 5 MB.
    from rpy2.rinterface_lib import openrlib

    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    output = ctypes.c_void_p(libc.fdopen(1, b"w"))
    line_buffered = 1  # _IOLBF on Linux and macOS
    libc.setvbuf(output, None, line_buffered, ctypes.c_size_t(4096))
    rlib = openrlib.rlib
    stream = openrlib.ffi.cast("FILE *", output.value)
    rlib.R_Outputfile = rlib.R_Consolefile = stream
    rlib.ptr_R_ProcessEvents = openrlib.ffi.NULL
    _streams.extend((libc, output))
