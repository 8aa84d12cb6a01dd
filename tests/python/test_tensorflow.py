"""@tensorflow: TF_CONFIG on every node, and a real strategy where TensorFlow is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec

import pytest
from conftest import StartFlow
from metaflow_extensions.gangway.tensorflow.node import tf_config

needs_tensorflow = pytest.mark.skipif(
    find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)


def test_the_configuration_of_a_worker() -> None:
    assert json.loads(tf_config(["a:1", "b:2"], 1)) == {
        "cluster": {"worker": ["a:1", "b:2"]},
        "task": {"type": "worker", "index": 1},
    }


def test_three_nodes_know_each_other(run_flow: StartFlow, importable: Callable[[str], str]) -> None:
    run = run_flow("tensorflow_gang.py", NUM_PARALLEL="3", PYTHONPATH=importable("tensorflow"))
    assert run.status == 0, run.output
    configs = json.loads(run.output.partition("RESULT ")[2].splitlines()[0])
    assert [c["task"]["index"] for c in configs] == [0, 1, 2]
    workers = configs[0]["cluster"]["worker"]
    assert len(set(workers)) == 3 and all(c["cluster"]["worker"] == workers for c in configs)


@pytest.mark.parametrize("node", [pytest.param("0", marks=pytest.mark.faults), "1"])
def test_code_that_fails_on_any_node_fails_the_step(
    run_flow: StartFlow, importable: Callable[[str], str], node: str
) -> None:
    run = run_flow("tensorflow_gang.py", FAIL=node, PYTHONPATH=importable("tensorflow"))
    assert run.status != 0
    assert "ValueError: this node cannot go on" in run.output
    if node == "1":
        assert "node 1 failed: ValueError: this node cannot go on" in run.output


@needs_tensorflow
def test_two_nodes_train_under_a_strategy(run_flow: StartFlow) -> None:
    run = run_flow("tensorflow_gang.py", TRAIN="1")
    assert run.status == 0, run.output
    assert "TRAINED [(2, 3.0), (2, 3.0)]" in run.output


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_a_missing_library_is_named_before_anything_starts(run_flow: StartFlow) -> None:
    run = run_flow("tensorflow_gang.py")
    assert run.status != 0
    assert "tensorflow is not installed" in run.output and "pip install tensorflow" in run.output
    assert "start/1" not in run.output
