"""What an exit hook is told of the run that has ended, and who else is told."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.request
from typing import Any

_TIMEOUT_S = 30
# SNS takes 256 kB.
_LONGEST = 2000


def about(run: Any) -> dict[str, Any]:
    """Tell of a run what is known when its hooks are called.

    Parameters
    ----------
    run : metaflow.Run or None
        The run; None if it ended before it was recorded.

    Returns
    -------
    dict
        ``flow``, ``run_id``, ``pathspec``, ``status`` (``"ok"`` or ``"failed"``), ``tags`` (the
        user's), and ``failed``: by failed task its ``pathspec``, ``step`` and ``message``.
    """
    from .report import failed_tasks

    ended = os.environ.get("RUN_PATHSPEC", "unknown/unknown")
    pathspec = run.pathspec if run is not None else ended
    flow, _, run_id = pathspec.partition("/")
    failed: list[dict[str, Any]] = []
    if run is not None and not run.successful:
        with contextlib.suppress(Exception):  # that it failed is worth telling without the reason
            failed = failed_tasks(flow, run_id)
    return {
        "flow": flow,
        "run_id": run_id,
        "pathspec": pathspec,
        "status": "ok" if run is not None and run.successful else "failed",
        "tags": sorted(run.user_tags) if run is not None else [],
        "failed": [{k: x[k] for k in ("pathspec", "step", "message")} for x in failed],
    }


def tell(target: str, run: Any) -> None:
    """Tell a topic of SNS (its ARN), or a web address by POST, of the end of a run.

    An address gets what `about` gives as JSON, with ``text``, a sentence: so chats show it that
    take what Slack takes.
    """
    known = about(run)
    text = f"Run {known['pathspec']}: {known['status']}."
    for task in known["failed"][:3]:
        text += f"\nStep {task['step']}: {task['message'][:_LONGEST]}"
    if target.startswith("arn:"):
        import boto3

        region = target.split(":")[3]
        subject = f"{known['pathspec']} {known['status']}"[:100]
        sns = boto3.client("sns", region_name=region)
        sns.publish(TopicArn=target, Subject=subject, Message=text)
        return
    body = json.dumps({"text": text, **known}).encode()
    # deploy() takes none but https://.
    request = urllib.request.Request(target, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
        pass
