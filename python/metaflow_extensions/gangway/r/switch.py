"""What chooses the next step of a switch: one string, whatever attributes it has in R."""

from __future__ import annotations

from typing import Any

from ..exceptions import ArtifactException
from ..mf import flow as flow_state
from ..rds.altrep import expand
from ..rds.nodes import CHARACTER
from ..values.robject import RObject
from ..values.to_python.arrays import strings

_LINE = 200


class Choice(str):
    """The string that Metaflow looks up, of an R object; it is stored as that object."""

    value: RObject

    def __reduce__(self) -> tuple[Any, ...]:
        return self.value.__reduce__()


def prepare(flow: Any) -> None:
    """At the end of a step, make a string of the R object that Metaflow would look up.

    Raises
    ------
    ArtifactException
        It is not one string.
    """
    choice = flow_state.switch_over(flow)
    if choice is None:
        return
    name, cases = choice
    value = getattr(flow, name, None)
    if not isinstance(value, RObject):
        return  # a string, or for Metaflow to refuse
    text = _text(value)
    if text is None:
        raise ArtifactException(
            f"The next step is chosen by {name!r}, which is {_shown(value)}: it takes one string, "
            f"of {', '.join(map(repr, cases))}."
        )
    chosen = Choice(text)
    chosen.value = value
    setattr(flow, name, chosen)


def _text(value: RObject) -> str | None:
    node = expand(value.node)
    if node.type != CHARACTER or len(node.value) != 1:
        return None
    return strings(node, value.header.encoding)[0]


def _shown(value: RObject) -> str:
    try:
        text = repr(value.to_builtins())
    except ArtifactException:
        return repr(value)
    return f"{value!r} ({text if len(text) <= _LINE else text[:_LINE] + ' ...'})"
