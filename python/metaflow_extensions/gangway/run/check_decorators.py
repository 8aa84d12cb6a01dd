"""Check a generated flow's decorators against Metaflow's registry before they are imported.

``from metaflow import retyr`` ends in an ImportError and ``@retry(tmes=2)`` in an exception while
the class is built, both with a traceback through generated code. So flow.py calls
`check_decorators_of` between its other imports and the import of its decorators. That costs the
parsing of one small file and no extra process.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypedDict

import metaflow
from metaflow.decorators import Decorator
from metaflow.exception import InvalidDecoratorAttribute
from metaflow.plugins import FLOW_DECORATORS, STEP_DECORATORS

from ..did_you_mean import did_you_mean
from ..exceptions import GangwayException


class UnknownDecoratorException(GangwayException):
    """A decorator, or one of its arguments, is not one that Metaflow knows."""

    headline = "Unknown decorator"

    def __init__(self, msg: str, step: str | None = None) -> None:
        self.step = step
        super().__init__(msg)


class DecoratorUse(TypedDict):
    """One decorator of a flow: on a step, or on the flow itself (``step`` is None)."""

    kind: str
    step: str | None
    name: str
    args: list[str]


def check_decorators_of(flow_file: str) -> None:
    """Check the decorators in a generated flow.py; end the process with status 1 if one is wrong.

    Parameters
    ----------
    flow_file : str
        Path of the flow.py that calls this while it is imported.
    """
    with open(flow_file, encoding="utf-8") as source:
        module = ast.parse(source.read())
    try:
        check_decorators(decorators_in(module))
    except UnknownDecoratorException as error:
        _end(error, module)


def check_decorators(spec: Iterable[Mapping[str, Any]]) -> None:
    """Check decorators against the registry.

    Parameters
    ----------
    spec : iterable of DecoratorUse
        ``kind`` is "step" or "flow".

    Raises
    ------
    UnknownDecoratorException
        A name or an argument is unknown, a decorator stands in the wrong place or twice.
    """
    seen: set[tuple[str | None, str]] = set()
    for use in spec:
        known = _registry(use["kind"])
        decorator = known.get(use["name"])
        if decorator is None:
            _check_other(use, known)
            continue
        if (use["step"], use["name"]) in seen and not decorator.allow_multiple:
            raise UnknownDecoratorException(
                f"{_place(use)} has the decorator @{use['name']} twice. Remove one of them.",
                use["step"],
            )
        seen.add((use["step"], use["name"]))
        for argument in use["args"]:
            _check_argument(use, decorator, argument)


def decorators_in(module: ast.Module) -> Iterator[DecoratorUse]:
    """Yield the decorators that a flow's source imports from metaflow, flow by flow, step by step.

    A user's own decorators, imported from other modules, are not looked at.
    """
    imported = {
        alias.asname or alias.name: alias.name
        for node in module.body
        if isinstance(node, ast.ImportFrom) and node.module == "metaflow"
        for alias in node.names
    }
    for flow in module.body:
        if isinstance(flow, ast.ClassDef):
            yield from _uses(flow.decorator_list, imported, "flow", None)
            for method in flow.body:
                if isinstance(method, ast.FunctionDef):
                    yield from _uses(method.decorator_list, imported, "step", method.name)


def _uses(
    nodes: list[ast.expr], imported: Mapping[str, str], kind: str, step: str | None
) -> Iterator[DecoratorUse]:
    for node in nodes:
        called = node.func if isinstance(node, ast.Call) else node
        keywords = node.keywords if isinstance(node, ast.Call) else []
        if isinstance(called, ast.Name) and imported.get(called.id, "step") != "step":
            args = [keyword.arg for keyword in keywords if keyword.arg is not None]
            yield {"kind": kind, "step": step, "name": imported[called.id], "args": args}


def _registry(kind: str) -> dict[str, type[Decorator]]:
    classes = STEP_DECORATORS if kind == "step" else FLOW_DECORATORS
    return {decorator.name: decorator for decorator in classes}


def _check_other(use: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Let through what extensions put into metaflow's namespace by other means."""
    name = use["name"]
    elsewhere = _registry("flow" if use["kind"] == "step" else "step")
    if name in elsewhere:
        advice = (
            f'Give it to the flow: metaflow("...", decorator("{name}")).'
            if use["kind"] == "step"
            else f'Give it to a step: step(decorator("{name}"), ...), or run with --with {name}.'
        )
        place = "a whole flow" if use["kind"] == "step" else "a single step"
        raise UnknownDecoratorException(
            f"{_place(use)}: @{name} is a decorator for {place}. {advice}", use["step"]
        )
    if callable(getattr(metaflow, name, None)):
        return
    public = [other for other in known if not other.endswith("_internal")]
    raise UnknownDecoratorException(
        f"{_place(use)}: Metaflow knows no decorator @{name}."
        + _advice(name, public, list(elsewhere), before="@", what="Decorators"),
        use["step"],
    )


def _check_argument(use: Mapping[str, Any], decorator: type[Decorator], argument: str) -> None:
    if argument in decorator.defaults:
        return
    # A class with an __init__ of its own may take more than its defaults say.
    try:
        decorator(attributes={argument: None}, statically_defined=True)
    except InvalidDecoratorAttribute:
        raise UnknownDecoratorException(
            f"{_place(use)}: @{use['name']} has no argument {argument!r}."
            + _advice(argument, list(decorator.defaults), what="Its arguments"),
            use["step"],
        ) from None
    except Exception:
        return


def _advice(
    name: str, choices: list[str], more: Iterable[str] = (), before: str = "", what: str = ""
) -> str:
    if hint := did_you_mean(name.lower(), [*choices, *more], most=1, written=before.__add__):
        return f" {hint}"
    if not choices:
        return " It takes none."
    return f" {what} are: {', '.join(sorted(choices))}."


def _place(use: Mapping[str, Any]) -> str:
    return "The flow" if use["step"] is None else f"Step *{use['step']}*"


def _end(error: UnknownDecoratorException, module: ast.Module) -> NoReturn:
    """Print the error as Metaflow prints its own, report it to R, and leave."""
    from metaflow.cli import print_metaflow_exception

    report = os.environ.get("GANGWAY_REPORT")
    if report:
        flow = next((n.name for n in module.body if isinstance(n, ast.ClassDef)), None)
        failure = {
            "pathspec": None,
            "step": error.step,
            "message": error.message,
            "traceback": [],
            "call": None,
        }
        with open(report, "w", encoding="utf-8") as file:
            json.dump({"flow": flow, "run_id": None, "status": "failed", "failed": [failure]}, file)
    print_metaflow_exception(error)
    sys.exit(1)
