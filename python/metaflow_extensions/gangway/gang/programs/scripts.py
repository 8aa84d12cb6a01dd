"""The programs that users start on their gangs: scripts beside the flow, libraries by name."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from ...exceptions import LibraryNotFoundException, ScriptNotFoundException


def find_script(entrypoint: str | None, call: str) -> str:
    """Give the path of a script in the working folder, or beside the flow's file.

    Parameters
    ----------
    entrypoint : str
        Its path as the user has given it.
    call : str
        What the user has called, for the message.
    """
    if not entrypoint:
        raise ScriptNotFoundException(
            f'{call} needs the script to run, as in {call}(entrypoint="train.py").'
        )
    if path := find_beside(entrypoint):
        return path
    raise ScriptNotFoundException(
        f"{call}: there is no file {entrypoint!r} in {os.getcwd()} or {_flow_folder()}. Remotely, "
        "Metaflow sends along what lies beside the flow and has one of --package-suffixes."
    )


def find_beside(path: str) -> str | None:
    """Return the path of a file in the working folder or beside the flow's file, if it is there."""
    for candidate in (path, os.path.join(_flow_folder(), path)):
        if os.path.isfile(candidate):
            return candidate
    return None


def _flow_folder() -> str:
    return os.path.dirname(os.path.abspath(sys.argv[0]))


def require_library(module: str, install: str, where: str) -> None:
    """Raise unless a library is installed; does not import it.

    Parameters
    ----------
    module, install : str
        Its name for Python, and for pip.
    where : str
        The decorator, step and flow, for the message.
    """
    if find_spec(module) is None:
        raise LibraryNotFoundException(
            f"{where}: {module} is not installed for {sys.executable}. Install it where the step "
            f"runs: pip install {install}"
        )
