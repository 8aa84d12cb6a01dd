"""The user's files in the code package: those beside the script, without libraries and data.

Nor with what git ignores. flow.py lies in a folder of its own, so Metaflow itself would package
only that one and flow.rds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from metaflow.decorators import FlowDecorator
from metaflow.package import DEFAULT_SUFFIXES_LIST
from metaflow.packaging_sys import ContentType

from ..mf import flow_decorators
from ..mf.command import package_suffixes

# Where R says that the user's files are.
FOLDER_VARIABLE = "GANGWAY_FILES"
_SUFFIXES = {suffix.lower() for suffix in DEFAULT_SUFFIXES_LIST} | {".csv"}
# A larger file is data, which belongs into the datastore, unless its suffix was asked for.
LARGEST = 10_000_000
# The libraries of an R project, and what other tools put beside code.
_NOT_CODE = {"renv", "packrat", "__pycache__", "node_modules"}
# What Python and a task's first lines import; in a remote task the user's files lie where Python
# looks first. A folder without __init__.py hides none of them.
_MODULES = {*sys.stdlib_module_names, "metaflow", "metaflow_extensions", "ray", "rpy2", "numpy"}
# A folder with one of these is a Python environment, or an installed R package.
_MARKS = ("pyvenv.cfg", "conda-meta", os.path.join("Meta", "package.rds"))


class UserFiles(FlowDecorator):
    """Adds the files of a folder to the code package of a run that has remote steps."""

    name = "_gangway_files"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self._flow: Any = None
        self._echo: Callable[..., Any] = print

    def flow_init(
        self,
        flow: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Any,
        echo: Any,
        options: Any,
    ) -> None:
        """Remember the flow, to which steps' decorators are attached later."""
        self._flow, self._echo = flow, echo

    def add_to_package(self) -> list[tuple[str, str, ContentType]]:
        """Tell Metaflow the files, and the user what is left out."""
        if not self._wanted():
            return []
        asked = {s.lower() for s in package_suffixes()} - _SUFFIXES
        left_out = {}
        files = list(user_files(self._folder, _SUFFIXES | asked))
        kept = ignored_by_git(self._folder, [name for _, name in files])
        kept = [name for name in kept if not name.lower().endswith(tuple(asked))]
        if kept:
            # A clone, from which a flow is deployed, does not have them either.
            self._echo(
                f"What git ignores does not go to remote tasks with the code: {_some(kept)}. Keep "
                "it as an artifact or in S3, or take it out of .gitignore if a step needs it.",
                err=True,
            )
        files = [file for file in files if file[1] not in kept]
        for path, name in files:
            if hides_module(name):
                left_out[name] = (
                    "has the name of a module of Python, Metaflow or Ray, which remote tasks would "
                    "not find, and does not go there with the code. Rename it if a step needs it."
                )
            elif os.path.getsize(path) > LARGEST and not name.lower().endswith(tuple(asked)):
                left_out[name] = (
                    f"is larger than {LARGEST // 1_000_000} MB and does not go to remote tasks "
                    "with the code. Keep it as an artifact or in S3."
                )
        for name, why in left_out.items():
            self._echo(f"{name} {why}", err=True)
        content = ContentType.USER_CONTENT
        return [(path, name, content) for path, name in files if name not in left_out]

    def _wanted(self) -> bool:
        remote = any(
            d.name in ("batch", "kubernetes") for step in self._flow for d in step.decorators
        )
        return remote or "package" in sys.argv


def carry_files(flow_class: Any) -> None:
    """Have the code package of a flow carry the user's files, if R has said where they are."""
    folder = os.environ.pop(FOLDER_VARIABLE, None)
    if folder:
        flow_decorators.add(flow_class, UserFiles(folder))


def ignored_by_git(folder: str, names: list[str]) -> list[str]:
    """Of the files of a folder those that git ignores; none without git or a repository.

    None as well if it ignores all: then the folder only happens to lie in a repository, such as
    one of a home's settings that ignores the rest of the home.
    """
    command = ["git", "-C", folder, "check-ignore", "--stdin", "-z"]
    told = os.fsencode("\0".join(names))
    try:
        said = subprocess.run(command, input=told, capture_output=True, check=False).stdout
    except OSError:
        return []
    ignored = [os.fsdecode(name) for name in said.split(b"\0") if name]
    return [] if len(ignored) == len(names) else ignored


def _some(names: list[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")


def hides_module(name: str) -> bool:
    """Whether a file would be imported in place of one of Python's, Metaflow's or Ray's modules."""
    module, _, rest = name.partition(os.sep)
    if rest:
        return rest == "__init__.py" and module in _MODULES
    return module.endswith(".py") and module.removesuffix(".py") in _MODULES


def user_files(folder: str, suffixes: set[str]) -> Iterator[tuple[str, str]]:
    """Find the files of a folder that a task may need: their paths, and their names in the package.

    Of a home folder, or the root, only the files directly in it: an R session begins there.
    """
    home = os.path.realpath(folder) in (os.path.realpath(os.path.expanduser("~")), os.sep)
    for top, folders, files in os.walk(folder):
        folders[:] = [] if home else sorted(f for f in folders if not _is_left_out(top, f))
        for file in sorted(files):
            path = os.path.join(top, file)
            is_code = not file.startswith(".") and file.lower().endswith(tuple(suffixes))
            if is_code and os.path.isfile(path):
                yield path, os.path.relpath(path, folder)


def _is_left_out(top: str, name: str) -> bool:
    if name.startswith(".") or name in _NOT_CODE or name.endswith(".Rcheck"):
        return True
    return any(os.path.exists(os.path.join(top, name, mark)) for mark in _MARKS)
