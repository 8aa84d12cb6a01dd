"""Gangs that work: real runs with two Ray nodes on this machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from conftest import StartFlow

SCRATCH = {"RAY_ADDRESS": "192.0.2.1:6379", "RAY_TMPDIR": "/nowhere", "RAY_AUTH_TOKEN_PATH": "/no"}


def test_a_gang_of_two_from_inside(run_flow: StartFlow, tmp_path: Path) -> None:
    # Whatever Ray settings a user has must not matter, nor a token file in the home folder.
    home = tmp_path / "user"
    (home / ".ray").mkdir(parents=True)
    (home / ".ray" / "auth_token").write_text("f" * 64)
    run = run_flow("gang_success.py", "--alpha", "0.25", HOME=str(home), **SCRATCH)
    assert run.status == 0, run.output
    seen = json.loads(run.output.partition("RESULT ")[2].splitlines()[0])
    assert seen["alive"] == ["node-0", "node-1"]
    assert seen["resources"]["CPU"] == max(2, len(os.sched_getaffinity(0)))
    assert seen["resources"]["license"] == 4
    assert seen["nodes_used"] == 2
    assert (seen["subprocess_status"], seen["subprocess_nodes"]) == (0, "2")
    assert seen["stranger_status"] != 0
    assert not seen["token_shown"]
    assert seen["parallel"][1:3] == [2, 0]
    assert Path(seen["storage"]).is_absolute() and seen["storage"].endswith("/train/0")
    assert Path(seen["storage"], "file").read_text() == "kept"
    assert seen["changed"] == ["from start", "from train"] and seen["kept"] == ["from start"]
    assert seen["holders"] == [True, False]
    assert seen["constants"] == [[0.25, "one"]] * 2
    assert seen["still_set"] == ["RAY_AUTH_TOKEN_PATH"]
    assert seen["talking"] == 1  # by which control knows that Ray has disconnected


@pytest.mark.faults
def test_two_runs_at_once_do_not_meet(start_flow: StartFlow, tmp_path: Path) -> None:
    (tmp_path / ".metaflow").mkdir()  # Metaflow's own first runs collide in making it
    runs = [start_flow("gang_attributes.py") for _ in range(2)]
    for run in runs:
        assert run.wait().status == 0, run.output


@pytest.mark.faults
def test_a_gang_of_one_and_of_three_with_a_port(run_flow: StartFlow) -> None:
    for number, attributes in (("1", {}), ("3", {"main_port": 27913, "num_cpus": 1})):
        run = run_flow("gang_attributes.py", NUM_PARALLEL=number, ATTRIBUTES=json.dumps(attributes))
        assert run.status == 0, run.output


@pytest.mark.faults
def test_worker_logs_on_request(run_flow: StartFlow) -> None:
    attributes = json.dumps(
        {"enable_worker_logs": True, "logging_level": "warning", "log_style": "record"}
    )
    run = run_flow("gang_attributes.py", ATTRIBUTES=attributes, USE_WORKERS="1")
    assert run.status == 0, run.output
    assert re.search(r"\[node 1\] \[speak pid=\d+\] a worker speaks", run.output), run.output
