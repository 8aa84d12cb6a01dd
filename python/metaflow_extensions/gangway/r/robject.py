"""`RObject` where artifacts and users look for it, with the R that its elements may need.

Artifacts that hold one in a Python object name this module.
"""

from __future__ import annotations

from typing import Any

from ..values import asking
from ..values.robject import RObject

__all__ = ["RObject"]


def _start() -> Any:
    from .session import RSession

    return RSession.current()


asking.start = _start
