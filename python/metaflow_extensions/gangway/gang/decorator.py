"""The base of every gang decorator: a `@parallel` whose nodes form one cluster.

A framework sets the class attributes below and gives a `GangNode`, which says whether the step's
code runs on the control task alone or on every node.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

from metaflow.metaflow_current import current
from metaflow.plugins.parallel_decorator import ParallelDecorator
from metaflow.system_context import system_context
from metaflow.unbounded_foreach import UBF_CONTROL

from ..exceptions import GangAttributeException, GangLostException
from ..mf import batch, left_early
from ..mf import flow as flow_state
from ..mf.artifacts import forget_inherited
from ..mf.local_gang import keep_output, run_beside_workers, worker_task
from ..mf.storage import storage_path
from ..signals import interrupt
from ..signals.run_end import end_run_on_termination
from ..signals.taken_away import heed_termination
from . import attributes as checks
from . import refusals
from .control import ControlGang
from .link import rendezvous
from .machine import processes
from .machine.address import address_towards, own_address
from .machine.container import container_of
from .node import GangNode, NodeSpec
from .output.remote_output import ReportedOutput
from .output.task_output import TaskOutput, WorkerOutput
from .worker import WorkerLifeline, run_worker


class GangDecorator(ParallelDecorator):
    """Base of the gang decorators."""

    name = "gang"
    defaults: dict[str, Any] = {  # noqa: RUF012
        "all_nodes_started_timeout": None,
        "heartbeat_timeout": 60,
    }
    checks: ClassVar[dict[str, checks.Check]] = {
        "all_nodes_started_timeout": checks.seconds,
        "heartbeat_timeout": checks.seconds,
    }
    optional: ClassVar[tuple[str, ...]] = ("all_nodes_started_timeout",)
    node_class: ClassVar[type[GangNode]]
    folder: ClassVar[str]  # on the datastore

    def check_installed(self) -> None:
        """Raise unless what the framework needs is installed."""

    def check_node(self, spec: NodeSpec) -> None:
        """Raise, on control and before anything starts, if the gang could not start here."""

    def add_to_current(self, flow: Any, run_id: str, retry_count: int) -> None:
        """Put the framework's things on `current`; the node exists by then."""
        parts = (flow.name, run_id, self.step_name, str(retry_count))
        path = storage_path(self.flow_datastore, self.folder, *parts)
        flow_state.add_to_current({"gang_storage_path": path})

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
        batch.set_right(decorators)
        self.checked = checks.check_all(self.attributes, self.checks, self.optional, self.where)
        if self.checked["all_nodes_started_timeout"] is None:
            self.checked["all_nodes_started_timeout"] = rendezvous.patience()
        self._own_environment = environment.TYPE == "local" and not any(
            deco.name in ("conda", "pypi", "uv", "batch", "kubernetes") for deco in decorators
        )

    def runtime_init(self, flow: Any, graph: Any, package: Any, run_id: Any) -> None:
        """Look for the framework at once, unless tasks get an environment of their own."""
        refusals.check_metadata(self.step_decorators, self.where)
        if self._own_environment:
            self.check_installed()
        end_run_on_termination()
        left_early.watch(self.step_name, self.where)

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
        self._remote = rendezvous.is_remote(self.where)
        self.check_installed()
        super().task_pre_step(
            step_name, task_datastore, metadata, run_id, task_id, flow, graph, retry_count,
            max_user_code_retries, ubf_context, inputs,
        )  # fmt: skip
        # An attempt after the last one only lets @catch record the failure: it needs no gang.
        self._fallback = retry_count > max_user_code_retries
        if not self._fallback:
            self._place: rendezvous.Inherited | rendezvous.Published = rendezvous.Inherited()
            if self._remote:
                heed_termination()
                # Workers know the control task as all of Metaflow's remote runtimes tell it.
                control = os.environ.get("MF_PARALLEL_CONTROL_TASK_ID") or str(task_id)
                self._place = rendezvous.Published(
                    self.flow_datastore,
                    *(flow.name, str(run_id), step_name, control),
                    attempt=retry_count,
                    seconds=self.checked["all_nodes_started_timeout"],
                    where=self.where,
                )
            self._prepare(ubf_context == UBF_CONTROL, num_nodes)
            self.add_to_current(flow, str(run_id), retry_count)

    def _prepare(self, is_control: bool, num_nodes: int) -> None:
        if is_control:
            gang, secret, index = secrets.token_hex(4), secrets.token_bytes(32), 0
            address = own_address() if self._remote else rendezvous.host()
        else:
            meeting = self._place.take()
            gang, secret, self._address = meeting.gang, meeting.secret, meeting.address
            index = int(system_context.split_index or 0)
            address = address_towards(self._address.partition(":")[0])
            if not self._remote:
                self._output = TaskOutput(meeting.output, index)
        spec = NodeSpec(
            gang,
            index,
            num_nodes,
            secret,
            local=not self._remote,
            attributes=self.checked,
            address=address,
            container=container_of(self.step_decorators) if self._remote else None,
        )
        if is_control:
            self.check_node(spec)
        self._node = self.node_class(spec)
        self._node.prepare()

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
        if self._fallback:
            return super().task_decorate(
                step_func, flow, graph, retry_count, max_user_code_retries, ubf_context
            )
        if ubf_context == UBF_CONTROL:
            return partial(self._run_control, step_func, flow, retry_count)
        return partial(self._run_worker, step_func, flow, retry_count)

    def _run_control(self, step_func: Callable[[], None], flow: Any, retry_count: int) -> None:
        interrupt.install()
        with self._gang(retry_count) as gang:
            if self._remote:
                if gang.num_nodes == 1:  # Metaflow forgets it on Kubernetes
                    path = f"{current.run_id}/{self.step_name}/{current.task_id}"
                    flow_state.name_tasks(flow, [path])
                gang.run(step_func)
                return
            run_beside_workers(
                flow, partial(gang.run, step_func), retry_count, self.input_paths, self.where
            )

    @contextlib.contextmanager
    def _gang(self, retry_count: int) -> Iterator[ControlGang]:
        failed = True
        spec = self._node.spec
        gang = ControlGang(self._node, retry_count, self.where, self._place.withdraw)
        try:
            folder = ""
            if self._remote:
                gang.show(ReportedOutput(self._node.board))
            else:
                folder = processes.make_folder(processes.node_mark(spec.gang, 0))
                keep = partial(keep_output, self.flow_datastore, retry_count)
                gang.show(WorkerOutput(folder, spec.num_nodes, worker_task, keep))
            meeting = rendezvous.Meeting(gang.lifeline.address, spec.gang, spec.secret, folder)
            self._place.offer(meeting)
            yield gang
            failed = False
        finally:
            self._place.withdraw()
            gang.close(failed)
            self._clean = gang.clean

    def _run_worker(self, step_func: Callable[[], None], flow: Any, retry_count: int) -> None:
        if self._node.everywhere:
            interrupt.install()
        else:
            forget_inherited(flow)
        timeout = self.checked["heartbeat_timeout"]
        self._joined = True
        try:
            self._line = run_worker(self._node, self._address, retry_count, timeout, step_func)
        except BaseException:
            if not self._remote:
                self._output.restore_if_control_is_gone()
            raise

    def task_finished(
        self,
        step_name: str,
        flow: Any,
        graph: Any,
        is_task_ok: bool,
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Let control know that a worker has stored all, and let this process end.

        A framework's library that is connected to a dead cluster waits for it at exit, for seconds,
        and may crash (Ray does both). All is stored and said by then, so the process just leaves.
        """
        if line := getattr(self, "_line", None):
            line.leave(stored=is_task_ok)
        if not getattr(self, "_clean", True):
            atexit.register(_exit_at_once, 0 if is_task_ok else 1)

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
        if hasattr(self, "_node") and self._node.spec.index and not hasattr(self, "_joined"):
            with contextlib.suppress(GangLostException):
                line = WorkerLifeline(self._address, self._node, retry_count, 1)
                line.send("failed", why=f"{type(exception).__name__}: {exception}")
        self._stop_node()

    def _stop_node(self) -> None:
        if node := getattr(self, "_node", None):
            try:
                node.stop()
            except Exception as error:
                print(f"gangway: taking down the node failed: {error!r}", file=sys.stderr)


def _exit_at_once(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
