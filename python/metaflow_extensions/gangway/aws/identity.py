"""Who one is to AWS, and whether a queue of AWS Batch takes jobs."""

from __future__ import annotations

import os
from typing import Any

# Whoever asks is waiting at a console.
_PATIENCE_S = 3


def ask_aws(queue: str | None) -> dict[str, Any]:
    """Ask AWS who the credentials belong to, and what it knows of a queue.

    Parameters
    ----------
    queue : str, optional
        Name or ARN of a job queue of AWS Batch.

    Returns
    -------
    dict
        ``identity``, an ARN, and ``region``, as far as they are known; ``queue``: its state and
        status, such as ``"ENABLED, VALID"``, or ``"missing"``; ``problem``, what AWS or boto3 says
        instead.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        return {"problem": str(error)}
    told: dict[str, Any] = {}
    config = Config(
        connect_timeout=_PATIENCE_S, read_timeout=_PATIENCE_S, retries={"total_max_attempts": 1}
    )
    try:
        # The AWS CLI reads both variables, boto3 only AWS_DEFAULT_REGION.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        told["region"] = session.region_name
        told["identity"] = session.client("sts", config=config).get_caller_identity()["Arn"]
        if queue:
            batch = session.client("batch", config=config)
            found = batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
            told["queue"] = f"{found[0]['state']}, {found[0]['status']}" if found else "missing"
    except (BotoCoreError, ClientError) as error:
        told["problem"] = str(error)
    return told
