"""`@mpi`: a step whose nodes run MPI programs together."""

from __future__ import annotations

from typing import Any, ClassVar

from ..gang import attributes as checks
from ..gang.decorator import GangDecorator
from ..gang.machine.cpus import cores
from ..gang.machine.shares import shares
from ..gang.node import GangNode, NodeSpec
from ..mf import flow as flow_state
from .executor import MpiExecutor, find_tool
from .node import MpiNode
from .runtime import check_local, version_of


class MpiDecorator(GangDecorator):
    """
    Lets this step run MPI programs on `num_parallel` nodes, with Open MPI and without ssh.

    The step's code runs on the control task alone, and calls `current.mpi.exec(args=["-n", "4"],
    program="python fit.py")`. The step before asks for the nodes with
    `self.next(self.this_step, num_parallel=2)`, and the step after is a join.

    Parameters
    ----------
    all_nodes_started_timeout : float, optional, default None
        Seconds that the nodes get to come together: 90 by default, and 600 on AWS Batch and
        Kubernetes, where each may have an image to pull.
    worker_polling_freq : float, default 5
        Accepted because metaflow-mpi has it; nothing is polled.
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
    mpi -> metaflow_extensions.gangway.mpi.executor.MpiExecutor
        Runs MPI programs: `current.mpi.exec(args=["-n", "4"], program="python fit.py")`.

        @@ Returns
        -------
        MpiExecutor
            The executor.
    """

    name = "mpi"
    folder = "mf.mpi"
    node_class: ClassVar[type[GangNode]] = MpiNode
    defaults: dict[str, Any] = {  # noqa: RUF012
        **GangDecorator.defaults,
        "worker_polling_freq": 5,
    }
    checks: ClassVar[dict[str, checks.Check]] = {
        **GangDecorator.checks,
        "worker_polling_freq": checks.seconds,
    }

    def check_installed(self) -> None:
        """Raise unless there is an mpirun."""
        find_tool("mpirun", self.where)

    def check_node(self, spec: NodeSpec) -> None:
        """Raise if mpirun is none that can do without ssh."""
        version = version_of(find_tool("mpirun", self.where), self.where)
        if spec.local:
            check_local(version, self.where)

    def add_to_current(self, flow: Any, run_id: str, retry_count: int) -> None:
        """Set `current.mpi`."""
        super().add_to_current(flow, run_id, retry_count)
        assert isinstance(self.node, MpiNode)
        spec, slots = self.node.spec, self.asked_for_on_nodes("cpu")
        if spec.local:
            slots = list(map(max, slots, shares(cores(), spec.wishes("cpu"), 1)))
        elif spec.container and spec.groups is None:  # all containers of the step are alike
            slots = [spec.container.cpus] * spec.num_nodes
        flow_state.add_to_current({"mpi": MpiExecutor(self.node, slots)})
