"""The base of every gang decorator: a `@parallel` whose nodes form one cluster.

A framework sets the class attributes below and gives a `GangNode`, which says whether the step's
code runs on the control task alone or on every node.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from metaflow.plugins.parallel_decorator import ParallelDecorator
from metaflow.unbounded_foreach import UBF_CONTROL

from .. import times
from ..exceptions import GangAttributeException
from ..mf import batch, kubernetes
from ..mf import flow as flow_state
from ..mf.killed_tasks import tell_killed_tasks
from ..mf.node_ranges import NodeRange
from ..mf.premature_exit import fail_premature_exits
from ..mf.storage import storage_path
from ..signals.eviction import note_termination
from ..signals.run_end import end_run_on_termination
from . import attributes as checks
from . import checkpoints, refusals
from .groups import Groups, groups
from .link import rendezvous
from .link.names import name_by_groups
from .machine.container import container_of
from .machine.cpus import asked_for
from .node import GangNode, NodeSpec
from .task import Attempt, ControlTask, GangTask, WorkerTask


class GangDecorator(ParallelDecorator):
    """Base of the gang decorators.

    A framework's decorator sets some of these, and overrides `check_installed`, `check_node` and
    `add_to_current` as it needs them. What Metaflow calls in a task goes on to a `GangTask`.

    Attributes
    ----------
    name : str
        What users write behind the ``@``.
    node_class : type
        The framework's `GangNode`.
    folder : str
        The framework's folder on the datastore.
    defaults : dict
        The attributes that users may give, and their defaults.
    checks : dict
        The check of each attribute (see `attributes`).
    optional : tuple of str
        Attributes that may be None.
    where : str
        The decorator, step and flow, for messages.
    step_name : str
        The step.
    step_decorators : list
        All decorators of the step.
    flow_datastore : FlowDataStore
        The run's datastore.
    checked : dict
        The attributes, checked and converted.
    """

    name = "gang"
    defaults: dict[str, Any] = {  # noqa: RUF012
        "all_nodes_started_timeout": None,
        "heartbeat_timeout": times.HEARTBEAT,
        "groups": None,
    }
    checks: ClassVar[dict[str, checks.Check]] = {
        "all_nodes_started_timeout": checks.seconds,
        "heartbeat_timeout": checks.seconds,
        "groups": groups,
    }
    optional: ClassVar[tuple[str, ...]] = ("all_nodes_started_timeout", "groups")
    # Attributes for all nodes, and what groups that say it for theirs call it.
    for_all_nodes: ClassVar[dict[str, str]] = {}
    node_class: ClassVar[type[GangNode]]
    folder: ClassVar[str]
    _task: GangTask | None = None

    @property
    def node(self) -> GangNode:
        """The task's node, from `add_to_current` on."""
        assert self._task is not None
        return self._task.node

    def check_installed(self) -> None:
        """Raise unless what the framework needs is installed."""

    def check_node(self, spec: NodeSpec) -> None:
        """Raise, on control and before anything starts, if the gang could not start here."""

    def asked_for_on_nodes(self, *kinds: str) -> list[int]:
        """Return what the step and its groups ask for on each node; see `asked_for`."""
        by_groups = self.node.spec.asked_by_groups()
        return [asked_for(self.step_decorators, *kinds, group=each) for each in by_groups]

    def add_to_current(self, flow: Any, run_id: str, retry_count: int) -> None:
        """Put the framework's things on `current`; the node exists by then."""
        step = (flow.name, run_id, self.step_name)
        path = partial(storage_path, self.flow_datastore, self.folder, *step)
        group = self.node.spec.group
        flow_state.add_to_current(
            {
                "gang_storage_path": path(str(retry_count)),
                "gang_checkpoint_path": path(*self._of_all_attempts),
                "gang_checkpoints": checkpoints.GangCheckpoints(),
                "gang_group": group.name if group else None,
            }
        )

    def step_init(
        self,
        flow: Any,
        graph: Any,
        step_name: str,
        decorators: list[Any],
        environment: Any,
        flow_datastore: Any,
        logger: Any,
    ) -> None:
        """Check everything that can be checked before a run starts."""
        super().step_init(flow, graph, step_name, decorators, environment, flow_datastore, logger)
        self.step_name, self.flow_datastore = step_name, flow_datastore
        self.step_decorators = decorators
        self.where = f"@{self.name} on step *{step_name}* of flow *{flow.name}*"
        refusals.check_command(self.where)
        refusals.check_alone(decorators, self.where)
        self.checked = checks.check_all(self.attributes, self.checks, self.optional, self.where)
        on_loss = self.checked.get("on_worker_loss")
        refusals.check_worker_loss(on_loss, decorators, self.where)
        if self.checked["all_nodes_started_timeout"] is None:
            self.checked["all_nodes_started_timeout"] = rendezvous.patience()
        self._ranges = ranges = self._check_groups(graph, decorators)
        refusals.check_host_names(decorators, ranges, self.where)
        batch.set_right(decorators, step_name, ranges, goes_on=on_loss == "continue")
        kubernetes.set_right(decorators, step_name, ranges)
        self._own_environment = environment.TYPE == "local" and not any(
            deco.name in ("conda", "pypi", "uv", "batch", "kubernetes") for deco in decorators
        )

    def _check_groups(self, graph: Any, decorators: list[Any]) -> list[NodeRange]:
        given: Groups | None = self.checked["groups"]
        if given is None:
            return []
        refusals.check_said_once(given, self.checked, self.for_all_nodes, self.where)
        for node in graph:
            if self.step_name in node.out_funcs and type(node.num_parallel) is int:
                refusals.check_num_parallel(given, node.num_parallel or None, self.where)
        ranges = given.ranges()
        refusals.check_ranges(decorators, ranges, self.where)
        return ranges

    def runtime_init(self, flow: Any, graph: Any, package: Any, run_id: Any) -> None:
        """Look for the framework at once, unless tasks get an environment of their own."""
        refusals.check_metadata(self.step_decorators, self.where)
        if self._own_environment:
            self.check_installed()
        end_run_on_termination()
        fail_premature_exits(self.step_name, self.where)
        tell_killed_tasks()

    def runtime_step_cli(
        self, cli_args: Any, retry_count: int, max_user_code_retries: int, ubf_context: Any
    ) -> None:
        """Tell a control task on this machine from the start which it is."""
        super().runtime_step_cli(cli_args, retry_count, max_user_code_retries, ubf_context)
        # Metaflow sets it when the step's code runs, which is too late for @checkpoint.
        if ubf_context == UBF_CONTROL:
            number = cli_args.task.ubf_iter.num_parallel
            refusals.check_num_parallel(self.checked["groups"], number, self.where)
            cli_args.env["MF_PARALLEL_CONTROL_TASK_ID"] = str(cli_args.task.task_id)

    def task_pre_step(
        self,
        step_name: str,
        task_datastore: Any,
        metadata: Any,
        run_id: Any,
        task_id: Any,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: Any,
        inputs: Any,
    ) -> None:
        """Prepare this task's node, which starts while Metaflow goes on."""
        num_nodes = getattr(getattr(flow, "_parallel_ubf_iter", None), "num_parallel", None)
        if ubf_context is None or not isinstance(num_nodes, int) or num_nodes < 1:
            raise GangAttributeException(
                f"{self.where}: the step before must ask for a whole number of nodes, at least 1, "
                f"as in self.next(self.{step_name}, num_parallel=2)."
            )
        refusals.check_num_parallel(self.checked["groups"], num_nodes, self.where)
        name_by_groups(self._ranges)
        remote = rendezvous.is_remote(self.where)
        self.check_installed()
        super().task_pre_step(
            step_name, task_datastore, metadata, run_id, task_id, flow, graph, retry_count,
            max_user_code_retries, ubf_context, inputs,
        )  # fmt: skip
        # Or this process would look at its end for garbage in all that it has loaded until here.
        gc.freeze()
        # An attempt after the last one only lets @catch record the failure: it needs no gang.
        if retry_count > max_user_code_retries:
            return
        # As all of Metaflow's runtimes tell it to workers, too.
        control = os.environ.get("MF_PARALLEL_CONTROL_TASK_ID") or str(task_id)
        attempt = Attempt(
            flow=flow,
            step_name=step_name,
            number=retry_count,
            where=self.where,
            flow_datastore=self.flow_datastore,
            input_paths=self.input_paths,
            remote=remote,
            place=self._published(flow.name, run_id, control, retry_count)
            if remote
            else rendezvous.Inherited(),
        )
        self._of_all_attempts = ("checkpoints", control)
        parts = (flow.name, str(run_id), step_name, *self._of_all_attempts)
        # Before the node prepares: what it starts is to know.
        os.environ |= checkpoints.environment(self.flow_datastore, self.folder, parts, retry_count)
        make_task = ControlTask if ubf_context == UBF_CONTROL else WorkerTask
        self._task = make_task(attempt, partial(self._make_node, num_nodes, remote))
        self.node.prepare()
        self.add_to_current(flow, str(run_id), retry_count)

    def _published(
        self, flow_name: str, run_id: Any, control: str, retry_count: int
    ) -> rendezvous.Published:
        note_termination()
        return rendezvous.Published(
            self.flow_datastore,
            *(flow_name, str(run_id), self.step_name, control),
            attempt=retry_count,
            seconds=self.checked["all_nodes_started_timeout"],
            where=self.where,
        )

    def _make_node(
        self, num_nodes: int, remote: bool, gang: str, index: int, secret: bytes, address: str
    ) -> GangNode:
        given: Groups | None = self.checked["groups"]
        resources = given.of(index).resources if given else None
        spec = NodeSpec(
            gang,
            index,
            num_nodes,
            secret,
            local=not remote,
            attributes=self.checked,
            address=address,
            container=container_of(self.step_decorators, resources) if remote else None,
            groups=given,
        )
        if index == 0:
            self.check_node(spec)
        return self.node_class(spec)

    def task_decorate(
        self,
        step_func: Callable[[], None],
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: Any,
    ) -> Callable[[], None]:
        """Run the step's code on control, and on the workers where the framework wants that."""
        if self._task is None:
            return super().task_decorate(  # type: ignore[no-any-return]
                step_func, flow, graph, retry_count, max_user_code_retries, ubf_context
            )
        return partial(self._task.run, step_func)

    def task_finished(
        self,
        step_name: str,
        flow: Any,
        graph: Any,
        is_task_ok: bool,
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Let the gang's task do what remains when Metaflow has stored its results."""
        if self._task is not None:
            self._task.finished(is_task_ok)

    def task_exception(
        self,
        exception: BaseException,
        step_name: str,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Leave no node behind when another decorator failed before the gang was formed."""
        if self._task is not None:
            self._task.failed(exception)
