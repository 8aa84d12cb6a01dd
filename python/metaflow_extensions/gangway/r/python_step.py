"""Steps of an R flow that are written in Python: ``step(py_function = "module:function")``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from ..exceptions import PythonStepException


def run_python_step(reference: str, flow: Any, inputs: Sequence[Any] | None = None) -> None:
    """Import ``module:function`` and call it with the flow and, in a join, the inputs.

    Raises
    ------
    PythonStepException
        When the module or the function does not exist.
    """
    module_name, _, function_name = reference.partition(":")
    folder = find_user_modules()
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise PythonStepException(
            f"The step's py_function {reference!r}: there is no module {module_name!r} in {folder} "
            "or among the installed packages."
        ) from error
    except AttributeError as error:
        raise PythonStepException(
            f"The step's py_function {reference!r}: module {module_name!r} has no function "
            f"{function_name!r}."
        ) from error
    function(flow) if inputs is None else function(flow, inputs)


def find_user_modules() -> str:
    """Let Python find the user's modules, from which artifacts may come too; return their folder.

    flow.py lies in a folder of its own; they lie in the working folder.
    """
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return folder
