"""`@deepspeed`: a step whose nodes run scripts of DeepSpeed together."""

from __future__ import annotations

from importlib import metadata
from typing import Any, ClassVar

from .. import times
from ..exceptions import LibraryNotFoundException
from ..gang import attributes as checks
from ..gang.decorator import GangDecorator
from ..gang.node import GangNode
from ..gang.programs.agents import AgentNode
from ..gang.programs.scripts import require_library
from ..mf import flow as flow_state
from .executor import DeepspeedExecutor

MIN_DEEPSPEED = (0, 15)


class DeepspeedDecorator(GangDecorator):
    """
    Lets this step run scripts of DeepSpeed on `num_parallel` nodes, without ssh.

    The step's code runs on every node, and calls `current.deepspeed.run(entrypoint="train.py")`.
    Each node runs as many processes as the step's `@resources`, `@batch` or `@kubernetes` asks for
    GPUs, or for CPUs if it asks for no GPU. The step before asks for the nodes with
    `self.next(self.this_step, num_parallel=2)`, and the step after is a join.

    Parameters
    ----------
    all_nodes_started_timeout : float, default 600
        Seconds that the nodes get to come together.
    worker_polling_freq : float, default 0.5
        Accepted because metaflow-deepspeed has it; nothing is polled.
    use_sudo : bool, default False
        Accepted because metaflow-deepspeed has it; nothing needs it.
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
    deepspeed -> metaflow_extensions.gangway.deepspeed.executor.DeepspeedExecutor
        Runs scripts with deepspeed: `current.deepspeed.run(entrypoint="train.py")`.

        @@ Returns
        -------
        DeepspeedExecutor
            The executor.
    """

    name = "deepspeed"
    folder = "mf.deepspeed"
    node_class: ClassVar[type[GangNode]] = AgentNode
    defaults: dict[str, Any] = {  # noqa: RUF012
        **GangDecorator.defaults,
        "all_nodes_started_timeout": times.MEET_REMOTE,
        "worker_polling_freq": 0.5,
        "use_sudo": False,
    }
    checks: ClassVar[dict[str, checks.Check]] = {
        **GangDecorator.checks,
        "worker_polling_freq": checks.seconds,
        "use_sudo": checks.flag,
    }

    def check_installed(self) -> None:
        """Raise unless a DeepSpeed that can do without ssh is installed; does not import it."""
        wanted = ".".join(map(str, MIN_DEEPSPEED))
        require_library("deepspeed", f"'deepspeed>={wanted}'", self.where)
        version = metadata.version("deepspeed")
        if tuple(int(part) for part in version.split(".")[:2]) < MIN_DEEPSPEED:
            raise LibraryNotFoundException(
                f"{self.where}: DeepSpeed {version} is too old, it needs ssh between the nodes. "
                f"pip install 'deepspeed>={wanted}'"
            )

    def add_to_current(self, flow: Any, run_id: str, retry_count: int) -> None:
        """Set `current.deepspeed`."""
        super().add_to_current(flow, run_id, retry_count)
        assert isinstance(self.node, AgentNode)
        slots = self.asked_for_on_nodes("gpu", "cpu")
        executor = DeepspeedExecutor(self.node, self.flow_datastore, self.folder, slots)
        flow_state.add_to_current({"deepspeed": executor})
