"""A node on which Open MPI's daemon is started when control orders it."""

from __future__ import annotations

import threading
from typing import Any

from ..gang.machine import processes
from ..gang.programs.agents import AgentNode, report
from ..gang.programs.launch import Launch
from ..signals.threads import start_thread
from .broadcast import fetch
from .daemons import ended
from .output import JobOutput
from .runtime import daemon_environment


class MpiNode(AgentNode):
    """A node that serves: the step's code runs on control alone, where mpirun is."""

    everywhere = False

    def start(self, head: dict[str, Any] | None) -> None:
        self._lock = threading.Lock()
        self._daemons: dict[str, Launch] = {}
        self._over: set[str] = set()
        for prefix, act in (
            (f"mpi/start/{self.spec.index}/", self._start_daemon),
            ("mpi/stop/", self._stop_daemons),
            *([("mpi/file/", self._fetch)] if self.spec.index else []),
        ):
            self.board.listen(prefix, _in_a_thread(act, prefix))

    def make_folder(self) -> str:
        """Make a temporary folder that ends with the node at the latest."""
        return processes.make_folder(self._mark)

    def _start_daemon(self, order: str, command: str) -> None:
        run = order.partition("/")[0]
        folder = self.make_folder()
        # A daemon that ends because it is told to has not failed.
        said = {"node": self.spec.index, "status": 0, "text": ""}
        try:
            with self._lock:
                if run in self._over:
                    return
                environment = {**self.environment(), **daemon_environment(folder)}
                daemon = self.launch(["/bin/sh", "-c", command], environment, JobOutput().rank_of)
                self._daemons[order] = daemon
            status = daemon.run()
            text = report(daemon.output, status, None)["text"].removeprefix("the command ")
            with self._lock:
                if run not in self._over:
                    said |= {"status": status, "text": text}
                del self._daemons[order]
                self._launches.remove(daemon)
        finally:
            processes.remove_folder(folder)
            self.board.post(ended(order), said)

    def _stop_daemons(self, run: str, _: Any) -> None:
        with self._lock:
            self._over.add(run)
            daemons = [x for order, x in self._daemons.items() if order.startswith(f"{run}/")]
        for daemon in daemons:
            daemon.stop()

    def _fetch(self, number: str, file: dict[str, Any]) -> None:
        failure = fetch(file, self.spec.secret)
        self.board.post(f"mpi/has/{number}/{self.spec.index}", failure)


def _in_a_thread(act: Any, prefix: str) -> Any:
    # What a listener does must not hold up the lifeline.
    def listener(key: str, value: Any) -> None:
        arguments = (key.removeprefix(prefix), value)
        start_thread(act, *arguments, name="gangway-mpi")

    return listener
