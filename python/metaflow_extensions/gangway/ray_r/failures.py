"""How tasks end, in numbers and texts that R turns into conditions."""

from __future__ import annotations

import re

from ray import exceptions

from .wire import FAILED, R_ERROR, RTaskError, failure


def failure_of(error: BaseException) -> tuple[int, bytes]:
    """Describe what ``ray.get()`` has raised.

    Returns
    -------
    tuple[int, bytes]
        ``R_ERROR`` and R's serialization, or ``FAILED`` and text: a word that becomes part of the
        condition's class, a newline, and what happened.
    """
    cause = getattr(error, "cause", error)
    if isinstance(cause, RTaskError):
        return R_ERROR, cause.payload
    return FAILED, failure(*_describe(error))


def what_happened(error: BaseException) -> str:
    """Tell in words what ``ray.get()`` has raised."""
    return _describe(error)[1]


def _describe(error: BaseException) -> tuple[str, str]:
    said = _first_lines(str(error))
    if isinstance(error, exceptions.TaskCancelledError):
        return "cancelled", "the task was cancelled"
    if isinstance(error, exceptions.OutOfMemoryError):
        return "died", f"its worker was killed because the node ran out of memory. {said}"
    if isinstance(error, exceptions.WorkerCrashedError):
        return "died", (
            "its worker process died (a segfault, kill, or the system out of memory), "
            "also when it was tried again"
        )
    if isinstance(error, exceptions.RayActorError):
        return "died", f"the actor's process has died: {said}"
    if isinstance(error, (exceptions.NodeDiedError, exceptions.LocalRayletDiedError)):
        return "died", f"the node on which it ran is lost: {said}"
    if isinstance(error, exceptions.ObjectLostError):
        return "lost", f"the object is lost: {said}"
    cause = getattr(error, "cause", error)
    return "task", f"{type(cause).__name__}: {_first_lines(str(cause))}"


def _first_lines(text: str, count: int = 4) -> str:
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in text.strip().splitlines()]
    return "\n  ".join(lines[:count])
