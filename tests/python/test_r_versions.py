"""Artifacts of one version of R are the same objects in another, older or newer.

A run writes them under one R and fails in its second step; it is resumed under the other R, whose
second step reads them. The other R is that of a root that `make test-newest` has made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROOTS = Path(
    os.environ.get("GANGWAY_ROOTS")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gangway" / "roots"
)
# Where a root's set-up puts the project.
ROOT_PYTHON = "/root/gangway/.venv/bin/python"

FLOW = """
from metaflow import FlowSpec, step
from metaflow_extensions.gangway.r import RBundle

R = RBundle(__file__)


class VersionsFlow(FlowSpec):
    @step
    def start(self):
        R.call("start", self)
        self.next(self.end)

    @step
    def end(self):
        R.call("end", self)


if __name__ == "__main__":
    R.main(VersionsFlow)
"""

BUNDLE = """
functions <- list(
  start = function(self) {
    self$written <- as.character(getRversion())
    for (name in names(makers)) self[[name]] <- makers[[name]]()
    for (name in names(reference_makers)) self[[name]] <- reference_makers[[name]]()
  },
  end = function(self) {
    here <- as.character(getRversion())
    if (!nzchar(Sys.getenv("READ"))) stop("to be read by another R")
    if (identical(self$written, here)) stop("both are R ", here)
    good <- c(
      vapply(names(makers), function(n) same(self[[n]], makers[[n]]()), NA),
      vapply(names(reference_makers), function(n) isTRUE(reference_checks[[n]](self[[n]])), NA)
    )
    if (!all(good)) stop("not what R ", self$written, " wrote: ", toString(names(good)[!good]))
    cat("READ", length(good), "objects of R", self$written, "in R", here, "\\n")
  }
)
environment(functions$start) <- environment(functions$end) <- globalenv()
source("any_version.R", keep.source = FALSE)
globals <- mget(c("makers", "reference_makers", "reference_checks", "same"))
bundle <- list(format = 1L, functions = functions, defaults = list(), globals = globals,
  search = list(), exports = character())
saveRDS(bundle, "flow.rds", compress = FALSE, version = 3)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the flow and the Python core, which both sides see."""
    core = "metaflow_extensions"
    shutil.copytree(
        ROOT / "python" / core, tmp_path / core, ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(HERE / "robjects" / "any_version.R", tmp_path)
    (tmp_path / "flow.py").write_text(FLOW)
    subprocess.run(["Rscript", "-e", BUNDLE], cwd=tmp_path, check=True)
    return tmp_path


def run(folder: Path, root: Path | None, *args: str, **more: str) -> str:
    """Run a command of the flow, in a root or here; return what it printed."""
    seen = Path("/mnt") if root else folder
    env = {k: v for k, v in os.environ.items() if not k.startswith(("METAFLOW_", "R_"))}
    if root:
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_CTYPE": "C.UTF-8"}
    home = {"METAFLOW_HOME": str(seen / "home"), "METAFLOW_USER": "tester"}
    done = subprocess.run(
        [*(in_root(root, folder) if root else [sys.executable]), "flow.py", "--no-pylint", *args],
        cwd=folder,
        env={**env, **home, "PYTHONPATH": str(seen), **more},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=280,
    )
    return done.stdout


def in_root(root: Path, folder: Path) -> list[str]:
    """Python in a root that sees the folder as /mnt; its mounts are gone when it ends."""
    inside = """mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
        mount --bind "$1" "$0/mnt" && shift &&
        exec chroot "$0" /bin/sh -c 'cd /mnt && exec "$@"' sh "$@" """
    unshare = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    return [*unshare, "sh", "-c", inside, str(root), str(folder), ROOT_PYTHON]


@pytest.mark.skipif(os.geteuid() != 0, reason="a command in a root needs root rights")
@pytest.mark.parametrize("direction", ["from here", "to here"])
@pytest.mark.parametrize("suite", ["sid", "trixie"])
def test_another_r_reads_the_same_objects(project: Path, suite: str, direction: str) -> None:
    root = ROOTS / suite
    if not os.path.lexists(root / ROOT_PYTHON.lstrip("/")) or not shutil.which("unshare"):
        pytest.skip(f"there is no {suite} root: scripts/root.sh {suite} true makes it")
    writer, reader = (None, root) if direction == "from here" else (root, None)
    written = run(project, writer, "run")
    assert "to be read by another R" in written, written
    read = run(project, reader, "resume", READ="1")
    assert "] READ " in read, read
    print(next(line for line in read.splitlines() if "] READ " in line))
