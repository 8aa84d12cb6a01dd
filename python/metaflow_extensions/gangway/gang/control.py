"""The control task's life: form the gang, run the user's code, take the gang down."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

from .. import times
from ..exceptions import GangFormationException, GangLostException
from ..mf import flow as flow_state
from ..signals.eviction import eviction_reason
from ..signals.threads import start_thread
from . import stages
from .environment import variables_set
from .link.lifeline import ControlLifeline, missing
from .local_workers import LocalWorkers
from .machine import processes
from .node import GangNode
from .roster import Roster
from .user_code import UserCode


class Closes(Protocol):
    """What shows the workers' output until it is closed."""

    def close(self) -> None: ...


class ControlGang:
    """A gang, seen from its control task.

    Parameters
    ----------
    node : GangNode
        The head node, prepared.
    attempt : int
        The task's attempt.
    where : str
        The flow's and step's names, for messages.
    on_formed : callable
        Called when all workers are here.
    """

    def __init__(
        self, node: GangNode, attempt: int, where: str, on_formed: Callable[[], None]
    ) -> None:
        spec = node.spec
        self._node, self._where, self._on_formed = node, where, on_formed
        self._output: Closes | None = None
        self._timeout = float(spec.attributes["all_nodes_started_timeout"])
        self._roster = Roster(spec)
        self._workers = LocalWorkers()
        self._parent = os.getppid()
        self._code = UserCode(self._take_down)
        self.clean = True  # whether this process can end in the ordinary way
        self._has_returned: Callable[[], bool] = lambda: True
        self.lifeline = ControlLifeline(
            spec.address,
            spec.secret,
            spec.num_nodes,
            attempt,
            float(spec.attributes["heartbeat_timeout"]),
            self._code.lose,
            where,
            self._ends_by,
        )
        node.board = self.lifeline.board
        self.lifeline.checks = [self._own_failure, self._workers.failures, self._look_for_more]

    @property
    def num_nodes(self) -> int:
        """Nodes of the gang, control included."""
        return self._node.spec.num_nodes

    @property
    def tasks(self) -> list[int]:
        """The nodes whose tasks have results, when the gang has ended."""
        return sorted(self.lifeline.connected | {0})

    def show(self, output: Closes) -> None:
        """Show the workers' output until the gang is closed."""
        self._output = output

    def run(self, user_code: Callable[[], None]) -> None:
        """Form the gang, run the user's code on it, and take it down."""
        outcome, why = "failed", "interrupted"
        began = time.monotonic()
        try:
            stages.announce("meeting", self._node)
            self._workers.find(self._node.spec.num_nodes - 1 if self._node.spec.local else 0)
            self.lifeline.start()
            self._form()
            self._tell_formed(time.monotonic() - began)
            with variables_set(self._node.environment()):
                stages.announce("formed", self._node)
                try:
                    self._code.run(user_code)
                    self._wait_for_workers()
                finally:
                    self._leave()
                outcome, why = "done", ""
        except BaseException as error:
            # An R error's traceback stands in control's log.
            said = getattr(error, "r_message", error)
            outcome, why = "failed", f"{type(error).__name__}: {said}"
            raise
        finally:
            self._end(outcome, why)
        self._wait_until_stored()
        self._end_absent()

    def close(self, failed: bool) -> None:
        """Make sure that nothing is left, whatever happened before."""
        try:
            self._node.stop()
            self.lifeline.stop()
            if failed:
                self._workers.stop()
            if self._node.spec.local and (failed or self._roster.goes_on):
                processes.stop_everywhere(self._node.spec.gang)
        finally:
            self._close_output()

    def _close_output(self) -> None:
        if self._output is not None:
            self._output.close()

    def _form(self) -> None:
        deadline = time.monotonic() + self._timeout
        announced = False
        self._node.start(None)
        while True:
            self._raise_if_lost()
            head = self._node.head()
            if head is not None and not announced:
                self.lifeline.announce(head)
                announced = True
            late = time.monotonic() > deadline
            if announced and self._roster.suffices(self._there(), late):
                break
            if late:
                raise self._timed_out(announced)
            time.sleep(0.01)
        self._roster.began_with(self._there())
        if self._roster.all_here:
            self._on_formed()

    def _there(self) -> set[int]:
        return (self._node.joined() & self.lifeline.connected) | {0}

    def _look_for_more(self) -> dict[int, str]:
        """Tell of nodes that join when the step's code runs already; finds none lost."""
        if self._roster.takes(self._there()) and self._roster.all_here:
            start_thread(self._on_formed)  # not here: it may talk to S3
        return {}

    def _tell_formed(self, seconds: float) -> None:
        spec, there = self._node.spec, self._roster.number
        nodes = there if there == spec.num_nodes else f"{there} of {spec.num_nodes}"
        of = f": {spec.groups}" if spec.groups else ""
        said = f"{nodes} nodes came together in {seconds:.1f} s{of}"
        print(f"[gangway] {said}", file=sys.stderr)
        flow_state.add_to_current({"gang_formed_seconds": seconds})

    def _timed_out(self, announced: bool) -> GangFormationException:
        everyone = set(range(self._node.spec.num_nodes))
        connected = self.lifeline.connected | {0}
        if connected < everyone:
            what = f"{missing(everyone, connected)} never reached the control task"
        elif not announced:
            what = "the head on the control task did not start"
        else:
            what = f"{missing(everyone, self._node.joined())} did not join the cluster"
        return GangFormationException(
            f"{self._where}: {what} within {self._timeout:g} s, so only "
            f"{len(self._node.joined() & everyone)} of {len(everyone)} nodes are there. Look for "
            "its error in the log, or give nodes more time with all_nodes_started_timeout=."
        )

    def _wait_for_workers(self) -> None:
        while self._node.everywhere and self.lifeline.working:
            self._raise_if_lost()
            time.sleep(0.01)

    def _wait_until_stored(self) -> None:
        # The end of this task is the end of all: Batch kills the workers then. Metaflow waits for
        # them too, but takes a task that has failed, or an earlier attempt's, for one that is done.
        while not self.lifeline.stored():
            if why := eviction_reason():
                raise self.lifeline.loss(f"node 0 (control) failed: {why}")
            time.sleep(0.02)

    def _leave(self) -> None:
        # In a thread, because disconnecting from a cluster that dies at this moment can hang. What
        # remains to do after the last word to the cluster goes on while the nodes end.
        stages.announce("ending", self._node)
        lost = self.lifeline.lost is not None
        left: list[bool] = []
        deadline = time.monotonic() + times.DISCONNECT
        thread = start_thread(lambda: left.append(self._node.leave(lost)))
        while thread.is_alive() and not self._node.has_left() and time.monotonic() < deadline:
            thread.join(0.005)

        def has_returned() -> bool:
            thread.join(max(0.0, deadline - time.monotonic()))
            return left == [True]

        self._has_returned = has_returned

    def _end(self, outcome: str, why: str) -> None:
        self.lifeline.end(outcome, why)
        self._node.stop()
        left = self.lifeline.wait_gone()
        if left and outcome == "done":
            print(f"gangway: {missing(left, ())} did not say goodbye", file=sys.stderr)
        self.clean = self._has_returned()
        stages.announce("ended", self._node)

    def _ends_by(self, index: int, why: str) -> str:
        ends = self._roster.ends_by(index, why)
        if not ends:  # its node goes with it, if it does not end by itself
            start_thread(self._workers.stop, {index})
        return ends

    def _end_absent(self) -> None:
        # Nobody else ends a local task that never came, or that no longer answers; and Metaflow
        # takes the end of one that is lost for a failure, unless it has been reaped.
        absent = set(range(1, self._node.spec.num_nodes)) - self.lifeline.connected
        if self._roster.goes_on and absent:
            self._workers.stop(absent, seconds=0)

    def _take_down(self, lost: GangLostException) -> None:
        self.lifeline.end("failed", str(lost))
        self._node.stop()
        self._workers.stop()
        self._close_output()

    def _raise_if_lost(self) -> None:
        if self.lifeline.lost:
            raise self.lifeline.lost

    def _own_failure(self) -> dict[int, str]:
        if why := self._node.failure() or eviction_reason():
            return {0: f"node 0 (control) failed: {why}"}
        if self._node.spec.local and os.getppid() != self._parent:
            return {0: "the process that runs the flow is gone"}
        return {}
