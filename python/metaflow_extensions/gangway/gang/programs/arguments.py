"""Arguments of a program, from a dictionary or a list, as the metaflow-* packages take them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Arguments = Mapping[str, Any] | Sequence[Any] | None


def command_line(given: Arguments) -> list[str]:
    """Give the words of a command line.

    Parameters
    ----------
    given : mapping, sequence or None
        ``{"epochs": 2, "verbose": None}`` becomes ``--epochs 2 --verbose`` (an empty string is a
        flag too); a list is taken as it is.

    Examples
    --------
    >>> command_line({"lr": 0.1, "resume": None, "tags": ["a", "b"]})
    ['--lr', '0.1', '--resume', '--tags', '["a", "b"]']
    """
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Mapping):
        return [word(value) for value in given]
    words = []
    for name, value in given.items():
        words.append(name if name.startswith("-") else f"--{name}")
        if value is not None and value != "":
            words.append(word(value))
    return words


def options(given: Arguments) -> dict[str, str | None]:
    """Give the options of a launcher by name without dashes; None is the value of a flag.

    Lists may hold ``["nproc_per_node", 2]``, ``["--nproc_per_node", "2"]`` or
    ``["--nproc-per-node=2"]``; names come out with underscores.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {_name(k): None if v is None or v == "" else word(v) for k, v in given.items()}
    words = [given] if isinstance(given, str) else [word(value) for value in given]
    found: dict[str, str | None] = {}
    bare = words[:1] and not words[0].startswith("-")  # names and values take turns
    while words:
        name, equals, value = words.pop(0).partition("=")
        if not equals and words and (bare or not words[0].startswith("-")):
            found[_name(name)] = words.pop(0)
        else:
            found[_name(name)] = value if equals else None
    return found


def option_line(given: Mapping[str, str | None]) -> list[str]:
    """Return the words of a command line for what `options` gives."""
    words = []
    for name, value in given.items():
        dashed = ("-" if len(name) == 1 else "--") + name
        words.append(dashed if value is None else f"{dashed}={value}")
    return words


def word(value: Any) -> str:
    """Return a value as one word: true and false, lists and dictionaries as JSON writes them."""
    if isinstance(value, (bool, list, tuple, dict)) or value is None:
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _name(given: str) -> str:
    return given.lstrip("-").replace("-", "_")
