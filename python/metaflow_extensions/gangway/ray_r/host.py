"""Ray's driver as R in this process sees it: ``py$ray_*()`` of tasks and of Ray's workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine import embed
from ..engine.large import numbers_of, unserialize
from ..engine.vectors import is_altrep, raw_to_bytes
from ..signals.interrupt import Interrupted, python_in_r
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


def _read_large(engine: Any, driver: Callable[[], Any]) -> Any:
    """R's function of a reference's number and `unserialize()`'s hook, for what `fetch` has left.

    It gives what `decode()` understands.
    """
    ri = embed.start()

    def read_large(number: Any, hook: Any) -> Any:
        try:
            with python_in_r():
                front, data = driver().value(int(number[0]))
                value = unserialize(
                    data, lambda raw: engine._functions["read_hooked"](raw, hook), front
                )
                return ri.ListSexpVector([ri.StrSexpVector(["plain"]), value])
        except Interrupted:
            return ri.ListSexpVector([ri.StrSexpVector(["plain"]), ri.NULL])  # R's own follows
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            return ri.ListSexpVector([ri.StrSexpVector(["error"]), ri.StrSexpVector([text])])

    return ri.rternalize(read_large)


def _put_numbers(driver: Callable[[], Any]) -> Any:
    """R's function for `Driver.put_numbers`: the size, or NULL where none are in memory."""
    ri = embed.start()

    def put_numbers(number: Any, front: Any, vector: Any) -> Any:
        numbers = numbers_of(vector)
        if numbers is None:
            return ri.NULL
        try:
            with python_in_r():
                size = driver().put_numbers(int(number[0]), raw_to_bytes(front), numbers)
                return ri.FloatSexpVector([size])
        except Interrupted:
            return ri.FloatSexpVector([0])  # R's own interrupt follows
        except Exception as error:
            return ri.StrSexpVector([f"{type(error).__name__}: {error}"])

    return ri.rternalize(put_numbers)


def _is_altrep() -> Any:
    ri = embed.start()

    return ri.rternalize(lambda x: ri.BoolSexpVector([is_altrep(x)]))


def _quick_submit(driver: Callable[[], Any]) -> Any:
    """R's function for `Driver.submit_quick`: TRUE, or the text of an error.

    What `REngine.provide` does for any function takes seven times as long.
    """
    ri = embed.start()
    done = ri.BoolSexpVector([True])

    def quick_submit(data: Any) -> Any:
        try:
            with python_in_r():
                driver().submit_quick(raw_to_bytes(data))
        except Interrupted:
            pass  # R's own interrupt follows
        except Exception as error:
            return ri.StrSexpVector([f"{type(error).__name__}: {error}"])
        return done

    return ri.rternalize(quick_submit)
