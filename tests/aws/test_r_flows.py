"""R flows whose steps run as jobs of Batch."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .cloud import Cloud
from .conftest import FLOWS, StartFlow

RESULTS = """
import json
from metaflow import Flow, namespace
namespace(None)
data = Flow("CloudFlow").latest_run["middle"].task.data
names = ("there", "here", "secrets")
print(json.dumps({name: getattr(data, name).to_python() for name in names}))
"""
SECRETS = """
import boto3
client = boto3.client("secretsmanager")
client.create_secret(Name="cloud.db", SecretString='{"DB_USER": "reader"}')
client.create_secret(Name="cloud/token", SecretString="not JSON")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder: a script, what it uses, and what must not travel."""
    files = {
        "helpers.R": "twice <- function(x) 2 * x\n",
        "data/prices.csv": "item,price\na,1\nb,2.5\n",
        "data/large.csv": "x" * 11_000_000,
        "data/notes.txt": "not asked for",
        "R/more.R": "more <- 1\n",
        ".git/hooks/hook.R": "",
        "renv/library/toy/R/toy.R": "",
        "venv/pyvenv.cfg": "",
        "venv/lib/module.py": "",
        "lib/toy/Meta/package.rds": "",
        "lib/toy/R/toy.R": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy(FLOWS / "plain.R", tmp_path)
    return tmp_path


def test_an_r_flow_runs_with_the_users_files(
    project: Path, start_command: StartFlow, cloud: Cloud
) -> None:
    cloud.python(SECRETS)
    run = start_command("Rscript", "plain.R", "run").wait()
    assert run.status == 0, run.output + run.logs
    assert "words: Zürich naïve 日本" in run.output
    assert "data/large.csv is larger than 10 MB" in run.output
    assert [job.status for job in run.jobs] == ["SUCCEEDED"]
    results = json.loads(cloud.python(RESULTS).splitlines()[-1])
    there = [name for name in results["there"] if not name.startswith("metaflow.s3")]
    assert sorted(there) == [
        "R/more.R",
        "data/prices.csv",
        "flow.py",
        "flow.rds",
        "helpers.R",
        "job.tar",
        "plain.R",
    ]
    assert results["secrets"] == ["reader", "8"]
    here = results["here"]
    assert here["node"] == "ip-" + run.jobs[0].nodes[0].address.replace(".", "-")
    assert (here["folder"], here["home"]) == ("/metaflow", "/home/batch")
    assert (here["utf8"], here["upper"]) == (True, "ZÜRICH")
    assert (here["zone"], here["time"]) == ("Etc/UTC", "2026-07-01 14:00:00")
    assert "timedatectl" not in run.logs


@pytest.mark.faults
def test_a_failed_flow_is_reported_and_resumed(tmp_path: Path, start_command: StartFlow) -> None:
    shutil.copy(FLOWS / "luck.R", tmp_path)
    run = start_command("Rscript", "luck.R").wait()
    assert "failed in end with: no luck" in run.output, run.output + run.logs
    assert [job.status for job in run.jobs] == ["FAILED"]
    run = start_command("Rscript", "luck.R", "resume", "lucky").wait()
    assert "x is 42" in run.output, run.output + run.logs
    assert [job.name.split("-")[3] for job in run.jobs] == ["end"]


def test_a_package_that_the_image_lacks_is_named(tmp_path: Path, start_command: StartFlow) -> None:
    shutil.copy(FLOWS / "luck.R", tmp_path)
    install_package(tmp_path)
    run = start_command("Rscript", "luck.R", "attached").wait()
    assert "in the image 'registry.test/flows:1'" in run.output
    assert re.search(r"failed in start with: .*not installed where .*: toy\.", run.output)
    assert len(run.jobs) == 1


def install_package(folder: Path) -> None:
    """Install the R package toy, where no container finds it."""
    (folder / "toy").mkdir()
    (folder / "toy" / "DESCRIPTION").write_text("Package: toy\nVersion: 1.0\n")
    (folder / "toy" / "NAMESPACE").write_text("")
    (folder / "library").mkdir()
    command = ["R", "CMD", "INSTALL", "--library=library", "toy"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
