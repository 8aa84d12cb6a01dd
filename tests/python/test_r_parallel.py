"""`decorator("parallel")` alone, for R users who bring their own way to use the nodes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import rflow

STEPS = """
    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @parallel
    @step
    def train(self):
        R.call("train", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        R.call("join", self, inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""
FUNCTIONS = """train = function(self) self$node <- current("parallel")$node_index,
join = function(self, inputs) cat("NODES", unlist(gather_inputs(inputs, "node")), "\\n")"""


def test_r_code_runs_on_every_node(tmp_path: Path) -> None:
    flow = rflow.write_flow(tmp_path, FUNCTIONS, STEPS)
    flow.write_text(flow.read_text().replace("ray_parallel", "parallel"))
    # No `python` of this environment is on the PATH, as in an R session.
    environment = {**rflow.environment(tmp_path), "PATH": "/usr/bin:/bin"}
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout
    assert rflow.log_of(run.stdout, "join")[1].split() == ["NODES", "0", "1", "2"]
