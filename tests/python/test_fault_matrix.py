"""The fault matrix of every gang's tasks and step code: it ends soon, by name, and leaves nothing.

Each run meets a few faults, one an attempt, looks after each for what it has left, and succeeds in
the last attempt. Faults of frameworks' own processes and of what surrounds a gang have files of
their own. No program of a framework runs here, so its library need not be installed.
"""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable

import pytest
from conftest import SOON, StartFlow
from fault_table import (
    SERVING,
    Fault,
    attempts,
    check,
    end_by_kill,
    end_by_signal,
    environment_of,
    every_kind,
    record,
    seconds_to_end,
    task,
    words,
)
from surroundings import strangers, wait_for_ports

LOST = "The gang was lost: @{kind} on step train of flow CoreFaults: "
TASK = LOST + "the task of node 1 "
CODE = LOST + "node 1 failed: "
HEARTBEAT = 5


# Metaflow retries a step four times at most.
CONTROL = (
    Fault("raise@0", "ValueError: the user's own error"),
    Fault("memory@0", "MemoryError"),
    Fault("quit@0", "The step's code called sys.exit(None) or quit()"),
    Fault("exit@0", "The step's code called sys.exit(3) or quit()"),
)
CONTROL_TASK = (
    Fault("leave@0", "ended with status 0 before its code had ended"),
    Fault("segfault@0", "Node 2 lost control"),
    Fault("kill@0", "Node 2 lost control"),
    Fault("terminate@0", "Node 2 lost control"),
)
WORKER = (
    Fault("raise@1", CODE + "ValueError: the user's own error"),
    Fault("memory@1", CODE + "MemoryError"),
    Fault("quit@1", CODE + "StepExitException: The step's code called sys.exit(None)"),
    Fault("exit@1", CODE + "StepExitException: The step's code called sys.exit(3)"),
)
WORKER_TASK = (
    Fault("leave@1", TASK + "ended with status 0"),
    Fault("segfault@1", TASK + "was killed by SIGSEGV"),
    Fault("kill@1", TASK + "was killed by SIGKILL"),
    Fault("freeze@1", LOST + f"node 1 was silent for {HEARTBEAT} s", HEARTBEAT + SOON),
)


@pytest.fixture
def environment(kind: str, importable: Callable[[str], str]) -> dict[str, str]:
    """What lets a gang of a kind start here."""
    return environment_of(kind, importable)


@every_kind
@pytest.mark.parametrize(
    ("number", "faults"),
    [
        pytest.param(2, CONTROL, id="control", marks=pytest.mark.faults),
        pytest.param(3, CONTROL_TASK, id="control's task"),
        pytest.param(3, WORKER, id="worker", marks=pytest.mark.faults),
        pytest.param(2, WORKER_TASK, id="worker's task"),
    ],
)
def test_code_that_dies(
    run_flow: StartFlow,
    kind: str,
    environment: dict[str, str],
    number: int,
    faults: tuple[Fault, ...],
) -> None:
    if faults is WORKER and kind in SERVING:
        pytest.skip("its workers run no code of the step")
    faults = tuple(fault._replace(says=fault.says.format(kind=kind)) for fault in faults)
    run = run_flow(
        "core_faults.py",
        FAULTS=json.dumps([fault.name for fault in faults]),
        TIMES=str(len(faults)),
        NUM_PARALLEL=str(number),
        ATTRIBUTES=json.dumps({"heartbeat_timeout": HEARTBEAT}),
        **environment,
    )
    check(run, faults, f"{kind}, {number} nodes")


@every_kind
def test_a_time_limit_holds_on_every_node(
    run_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    # It counts from the task's start, and a gang takes a while to form.
    limit = 20 if kind == "ray_parallel" else 8
    run = run_flow("core_faults.py", FAULTS='["sleep@0"]', TIMEOUT=str(limit), **environment)
    (attempt,) = attempts(run.output)
    assert run.status != 0 and f"timed out after 0 hours, 0 minutes, {limit} seconds" in words(
        attempt
    )
    record(f"{kind}, 2 nodes", f"@timeout of {limit} s", seconds_to_end(attempt))
    assert seconds_to_end(attempt) < limit + SOON


@every_kind
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run(
    start_flow: StartFlow, kind: str, environment: dict[str, str], number: signal.Signals
) -> None:
    run = start_flow("core_faults.py", FAULTS='["sleep@0"]', NUM_PARALLEL="3", **environment)
    run.wait_for("FAULT sleep")
    end_by_signal(run, number, f"{kind}, 3 nodes")


@every_kind
def test_a_run_that_is_killed_takes_its_tasks_along(
    start_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    run = start_flow("core_faults.py", FAULTS='["sleep@0"]', **environment)
    end_by_kill(run.wait_for("FAULT sleep"), f"{kind}, 2 nodes")


@every_kind
def test_a_worker_that_never_joins(
    run_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    environment["ATTRIBUTES"] = json.dumps({"all_nodes_started_timeout": 8})
    run = run_flow("core_faults.py", FAULTS='["never_join@2"]', NUM_PARALLEL="3", **environment)
    assert run.status != 0
    (attempt,) = attempts(run.output)
    assert "node 2 never reached the control task within 8 s" in words(attempt)
    record(f"{kind}, 3 nodes", "never joins, 8 s", seconds_to_end(attempt))
    assert seconds_to_end(attempt) < 8 + SOON


@every_kind
def test_a_worker_that_joins_twice_or_with_a_wrong_secret(
    run_flow: StartFlow, kind: str, environment: dict[str, str]
) -> None:
    run = run_flow("core_faults.py", FAULTS='["join_again@1"]', HOLD="2", **environment)
    assert run.status == 0, run.output
    assert run.output.count("REFUSED") == 2
    assert "REFUSED authentication failed" in run.output


@pytest.mark.parametrize(
    "when", ["while it forms", pytest.param("while it works", marks=pytest.mark.faults)]
)
def test_strangers_do_no_harm(start_flow: StartFlow, when: str) -> None:
    run = start_flow("core_faults.py", HOLD="6")
    if when == "while it works":
        run.wait_for("HOLDING")
    control = task(run, 0)
    ports = wait_for_ports(control)
    before = control.memory_info().rss
    with contextlib.ExitStack() as visits:
        for address in ports:
            visits.enter_context(strangers(address))
        assert run.wait_for("HOLDING").process.poll() is None
        if when == "while it works":
            assert control.memory_info().rss - before < 50e6
        assert run.wait().status == 0, run.output
