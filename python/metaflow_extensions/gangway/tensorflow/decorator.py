"""`@tensorflow`: a step whose code runs on every node with TF_CONFIG set for `tf.distribute`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..gang.decorator import GangDecorator
from ..gang.node import GangNode
from ..gang.programs.scripts import require_library
from .node import TensorflowNode


class TensorflowDecorator(GangDecorator):
    """
    Lets this step use `tf.distribute.MultiWorkerMirroredStrategy` on `num_parallel` nodes.

    The step's code runs on every node, with the variable TF_CONFIG that tells TensorFlow about the
    others. The step before asks for the nodes with `self.next(self.this_step, num_parallel=2)`, and
    the step after is a join.

    Parameters
    ----------
    all_nodes_started_timeout : float, optional, default None
        Seconds that the nodes get to come together: 90 by default, and 600 on AWS Batch and
        Kubernetes, where each may have an image to pull.
    heartbeat_timeout : float, default 60
        Seconds of silence after which a node counts as lost. A process that dies is noticed at
        once.
    groups : Dict[str, Dict[str, float]], optional, default None
        Groups of nodes with resources of their own, in the order of the nodes; control is the first
        one: `{"control": {"cpu": 1}, "gpu": {"nodes": 2, "gpu": 1}}`. A group has `nodes` (1 by
        default), `cpu`, `gpu`, `memory`, `shared_memory` and `disk`, as `@resources` has them; what
        it does not say is the step's. All groups together have `num_parallel` nodes.
    """

    name = "tensorflow"
    folder = "mf.tensorflow"
    node_class: ClassVar[type[GangNode]] = TensorflowNode
    defaults: dict[str, Any] = {**GangDecorator.defaults}  # noqa: RUF012

    def check_installed(self) -> None:
        """Raise unless TensorFlow is installed; does not import it."""
        require_library("tensorflow", "tensorflow", self.where)
