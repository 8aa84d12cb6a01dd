"""What an R session with reticulate needs to read artifacts."""

from __future__ import annotations

from typing import Any

from ..mf import fast_gzip
from ..rds.scan import check_stream
from ..values.from_python.convert import convert
from ..values.in_place import InPlace
from ..values.reading import reading
from .robject import RObject

fast_gzip.enable()

# Binary serialization of R, version 2 or 3: big-endian, as serialize() writes by default.
_SERIALIZED = (b"X\n\0\0\0\2", b"X\n\0\0\0\3")


class NotLoaded(Exception):
    """The datastore does not give an artifact."""


def load(artifact: Any, task: Any) -> tuple[Any, ...]:
    """Do `fetch` for what a ``metaflow.DataArtifact`` holds.

    Raises
    ------
    NotLoaded
        It cannot be had.
    """
    try:
        value = artifact.data
    except Exception as error:
        raise NotLoaded(f"{type(error).__name__}: {error}") from error
    return fetch(value, task)


def fetch(value: Any, task: Any = None) -> tuple[Any, ...]:
    """Prepare an artifact for R.

    Parameters
    ----------
    value : object
        An artifact as Metaflow's client gives it.
    task : metaflow.Task, optional
        The task that holds it.

    Returns
    -------
    tuple
        ``("r ADDRESS SIZE RESTORE", bytes)``: R's serialization as `InPlace`, where it is, and what
        is to be done after it is read; ``("parts ADDRESS SIZE", bytes, unconverted)``: the same,
        and what its placeholders stand for; ``("py", value)``: what has no counterpart in R.

    Raises
    ------
    ArtifactException
        R must not read it: it is damaged or crafted.
    """
    if isinstance(value, RObject):
        value.check()
        data = InPlace(value.data)
        return " ".join(["r", data.place, *value.info["restore"]]), data
    if _is_serialized(value) and made_by_netflix(task):
        reading("What Netflix's R package stored", check_stream, bytes(value), len(value))
        data = InPlace(value)
        return f"r {data.place}", data
    converted = convert(value)
    if converted is None:
        return "py", value
    data = InPlace(converted.stream)
    return f"parts {data.place}", data, converted.unconverted


class RunReader:
    """The artifacts of a finished run, which R asks for one by one.

    Parameters
    ----------
    run : metaflow.Run
        The run; while it is asked for names that are not known yet, the session's metadata have to
        be those of the run.
    """

    # From so many names on a step's artifacts are listed, if it has no more tasks than that.
    _NAMES = 3
    _TASKS = 10

    def __init__(self, run: Any) -> None:
        self._run = run
        self.last: tuple[Any, ...] | None = None
        self._steps: list[tuple[str, list[Any]]] | None = None  # the last one first
        self._listed: dict[str, list[dict[str, Any]]] = {}
        self._asked: set[str] = set()

    def known(self, name: str) -> str | None:
        """Do `find` if no metadata are needed for it; else return None.

        R gets the first part, and may take the others of `last`: each part is a call.
        """
        for step, tasks in self._steps or ():
            if step not in self._listed:
                return None
            artifacts = [listed.get(name) for listed in self._listed[step]]
            self.last = self._found(step, tasks, artifacts)
            if self.last:
                return str(self.last[0])
        return None

    def find(self, name: str) -> tuple[Any, ...]:
        """Return an artifact: of the end step, else of the last step that holds it.

        Returns
        -------
        tuple
            What `load` gives; or ``("differs", step, tasks)`` where the tasks of the step hold
            different values; or ``("missing",)``.
        """
        self._asked.add(name)
        for step, tasks in self._all_steps():
            if len(self._asked) >= self._NAMES:
                self._list(step, tasks)
            if step in self._listed:
                artifacts = [listed.get(name) for listed in self._listed[step]]
            else:
                artifacts = [_artifact(task, name) for task in tasks]
            found = self._found(step, tasks, artifacts)
            if found:
                return found
        return ("missing",)

    def names(self) -> list[str]:
        """Return the names of all artifacts; of a step with many tasks those of one of them."""
        names: set[str] = set()
        for step, tasks in self._all_steps():
            self._list(step, tasks)
            one = tasks[:1] if step not in self._listed else []
            names.update(a.id for task in one for a in task)
            names.update(*self._listed.get(step, []))
        return sorted(names - {"name"})  # Metaflow keeps the flow's own name

    def _all_steps(self) -> list[tuple[str, list[Any]]]:
        if self._steps is None:
            self._steps = [(step.id, self._tasks(step)) for step in self._run]
        return self._steps

    def _list(self, step: str, tasks: list[Any]) -> None:
        if step not in self._listed and len(tasks) <= self._TASKS:
            self._listed[step] = [{a.id: a for a in task} for task in tasks]

    @staticmethod
    def _tasks(step: Any) -> list[Any]:
        control = step.control_task  # a gang's artifacts are its control task's
        return list(step) if control is None else [control]

    @staticmethod
    def _found(step: str, tasks: list[Any], artifacts: list[Any]) -> tuple[Any, ...] | None:
        held = [(t, a) for t, a in zip(tasks, artifacts, strict=True) if a is not None]
        if not held:
            return None
        if len({artifact.sha for _, artifact in held}) > 1:
            return "differs", step, [task.id for task, _ in held]
        task, artifact = held[0]
        return load(artifact, task)


def _artifact(task: Any, name: str) -> Any:
    try:
        return task[name]
    except KeyError:
        return None


def made_by_netflix(task: Any) -> bool:
    """Whether Netflix's R package ran a task: its bytes may be R's serialization."""
    tags = task.system_tags if task is not None else ()
    return any(tag.startswith("metaflow_r_version:") for tag in tags)


def _is_serialized(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray)) and bytes(value[:6]) in _SERIALIZED
