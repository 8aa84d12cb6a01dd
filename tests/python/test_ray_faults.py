"""Ray gangs that do not form, or whose code does not stop; see test_fault_matrix_ray.py too."""

from __future__ import annotations

import json
import os
import signal
import socket

import psutil
import pytest
from conftest import SOON, StartFlow
from fault_table import attempts, seconds_to_end


@pytest.mark.faults
def test_code_that_does_not_stop_is_killed(run_flow: StartFlow) -> None:
    run = run_flow("gang_faults.py", FAULTS="stubborn")
    assert run.status != 0
    assert "SWALLOWED GangLostException" in run.output
    assert "the task of node 1 was killed by SIGKILL" in run.output
    (attempt,) = attempts(run.output)
    assert seconds_to_end(attempt) < SOON


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run(start_flow: StartFlow, number: signal.Signals) -> None:
    run = start_flow("gang_faults.py", FAULTS="sleep").wait_for("FAULT sleep")
    if number == signal.SIGINT:  # a terminal sends it to all of the session
        os.killpg(run.process.pid, number)
    else:
        run.process.send_signal(number)
    assert run.wait().status != 0
    assert run.seconds < SOON, run.output


@pytest.mark.faults
def test_a_run_that_is_killed_takes_its_gang_along(start_flow: StartFlow) -> None:
    run = start_flow("gang_faults.py", FAULTS="sleep").wait_for("FAULT sleep")
    tasks = psutil.Process(run.process.pid).children(recursive=True)
    run.process.kill()
    run.wait()
    gone, alive = psutil.wait_procs(tasks, timeout=SOON)
    assert gone and not alive


def test_a_worker_that_dies_early_is_noticed_at_once(run_flow: StartFlow) -> None:
    run = run_flow("gang_faults.py", FAULTS="die_early")
    assert run.status != 0
    assert "the worker dies before it joins" in run.output
    assert "the task of node 1 ended with status 1" in run.output
    assert run.seconds < 80  # and not all_nodes_started_timeout, which is 90


def test_too_few_nodes_in_time_are_named(run_flow: StartFlow) -> None:
    run = run_flow("gang_attributes.py", ATTRIBUTES='{"all_nodes_started_timeout": 0.2}')
    assert run.status != 0
    assert "node 1 never reached the control task within 0.2 s" in run.output
    assert "all_nodes_started_timeout=" in run.output


def test_a_port_that_is_taken_is_named_before_anything_starts(run_flow: StartFlow) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        run = run_flow("gang_attributes.py", ATTRIBUTES=json.dumps({"main_port": port}))
    assert run.status != 0
    assert f"port {port} is taken" in run.output and "main_port=" in run.output


def test_a_wrong_attribute_is_named_before_the_run(run_flow: StartFlow) -> None:
    run = run_flow("gang_attributes.py", ATTRIBUTES='{"main_port": "seven"}')
    assert run.status != 0
    assert "main_port='seven' is not right; it must be a whole number" in run.output
    assert "step train of flow GangAttributes" in run.output
    assert "Task is starting" not in run.output


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("0", "whole number of nodes"),
        pytest.param("-1", "whole number of nodes", marks=pytest.mark.faults),
        ("1.5", "1.5 is not a valid integer"),  # Metaflow's own
    ],
)
def test_a_wrong_number_of_nodes(run_flow: StartFlow, number: str, message: str) -> None:
    run = run_flow("gang_attributes.py", NUM_PARALLEL=number)
    assert run.status != 0
    assert message in run.output, run.output


def test_a_gang_on_another_runtime_is_refused(run_flow: StartFlow) -> None:
    run = run_flow("gang_attributes.py", METAFLOW_RUNTIME_ENVIRONMENT="mars")
    assert run.status != 0
    assert "gangs run locally, with @batch and with @kubernetes, and not in the runtime 'mars'" in (
        run.output
    )
