"""R's part of the exceptions that Metaflow stores, for ``@catch``, for reports, and for clients.

Metaflow keeps of an exception its text, class and traceback, as an object that any Python reads.
An R error is more than that: in the processes of R tasks that object gets one more attribute,
``r_error``, which is made of plain Python values. Metaflow makes the object in two places and
offers no way to add to it, so this extends the constructor of its class.
"""

from __future__ import annotations

from typing import Any

from .patches import is_known


def enable() -> None:
    """Let the exceptions that this process stores keep what R knows of them."""
    from metaflow.exception import MetaflowExceptionWrapper as Wrapper

    plain = Wrapper.__init__
    without = "What R knows of an error is not stored."
    if plain.__module__ == __name__ or not is_known(Wrapper, "__init__", ["self", "exc"], without):
        return

    def init(self: Any, exc: BaseException | None = None) -> None:
        plain(self, exc)
        error = getattr(exc, "r_error", None)
        if error is not None:
            self.r_error = error

    Wrapper.__init__ = init  # type: ignore[method-assign]


def r_error(stored: Any) -> dict[str, Any] | None:
    """Return what `RException` tells of a stored exception; None if it is none of R code."""
    return getattr(stored, "r_error", None)
