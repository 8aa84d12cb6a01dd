"""Decorators of a generated flow against Metaflow's registry."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import metaflow
import pytest
from metaflow.plugins import FLOW_DECORATORS, STEP_DECORATORS
from metaflow_extensions.gangway.run.check_decorators import (
    UnknownDecoratorException,
    check_decorators,
    decorators_in,
)

FLOW = """\
from metaflow import FlowSpec, step
from metaflow_extensions.gangway.run.check_decorators import check_decorators_of

check_decorators_of(__file__)

from metaflow import {imports}


{flow_decorator}
class CheckedFlow(FlowSpec):
    {step_decorator}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CheckedFlow()
"""


def use(name: str, *args: str, step: str | None = "fit") -> dict[str, object]:
    return {
        "kind": "step" if step else "flow",
        "step": step,
        "name": name,
        "args": list(args),
    }


@pytest.mark.parametrize("decorator", STEP_DECORATORS, ids=lambda d: d.name)
def test_every_step_decorator_passes_with_all_its_arguments(decorator: type) -> None:
    check_decorators([use(decorator.name, *decorator.defaults)])


@pytest.mark.parametrize("decorator", FLOW_DECORATORS, ids=lambda d: d.name)
def test_every_flow_decorator_passes_with_all_its_arguments(decorator: type) -> None:
    check_decorators([use(decorator.name, *decorator.defaults, step=None)])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (use("retyr"), r"Step \*fit\*: .*no decorator @retyr. Did you mean @retry\?"),
        (use("Batch"), "Did you mean @batch"),
        (use("zzzz"), "Decorators are: .*batch"),
        (use("retry", "tmes"), r"Step \*fit\*: @retry has no argument 'tmes'. Did you mean times"),
        (use("retry", "zzzz"), "Its arguments are: minutes_between_retries, times"),
        (use("schedule", "daily"), r"for a whole flow. Give it to the flow"),
        (use("retry", step=None), "The flow: @retry is a decorator for a single step"),
        (use("schedule", "dayly", step=None), "The flow: @schedule .*Did you mean daily"),
    ],
)
def test_unknown_ones_get_the_nearest_name(spec: dict[str, object], message: str) -> None:
    with pytest.raises(UnknownDecoratorException, match=message):
        check_decorators([spec])


def test_a_decorator_twice_is_refused_unless_metaflow_takes_it() -> None:
    check_decorators(
        [use("card", "id"), use("card", "id"), use("retry"), use("retry", step="other")]
    )
    with pytest.raises(UnknownDecoratorException, match="@retry twice"):
        check_decorators([use("retry"), use("retry")])


def test_what_an_extension_puts_into_metaflow_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metaflow, "house_decorator", lambda f: f, raising=False)
    check_decorators([use("house_decorator", "anything")])


def test_decorators_are_read_from_the_source_under_their_own_names() -> None:
    module = ast.parse(
        "from metaflow import FlowSpec, retry as _retry, step as _step, schedule\n"
        "from mine import audit\n"
        "@schedule(daily=True)\n"
        "class F(FlowSpec):\n"
        "    @_retry(times=2)\n"
        "    @audit(level=1)\n"
        "    @_step\n"
        "    def start(self): pass\n"
    )
    assert list(decorators_in(module)) == [
        use("schedule", "daily", step=None),
        use("retry", "times", step="start"),
    ]


def run_flow(
    folder: Path, imports: str, step_decorator: str, flow_decorator: str = ""
) -> subprocess.CompletedProcess[str]:
    source = FLOW.format(
        imports=imports, step_decorator=step_decorator, flow_decorator=flow_decorator
    )
    (folder / "flow.py").write_text(source)
    # The flow runs in another folder.
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, paths)),
        "METAFLOW_USER": "test",
        "METAFLOW_HOME": str(folder),
        "GANGWAY_REPORT": str(folder / "report.json"),
    }
    return subprocess.run(
        [sys.executable, "flow.py", "--no-pylint", "check"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_flow_ends_with_one_clear_message(tmp_path: Path) -> None:
    ran = run_flow(tmp_path, "retyr", "@retyr(times=2)")
    assert ran.returncode == 1
    assert "Did you mean @retry?" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["flow"] == "CheckedFlow"
    assert report["status"] == "failed"
    assert report["failed"][0]["step"] == "start"
    assert "Did you mean @retry?" in report["failed"][0]["message"]


def test_a_right_flow_passes(tmp_path: Path) -> None:
    ran = run_flow(
        tmp_path, "project, retry", "@retry(times=2)", flow_decorator="@project(name='p')"
    )
    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "report.json").exists()
