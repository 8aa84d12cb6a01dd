"""What a run tells the R session that started it: how it ended, and where it failed."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from ..exceptions import ConfigException, GangLostException, RException
from ..mf.stored_exceptions import r_error

_INTERRUPTED = 130

# What has failed in this process itself, before there was a task.
_without_task: list[dict[str, Any]] = []


def note_failure(error: RException) -> None:
    """Have an R error reported, if the run ends with no failed task."""
    headline = error.headline.replace("*", "")
    failure = {"pathspec": None, "step": None, "headline": headline}
    _without_task.append({**failure, **_for_json(error.r_error)})


def note_scheduler(error: BaseException) -> None:
    """Have an error reported for which the run ended before its first task, or between two."""
    from metaflow.exception import MetaflowException

    wrong_value = getattr(error, "format_message", None)  # of click, which reads the command line
    if wrong_value or isinstance(error, ConfigException):
        message = wrong_value() if wrong_value else str(error)
        headline = "wrong command line" if wrong_value else error.headline.lower()  # type: ignore[attr-defined]
        _without_task.append(
            {"pathspec": None, "step": None, "headline": headline, "message": message}
        )
        return
    step = re.search(r"Step \*(\w+)\*", str(error))
    if isinstance(error, MetaflowException) and step:
        text = str(error).replace(
            "the --max-num-splits option",
            "run(flow, max_num_splits = ), which is --max-num-splits on a command line",
        )
        message = re.sub(r"\*(\w+)\*", r"\1", text).strip()
        failure = {"pathspec": None, "step": step[1], "message": message}
        # The class of R's condition.
        wide = {"class": ["gangway_error_max_num_splits"]} if text != str(error) else {}
        _without_task.append({**failure, **wide})


def write_report(path: str, status: int) -> None:
    """Write the run's end as JSON.

    Parameters
    ----------
    path : str
        The file to write.
    status : int
        The run's exit status; 0 is success.
    """
    from metaflow import current, get_metadata

    state = {0: "ok", _INTERRUPTED: "interrupted"}.get(status, "failed")
    report: dict[str, Any] = {
        "flow": current.flow_name,
        "run_id": current.run_id,
        "metadata": get_metadata(),
        "status": state,
        "failed": [],
    }
    if state == "failed":
        report["failed"] = failed_tasks(current.flow_name, current.run_id) or _without_task[-1:]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file)


def failed_tasks(flow: str | None, run_id: str | None) -> list[dict[str, Any]]:
    """Tell which tasks of a run have failed, and why: the first to fail first."""
    if flow is None or run_id is None:
        return []
    from metaflow import Run, namespace

    namespace(None)
    tasks = [task for step in Run(f"{flow}/{run_id}") for task in step if not _ok(task)]
    # The first to start first: in a gang the control task before its workers.
    tasks.sort(key=lambda task: task.created_at)
    failures = [_failure(task) for task in tasks]
    if tasks and _has_lost_its_gang(tasks[0]):
        # R's error on a worker is the reason.
        failures.sort(key=lambda failure: "class" not in failure)
    return failures


def _has_lost_its_gang(task: Any) -> bool:
    return getattr(task.exception, "type", "").endswith(f".{GangLostException.__name__}")


def _ok(task: Any) -> bool:
    # Not `task.successful`, which is false as well for a task whose exception @catch took.
    try:
        return bool(task["_task_ok"].data)
    except KeyError:
        return False


def _failure(task: Any) -> dict[str, Any]:
    exception = task.exception
    # Without one the task's process died: its last lines tell what is known.
    text = exception.exception if exception is not None else _last_lines(task.stderr)
    failure = {"pathspec": task.pathspec, "step": task.parent.id, "message": text}
    error = r_error(exception)
    return {**failure, **_for_json(error)} if error is not None else failure


def _for_json(error: dict[str, Any]) -> dict[str, Any]:
    return {**error, "condition": base64.b64encode(error["condition"]).decode()}


def _last_lines(text: str, count: int = 10) -> str:
    return "\n".join(text.strip().splitlines()[-count:])
