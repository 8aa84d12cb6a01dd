"""What Argo fills into templates: ``{{name}}`` and ``{{=expression}}``."""

from __future__ import annotations

import base64
import json
import re
from types import SimpleNamespace
from typing import Any


class Unresolved(Exception):
    """A name in a template that Argo does not know at this place."""


def fill_in(template: Any, known: dict[str, Any], later: tuple[str, ...] = ()) -> Any:
    """Fill a template in, once, as Argo does: in its JSON, with values as JSON writes them.

    Parameters
    ----------
    template : object
        Anything that JSON can write.
    known : dict
        Values by names with dots; a dict among them holds values by further names.
    later : tuple of str
        Names that are filled in at another time.
    """

    def value(match: re.Match[str]) -> str:
        text = json.loads(f'"{match[1]}"').strip()
        if text in later:
            return match[0]
        found = evaluate(text[1:], known) if text.startswith("=") else look_up(text, known)
        return json.dumps(found if isinstance(found, str) else json.dumps(found))[1:-1]

    return json.loads(re.sub(r"\{\{(.*?)\}\}", value, json.dumps(template)))


def look_up(name: str, known: dict[str, Any]) -> Any:
    """Give the value of a name with dots; a part of it may have dots and hyphens itself."""
    parts, rest = known, name
    while rest not in parts:
        head = next((x for x in parts if rest.startswith(f"{x}.")), None)
        if head is None or not isinstance(parts[head], dict):
            raise Unresolved(f"failed to resolve {{{{{name}}}}}")
        parts, rest = parts[head], rest[len(head) + 1 :]
    return parts[rest]


def evaluate(expression: str, known: dict[str, Any]) -> Any:
    """Give the value of an expression, of those functions that Metaflow and gangway use."""
    python = re.sub(r"\(([^()?]*)\?([^():]*):([^():]*)\)", r"((\2) if (\1) else (\3))", expression)
    python = python.replace("&&", " and ").replace("||", " or ")
    sprig = SimpleNamespace(int=int, sub=lambda a, b: a - b)
    names = {"asInt": int, "toBase64": _to_base64, "sprig": sprig, "nil": None}
    dotted = {name: _dotted(value) for name, value in known.items()}
    return eval(python, {"__builtins__": {}}, names | dotted)  # noqa: S307 a test's own text


def _dotted(value: Any) -> Any:
    return _Dotted(value) if isinstance(value, dict) else value


class _Dotted(dict[str, Any]):
    """A dict whose values are attributes, too, as in Argo's expressions."""

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __getitem__(self, name: str) -> Any:
        return _dotted(super().__getitem__(name))


def _to_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def holds(condition: str, known: dict[str, str]) -> bool:
    """Whether ``depends`` or ``when`` is true; `known` has the status of each task.

    ``a.Succeeded && (b.Failed || c)``, or ``x == y``, ``x != y`` of plain words.
    """

    def value(match: re.Match[str]) -> str:
        task, _, wanted = match[0].partition(".")
        accepted = {"": ("Succeeded", "Skipped"), "Omitted": ("Omitted", "Skipped")}
        return str(known[task] in accepted.get(wanted, (wanted,)))

    if match := re.fullmatch(r"\(?\s*(\S*)\s*(==|!=)\s*(\S*?)\s*\)?", condition):
        return (match[1] == match[3]) == (match[2] == "==")
    python = re.sub(r"[\w-]+(\.\w+)?", value, condition)
    python = python.replace("&&", " and ").replace("||", " or ")
    return not condition or bool(eval(python, {"__builtins__": {}}))  # noqa: S307


def tasks_of(condition: str) -> set[str]:
    """Give the tasks that a condition waits for."""
    return {name.partition(".")[0] for name in re.findall(r"[\w-]+(?:\.\w+)?", condition)}
