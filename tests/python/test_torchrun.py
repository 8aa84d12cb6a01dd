"""@torchrun: real gangs that run real scripts of torch.distributed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import rflow
from conftest import FLOWS, SOON, Run, StartFlow, seconds_to_failure
from metaflow_extensions.gangway.exceptions import GangAttributeException
from metaflow_extensions.gangway.gang.programs.agents import Meeting
from metaflow_extensions.gangway.torchrun.command import rank_of, torchrun_command

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
SCRIPT = str(FLOWS / "scripts" / "all_reduce.py")
MEETING = Meeting("10.0.0.1", 1234, 2, 1, "/logs")


def line(**given: Any) -> str:
    command = torchrun_command(MEETING, "train.py", ["--x", "1"], **given)
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    return " ".join(command[3:])


def test_the_command_of_a_node() -> None:
    assert line(default=4) == (
        "--nnodes=2 --node_rank=1 --nproc_per_node=4 --master_addr=10.0.0.1 --master_port=1234 "
        "--log_dir=/logs --tee=3 train.py --x 1"
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"nproc_per_node": 3}, "--nproc_per_node=3"),
        ({"torchrun_args": {"nproc_per_node": 3, "max-restarts": "2"}}, "--max_restarts=2"),
        ({"torchrun_args": ["nproc_per_node", 3]}, "--nproc_per_node=3"),
        ({"torchrun_args": ["--nproc-per-node=3", "--no-python"]}, "--no_python"),
        ({"torchrun_args": {"master_port": 7}}, "--master_port=7"),
        ({"torchrun_args": {"rdzv_backend": "c10d"}}, "--rdzv_endpoint=10.0.0.1:1234"),
    ],
)
def test_the_users_options_win(given: dict[str, Any], wanted: str) -> None:
    assert wanted in line(**given)
    assert line(**given).count("--nproc_per_node=") == 1
    assert line(**given).count("--master_port=") == (0 if "rdzv" in wanted else 1)


def test_the_users_own_logs_are_left_to_torchrun() -> None:
    assert "--tee" not in line(torchrun_args={"log-dir": "mine"})
    assert rank_of("[rank 12] it says") == ("12", "it says")
    assert rank_of("[default0]:it says") == ("", "[default0]:it says")


def test_the_number_of_processes_is_given_once() -> None:
    with pytest.raises(GangAttributeException, match="given twice"):
        line(nproc_per_node=2, torchrun_args={"nproc_per_node": 2})


def run_with(run_flow: StartFlow, number: int = 2, attributes: str = "{}", **run: Any) -> Run:
    return run_flow(
        "torchrun_gang.py", RUN=json.dumps(run), NUM_PARALLEL=str(number), ATTRIBUTES=attributes
    )


def result(run: Run) -> list[Any]:
    assert run.status == 0, run.output
    found: list[Any] = json.loads(run.output.partition("RESULT ")[2].splitlines()[0])
    return found


@pytest.mark.faults
@needs_torch
def test_two_nodes_with_two_ranks_each(run_flow: StartFlow, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(Path(SCRIPT).read_text())
    run = run_with(
        run_flow,
        entrypoint="beside.py",
        entrypoint_args={"factor": 2, "note": "nótė"},
        entrypoint_args_raw=["a b", "--folder", "out"],
        nproc_per_node=2,
        push_results_dir_to_cloud=True,
        local_output_dir="out",
    )
    nodes, storage, kept = result(run)
    assert nodes == [0, 1]
    for rank in range(4):
        said = f"[node {rank // 2}] [rank {rank}] rank {rank} of 4: sum 12 nótė ['a b']"
        assert said in run.output, run.output
    assert Path(storage).is_dir() and storage.endswith("/train/0")
    assert kept[0] == kept[1] and kept[0].endswith("/train/out")
    for node in "01":
        assert {f"{rank}.txt" for rank in "0123"} <= set(os.listdir(f"{kept[0]}/{node}"))


@pytest.mark.faults  # of a kind with what R runs below
@needs_torch
def test_three_nodes_and_a_script_beside_the_flow(run_flow: StartFlow) -> None:
    run = run_with(run_flow, number=3, entrypoint="scripts/all_reduce.py")
    assert result(run)[0] == [0, 1, 2]
    assert run.output.count("of 3: sum 3") == 3


@needs_torch
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "rank 1 ended with status 1; its last lines:"),
        pytest.param("kill", "rank 1 was killed by SIGKILL", marks=pytest.mark.faults),
    ],
)
def test_a_rank_that_fails_is_told_with_its_last_lines(
    run_flow: StartFlow, how: str, message: str
) -> None:
    run = run_with(run_flow, entrypoint=SCRIPT, entrypoint_args={"fail": 1, "how": how})
    assert run.status != 0
    assert f"node 1: {message}" in run.output, run.output
    if how == "raise":
        said = run.output.rpartition("The gang was lost:")[2].partition("last lines:")[2]
        assert "ValueError: rank 1 cannot go on" in said, run.output
    assert seconds_to_failure(run) < SOON, run.output


R_STEPS = """
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @torchrun
    @step
    def train(self):
        R.call("train", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
R_TRAIN = """train = function(self) {
  self$node <- current("parallel")$node_index
  current("torch")$run(
    entrypoint = "all_reduce.py", entrypoint_args = list(factor = 2, note = "from R", fail = FAIL),
    nproc_per_node = 2
  )
}"""


@needs_torch
@pytest.mark.parametrize("fail", ["-1L", pytest.param("3L", marks=pytest.mark.faults)])
def test_from_r(tmp_path: Path, fail: str) -> None:
    flow = rflow.write_flow(tmp_path, R_TRAIN.replace("FAIL", fail), R_STEPS)
    flow.write_text(flow.read_text().replace("ray_parallel", "torchrun"))
    (tmp_path / "all_reduce.py").write_text(Path(SCRIPT).read_text())
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env=rflow.environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert run.returncode == (fail != "-1L"), run.stdout
    for rank in range(4):
        assert f"[node {rank // 2}] [rank {rank}] rank {rank} of 4: sum 12 from R" in run.stdout
    if fail == "3L":
        assert "node 1: rank 3 ended with status 1; its last lines:" in run.stdout
        assert "ValueError: rank 3 cannot go on" in run.stdout.rpartition("last lines:")[2]


def test_what_is_missing_is_named_before_anything_starts(run_flow: StartFlow) -> None:
    if find_spec("torch") is None:
        run = run_with(run_flow, entrypoint=SCRIPT)
        assert "torch is not installed" in run.output and "pip install torch" in run.output
    else:
        run = run_with(run_flow, entrypoint="nowhere.py")
        assert "there is no file 'nowhere.py' in" in run.output
        with socket.create_server(("", 0)) as taken:
            port = taken.getsockname()[1]
            attributes = json.dumps({"master_port": port})
            run = run_with(run_flow, attributes=attributes, entrypoint=SCRIPT)
        assert f"port {port} is taken" in run.output and "master_port=" in run.output
    assert run.status != 0
