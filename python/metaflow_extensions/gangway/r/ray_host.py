"""Ray's driver as R in this process sees it: ``py$ray_*()`` of tasks and of Ray's workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_NAMES = (
    "connect add_job submit submit_many put wait fetch value release cancel make_actor call_actor "
    "cpus nodes resources tell hear"
).split()


def ray_functions(engine: Any) -> dict[str, Callable[..., Any]]:
    """Functions for `REngine.provide`; Ray is imported by the first call."""
    return {f"ray_{name}": _function(engine, name) for name in _NAMES}


def _function(engine: Any, name: str) -> Callable[..., Any]:
    found: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not found:
            from ..ray import driver

            found.append(getattr(driver, name))
        return found[0](*map(engine.plain, arguments))

    return call
