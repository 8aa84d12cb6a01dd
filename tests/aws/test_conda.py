"""@conda with R steps: what Metaflow resolves is made, and the step's R is the one in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conda.channel import make_channel, r_version
from .conftest import StartFlow

pytestmark = [
    pytest.mark.skipif(not find_spec("rattler"), reason="needs the Python package py-rattler"),
    pytest.mark.skipif(sys.platform != "linux", reason="the channel is one of linux-64"),
]

MICROMAMBA = Path(__file__).parent / "conda/bin/micromamba"
FLOW = """
library(gangway)
flow <- metaflow("CondaFlow") |>
  step(
    step = "start", r_function = function(self) self$outer <- R.home(),
    next_step = "both", num_parallel = 2
  ) |>
  step(
    decorator("parallel"), decorator("conda", r = "{r}", packages = list("r-toy" = "1.0.0")),
    {remote}step = "both", r_function = function(self) {{
      self$home <- R.home()
      self$answer <- toy::answer()
      self$libraries <- .libPaths()
    }}, next_step = "gather"
  ) |>
  step(step = "gather", join = TRUE, next_step = "end", r_function = function(self, inputs) {{
    for (node in inputs) {{
      cat("NODE", node$home, node$answer, node$outer == R.home(), node$libraries, "\\n")
    }}
  }}) |>
  step(step = "end")
run(flow)
"""


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a channel."""
    folder = tmp_path_factory.mktemp("conda")
    make_channel(folder / "channel")
    return folder


def run(conda: Path, folder: Path, r: str) -> subprocess.CompletedProcess[str]:
    (folder / "flow.R").write_text(FLOW.format(r=r, remote=""))
    env = {k: v for k, v in os.environ.items() if not k.startswith("METAFLOW_")}
    env |= {"METAFLOW_USER": "tester", "METAFLOW_PATH_TO_MICROMAMBA": str(MICROMAMBA)}
    env |= {"METAFLOW_HOME": str(folder), "GANGWAY_PYTHON": sys.executable}
    return subprocess.run(
        ["Rscript", "flow.R", "run"],
        cwd=folder,
        env={**env, "GANGWAY_TEST_CONDA": str(conda)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=250,
    )


def test_the_nodes_of_a_gang_run_in_the_environment_that_was_resolved(
    conda: Path, tmp_path: Path
) -> None:
    minor = r_version().rpartition(".")[0]
    done = run(conda, tmp_path, minor)
    assert done.returncode == 0, done.stdout
    manifest = json.loads((tmp_path / ".metaflow/CondaFlow/conda.manifest").read_text())
    (environment,) = manifest.values()
    urls = {package["url"].rsplit("/", 1)[1] for package in environment["linux-64"]["conda"]}
    names = {url.rsplit("-", 2)[0] for url in urls}
    assert names == {"python", "r-base", "r-toy", "rpy2", "psutil", "requests"}
    assert f"r-base-{r_version()}-0.tar.bz2" in urls

    (identifier,) = manifest
    home = conda / "envs/metaflow/linux-64" / identifier / "lib/R"
    nodes = [line.split("NODE ")[1].split() for line in done.stdout.splitlines() if "NODE " in line]
    assert len(nodes) == 2
    for said, answer, outside, *libraries in nodes:
        assert Path(said) == home
        assert (answer, outside) == ("42", "TRUE")
        # No library of the machine's R that has started the run.
        assert str(home / "library") in libraries
        assert not set(libraries) & set(os.environ.get("R_LIBS", "").split(":"))


# With the image's tests: it downloads and makes an environment on each node.
@pytest.mark.image
def test_the_environment_reaches_the_nodes_of_a_remote_gang(
    conda: Path, tmp_path: Path, start_command: StartFlow
) -> None:
    # In an image with a micromamba; another one would fetch it.
    path = f"{MICROMAMBA.parent}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    remote = f'decorator("batch", memory = 2000), environment_variables(PATH = "{path}"), '
    minor = r_version().rpartition(".")[0]
    (tmp_path / "flow.R").write_text(FLOW.format(r=minor, remote=remote))
    env = {"METAFLOW_PATH_TO_MICROMAMBA": str(MICROMAMBA), "GANGWAY_TEST_CONDA": str(conda)}
    done = start_command("Rscript", "flow.R", "run", **env).wait()
    assert done.status == 0, done.output + done.logs
    nodes = [line.split("NODE ")[1].split() for line in done.output.splitlines() if "NODE " in line]
    assert [node[1:3] for node in nodes] == [["42", "TRUE"]] * 2
    assert all(re.fullmatch("/metaflow/linux-64/[0-9a-f]{15}/lib/R", node[0]) for node in nodes)


def test_a_version_that_no_channel_has_is_named(conda: Path, tmp_path: Path) -> None:
    done = run(conda, tmp_path, "3.1")
    assert done.returncode == 1
    assert "r-base" in done.stdout
    assert "Task is starting" not in done.stdout
