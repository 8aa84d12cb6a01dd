"""A node of a TensorFlow cluster: nothing but its address, which all nodes learn."""

from __future__ import annotations

import json
from typing import Any

from ..gang.machine.ports import free_port
from ..gang.programs.agents import AgentNode


class TensorflowNode(AgentNode):
    """TensorFlow's server runs in the task itself, where the step's code starts a strategy."""

    def start(self, head: dict[str, Any] | None) -> None:
        address = f"{self.spec.address}:{free_port()}"
        self.board.post(f"tensorflow/{self.spec.index}", address)

    def environment(self) -> dict[str, str]:
        keys = [f"tensorflow/{i}" for i in range(self.spec.num_nodes)]
        return {
            **super().environment(),
            "TF_CONFIG": tf_config(self.board.wait(*keys), self.spec.index),
        }


def tf_config(addresses: list[str], index: int) -> str:
    """Return what ``tf.distribute`` reads: the addresses of all workers, and which one this is."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})
