"""Ray's driver as R in this process sees it: ``py$ray_*()`` of tasks and of Ray's workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine import embed
from ..engine.large_vectors import numbers_of, unserialize
from ..engine.vectors import is_altrep, raw_to_bytes
from .primitives import PRIMITIVES


def ray_functions(engine: Any, driver: Callable[[], Any]) -> dict[str, Callable[..., Any]]:
    """Functions for `REngine.provide`.

    Parameters
    ----------
    engine : REngine
        The R of this process.
    driver : callable
        Returns the process's `Driver`; the first call imports Ray.
    """
    engine.define("quick_submit", _quick_submit(driver))
    engine.define("read_large", _read_large(engine, driver))
    engine.define("put_numbers", _put_numbers(driver))
    engine.define("is_altrep", _is_altrep())
    return {f"ray_{name}": _function(engine, driver, name) for name in ("connect", *PRIMITIVES)}


def _function(engine: Any, driver: Callable[[], Any], name: str) -> Callable[..., Any]:
    found: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not found:
            found.append(getattr(driver(), name))
        return found[0](*map(engine.plain, arguments))

    return call


def _read_large(engine: Any, driver: Callable[[], Any]) -> Callable[..., Any]:
    """R's way to what `fetch` has left: of a reference's number and `unserialize()`'s hook."""

    def read_large(number: Any, hook: Any) -> Any:
        front, data = driver().value(int(number[0]))
        return unserialize(data, lambda raw: engine._functions["read_hooked"](raw, hook), front)

    return read_large


def _put_numbers(driver: Callable[[], Any]) -> Callable[..., Any]:
    """R's way to `Driver.put_numbers`: the size, or None where no numbers are in memory."""
    ri = embed.start()

    def put_numbers(number: Any, front: Any, vector: Any, once: Any) -> Any:
        numbers = numbers_of(vector)
        if numbers is None:
            return None
        size = driver().put_numbers(int(number[0]), raw_to_bytes(front), numbers, bool(once[0]))
        return ri.FloatSexpVector([size])

    return put_numbers


def _is_altrep() -> Callable[..., Any]:
    ri = embed.start()

    return lambda x: ri.BoolSexpVector([is_altrep(x)])


def _quick_submit(driver: Callable[[], Any]) -> Callable[..., Any]:
    """R's way to `Driver.submit_quick`; as a primitive it would take seven times as long."""
    return lambda data: driver().submit_quick(raw_to_bytes(data))
