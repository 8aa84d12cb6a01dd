"""@deepspeed: real gangs that run real scripts of DeepSpeed."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import FLOWS, SOON, Run, StartFlow, seconds_to_failure
from metaflow_extensions.gangway.deepspeed.command import (
    culprit,
    deepspeed_command,
    hostfile,
    rank_of_file,
)
from metaflow_extensions.gangway.exceptions import GangAttributeException
from metaflow_extensions.gangway.gang.machine.cpus import asked_for
from metaflow_extensions.gangway.gang.output.output import Output
from metaflow_extensions.gangway.gang.programs.agents import Meeting

needs_deepspeed = pytest.mark.skipif(
    find_spec("deepspeed") is None, reason="DeepSpeed is not installed"
)
SCRIPT = str(FLOWS / "scripts" / "all_reduce.py")
MEETING = Meeting("10.0.0.1", 1234, 2, 1, "/run")


def line(**given: Any) -> str:
    return " ".join(deepspeed_command(MEETING, "train.py", ["--x", "1"], **given)[3:])


def test_the_command_of_a_node_needs_no_ssh() -> None:
    assert hostfile([4, 2]) == "node-0 slots=4\nnode-1 slots=2\n"
    assert line() == (
        "--hostfile=/run/hostfile --no_ssh --node_rank=1 --master_addr=10.0.0.1 --master_port=1234 "
        "--enable_each_rank_log=/run train.py --x 1"
    )
    assert rank_of_file("/run/20260101_rank12.log") == "12"


def test_nodes_on_one_machine_share_its_gpus_unless_the_user_chooses() -> None:
    assert "--include=node-0:0,1@node-1:2" in line(gpus=[["0", "1"], ["2"]])
    assert "include" not in line(gpus=[["0"], ["1"]], deepspeed_args={"num_gpus": 1})
    assert "--bind_cores_to_rank" in line(deepspeed_args=["--bind_cores_to_rank"])
    with pytest.raises(GangAttributeException, match="leave master_addr out"):
        line(deepspeed_args={"master_addr": "x"})


def test_a_node_runs_as_many_processes_as_the_step_asks_for() -> None:
    def asked(**attributes: Any) -> int:
        return asked_for([SimpleNamespace(name="resources", attributes=attributes)], "gpu", "cpu")

    assert asked(cpu="2", gpu=None) == 2
    assert asked(cpu=8, gpu="4") == 4
    assert asked_for([], "gpu", "cpu") == 1


def test_the_rank_that_failed_is_told_from_what_the_ranks_wrote() -> None:
    output = Output(0)
    assert culprit(output) is None
    output.take("", "[ERROR] [...] exits with return code = -9")
    output.take("1", "it works")
    assert culprit(output) == ("1", -9)  # the only one
    output.take("0", "Traceback (most recent call last):")
    assert culprit(output) == ("0", -9)


def run_with(run_flow: StartFlow, number: int = 2, slots: int = 1, **run: Any) -> Run:
    return run_flow(
        "deepspeed_gang.py", RUN=json.dumps(run), NUM_PARALLEL=str(number), SLOTS=str(slots)
    )


@needs_deepspeed
def test_two_nodes_with_two_ranks_each(run_flow: StartFlow) -> None:
    run = run_with(
        run_flow,
        slots=2,
        entrypoint=SCRIPT,
        entrypoint_args={"factor": 2, "folder": "out"},
        push_results_dir_to_cloud=True,
        local_output_dir="out",
        cloud_output_dir="results",
    )
    assert run.status == 0, run.output
    for rank in range(4):
        assert f"[node {rank // 2}] [rank {rank}] rank {rank} of 4: sum 12" in run.output
    nodes, kept = json.loads(run.output.partition("RESULT ")[2].splitlines()[0])
    assert nodes == [0, 1]
    assert Path(kept[0]).parts[-5:-3] == ("mf.deepspeed", "DeepspeedGang")
    for node in "01":
        assert {f"{rank}.txt" for rank in "0123"} <= set(os.listdir(f"{kept[0]}/{node}"))


@needs_deepspeed
def test_three_nodes_train_with_an_engine(start_flow: StartFlow) -> None:
    run = run_with(start_flow, number=3, entrypoint="scripts/deepspeed_train.py")
    assert run.wait(400).status == 0, run.output  # the first time, DeepSpeed compiles
    assert run.output.count("the loss fell") == 3, run.output


@needs_deepspeed
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "ValueError: rank 1 cannot go on"),
        pytest.param("kill", "node 1: rank 1 was killed by SIGKILL", marks=pytest.mark.faults),
    ],
)
def test_a_rank_that_fails_is_told(run_flow: StartFlow, how: str, message: str) -> None:
    run = run_with(run_flow, entrypoint=SCRIPT, entrypoint_args={"fail": 1, "how": how})
    assert run.status != 0
    assert message in run.output.rpartition("The gang was lost:")[2], run.output
    assert seconds_to_failure(run) < SOON, run.output


def test_what_is_missing_is_named_before_anything_starts(run_flow: StartFlow) -> None:
    run = run_with(run_flow, entrypoint="nowhere.py")
    assert run.status != 0
    if find_spec("deepspeed") is None:
        assert "deepspeed is not installed" in run.output and "pip install" in run.output
    else:
        assert "there is no file 'nowhere.py' in" in run.output
