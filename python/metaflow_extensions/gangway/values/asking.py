"""What only R knows of an object: asked of the R of this process, which others start.

Imports the exceptions, which are Metaflow's, where they are raised: Ray's workers do without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .robject import RObject

# This process's R, once it runs, and what starts it: put here by `engine.engine` and by r.
running: Any = None
start: Callable[[], Any] | None = None


class RRefusal(Exception):
    """R has an error for what Python asked: its message and the classes of R's condition."""

    def __init__(self, message: str, *classes: str) -> None:
        super().__init__(message)
        self.classes = classes


def asked_of_r(value: RObject, ask: Callable[[Any], Any], index: int | str | None = None) -> Any:
    """Return what R says of an object; its error is the one that Python's types raise."""
    try:
        return ask(_engine_for(value))
    except RRefusal as error:
        raise _as_pythons(error, value, index) from None


def engine() -> Any:
    """Return the R of this process, which is started if it does not run."""
    if running is None and start is None:
        from ..exceptions import RStartException

        raise RStartException("Import metaflow_extensions.gangway.r, which starts it.")
    return running or start()  # type: ignore[misc]


def _engine_for(value: RObject) -> Any:
    from ..exceptions import RStartException

    try:
        return engine()
    except RStartException as error:
        raise RStartException(f"The elements of {value!r} need R. {error.message}") from None


def _as_pythons(error: Any, value: RObject, index: int | str | None) -> Exception:
    from ..exceptions import ArtifactException

    missing = IndexError if isinstance(index, int) else KeyError
    if "subscriptOutOfBoundsError" in error.classes:
        return missing(f"{index!r} of {value!r}")
    if value.info["type"] == "environment" and isinstance(index, int):
        return KeyError(f"{index!r}: the elements of {value!r} have names alone")
    if "notSubsettableError" in error.classes or value.info["type"] == "S4":
        return TypeError(f"{value!r} is not subscriptable: {error}")
    return ArtifactException(f"R cannot give {index!r} of {value!r}: {error}")
