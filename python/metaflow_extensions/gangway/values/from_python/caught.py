"""The exceptions that Metaflow has stored, for ``@catch`` and for clients, as conditions of R."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...exceptions import ArtifactException
from ...mf.stored_exceptions import r_error
from ...rds.build import character, list_, null
from ...rds.nodes import LIST, Node
from ..robject import RObject
from .scalars import strings

if TYPE_CHECKING:
    from .convert import Conversion


def condition(stored: Any, conversion: Conversion) -> Node:
    """Convert a stored exception to a condition of R.

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
