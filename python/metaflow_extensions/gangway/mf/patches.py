"""Whether a method of Metaflow's is still the one that gangway replaces."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any


def is_known(owner: Any, name: str, parameters: Sequence[str], without: str) -> bool:
    """Whether a class has a method with these parameters; a warning says so where it has not.

    Parameters
    ----------
    owner : type
        The class.
    name : str
        The method.
    parameters : sequence of str
        The parameters that the replacement takes.
    without : str
        What goes without the replacement, as a sentence.
    """
    method = getattr(owner, name, None)
    if inspect.isfunction(method) and [*inspect.signature(method).parameters] == [*parameters]:
        return True
    warnings.warn(
        f"{owner.__module__}.{owner.__qualname__}.{name}() of this Metaflow is not the one that "
        f"gangway knows. {without}",
        RuntimeWarning,
        stacklevel=2,
    )
    return False
