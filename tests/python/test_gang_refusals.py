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
    said = refusal(tmp_path, ", ".join(names), decorators)
    for name in names:
        assert f"@{name}" in said
    assert "Keep one of them" in said


def test_groups_of_other_than_num_parallel_nodes_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, "torchrun", "    @torchrun(groups={'a': {'nodes': 2}, 'b': {}})")
    assert "num_parallel=2, and the groups have 3: a (nodes 0 to 1), b (node 2)" in said


def refusal(folder: Path, names: str, decorators: str) -> str:
    """What a flow with such decorators says, which does not start."""
    flow = folder / "pair.py"
    flow.write_text(FLOW.format(names=names, decorators=decorators))
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=folder,
        env={**os.environ, **environment(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert run.returncode == 1, run.stdout
    assert "step *mid* of flow *Pair*".replace("*", "") in run.stdout.replace("*", "")
    assert "Workflow starting" not in run.stdout
    return run.stdout
