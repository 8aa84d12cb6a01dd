"""Embedded R: what a generated flow.py and its tasks use.

``RBundle`` is imported by every generated flow; the rest is loaded only when it is used, because
each task pays for what is imported here.
"""

from __future__ import annotations

from typing import Any

from ..values import asking
from .bundle import RBundle

__all__ = ["RBundle", "RObject"]


def _start_r() -> Any:
    from .session import RSession

    return RSession.current()


asking.start = _start_r


def __getattr__(name: str) -> Any:
    if name == "RObject":
        from .robject import RObject

        return RObject
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
