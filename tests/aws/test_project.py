"""A flow project's way into production: a run, its promotion, the gate, the deployment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .cloud import Cloud

FLOW = "FuelEconomyFlow"
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/fuel@sha256:{'a' * 64}"
# A workflow is another user than who has made the run.
WORKFLOW = {
    "METAFLOW_USER": "github-actions",
    "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/sfn",
    "METAFLOW_SFN_DYNAMO_DB_TABLE": "foreach",
}

QUICK = (
    f"library(gangway); flow <- metaflow('{FLOW}') |>\n"
    "step(step = 'start', next_step = 'end') |> step(step = 'end')\nrun(flow)\n"
)

Do = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project, committed."""
    path = tmp_path / "fuelEconomy"
    make = f"gangway::create_flow_project('{path}', gangway = 'owner/gangway@main')"
    subprocess.run(["Rscript", "--vanilla", "-e", make], check=True)
    (path / "quick.R").write_text(QUICK)
    (path / "module.py").write_text("x = 1\n")
    git = ["git", "-c", "user.name=dev", "-c", "user.email=dev@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=path, check=True)
    return path


@pytest.fixture
def rscript(cloud: Cloud, project: Path) -> Do:
    """Run Rscript in the project's folder, on the cloud; give what it prints."""

    def do(*arguments: str, env: dict[str, str] | None = None) -> str:
        env = {"GANGWAY_PYTHON": sys.executable, **(env or {})}
        process = cloud.start(["Rscript", "--vanilla", *arguments], cwd=project, env=env)
        output = process.communicate(timeout=280)[0]
        assert process.returncode == 0, output
        return output

    return do


def test_a_promoted_run_opens_the_gate_and_its_code_is_deployed(rscript: Do) -> None:
    # The project's own flow runs in tests/testthat; what a run records does not hang on its steps.
    rscript("quick.R", "run", "--with", "batch")
    gate = "FLOW, script = 'quick.R'"
    said = rscript(
        *("-e", f"FLOW <- '{FLOW}'; gangway::promote_run({gate})"),
        *("-e", f"Sys.setenv(METAFLOW_USER = '{WORKFLOW['METAFLOW_USER']}')"),
        *("-e", f"run <- gangway::verify_promotion({gate})$run"),
        *("-e", "code <- reticulate::import('metaflow_extensions.gangway.r.code')"),
        *("-e", "files <- names(code$packaged(gangway::run_client$new(run)$get_obj()))"),
        *("-e", "cat('packaged', sort(files[!grepl('/', files)]), '')"),
        *("-e", "cat('# changed\n', file = 'R/steps.R', append = TRUE)"),
        *("-e", f"refused <- try(gangway::verify_promotion({gate}), silent = TRUE)"),
        *("-e", "cat('verified', run, 'refused', attr(refused, 'condition')$files)"),
    )
    assert "packaged flow.R module.py quick.R " in said
    assert f"verified {FLOW}/" in said
    assert said.endswith("refused R/steps.R")

    for remote, create in (("batch", "step-functions"), ("kubernetes", "argo-workflows")):
        made = rscript(
            *("flow.R", "--with", f"{remote}:image={IMAGE}"),
            *(create, "create", "--only-json", "--tag", "git_sha:0123"),
            env=WORKFLOW,
        )
        assert made.count("--tag git_sha:0123") >= 5, f"not in each step of {create}"
        # Batch has the image in the job definitions, which are made before the state machine.
        if create == "argo-workflows":
            assert made.count(f'"image": "{IMAGE}"') >= 5
