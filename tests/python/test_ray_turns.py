"""Nodes that share a machine start some at a time."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from metaflow_extensions.gangway.gang.node import NodeSpec
from metaflow_extensions.gangway.ray import turns

if sys.platform != "linux":
    pytest.skip("nodes take turns on Linux alone", allow_module_level=True)


def spec(index: int, num_nodes: int, local: bool = True) -> NodeSpec:
    return NodeSpec("turns", index, num_nodes, b"secret", local, {})


def test_only_many_nodes_on_one_machine_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "cores", lambda: 2)
    assert turns.turns(spec(1, 16)) == 2 * turns.A_CORE
    assert turns.turns(spec(0, 16)) == 0  # the head, which all others wait for
    assert turns.turns(spec(1, 2 * turns.A_CORE)) == 0
    assert turns.turns(spec(1, 16, local=False)) == 0


def test_a_node_waits_until_another_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    up = [threading.Event() for _ in range(4)]
    begun: list[int] = []

    def start(index: int) -> None:
        turns.take_turn("test-of-turns", 2, up[index])
        begun.append(index)

    for index in range(3):
        threading.Thread(target=start, args=(index,), daemon=True).start()
    wait_until(lambda: len(begun) == 2)
    time.sleep(0.3)
    assert len(begun) == 2
    up[begun[0]].set()
    wait_until(lambda: len(begun) == 3)
    # Who does not come up holds up nobody for long.
    monkeypatch.setattr(turns, "LONGEST", 0.2)
    up[begun[1]].set()
    start(3)
    for event in up:
        event.set()


def wait_until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
