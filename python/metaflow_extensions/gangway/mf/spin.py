"""Sets right what Metaflow's ``spin`` does beside running a step again.

- It writes the id of what it runs where ``resume`` looks for the run to go on with, and no store of
  runs has that id.
- A join gets its tasks in any order; in a run that of a foreach's elements, or of steps' names.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any


def set_right(arguments: Sequence[str]) -> None:
    """Set right what a command line that may spin a step does; nothing for others."""
    if "spin" not in arguments:
        return
    from metaflow import Task
    from metaflow.cli_components import run_cmds

    write = run_cmds.write_latest_run_id

    @wraps(write)
    def write_of_a_run(obj: Any, run_id: Any) -> None:
        if not obj.is_spin:
            write(obj, run_id)

    run_cmds.write_latest_run_id = write_of_a_run
    parents: Any = vars(Task)["parent_tasks"]
    in_order = property(lambda task: sorted(parents.fget(task), key=_place))
    setattr(Task, "parent_tasks", in_order)  # noqa: B010  # a property, for mypy


def _place(task: Any) -> tuple[int, str]:
    return -1 if task.index is None else int(task.index), task.pathspec.split("/")[2]
