"""The Dockerfile is built for real, pushed, pulled, and used as the image of emulated Batch nodes.

`make test-image` runs this, `make test` does not: the first build takes minutes, later ones come
from buildah's cache. docs/testing.md says what stands in for what is not reachable.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import cloud as emulated
from .cloud import Cloud
from .conftest import FLOWS, ROOT, StartFlow
from .container import Image
from .image.build import Builder, lacks

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]

SHA = "0123456789012345678901234567890123456789"
NAME = "localhost/gangway"
CORE = {"PYTHONPATH": str(ROOT / "python")}

RESULTS = """
import json
from metaflow import Flow, namespace
namespace(None)
data = Flow("ImageFlow").latest_run["look"].task.data
print(json.dumps({
    "r": data.r, "python": data.python, "libraries": data.libraries.to_python(),
    "fit": len(data.fit), "user": data.user,
}))
"""


@pytest.fixture(scope="module")
def builder() -> Builder:
    """buildah, or a skip that says what it lacks here."""
    if reason := lacks():
        pytest.skip(reason)
    return Builder()


@pytest.fixture(scope="module")
def context(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as `docker build` gets it."""
    folder = tmp_path_factory.mktemp("context")
    builder.make_base()
    missing = builder.context(folder)
    # What Debian lacks is told in docs/testing.md, package by package.
    told = (ROOT / "docs" / "testing.md").read_text()
    assert not [name for name in missing if name not in told]
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(builder: Builder, context: Path) -> str:
    """The image, built from the project's own Dockerfile."""
    builder.build(context, NAME, GIT_SHA=SHA, SOURCE="https://example.org/flows")
    return NAME


def test_the_image_says_what_it_is(builder: Builder, image: str) -> None:
    config = builder.inspect(image)
    assert config["User"] == "10001"
    assert config["WorkingDir"] == "/home/gangway"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.revision"] == SHA
    assert labels["org.opencontainers.image.source"] == "https://example.org/flows"
    environment = dict(item.split("=", 1) for item in config["Env"])
    assert environment["R_LIBS"] == "/opt/r-package:/opt/r-library"
    assert environment["PATH"].endswith(":/opt/python/bin")
    assert not {"GITHUB_PAT", "LD_LIBRARY_PATH"} & set(environment)


def test_the_image_holds_what_a_task_needs_and_no_more(
    builder: Builder, image: str, context: Path
) -> None:
    packages = json.loads((context / "renv.lock").read_text())["Packages"]
    with builder.mounted(image) as root:
        there = {folder.name for folder in (root / "opt/r-library").iterdir()}
        assert set(packages) <= there
        assert not any(folder.is_symlink() for folder in (root / "opt/r-library").iterdir())
        assert [folder.name for folder in (root / "opt/r-package").iterdir()] == ["gangway"]
        core = root / "opt/r-package/gangway/python/metaflow_extensions/gangway"
        assert (core / "engine/embed.py").is_file()
        # Conda, the sources and the headers stay in the stages that needed them.
        assert not [name for name in ("opt/conda", "build") if (root / name).exists()]
        assert not (root / "usr/include/libxml2").exists()
        assert list(root.glob("usr/lib/*/libssl.so.*"))
        assert [path.name for path in (root / "home").iterdir()] == ["gangway"]
        assert not [path for path in (root / "tmp").iterdir()]


def test_a_change_of_the_source_restores_nothing_again(
    builder: Builder, image: str, context: Path
) -> None:
    (context / "R" / "zzz-new.R").write_text("new_function <- function() 1\n")
    start = time.monotonic()
    said = builder.build(context, f"{NAME}:changed", GIT_SHA=SHA)
    print(f"built after a change in {time.monotonic() - start:.0f} s")
    assert "are as in renv.lock" not in said


def test_a_package_that_cannot_be_restored_stops_the_build(builder: Builder, context: Path) -> None:
    lock = json.loads((context / "renv.lock").read_text())
    absent = {**lock["Packages"]["R6"], "Package": "notonearth"}
    few = {"renv": lock["Packages"]["renv"], "notonearth": absent}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(context, folder, symlinks=True, dirs_exist_ok=True)
        (Path(folder) / "renv.lock").write_text(json.dumps({**lock, "Packages": few}))
        with pytest.raises(AssertionError, match="notonearth"):
            builder.build(Path(folder), f"{NAME}:never")


def test_the_image_is_pushed_and_pulled(builder: Builder, image: str, tmp_path: Path) -> None:
    if not shutil.which("docker-registry"):
        pytest.skip("the registry needs docker-registry (apt-get install docker-registry)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "config.yml").write_text(json.dumps(config))
    remote = f"127.0.0.1:{port}/gangway:{SHA}"
    registry = subprocess.Popen(
        ["docker-registry", "serve", str(tmp_path / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        digest = tmp_path / "digest"
        builder.buildah(
            *("push", "--tls-verify=false", "--digestfile", str(digest), image),
            f"docker://{remote}",
        )
        # As ecr_image() names it, but for the tag: this buildah takes no tag beside a digest.
        pinned = f"127.0.0.1:{port}/gangway@{digest.read_text().strip()}"
        store = tmp_path / "store"
        builder.buildah("pull", "--tls-verify=false", pinned, store=store)
        pulled = builder.inspect(pinned, store=store)
        assert pulled["digest"] == digest.read_text().strip()
        assert pulled["Labels"]["org.opencontainers.image.revision"] == SHA
        builder.buildah("rmi", "--all", store=store)
    finally:
        registry.terminate()
        registry.wait()
        shutil.rmtree(tmp_path, ignore_errors=True)
        tmp_path.mkdir()


@pytest.fixture
def cloud(builder: Builder, image: str) -> Iterator[Cloud]:
    """The emulated AWS, whose nodes have the image as their root."""
    if reason := emulated.lacks():
        pytest.skip(reason)
    config = builder.inspect(image)
    environment = dict(item.split("=", 1) for item in config["Env"])
    home = config["WorkingDir"]
    with builder.mounted(image) as root, tempfile.TemporaryDirectory(prefix="gwcloud-") as folder:
        started = Image(str(root), environment, user=config["User"], folder=home, home=home)
        with Cloud(Path(folder), started) as made:
            yield made


def test_an_r_flow_runs_in_the_image(
    cloud: Cloud, start_command: StartFlow, tmp_path: Path
) -> None:
    shutil.copy(FLOWS / "in_image.R", tmp_path)
    run = start_command("Rscript", "in_image.R", "run").wait()
    assert run.status == 0, run.output + run.logs
    results = json.loads(cloud.python(RESULTS, env=CORE).splitlines()[-1])
    assert results["r"] == "4.5.0"
    assert results["libraries"][:2] == ["/opt/r-package", "/opt/r-library"]
    assert results["python"] == "/opt/python/bin/python"
    assert results["fit"] == 2
    assert results["user"] == "gangway"


@pytest.fixture(scope="module")
def project(builder: Builder, image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow project; its lock asks for a package that needs a library of the system."""
    path = tmp_path_factory.mktemp("project") / "fuel"
    make = f"gangway::create_flow_project('{path}', gangway = 'owner/gangway@latest')"
    subprocess.run(["Rscript", "--vanilla", "-e", make], check=True)
    sodium = {
        "Package": "sodium",
        "Version": builder.make_cran(builder.packages())["sodium"],
        "Source": "Repository",
        "Title": "A Modern and Easy-to-Use Crypto Library",
        "SystemRequirements": "libsodium (>= 1.0.3)",
    }
    _lock(path, "4.5.1", {"sodium": sodium})
    with (path / "DESCRIPTION").open("a") as description:
        description.write("SystemRequirements: libjq\n")
    return path


def _lock(project: Path, r: str, packages: dict[str, Any]) -> None:
    lock = {"R": {"Version": r, "Repositories": []}, "Packages": packages}
    (project / "renv.lock").write_text(json.dumps(lock))


def test_a_projects_image_has_its_packages_and_their_libraries(
    builder: Builder, project: Path
) -> None:
    of_project = {"REGISTRY": "localhost", "GIT_SHA": SHA, "SOURCE": "https://example.org/fuel"}
    said = builder.build(project, f"{NAME}-project", **of_project)
    assert "1 packages are as in renv.lock" in said
    labels = builder.inspect(f"{NAME}-project")["Labels"]
    assert labels["org.opencontainers.image.title"] == "fuel"
    assert labels["org.opencontainers.image.source"] == "https://example.org/fuel"
    assert labels["org.opencontainers.image.base.name"] == "localhost/gangway:latest"
    with builder.mounted(f"{NAME}-project") as root:
        # Nothing that gangway's image has is there twice, and no header.
        assert [folder.name for folder in (root / "opt/r-project").iterdir()] == ["sodium"]
        assert {x.name for x in (root / "opt/r-package").iterdir()} == {"gangway", "fuel"}
        assert list(root.glob("usr/lib/*/libsodium.so.23*"))
        assert not (root / "usr/include/sodium.h").exists()

    with (project / "R/steps.R").open("a") as steps:
        steps.write("another <- function() 1\n")
    start = time.monotonic()
    said = builder.build(project, f"{NAME}-project", **of_project)
    print(f"built after a change in {time.monotonic() - start:.0f} s")
    assert "are as in renv.lock" not in said


def test_another_r_than_the_locks_stops_a_projects_build(builder: Builder, project: Path) -> None:
    lock = json.loads((project / "renv.lock").read_text())
    _lock(project, "4.1.3", lock["Packages"])
    with pytest.raises(AssertionError, match=r"made with R 4\.1\.3 and the image has R 4\.5"):
        builder.build(project, f"{NAME}-never", REGISTRY="localhost")


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("docker-registry did not start")
