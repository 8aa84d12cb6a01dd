"""A remote step with an R function needs an image with R, named in one place or another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow import metaflow_config
from metaflow.plugins.aws.batch import batch_decorator
from metaflow_extensions.gangway.exceptions import ImageException
from metaflow_extensions.gangway.mf import command
from metaflow_extensions.gangway.run.image_named import ImageNamed
from rflow import environment, steps, write_flow

pytest.importorskip("boto3", reason="@batch needs boto3")
pytest.importorskip("kubernetes", reason="@kubernetes needs the Python package kubernetes")

NOT_HERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow whose first step has @batch of its own, as the documentation shows."""
    functions = "start = function(self) NULL, end = function(self) NULL"
    text = steps("start", "end", decorators="@batch(cpu=4)")
    path = write_flow(tmp_path_factory.mktemp("flow"), functions, text)
    path.write_text("from metaflow import batch\n" + path.read_text())
    return path


def run(flow: Path, *arguments: str) -> str:
    """What the flow prints, whose cloud takes no connection."""
    env = environment(flow.parent) | {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://nowhere/metaflow",
        "METAFLOW_S3_ENDPOINT_URL": NOT_HERE,
        "AWS_ENDPOINT_URL": NOT_HERE,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/sfn",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/events",
    }
    done = subprocess.run(
        [sys.executable, str(flow), *arguments],
        cwd=flow.parent,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        # Metaflow leaves out the step that has @batch.
        ["run", "--with", "batch:image=registry.test/flows:1"],
        ["resume", "--origin-run-id", "1"],
        ["step-functions", "create"],
    ],
)
def test_a_step_without_an_image_is_refused(flow: Path, arguments: list[str]) -> None:
    said = " ".join(run(flow, *arguments).split())
    assert "The image does not fit the flow" in said, said
    assert " has an R function, and no image is named for @batch" in said, said
    assert "METAFLOW_DEFAULT_CONTAINER_IMAGE" in said


def test_kubernetes_too(flow: Path) -> None:
    local = flow.with_name("local.py")
    local.write_text(flow.read_text().replace("@batch(cpu=4)", ""))
    said = " ".join(run(local, "run", "--with", "kubernetes").split())
    assert "no image is named for @kubernetes" in said, said


@pytest.mark.parametrize(
    ("arguments", "remote"),
    [
        (["step-functions", "create"], "batch"),
        (["argo-workflows", "create"], "kubernetes"),
        (["airflow", "create", "dag.py"], "kubernetes"),
    ],
)
def test_what_a_scheduler_sends_away_too(flow: Path, arguments: list[str], remote: str) -> None:
    local = flow.with_name("plain.py")
    local.write_text(flow.read_text().replace("@batch(cpu=4)", ""))
    said = " ".join(run(local, *arguments).split())
    assert f"no image is named for @{remote}" in said, said


def test_what_names_an_image_or_brings_r_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*more: Any, **attributes: Any) -> None:
        remote = batch_decorator.BatchDecorator(attributes=attributes)
        remote.init()
        ImageNamed().step_init(None, None, "start", [remote, *more], None, None, None)

    monkeypatch.setattr(command, "arguments", lambda: ["run"])
    for module in (batch_decorator, metaflow_config):
        monkeypatch.setattr(module, "BATCH_CONTAINER_IMAGE", None)
    monkeypatch.setattr(batch_decorator, "BATCH_CONTAINER_REGISTRY", "registry.test")
    check(image="registry.test/flows:1")
    check(SimpleNamespace(name="conda", attributes={"disabled": None}))
    with pytest.raises(ImageException, match="python:3"):
        check(SimpleNamespace(name="conda", attributes={"disabled": True}))
    for module in (batch_decorator, metaflow_config):
        monkeypatch.setattr(module, "BATCH_CONTAINER_IMAGE", "flows:1")
    check()
