"""Objects on Metaflow's ``current`` as R code uses them: their methods and attributes by name."""

from __future__ import annotations

from typing import Any

from ..did_you_mean import did_you_mean
from ..exceptions import ArtifactException


class RDouble(float):
    """An R double as an argument: in text it is what R prints, so 3 and not 3.0."""

    def __str__(self) -> str:
        return str(int(self)) if self.is_integer() and abs(self) < 1e15 else repr(float(self))


def is_method(owner: Any, name: str) -> bool:
    """Whether a public name of an object is one to call; there must be such a name."""
    known = [n for n in dir(owner) if not n.startswith("_")]
    if name not in known:
        hint = did_you_mean(name, known) or f"It has {', '.join(map(repr, known))}."
        raise ArtifactException(f"{type(owner).__name__} has no {name!r}. {hint}")
    return callable(getattr(owner, name))


def call(owner: Any, name: str, positional: Any, named: Any) -> Any:
    """Call a method with R's arguments, converted to plain Python values."""
    arguments = [_argument(value) for value in positional]
    keywords = {key: _argument(value) for key, value in dict(named).items()}
    return getattr(owner, name)(*arguments, **keywords)


def _argument(value: Any) -> Any:
    if isinstance(value, list):
        return [_argument(each) for each in value]
    if isinstance(value, dict):
        return {key: _argument(each) for key, each in value.items()}
    return RDouble(value) if type(value) is float else value
