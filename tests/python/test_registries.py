"""What R has copied of Python's and Metaflow's lists of names is the same there."""

from __future__ import annotations

import ast
import inspect
import keyword
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from metaflow import FlowSpec, lint
from metaflow.parameters import Parameter
from metaflow.plugins import FLOW_DECORATORS, STEP_DECORATORS
from metaflow.plugins.parallel_decorator import ParallelDecorator
from metaflow_extensions.gangway.ray.decorator import RayParallelDecorator

R = Path(__file__).resolve().parents[2] / "R"
DECORATORS = {d.name: d for d in STEP_DECORATORS}
# Of other extensions; their packages need not be installed.
ELSEWHERE = {"torchrun_parallel"}


def in_r(file: str, name: str) -> set[str]:
    """The strings of a constant in R."""
    found = re.search(rf"^{name} <- c\((.*?)\)$", (R / file).read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"R/{file} has no {name}"
    return set(re.findall(r'"(.*?)"', found[1]))


def in_metaflow(function: Callable[..., object], name: str) -> set[str]:
    """The strings that are assigned to a variable of a function."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return set(ast.literal_eval(node.value))
    raise AssertionError(f"{function.__qualname__}() has no variable {name}")


def test_r_knows_which_decorators_make_gangs() -> None:
    gangs = {name for name, d in DECORATORS.items() if issubclass(d, ParallelDecorator)}
    in_check = in_r("graph-check.R", "gang_decorators")
    assert in_check - ELSEWHERE == gangs
    assert not in_r("graph-check.R", "other_decorators") & gangs


def test_r_knows_which_decorators_need_ray() -> None:
    of_ray = {name for name, d in DECORATORS.items() if issubclass(d, RayParallelDecorator)}
    assert in_r("graph-check.R", "ray_decorators") == of_ray


def test_r_knows_metaflows_names_of_steps() -> None:
    attributes = {name for name in dir(FlowSpec) if not name.startswith("_")}
    reserved = in_metaflow(lint.check_reserved_words, "RESERVED")
    assert in_r("graph-step.R", "reserved_names") == attributes | reserved


def test_r_knows_metaflows_names_of_parameters() -> None:
    reserved = in_metaflow(Parameter.init, "reserved_params")
    names = {name.replace("-", "_") for name in reserved}
    assert in_r("graph-parameter.R", "reserved_parameters") == names


def test_r_knows_pythons_keywords() -> None:
    assert in_r("graph-literal.R", "python_keywords") == set(keyword.kwlist)


def test_r_names_arguments_that_metaflows_decorators_have() -> None:
    code = (R / "graph-decorators-named.R").read_text()
    calls = re.findall(r'decorator_of_given\("(\w+)", list\((.*?)\)\)', code, re.DOTALL)
    assert {name for name, _ in calls} == {"batch", "resources", "retry", "catch", "secrets"}
    for name, arguments in calls:
        named = set(re.findall(r"(\w+) = ", arguments))
        assert named and named <= DECORATORS[name].defaults.keys(), name


def test_r_knows_which_arguments_are_lists() -> None:
    """Those that Metaflow's help calls lists, or that are lists by default."""
    lists = {}
    for decorator in [*STEP_DECORATORS, *FLOW_DECORATORS]:
        described = re.findall(r"^ *(\w+) ?: .*\bList\[", decorator.__doc__ or "", re.MULTILINE)
        by_default = [name for name, value in decorator.defaults.items() if isinstance(value, list)]
        if found := {*described, *by_default} & decorator.defaults.keys():
            lists[decorator.name] = found
    table = re.search(
        r"^list_arguments <- list\((.*?)^\)$",
        (R / "graph-decorator.R").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert table
    in_table = {
        name: set(re.findall(r'"(\w+)"', values))
        for name, values in re.findall(r'(\w+) = (c\(.*?\)|"\w+")', table[1], re.DOTALL)
    }
    assert lists.keys() >= {"secrets", "exit_hook", "kubernetes"}
    missing = {n: found - in_table.get(n, set()) for n, found in lists.items()}
    assert not any(missing.values()), missing
