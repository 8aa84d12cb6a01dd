"""Flows whose steps are R functions, written without the R package: flow.py and flow.rds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HEAD = """
from metaflow import FlowSpec, Parameter, catch, ray_parallel, retry, step, timeout
from metaflow_extensions.gangway.r import RBundle

R = RBundle(__file__)


class TaskFlow(FlowSpec):
"""
TAIL = """

if __name__ == "__main__":
    R.main(TaskFlow)
"""


def write_flow(folder: Path, functions: str, steps: str, packages: str = "character()") -> Path:
    """Write flow.py and flow.rds as the R package does, for functions given as R code."""
    bundle = (
        f"functions <- list({functions}); "
        "saveRDS(list(format = 2L, functions = functions, defaults = list(), "
        f"search = lapply({packages}, function(p) list(package = p)), exports = character()), "
        f"'{folder / 'flow.rds'}', compress = FALSE, version = 3)"
    )
    subprocess.run(["Rscript", "-e", bundle], check=True)
    flow = folder / "flow.py"
    flow.write_text(HEAD + steps + TAIL)
    return flow


def environment(folder: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("METAFLOW_")},
        "PYTHONPATH": str(ROOT / "python"),
        "METAFLOW_HOME": str(folder),
        "METAFLOW_USER": "tester",
        "GANGWAY_REPORT": str(folder / "report.json"),
    }


def steps(*names: str, decorators: str = "") -> str:
    lines = []
    for name, following in zip(names, [*names[1:], ""], strict=True):
        lines += [f"    {d}" for d in decorators.split()] if name == names[0] else []
        lines += ["    @step", f"    def {name}(self):", f'        R.call("{name}", self)']
        lines += [f"        self.next(self.{following})"] if following else []
    return "\n".join(lines)


def log_of(output: str, step: str) -> list[str]:
    # Without the blanks that a line begins with.
    return re.findall(rf"/{step}/\d+ \(pid \d+\)\] *(.*)", output)


def run_flow(flow: Path, *arguments: str, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run a flow in its own folder to its end; both streams are in `stdout`."""
    return subprocess.run(
        [sys.executable, str(flow), *(arguments or ("run",))],
        cwd=flow.parent,
        env=environment(flow.parent),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
