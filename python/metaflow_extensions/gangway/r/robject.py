"""`RObject` where artifacts look for it: those with one inside a Python object name this module."""

from __future__ import annotations

from ..values.robject import RObject

__all__ = ["RObject"]
