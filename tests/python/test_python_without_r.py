"""A run's R objects, read by a Python process that has no R."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rflow import environment, steps, write_flow

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("pandas")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

FUNCTIONS = """
start = function(self) {
  self$number <- 1.5
  self$vector <- c(a = 1, b = NA)
  self$frame <- data.frame(id = 1:3, label = c("x", NA, "z"), day = as.Date("2024-02-29") + 0:2)
  self$list <- list(1L, NULL, f = factor("u"), g = function(x) x)
  self$fit <- lm(mpg ~ wt, mtcars)
  self$compact <- 1:1000000
  self$environment <- list2env(list(inside = 7))
}, end = function(self) NULL
"""

READER = """
import sys
from metaflow import Run, Task, namespace
from metaflow_extensions.gangway.exceptions import RStartException
from metaflow_extensions.gangway.r import RObject

namespace(None)
run = Run(sys.argv[1])
data = next(iter(run["start"])).data
assert data.number == 1.5
assert repr(data.frame).startswith("<R data.frame, 3 x 3, ")
assert len(data.frame) == 3 and data.frame.names == ["id", "label", "day"]
assert data.frame["label"][2] == "z" and data.frame[1]["id"] == 2
sys.modules["numpy"] = sys.modules["pandas"] = None
assert data.frame.to_builtins()["label"] == ["x", None, "z"]
del sys.modules["numpy"], sys.modules["pandas"]
frame = data.frame.to_python()
assert frame["id"].tolist() == [1, 2, 3] and frame["day"].dt.day.tolist() == [29, 1, 2]
assert data.vector["a"] == 1.0 and [type(v).__name__ for v in data.vector] == ["float", "RObject"]
assert data.vector.to_python()["a"] == 1.0
first, nothing, factor, function = data.list
assert first == 1 and nothing is None and factor.to_python()[0] == "u"
assert "function" in repr(function) and isinstance(function.to_python(), RObject)
assert data.fit.to_python()["coefficients"]["wt"] < -5
assert len(data.compact) == 1000000 and data.compact[-1] == 1000000
assert data.compact.to_python().sum() == 500000500000
assert isinstance(data.environment.to_python(), RObject)
assert data.environment["inside"] == 7.0 and data.environment.names == ["inside"]
try:
    data.list[3][0]
    raise SystemExit("a function has an element")
except TypeError as error:
    assert "not subscriptable" in str(error), error
try:
    next(iter(data.fit))
    raise SystemExit("R was there")
except RStartException as error:
    assert "<R lm, length 12" in str(error), error
assert "rpy2" not in " ".join(sys.modules) or "rpy2.rinterface" not in sys.modules
print("read", run.pathspec)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the flow has run."""
    folder = tmp_path_factory.mktemp("without-r")
    flow = write_flow(folder, FUNCTIONS, steps("start", "end"))
    _run(folder, [str(flow), "--no-pylint", "run", "--run-id-file", str(folder / "id")])
    return folder


def _run(folder: Path, command: list[str], **more: str) -> str:
    env = {**environment(folder), **more}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_python_without_r_and_rpy2_reads_everything(folder: Path) -> None:
    blocked = folder / "blocked"
    (blocked / "rpy2").mkdir(parents=True, exist_ok=True)
    (blocked / "rpy2" / "__init__.py").write_text("raise ImportError('there is no rpy2 here')")
    nothing = folder / "empty"
    nothing.mkdir(exist_ok=True)
    path = f"{blocked}{os.pathsep}{environment(folder)['PYTHONPATH']}"
    run_id = f"TaskFlow/{(folder / 'id').read_text()}"
    output = _run(
        folder, ["-c", READER, run_id], PYTHONPATH=path, PATH=str(nothing), R_HOME=str(nothing)
    )
    assert f"read {run_id}" in output


def test_metaflows_own_commands_show_what_an_artifact_is(folder: Path) -> None:
    run_id = (folder / "id").read_text()
    shown = _run(
        folder, ["flow.py", "--no-pylint", "dump", "--max-value-size", "100000", f"{run_id}/start"]
    )
    assert "<R lm, length 12" in shown and "<R data.frame, 3 x 3" in shown


def test_a_card_shows_what_an_artifact_is(folder: Path) -> None:
    run_id = (folder / "id").read_text()
    card = ["flow.py", "--no-pylint", "card", "create", f"{run_id}/start/1", "--type", "default"]
    _run(folder, card)
    _run(folder, ["flow.py", "--no-pylint", "card", "get", f"{run_id}/start/1", "card.html"])
    found = re.search(r'__MF_DATA__\["[-\w]+"\] = "([^"]+)"', (folder / "card.html").read_text())
    assert found
    assert "<R lm, length 12" in base64.b64decode(found[1]).decode()
