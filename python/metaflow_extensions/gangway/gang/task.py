"""A gang's task from the making of its node to its last word: the control task, or a worker's.

A gang decorator makes one of them in each task, and passes on what Metaflow calls. An attempt after
the last one, which only lets ``@catch`` record a failure, has none.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from metaflow.metaflow_current import current
from metaflow.system_context import system_context

from ..exceptions import GangLostException
from ..mf import flow as flow_state
from ..mf.artifacts import forget_inherited
from ..mf.local_gang import keep_output, run_beside_workers, worker_task
from ..signals import interrupt
from .control import ControlGang
from .link import rendezvous
from .machine import processes
from .machine.address import address_towards, own_address
from .node import GangNode
from .output.remote_output import ReportedOutput
from .output.task_output import TaskOutput, WorkerOutput
from .worker import WorkerLifeline, run_worker


class MakeNode(Protocol):
    """Makes this task's node, once it is known which gang's it is."""

    def __call__(self, gang: str, index: int, secret: bytes, address: str) -> GangNode: ...


@dataclass(frozen=True)
class Attempt:
    """An attempt of a gang's step, the same for all of its tasks.

    Parameters
    ----------
    flow : FlowSpec
        The flow.
    step_name : str
        The step.
    number : int
        The attempt's number.
    where : str
        The decorator, step and flow, for messages.
    flow_datastore : FlowDataStore
        The run's datastore.
    input_paths : sequence of str
        The tasks of the step before.
    remote : bool
        Whether each node has a machine of its own.
    place : Inherited or Published
        Where control and the workers meet.
    """

    flow: Any
    step_name: str
    number: int
    where: str
    flow_datastore: Any
    input_paths: Sequence[str]
    remote: bool
    place: rendezvous.Inherited | rendezvous.Published


class GangTask(ABC):
    """A task of a gang; it owns a node."""

    node: GangNode

    @abstractmethod
    def run(self, step_code: Callable[[], None]) -> None:
        """Live in the gang until it is over; the code runs where the framework wants it."""

    @abstractmethod
    def finished(self, is_ok: bool) -> None:
        """Do what remains when Metaflow has stored the task's results."""

    def failed(self, error: BaseException) -> None:
        """Take the node down, which another decorator's failure may have left."""
        try:
            self.node.stop()
        except Exception as problem:
            print(f"gangway: taking down the node failed: {problem!r}", file=sys.stderr)


class ControlTask(GangTask):
    """The task that forms the gang, and runs the step's code on it.

    Parameters
    ----------
    attempt : Attempt
        The attempt.
    make_node : callable
        Makes the head node.
    """

    def __init__(self, attempt: Attempt, make_node: MakeNode) -> None:
        self._attempt = attempt
        self._process_can_end = True
        self._folder = ""
        address = own_address() if attempt.remote else rendezvous.host()
        self.node = make_node(secrets.token_hex(4), 0, secrets.token_bytes(32), address)

    def run(self, step_code: Callable[[], None]) -> None:
        interrupt.install()
        attempt = self._attempt
        with self._gang() as gang:
            if attempt.remote:
                if gang.num_nodes == 1:  # Metaflow forgets it on Kubernetes
                    path = f"{current.run_id}/{attempt.step_name}/{current.task_id}"
                    flow_state.name_tasks(attempt.flow, [path])
                gang.run(step_code)
            else:
                code = partial(gang.run, step_code)
                run_beside_workers(
                    attempt.flow, code, attempt.number, attempt.input_paths, attempt.where
                )
            # The join has the results of those that have some.
            flow_state.keep_tasks(attempt.flow, gang.tasks)

    @contextlib.contextmanager
    def _gang(self) -> Iterator[ControlGang]:
        failed = True
        spec, attempt = self.node.spec, self._attempt
        gang = ControlGang(self.node, attempt.number, attempt.where, self._formed)
        try:
            if attempt.remote:
                gang.show(ReportedOutput(self.node.board))
            else:
                self._folder = processes.make_folder(processes.node_mark(spec.gang, 0))
                keep = partial(keep_output, attempt.flow_datastore, attempt.number)
                gang.show(WorkerOutput(self._folder, spec.num_nodes, worker_task, keep))
            meeting = rendezvous.Meeting(
                gang.lifeline.address, spec.gang, spec.secret, self._folder
            )
            attempt.place.offer(meeting)
            yield gang
            failed = False
        finally:
            attempt.place.withdraw()
            gang.close(failed)
            self._process_can_end = gang.clean

    def _formed(self) -> None:
        self._attempt.place.withdraw()
        # All workers have the pipes open by now, and a control task that is killed leaves nothing.
        if self._folder:
            processes.remove_folder(self._folder)

    def finished(self, is_ok: bool) -> None:
        """Let this process end.

        A framework's library that is connected to a dead cluster waits for it at exit, for seconds,
        and may crash (Ray does both). All is stored and said by then, so the process just leaves.
        """
        if not self._process_can_end:
            atexit.register(_exit_at_once, 0 if is_ok else 1)


class WorkerTask(GangTask):
    """A task whose node serves the gang, and runs the step's code where all nodes do.

    Parameters
    ----------
    attempt : Attempt
        The attempt.
    make_node : callable
        Makes the node.
    """

    def __init__(self, attempt: Attempt, make_node: MakeNode) -> None:
        self._attempt = attempt
        self._joined = False
        self._line: WorkerLifeline | None = None
        self._output: TaskOutput | None = None
        meeting = attempt.place.take()
        self._address = meeting.address
        index = int(system_context.split_index or 0)
        address = address_towards(meeting.address.partition(":")[0])
        if not attempt.remote:
            self._output = TaskOutput(meeting.output, index)
        self.node = make_node(meeting.gang, index, meeting.secret, address)

    def run(self, step_code: Callable[[], None]) -> None:
        if self.node.everywhere:
            interrupt.install()
        else:
            forget_inherited(self._attempt.flow)
        timeout = self.node.spec.attributes["heartbeat_timeout"]
        self._joined = True
        try:
            self._line = run_worker(
                *(self.node, self._address, self._attempt.number, timeout),
                *(step_code, self._restore_output),
            )
        except BaseException as error:
            self._restore_output()
            if isinstance(error, GangLostException):
                raise GangLostException(f"{self._attempt.where}: {error.message}") from None
            raise

    def _restore_output(self) -> None:
        if self._output is not None:
            self._output.restore_if_control_is_gone()

    def failed(self, error: BaseException) -> None:
        """Let control know why this worker never joined, and take the node down."""
        if not self._joined:
            with contextlib.suppress(GangLostException):
                line = WorkerLifeline(self._address, self.node, self._attempt.number, 1)
                line.send("failed", why=f"{type(error).__name__}: {error}")
        super().failed(error)

    def finished(self, is_ok: bool) -> None:
        """Let control know that this worker has stored all."""
        if self._line is not None:
            self._line.leave(stored=is_ok)


def _exit_at_once(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
