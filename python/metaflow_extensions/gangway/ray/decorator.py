"""`@ray_parallel`: a step on a Ray cluster that lives as long as the step's code."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from importlib.util import find_spec
from typing import Any, ClassVar

from metaflow.metaflow_current import current

from ..exceptions import GangAttributeException, RayNotFoundException
from ..gang import attributes as checks
from ..gang.decorator import GangDecorator
from ..gang.machine.ports import check_port
from ..gang.node import GangNode, NodeSpec
from ..mf import flow as flow_state
from . import no_dashboard
from .command import dashboard_url
from .node import RayNode

MIN_RAY = (2, 52)
# What the dashboard needs, and `ray` alone does not bring.
_OF_THE_DASHBOARD = ("aiohttp", "aiohttp_cors", "grpc", "opencensus", "prometheus_client")


class RayParallelDecorator(GangDecorator):
    """
    Runs this step on a Ray cluster of `num_parallel` nodes that is closed to everybody else.

    The step's code runs on the control task, where `ray.init()` joins the cluster without
    arguments. The cluster is gone when the code ends. The step before asks for the nodes with
    `self.next(self.this_step, num_parallel=2)`, and the step after is a join.

    Parameters
    ----------
    main_port : int, optional, default None
        Port of the head. A free one by default.
    all_nodes_started_timeout : float, optional, default None
        Seconds that the nodes get to come together: 90 by default, and 600 on AWS Batch and
        Kubernetes, where each may have an image to pull.
    heartbeat_timeout : float, default 60
        Seconds of silence after which a node counts as lost. A process that dies is noticed at
        once.
    min_nodes : int, optional, default None
        The step's code begins as soon as so many nodes are there, control included; the others may
        join while it runs. All nodes by default.
    on_worker_loss : str, default "fail"
        `"continue"`: a worker that fails, or whose machine goes, is not the end, as long as
        `min_nodes` (by default control alone) are left. Ray runs its tasks again on other nodes,
        and the join gets no input of a node that is lost. Not on Kubernetes.
    groups : Dict[str, Dict[str, float]], optional, default None
        Groups of nodes with resources of their own, in the order of the nodes; control is the first
        one: `{"control": {"cpu": 1}, "gpu": {"nodes": 2, "gpu": 1}}`. A group has `nodes` (1 by
        default), `cpu`, `gpu`, `memory`, `shared_memory` and `disk`, as `@resources` has them; what
        it does not say is the step's. All groups together have `num_parallel` nodes.
    unreachable_timeout : float, optional, default None
        Accepted because metaflow-ray has it; `heartbeat_timeout` covers it.
    enable_worker_logs : bool, default True
        Show what Ray's workers print with their node's index, at the control task and in each
        node's own log. Otherwise Ray shows it, at the driver alone.
    logging_level : str, optional, default None
        `debug`, `info`, `warning`, `error` or `critical`, for `ray start`.
    log_style : str, optional, default None
        `pretty`, `record` or `auto`, for `ray start`.
    enable_dashboard : bool, default False
        Start Ray's dashboard on the control task, which `JobSubmissionClient` and
        `ray.util.state` need; needs `ray[default]`. It is closed by the gang's token, the step's
        `RAY_AUTH_TOKEN`.
    dashboard_port : int, default 8265
        Port of the dashboard.
    num_cpus : int, optional, default None
        Cores that each node offers. Locally a fair share of this machine's by default.
    num_gpus : int, optional, default None
        GPUs that each node offers. Locally a fair share of this machine's by default.
    resources : Dict[str, float], optional, default None
        Custom resources that each node offers.
    object_store_memory : int, optional, default None
        Megabytes of each node's object store.

    MF Add To Current
    -----------------
    ray_storage_path -> str
        A folder on the run's datastore for this attempt of the step, `gang_storage_path` too.

        @@ Returns
        -------
        str
            The folder's path or address.
    gang_checkpoint_path -> str
        A folder there that all attempts share, for Ray Train's `RunConfig(storage_path=)`.

        @@ Returns
        -------
        str
            The folder's path or address.
    ray_dashboard_url -> str
        The dashboard's address on the control task's machine; None without `enable_dashboard`.

        @@ Returns
        -------
        str
            The address.
    gang_formed_seconds -> float
        Seconds that the nodes took to come together, on the control task.

        @@ Returns
        -------
        float
            The seconds.
    gang_group -> str
        The group of this task's node; None without groups.

        @@ Returns
        -------
        str
            The group's name.
    """

    name = "ray_parallel"
    node_class: ClassVar[type[GangNode]] = RayNode
    folder = "mf.ray_decorator"
    defaults: dict[str, Any] = {  # noqa: RUF012
        **GangDecorator.defaults,
        "main_port": None,
        "min_nodes": None,
        "on_worker_loss": "fail",
        "unreachable_timeout": None,
        "enable_worker_logs": True,
        "logging_level": None,
        "log_style": None,
        "enable_dashboard": False,
        "dashboard_port": 8265,
        "num_cpus": None,
        "num_gpus": None,
        "resources": None,
        "object_store_memory": None,
    }
    checks: ClassVar[dict[str, checks.Check]] = {
        **GangDecorator.checks,
        "main_port": checks.integer(1024, 65535),
        "min_nodes": checks.integer(1),
        "on_worker_loss": checks.choice("fail", "continue"),
        "unreachable_timeout": checks.seconds,
        "enable_worker_logs": checks.flag,
        "logging_level": checks.choice("debug", "info", "warning", "error", "critical"),
        "log_style": checks.choice("pretty", "record", "auto"),
        "enable_dashboard": checks.flag,
        "dashboard_port": checks.integer(1024, 65535),
        "num_cpus": checks.integer(0),
        "num_gpus": checks.integer(0),
        "resources": checks.amounts,
        "object_store_memory": checks.integer(80),
    }
    for_all_nodes: ClassVar[dict[str, str]] = {"num_cpus": "cpu", "num_gpus": "gpu"}
    optional: ClassVar[tuple[str, ...]] = (
        *GangDecorator.optional,
        "main_port",
        "min_nodes",
        "unreachable_timeout",
        "logging_level",
        "log_style",
        "num_cpus",
        "num_gpus",
        "resources",
        "object_store_memory",
    )

    def check_installed(self) -> None:
        """Raise unless a Ray with token authentication is installed; does not import it."""
        wanted = ".".join(map(str, MIN_RAY))
        advice = f"Install it where the step runs: pip install 'ray>={wanted}'"
        try:
            version = metadata.version("ray")
        except metadata.PackageNotFoundError:
            raise RayNotFoundException(f"{self.where}: Ray is not installed. {advice}.") from None
        if tuple(map(int, re.findall(r"\d+", version)[:2])) < MIN_RAY:
            raise RayNotFoundException(
                f"{self.where}: Ray {version} is too old, it cannot close a cluster to others. "
                f"{advice}."
            )
        missing = [name for name in _OF_THE_DASHBOARD if find_spec(name) is None]
        if self.checked["enable_dashboard"] and missing:
            raise RayNotFoundException(
                f"{self.where}: enable_dashboard=True, but the dashboard's package {missing[0]} is "
                f"not installed. Install Ray with its dashboard where the step runs: "
                f"pip install 'ray[default]>={wanted}'."
            )

    def check_node(self, spec: NodeSpec) -> None:
        """Raise if a port that was asked for is taken, or more nodes are needed than there are."""
        least = spec.attributes["min_nodes"]
        if least is not None and least > spec.num_nodes:
            raise GangAttributeException(
                f"{self.where}: min_nodes={least}, but the step before asks for "
                f"num_parallel={spec.num_nodes} nodes."
            )
        asked = {"main_port": spec.attributes["main_port"]}
        if spec.attributes["enable_dashboard"]:
            asked["dashboard_port"] = spec.attributes["dashboard_port"]
        for name, port in asked.items():
            check_port(name, port, self.where)

    def add_to_current(self, flow: Any, run_id: str, retry_count: int) -> None:
        """Set `current.ray_storage_path`, as metaflow-ray's users know it, and the dashboard's."""
        super().add_to_current(flow, run_id, retry_count)
        path, url = current.get("gang_storage_path"), dashboard_url(self.checked)
        flow_state.add_to_current({"ray_storage_path": path, "ray_dashboard_url": url})

    def task_exception(
        self,
        exception: BaseException,
        step_name: str,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Say how to get a dashboard where the step's code has missed one."""
        super().task_exception(
            exception, step_name, flow, graph, retry_count, max_user_code_retries
        )
        if not self.checked["enable_dashboard"] and (said := no_dashboard.advice(exception)):
            print(f"[gangway] {said}", file=sys.stderr)


class MetaflowRayDecorator(RayParallelDecorator):
    """The second name of `@ray_parallel`, for flows written for metaflow-ray, with all its options.

    `worker_polling_freq`, which metaflow-ray keeps for old flows, does nothing there either.
    """

    name = "metaflow_ray"
    defaults: dict[str, Any] = {  # noqa: RUF012
        **RayParallelDecorator.defaults,
        "worker_polling_freq": None,
    }
    checks: ClassVar[dict[str, checks.Check]] = {
        **RayParallelDecorator.checks,
        "worker_polling_freq": checks.seconds,
    }
    optional: ClassVar[tuple[str, ...]] = (*RayParallelDecorator.optional, "worker_polling_freq")

    def init(self) -> None:
        """Take `dashboard_port=None` for the default, as metaflow-ray does."""
        super().init()
        if self.attributes.get("dashboard_port") is None:
            self.attributes["dashboard_port"] = self.defaults["dashboard_port"]
