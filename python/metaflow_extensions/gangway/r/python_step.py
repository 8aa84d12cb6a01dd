"""Steps of an R flow that are written in Python: ``step(py_function = "module:function")``."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Any

from ..exceptions import PythonStepException

# The folder of the script that Rscript runs.
_BESIDE = "GANGWAY_BESIDE_SCRIPT"


def run_python_step(reference: str, flow: Any, inputs: Sequence[Any] | None = None) -> None:
    """Import ``module:function`` and call it with the flow and, in a join, the inputs.

    Raises
    ------
    PythonStepException
        When the module or the function does not exist.
    """
    module_name, _, function_name = reference.partition(":")
    folders = find_user_modules()
    try:
        _load_from(folders, module_name.partition(".")[0])
        function = getattr(importlib.import_module(module_name), function_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise PythonStepException(
            f"The step's py_function {reference!r}: there is no module {module_name!r} in "
            f"{' or '.join(folders)} or among the installed packages."
        ) from error
    except AttributeError as error:
        raise PythonStepException(
            f"The step's py_function {reference!r}: module {module_name!r} has no function "
            f"{function_name!r}."
        ) from error
    function(flow) if inputs is None else function(flow, inputs)


def find_user_modules() -> list[str]:
    """Let Python find the user's modules, from which artifacts may come too; return their folders.

    flow.py lies in a folder of its own; they lie in the working folder, or beside the script of a
    local run. These come last: a folder `ray` or a file `json.py` of an R project is no module for
    Ray, Metaflow and Python to import.
    """
    folders = [os.getcwd()]
    beside = os.environ.get(_BESIDE, "")
    if os.path.isdir(beside) and not os.path.samefile(beside, folders[0]):
        folders.append(beside)
    sys.path.extend(folder for folder in folders if folder not in sys.path)
    return folders


def _load_from(folders: list[str], name: str) -> None:
    """Load a module that a step names from the user's folders, if it is there."""
    if name in sys.modules:
        return
    spec = importlib.machinery.PathFinder.find_spec(name, folders)
    if spec is None or spec.loader is None:  # a folder without __init__.py
        return
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
