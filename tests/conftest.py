"""What kind of test each one is: unit, process, cluster or cloud (pytest.ini says what they mean).

Nobody marks them by hand. Tests in tests/aws are `cloud`. Elsewhere a test is `unit` unless its own
code, a fixture that it asks for or what these call in tests/ starts processes; such a test is
`cluster` in a file about gangs, else `process`.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
GANGS = re.compile("test_(fault_matrix|gang|ray|r_gang|mpi|torchrun|deepspeed|tensorflow)")
# What starts a process, by the names that the tests know it by.
STARTERS = {"subprocess", "Launch"}


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Give each test the marker of its kind."""
    for item in items:
        item.add_marker(kind(item))


def kind(item: pytest.Function) -> str:
    if item.path.is_relative_to(HERE / "aws"):
        return "cloud"
    fixtures = (last.func for *_, last in item._fixtureinfo.name2fixturedefs.values())
    if not any(map(starts_processes, (item.function, *fixtures))):
        return "unit"
    return "cluster" if GANGS.match(item.path.name) else "process"


@functools.cache
def starts_processes(function: Any) -> bool:
    seen, todo = {function}, [function]
    while todo:
        each = inspect.unwrap(todo.pop())
        names = set(names_in(each.__code__))
        if names & STARTERS:
            return True
        called = {f for value in values(names, each.__globals__) for f in functions_of_tests(value)}
        todo += called - seen
        seen |= called
    return False


def names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from names_in(inner)


def values(names: set[str], variables: dict[str, Any]) -> Iterator[Any]:
    """Yield what names stand for among variables, and in modules of the tests named there."""
    for name in names & variables.keys():
        value = variables[name]
        yield value
        if inspect.ismodule(value) and is_in_tests(getattr(value, "__file__", None)):
            yield from values(names, vars(value))


def is_in_tests(file: str | None) -> bool:
    return file is not None and file.startswith(str(HERE))


def functions_of_tests(value: Any) -> Iterator[FunctionType]:
    """Yield a function, or the methods of a class, if the tests define it."""
    if inspect.isclass(value):
        for method in vars(value).values():
            yield from functions_of_tests(method)
    elif inspect.isfunction(value) and is_in_tests(value.__code__.co_filename):
        yield value
