"""Gangs that begin with some of their nodes, and go on without workers that they have lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import FLOWS, StartFlow
from metaflow_extensions.gangway.exceptions import GangRuntimeException
from metaflow_extensions.gangway.gang.node import NodeSpec
from metaflow_extensions.gangway.gang.refusals import check_worker_loss
from metaflow_extensions.gangway.gang.roster import Roster
from rflow import environment

KILL = int(signal.SIGKILL)


def roster(nodes: int, **attributes: object) -> Roster:
    return Roster(NodeSpec("gang", 0, nodes, b"", local=True, attributes=attributes))


def test_a_gang_begins_with_all_or_with_as_many_as_are_asked_for() -> None:
    assert not roster(3).suffices({0, 1}, late=False)
    assert not roster(3).suffices({0, 1}, late=True)
    assert roster(3).suffices({0, 1, 2}, late=False)
    assert roster(3, min_nodes=2).suffices({0, 1}, late=False)
    assert not roster(3, min_nodes=2).suffices({0}, late=True)


def test_workers_that_never_come_may_be_lost_too() -> None:
    patient = roster(3, on_worker_loss="continue")
    assert not patient.suffices({0, 1}, late=False)
    assert patient.suffices({0, 1}, late=True)
    assert not patient.ends_by(2, "node 2 failed")
    assert patient.suffices({0, 1}, late=False)


def test_no_more_are_lost_than_may_be() -> None:
    assert roster(3).ends_by(1, "lost") == "lost"
    assert roster(3, min_nodes=2).ends_by(1, "lost") == "lost"
    one = roster(3, min_nodes=2, on_worker_loss="continue")
    assert not one.ends_by(1, "node 1 failed")
    assert one.ends_by(2, "lost").startswith("lost; without it fewer than min_nodes=2")
    alone = roster(3, on_worker_loss="continue")
    assert not alone.ends_by(1, "node 1 failed") and not alone.ends_by(2, "node 2 failed")


def test_who_joins_later_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    gang = roster(3, min_nodes=1)
    assert not gang.takes({0, 1})  # not begun
    gang.began_with({0})
    assert not gang.all_here
    assert gang.takes({0, 2}) and not gang.takes({0, 2})
    assert gang.takes({0, 1, 2}) and gang.all_here
    assert capsys.readouterr().err == (
        "[gangway] node 2 has joined later: 2 of 3 nodes\n"
        "[gangway] node 1 has joined later: 3 of 3 nodes\n"
    )


def test_a_step_goes_on_without_a_worker(run_flow: StartFlow) -> None:
    run = run_flow("ray_goes_on.py", FAULTS=json.dumps([[2, KILL]]))
    assert run.status == 0, run.output
    assert "[gangway] the task of node 2 was killed by SIGKILL" in run.output
    assert "The step goes on without it: 2 of 3 nodes" in run.output
    assert "JOINED 2 [435]" in run.output


@pytest.mark.faults
def test_it_does_not_go_on_with_too_few(run_flow: StartFlow) -> None:
    run = run_flow("ray_goes_on.py", FAULTS=json.dumps([[2, KILL], [1, KILL]]))
    assert run.status != 0
    assert "The step goes on without it: 2 of 3 nodes" in run.output
    assert "step train of flow RayGoesOn: the task of node 1 was killed by SIGKILL" in run.output
    assert "; without it fewer than min_nodes=2 nodes are left" in run.output, run.output
    assert "SUM" not in run.output


@pytest.mark.faults
def test_control_goes_on_alone(run_flow: StartFlow) -> None:
    attributes = json.dumps({"min_nodes": None})
    faults = json.dumps([[2, KILL], [1, KILL]])
    run = run_flow("ray_goes_on.py", FAULTS=faults, ATTRIBUTES=attributes)
    assert run.status == 0, run.output
    assert "JOINED 1 [435]" in run.output


@pytest.mark.faults
def test_r_goes_on_by_all_its_ways(tmp_path: Path) -> None:
    names = "c('foreach', 'future.apply', 'ps')"
    there = f"cat(all(nzchar(sapply({names}, function(p) system.file(package = p)))))"
    asked = subprocess.run(["Rscript", "-e", there], capture_output=True, text=True, check=True)
    if asked.stdout != "TRUE":
        pytest.skip("foreach, future.apply or ps is not installed")
    run = subprocess.run(
        ["Rscript", "--vanilla", str(FLOWS / "ray_goes_on.R")],
        cwd=tmp_path,
        env={**environment(tmp_path), "GANGWAY_PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("The step goes on without it") == 3, run.stdout
    assert "JOINED 1 1830 1830 1830 45" in run.stdout, run.stdout


@pytest.mark.faults
def test_a_worker_that_says_nothing_is_lost_and_ended(run_flow: StartFlow) -> None:
    attributes = json.dumps({"heartbeat_timeout": 3})
    faults = json.dumps([[1, int(signal.SIGSTOP)]])
    run = run_flow("ray_goes_on.py", FAULTS=faults, ATTRIBUTES=attributes)
    assert run.status == 0, run.output
    assert "node 1 was silent for 3 s: its task is stopped" in run.output
    assert "The step goes on without it: 2 of 3 nodes" in run.output


def test_more_nodes_than_there_are_cannot_be_needed(run_flow: StartFlow) -> None:
    run = run_flow("ray_goes_on.py", ATTRIBUTES=json.dumps({"min_nodes": 4}))
    assert run.status != 0
    assert "min_nodes=4, but the step before asks for num_parallel=3 nodes" in run.output


@pytest.mark.parametrize("policy", ["go on", None])
def test_a_wrong_policy_is_named_before_the_run(run_flow: StartFlow, policy: str | None) -> None:
    run = run_flow("ray_goes_on.py", ATTRIBUTES=json.dumps({"on_worker_loss": policy}))
    assert run.status != 0
    assert f"on_worker_loss={policy!r} is not right; it must be one of 'fail'" in run.output
    assert "Task is starting" not in run.output


def test_kubernetes_does_not_go_on() -> None:
    decorators = [SimpleNamespace(name="kubernetes")]
    check_worker_loss("fail", decorators, "here")
    check_worker_loss("continue", [], "here")
    with pytest.raises(GangRuntimeException, match="here: on_worker_loss='continue' does nothing"):
        check_worker_loss("continue", decorators, "here")
