"""Gangs that cannot work are refused before a run starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rflow import environment

FLOW = """
from metaflow import FlowSpec, {names}, step


class Pair(FlowSpec):
    @step
    def start(self):
        self.next(self.mid, num_parallel=2)

{decorators}
    @step
    def mid(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Pair()
"""


@pytest.mark.parametrize(
    "names", [("torchrun", "ray_parallel"), ("parallel", "mpi"), ("deepspeed", "tensorflow")]
)
def test_two_gangs_on_a_step_are_refused_by_name(tmp_path: Path, names: tuple[str, str]) -> None:
    decorators = "\n".join(f"    @{name}" for name in names)
    flow = tmp_path / "pair.py"
    flow.write_text(FLOW.format(names=", ".join(names), decorators=decorators))
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env={**os.environ, **environment(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert run.returncode == 1, run.stdout
    assert "step *mid* of flow *Pair*".replace("*", "") in run.stdout.replace("*", "")
    for name in names:
        assert f"@{name}" in run.stdout
    assert "Keep one of them" in run.stdout
    assert "Workflow starting" not in run.stdout
