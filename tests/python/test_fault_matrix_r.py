"""The fault matrix of R code in a gang: what `stop()`, `quit()`, a segfault and a kill do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import rflow
from conftest import FLOWS, Run
from fault_table import SERVING, Fault, check, environment_of, every_kind

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

STEPS = """
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @retry(times=4, minutes_between_retries=0)
    @gang("KIND")
    @step
    def train(self):
        if current.parallel.node_index == 0 and current.retry_count:
            look_for_leftovers(current.gang_node.spec.gang)
        all_are_here(current.gang_node)
        R.call("train", self)
        self.attempt = current.retry_count
        self.next(self.join)

    @step
    def join(self, inputs):
        self.attempt = inputs[0].attempt
        self.next(self.end)

    @step
    def end(self):
        print("SUCCESS in attempt", self.attempt)
"""
IMPORTS = """
from core_faults import all_are_here
from fault_gangs import gang
from faults import look_for_leftovers
from metaflow import current
"""
TRAIN = """train = function(self) {
  faults <- c(stop = "stop('the error in R')", quit = "quit()",
    segfault = "tools::pskill(Sys.getpid(), 11)", kill = "tools::pskill(Sys.getpid(), 9)")
  fault <- names(faults)[current("retry_count") + 1L]
  if (is.na(fault)) return()
  if (current("parallel")$node_index == NODE) {
    cat("FAULT", fault, sprintf("%.3f", Sys.time()), "\\n")
    flush(stdout())
    eval(parse(text = faults[[fault]]))
  }
  Sys.sleep(60)
}"""
FAULTS = {
    0: (
        Fault("stop@0", "): the error in R"),
        Fault("quit@0", "quit() would end the task"),
        Fault("segfault@0", "Node 1 lost control"),
        Fault("kill@0", "Node 1 lost control"),
    ),
    1: (
        Fault("stop@1", "node 1 failed: RException: Error"),
        Fault("quit@1", "node 1 failed: RException: Error: quit() would end the task"),
        Fault("segfault@1", "the task of node 1 was killed by SIGSEGV"),
        Fault("kill@1", "the task of node 1 was killed by SIGKILL"),
    ),
}


@every_kind
@pytest.mark.parametrize("node", [0, pytest.param(1, marks=pytest.mark.faults)])
def test_r_code_that_dies(
    tmp_path: Path, short_tmp: str, importable: Callable[[str], str], kind: str, node: int
) -> None:
    if node and kind in SERVING:
        pytest.skip("its workers run no code of the step")
    given = environment_of(kind, importable)
    steps = STEPS.replace("KIND", kind)
    flow = rflow.write_flow(tmp_path, TRAIN.replace("NODE", str(node)), steps)
    flow.write_text(flow.read_text().replace("\nfrom metaflow_ext", IMPORTS + "from metaflow_ext"))
    environment = rflow.environment(tmp_path)
    environment["PYTHONPATH"] += f":{FLOWS}:{given['PYTHONPATH']}"
    process = subprocess.Popen(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env={**environment, "TMPDIR": short_tmp},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    check(Run(process).wait(300), FAULTS[node], f"R in {kind}, 2 nodes")
