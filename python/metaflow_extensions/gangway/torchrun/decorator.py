"""`@torchrun`: a step whose nodes run scripts of torch.distributed together."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import times
from ..gang import attributes as checks
from ..gang.decorator import GangDecorator
from ..gang.machine.ports import check_port
from ..gang.node import GangNode, NodeSpec
from ..gang.programs.agents import AgentNode
from ..gang.programs.scripts import require_library
from ..mf import flow as flow_state
from .executor import TorchrunExecutor


class TorchrunDecorator(GangDecorator):
    """
    Lets this step run scripts of PyTorch on `num_parallel` nodes, with torchrun.

    The step's code runs on every node, and calls `current.torch.run(entrypoint="train.py")`. The
    step before asks for the nodes with `self.next(self.this_step, num_parallel=2)`, and the step
    after is a join.

    Parameters
    ----------
    master_port : int, optional, default None
        Port on the control task at which the nodes meet. A free one by default.
    all_nodes_started_timeout : float, default 600
        Seconds that the nodes get to come together.
    nproc_per_node : int, default 1
        Processes on each node, where `run()` does not say.
    heartbeat_timeout : float, default 60
        Seconds of silence after which a node counts as lost. A process that dies is noticed at
        once.
    groups : Dict[str, Dict[str, float]], optional, default None
        Groups of nodes with resources of their own, in the order of the nodes; control is the first
        one: `{"control": {"cpu": 1}, "gpu": {"nodes": 2, "gpu": 1}}`. A group has `nodes` (1 by
        default), `cpu`, `gpu`, `memory`, `shared_memory` and `disk`, as `@resources` has them; what
        it does not say is the step's. All groups together have `num_parallel` nodes.

    MF Add To Current
    -----------------
    torch -> metaflow_extensions.gangway.torchrun.executor.TorchrunExecutor
        Runs scripts with torchrun: `current.torch.run(entrypoint="train.py")`.

        @@ Returns
        -------
        TorchrunExecutor
            The executor.
    """

    name = "torchrun"
    folder = "mf.torchrun"
    node_class: ClassVar[type[GangNode]] = AgentNode
    defaults: dict[str, Any] = {  # noqa: RUF012
        **GangDecorator.defaults,
        "master_port": None,
        "all_nodes_started_timeout": times.MEET_REMOTE,
        "nproc_per_node": 1,
    }
    checks: ClassVar[dict[str, checks.Check]] = {
        **GangDecorator.checks,
        "master_port": checks.integer(1024, 65535),
        "nproc_per_node": checks.integer(1),
    }
    optional = ("master_port", "groups")

    def check_installed(self) -> None:
        """Raise unless PyTorch is installed; does not import it."""
        require_library("torch", "torch", self.where)

    def check_node(self, spec: NodeSpec) -> None:
        """Raise if the port that was asked for by number is taken."""
        check_port("master_port", spec.attributes["master_port"], self.where)

    def add_to_current(self, flow: Any, run_id: str, retry_count: int) -> None:
        """Set `current.torch`."""
        super().add_to_current(flow, run_id, retry_count)
        assert isinstance(self.node, AgentNode)
        torch = TorchrunExecutor(self.node, self.flow_datastore, self.folder)
        flow_state.add_to_current({"torch": torch})
