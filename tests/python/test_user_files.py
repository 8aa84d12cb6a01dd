"""Which of the user's files go to remote tasks, and what an image may lack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow
import pytest
from metaflow_extensions.gangway.run.user_files import (
    hides_module,
    ignored_by_git,
    user_files,
)
from rflow import environment, steps, write_flow


def test_code_is_carried_and_libraries_are_not(tmp_path: Path) -> None:
    carried = {"flow.R", "R/Helper.R", "data/prices.CSV", "module.py", "model.rds", "deep/a/b.csv"}
    others = {
        *(".git/x.R", ".Rprofile", ".venv/x.py", "renv/activate.R", "packrat/lib/x.R"),
        *("venv/pyvenv.cfg", "venv/x.py", "conda/conda-meta/history", "conda/x.py"),
        *("lib/toy/Meta/package.rds", "lib/toy/R/toy.R", "toy.Rcheck/x.R", "__pycache__/x.py"),
        *("notes.txt", "data/big.parquet"),
    }
    for name in carried | others:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "broken.R").symlink_to("nowhere.R")
    found = list(user_files(str(tmp_path), {".r", ".py", ".rds", ".csv"}))
    assert {name for _, name in found} == carried
    assert all(os.path.join(tmp_path, name) == path for path, name in found)


def test_a_home_folder_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    for name in ("flow.R", "project/other.R"):
        (tmp_path / name).touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [name for _, name in user_files(str(tmp_path), {".r"})] == ["flow.R"]


def test_what_git_ignores_stays_at_home(tmp_path: Path) -> None:
    names = ["flow.R", "local/clients.csv", "données/ignorées.csv", "R/steps.R"]
    assert ignored_by_git(str(tmp_path), names) == []
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("local/\ndonnées/*\n")
    assert ignored_by_git(str(tmp_path), names) == ["local/clients.csv", "données/ignorées.csv"]
    # Of a settings' repository around the folder, which ignores all else.
    (tmp_path / ".gitignore").write_text("*\n")
    assert ignored_by_git(str(tmp_path), names) == []


def test_what_hides_a_module_of_python_in_a_remote_task_is_known() -> None:
    hiding = ["json.py", "ray/__init__.py", "metaflow/__init__.py", "random/__init__.py"]
    harmless = ["helpers.py", "json.R", "ray/tune.R", "ray/tune.py", "features/json.py"]
    assert [name for name in hiding + harmless if hides_module(name)] == hiding


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.environ['R_HOME'] = '/nowhere'", "no R was found"),
        ("import sys; sys.modules['rpy2'] = None", "needs the Python package rpy2-rinterface"),
        (
            "import metaflow_extensions.gangway.engine.embed as e; e.OLDEST_R = (99, 0, 0)",
            "is too old; needed: 99.0.0",
        ),
        ("", "used by the step are not installed where this task runs"),
    ],
)
def test_a_remote_task_names_what_its_image_lacks(tmp_path: Path, code: str, said: str) -> None:
    asks = 'if (requireNamespace("maybe", quietly = TRUE)) maybe::some()'
    functions = f"start = function(self, x) {{ {asks}; x[, 1]; stats::sd(1); nosuch::thing() }}"
    flow = write_flow(tmp_path, f"{functions}, end = function(self) NULL", steps("start", "end"))
    flow.write_text(flow.read_text().replace("\nR = RBundle", f"\n{code}\nR = RBundle"))
    env = {**environment(tmp_path), "METAFLOW_RUNTIME_ENVIRONMENT": "aws-batch"}
    result = subprocess.run(
        [sys.executable, str(flow), "run"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "The image does not fit the flow" in result.stdout
    assert "Step start cannot run on AWS Batch in the image" in result.stdout
    assert said in result.stdout
    assert "maybe" not in result.stdout
