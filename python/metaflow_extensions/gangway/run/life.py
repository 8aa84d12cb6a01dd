"""What a run leaves behind of its life, for whoever asks whether it still runs."""

from __future__ import annotations

import sys
from typing import IO, Any

from metaflow.decorators import FlowDecorator

from ..mf import command, flow_decorators, local_life
from ..mf.killed_tasks import tell_killed_tasks

_ENDS = {0: "ok", 130: "aborted"}


class RunLife(FlowDecorator):
    """Holds the locks of a run with a local store or local metadata, as long as its process lives.

    ``delete_runs()`` in R waits for them, and ``latest_run()`` and ``list_runs()`` ask for them.
    """

    name = "_gangway_life"

    def __init__(self) -> None:
        super().__init__()
        self._flow = ""
        self._locks: list[IO[str] | None] = []
        self._record: local_life.Record | None = None

    def flow_init(
        self,
        flow: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Any,
        echo: Any,
        options: Any,
    ) -> None:
        """Before the run is made, and before it looks whether something is stored already."""
        said = command.arguments()[:1]
        if said not in (["run"], ["resume"]):
            return
        tell_killed_tasks()
        self._flow = flow.name
        if flow_datastore.TYPE == "local":
            locks = [local_life.RUN_LOCK]
            if said == ["resume"]:
                locks.append(local_life.RESUME_LOCK)
            root = flow_datastore.datastore_root
            self._locks = [local_life.share(root, flow.name, lock) for lock in locks]
        if metadata.TYPE == "local":
            local_life.when_run_begins(metadata, self._begin)

    def _begin(self, run: str) -> None:
        self._record = local_life.Record(self._flow, run)

    def end(self, status: int) -> None:
        """Note the exit status of the run."""
        if self._record is not None:
            self._record.end(_ENDS.get(status, "failed"))


def record_life(flow_class: Any) -> RunLife:
    """Have the run of a flow record its life; what is returned is told of its end."""
    recorded = RunLife()
    # Spinning a step makes no run, and warns of each decorator that it does not know.
    if not {"spin", "spin-step"} & set(sys.argv):
        flow_decorators.add(flow_class, recorded)
    return recorded
