"""What the Dockerfile and its lock files say, without building anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = (ROOT / "inst/templates/project/Dockerfile").read_text()
BASE_PACKAGES = {"R", "base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods"}
BASE_PACKAGES |= {"parallel", "splines", "stats", "stats4", "tcltk", "tools", "utils"}


def locked(name: str) -> dict[str, Version]:
    """The versions in a requirements file, each of which must have a hash."""
    entries = re.split(r"\n(?=\S)", (ROOT / "docker" / name).read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries), name
    pairs = (re.match(r"([\w.-]+)==(\S+)", entry) for entry in entries)
    return {pair[1]: Version(pair[2]) for pair in pairs if pair}


def test_python_packages_are_those_that_the_core_asks_for() -> None:
    versions = {**locked("requirements.txt"), **locked("rpy2.txt")}
    script = ROOT / "scripts" / "requirements.py"
    told = subprocess.run([sys.executable, script, "ray", "r"], check=True, capture_output=True)
    asked = [Requirement(line) for line in told.stdout.decode().splitlines()]
    assert {"metaflow", "psutil", "ray", "rpy2-rinterface", "isal"} <= {x.name for x in asked}
    assert not [str(x) for x in asked if versions[x.name] not in x.specifier]
    # Metaflow's data in S3 and its service; what rpy2-rinterface is built with, without a network.
    assert {"boto3", "requests", "numpy", "pandas", "cffi", "setuptools", "wheel"} <= set(versions)
    # A project's workflow makes its deployments to Argo Workflows in the image.
    assert "kubernetes" in versions


def test_the_rinterface_fits_the_locks_r() -> None:
    lock = json.loads((ROOT / "renv.lock").read_text())
    assert f"ARG BASE_IMAGE=rocker/r-ver:{lock['R']['Version']}" in DOCKERFILE
    assert Version(lock["R"]["Version"]) >= Version("4.5")
    assert locked("rpy2.txt")["rpy2-rinterface"] >= Version("3.6.6")


def test_the_lock_is_complete() -> None:
    packages = json.loads((ROOT / "renv.lock").read_text())["Packages"]
    description = (ROOT / "DESCRIPTION").read_text()
    imports = re.search(r"^Imports:(.*?)^\S", description, re.M | re.S)
    assert imports is not None
    wanted = {name.strip() for name in imports[1].split(",")}
    for record in packages.values():
        wanted |= set(record.get("Requirements", []))
    assert wanted - BASE_PACKAGES - set(packages) == set()
    assert all(name == record["Package"] for name, record in packages.items())


def test_downloads_are_pinned_and_tasks_are_not_root() -> None:
    for architecture in ("", "_AARCH64"):
        assert re.search(rf"^ARG MINICONDA_SHA256{architecture}=[0-9a-f]{{64}}$", DOCKERFILE, re.M)
    assert "sha256sum --check --strict" in DOCKERFILE
    assert "--override-channels --channel conda-forge" in DOCKERFILE
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["10001"]
    assert re.findall(r"^USER (.*)$", PROJECT, re.M)[-1] == "10001"
    assert not re.search(r"(?i)^(ARG|ENV) .*(secret|token|password|_pat\b)", DOCKERFILE, re.M)


def test_the_lock_is_restored_before_the_source_is_copied() -> None:
    for dockerfile in (DOCKERFILE, PROJECT):
        restore, source = dockerfile.index("restore.R renv.lock /opt"), dockerfile.index("COPY . ")
        assert dockerfile.index("renv.lock ./\n") < restore < source


def test_what_a_project_takes_from_gangways_image_is_there() -> None:
    scripts = set(re.findall(r"/opt/gangway/([\w-]+[.]R)", PROJECT))
    assert scripts == {"system-packages.R", "restore.R", "linked-packages.R"}
    assert all((ROOT / "docker" / name).is_file() for name in scripts)
    assert "COPY docker/*.R /opt/gangway/" in DOCKERFILE


def test_a_projects_image_is_labelled_as_the_projects_own() -> None:
    image = "org.opencontainers.image"
    labels = dict(re.findall(rf'{image}\.([\w.]+)="(.*)"', PROJECT))
    gangways = set(re.findall(rf"{image}\.([\w.]+)=", DOCKERFILE))
    assert labels["title"] == "{{package}}"
    # What gangway's image says of itself and the project's does not would be inherited.
    assert gangways <= set(labels)


def test_keys_and_local_data_reach_neither_git_nor_the_image() -> None:
    folder = ROOT / "inst/templates/project"
    for file in ("gitignore", "dockerignore", "Rbuildignore"):
        said = (folder / file).read_text().replace("\\", "")
        assert all(name in said for name in (".Renviron", ".env", ".aws", "local")), file


def test_the_docs_tell_every_argument() -> None:
    told = (ROOT / "docs" / "image.md").read_text()
    arguments = set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.M))
    assert {name for name in arguments if f"`{name}`" not in told} == set()
