"""R's part of the exceptions that Metaflow stores, for ``@catch``, for reports, and for clients.

Metaflow keeps of an exception its text, class and traceback, as an object that any Python reads.
An R error is more than that: in the processes of R tasks that object gets one more attribute,
``r_error``, which is made of plain Python values. Metaflow makes the object in two places and
offers no way to add to it, so this extends the constructor of its class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import ArtifactException
from ..rds.build import character, list_, null
from ..rds.nodes import LIST, Node
from .from_scalars import strings
from .robject import RObject

if TYPE_CHECKING:
    from .from_python import Conversion


def enable() -> None:
    """Let the exceptions that this process stores keep what R knows of them."""
    from metaflow.exception import MetaflowExceptionWrapper as Wrapper

    plain = Wrapper.__init__
    if plain.__module__ == __name__:
        return

    def init(self: Any, exc: BaseException | None = None) -> None:
        plain(self, exc)
        error = getattr(exc, "r_error", None)
        if error is not None:
            self.r_error = error

    Wrapper.__init__ = init  # type: ignore[method-assign]


def r_error(stored: Any) -> dict[str, Any] | None:
    """What `RException` tells of a stored exception; None if it is none of R code."""
    return getattr(stored, "r_error", None)


def condition(stored: Any, conversion: Conversion) -> Node:
    """A stored exception as a condition of R.

    Of R code it is the condition that was signalled, with further fields: ``exception``, its whole
    message; ``traceback``, R's calls; ``type`` and ``stacktrace``, Python's view of it.
    """
    error = r_error(stored)
    message = stored.exception if error is None else error["message"]
    more = {"exception": message, "type": stored.type, "stacktrace": stored.stacktrace}
    if error is None:
        found = _condition(message, ["error", "condition"])
    else:
        found = _signalled(error) or _condition(message, error["class"])
        more["traceback"] = error["traceback"]
    assert found.attributes is not None
    fields = dict(zip(found.attributes["names"].value, found.value, strict=True))
    for name, value in more.items():
        if name == "exception" or name not in fields:
            fields[name] = conversion.exactly(_without_nul(value))
    classes = character(["metaflow_exception", *found.attributes["class"].value])
    attributes = {**found.attributes, "names": character(list(fields)), "class": classes}
    return list_(fields.values(), attributes=attributes)


def _signalled(error: dict[str, Any]) -> Node | None:
    """R's condition itself, if R may read it."""
    try:
        kept = RObject(error["condition"])
        kept.check()
        node = kept.node
    except ArtifactException:
        return None
    known = node.attributes or {}
    return node if node.type == LIST and {"names", "class"} <= known.keys() else None


def _condition(message: str, classes: list[str]) -> Node:
    attributes = {"class": character(classes)}
    text = strings([_without_nul(message)])
    assert text is not None
    return list_([text, null()], names=["message", "call"], attributes=attributes)


def _without_nul(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nul(v) for v in value]
    return value.replace("\0", "") if isinstance(value, str) else value
