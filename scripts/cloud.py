"""Run flows on a real AWS Batch, and remove all that this has made: `make test-cloud`.

usage: cloud.py --image IMAGE [--gang] [--yes] [--minutes 15] [--price 0.06]

Takes queue, bucket and role from Metaflow's settings, and the account from AWS's. Before it starts
it says where, what it makes and what that costs at most, and asks. What it makes has a name of
its own, and is removed at the end, after a failure, and after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import boto3
import psutil
from botocore.exceptions import BotoCoreError, ClientError
from metaflow import metaflow_config

FLOWS = Path(__file__).resolve().parent.parent / "tests" / "cloud"
LOGS = "/aws/batch/job"
UNFINISHED = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
ENDED = ("SUCCEEDED", "FAILED")


class Made:
    """What a test makes in the account, and how it is found again.

    Parameters
    ----------
    name : str
        The user whose jobs they are, and the folder in S3.
    image : str
        In the definitions of its jobs.
    """

    def __init__(self, name: str, image: str) -> None:
        self.name, self.image = name, image
        self.root = f"{metaflow_config.DATASTORE_SYSROOT_S3}/{name}"
        self.queue = metaflow_config.BATCH_JOB_QUEUE
        self.batch, self.s3, self.logs = map(boto3.client, ("batch", "s3", "logs"))
        self._before = {x["jobDefinitionArn"] for x in self._definitions()}

    def _definitions(self) -> Iterator[dict[str, Any]]:
        pages = self.batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
        return (x for page in pages for x in page["jobDefinitions"])

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a run whose traces can be told from others'."""
        folders = {"DATASTORE_SYSROOT_S3": "", "DATATOOLS_S3ROOT": "/data", "CARD_S3ROOT": "/cards"}
        roots = {f"METAFLOW_{name}": self.root + folder for name, folder in folders.items()}
        return {**roots, "METAFLOW_USER": self.name, "METAFLOW_DEFAULT_DATASTORE": "s3"}

    def jobs(self, *statuses: str) -> list[dict[str, Any]]:
        """Give this test's jobs, as Batch describes them."""
        list_jobs = self.batch.get_paginator("list_jobs").paginate
        ids = [
            job["jobId"]
            for status in statuses
            for page in list_jobs(jobQueue=self.queue, jobStatus=status)
            for job in page["jobSummaryList"]
            if job["jobName"].startswith(f"{self.name}-")
        ]
        each = [self.batch.describe_jobs(jobs=ids[i : i + 100]) for i in range(0, len(ids), 100)]
        return [job for answer in each for job in answer["jobs"]]

    def remove(self) -> list[str]:
        """Remove all of it; give what could not be removed, and why."""
        failed = []
        # Jobs first: one that runs writes files and logs.
        for remove in (self._end_jobs, self._definitions_away, self._logs_away, self._files_away):
            try:
                remove()
            except Exception as error:
                failed.append(str(error))
        return failed

    def _end_jobs(self) -> None:
        time.sleep(2)  # until Batch lists a job that was submitted just now
        deadline = time.monotonic() + 300
        while running := self.jobs(*UNFINISHED):
            for job in running:
                self.batch.terminate_job(jobId=job["jobId"], reason="make test-cloud ends")
            if time.monotonic() > deadline:
                raise TimeoutError(f"jobs that do not end: {[job['jobId'] for job in running]}")
            time.sleep(2)

    def _definitions_away(self) -> None:
        # Metaflow registers each kind of job once for all: what was there before stays.
        for definition in self._definitions():
            arn = definition["jobDefinitionArn"]
            if arn not in self._before and self.image in json.dumps(definition):
                self.batch.deregister_job_definition(jobDefinition=arn)

    def _logs_away(self) -> None:
        for job in self.jobs(*ENDED):
            count = job.get("nodeProperties", {}).get("numNodes", 0)
            nodes = [f"{job['jobId']}#{index}" for index in range(count)] or [job["jobId"]]
            for told in self.batch.describe_jobs(jobs=nodes)["jobs"]:
                if stream := told.get("container", {}).get("logStreamName"):
                    with contextlib.suppress(self.logs.exceptions.ResourceNotFoundException):
                        self.logs.delete_log_stream(logGroupName=LOGS, logStreamName=stream)

    def _files_away(self) -> None:
        where = urlparse(self.root)
        pages = self.s3.get_paginator("list_object_versions").paginate(
            Bucket=where.netloc, Prefix=f"{where.path.lstrip('/')}/"
        )
        for page in pages:
            for file in page.get("Versions", []) + page.get("DeleteMarkers", []):
                wanted = {"Key": file["Key"], "VersionId": file["VersionId"]}
                self.s3.delete_object(Bucket=where.netloc, **wanted)


def run(script: Path, made: Made, image: str, minutes: float, metadata: str) -> bool:
    """Run a flow to its end, or until its time is over; tell whether it succeeded."""
    rscript = shutil.which("Rscript") or "Rscript"
    print(f"\n== {script.name}", flush=True)
    env = {**os.environ, **made.environment, "METAFLOW_DEFAULT_METADATA": metadata}
    env["METAFLOW_BATCH_CONTAINER_IMAGE"] = image
    process = subprocess.Popen([rscript, str(script)], env=env, start_new_session=True)
    try:
        return process.wait(timeout=60 * minutes) == 0
    except KeyboardInterrupt:
        ignore_signals()
        raise
    except subprocess.TimeoutExpired:
        print(f"{script.name} took more than {minutes:g} minutes", flush=True)
        return False
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt a run that goes on, and see to it that none of its processes writes any more."""
    there = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    for each in there:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.kill()
    process.wait()
    psutil.wait_procs(there, timeout=10)


def ignore_signals() -> None:
    """Let no second Ctrl-C leave half of it there."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def say(made: Made, given: argparse.Namespace) -> None:
    """Say where, what and for how much."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    cpus = 3 if given.gang else 1
    cost = cpus * given.minutes / 60 * given.price
    jobs = "2 jobs" if given.gang else "1 job"
    print(f"""\
Account {account}, region {made.batch.meta.region_name}, queue {made.queue}, image {given.image}.
Makes, and removes at the end: {jobs} of Batch called {made.name}-..., with
their definitions and logs, and files below {made.root}.
Costs at most {cost:.2f} USD for {cpus} vCPU in {given.minutes:g} minutes, at {given.price} USD
for an hour of a vCPU (--price), and some cents for S3 and logs; more where the queue starts larger
instances than it needs, or leaves them up longer.""")
    if given.gang:
        print("The gang's run stays in the metadata service, which can remove none.")


def agreed(given: argparse.Namespace) -> bool:
    if given.yes:
        return True
    try:
        return input("Start? Type yes: ").strip() == "yes"
    except EOFError:
        return False


def check_settings(given: argparse.Namespace) -> None:
    settings = {
        "METAFLOW_DATASTORE_SYSROOT_S3": metaflow_config.DATASTORE_SYSROOT_S3,
        "METAFLOW_BATCH_JOB_QUEUE": metaflow_config.BATCH_JOB_QUEUE,
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": metaflow_config.ECS_S3_ACCESS_IAM_ROLE,
    }
    if given.gang:
        settings["METAFLOW_SERVICE_URL"] = metaflow_config.SERVICE_URL
    if missing := [name for name, value in settings.items() if not value]:
        sys.exit(f"Nothing was started: set {', '.join(missing)} (docs/aws.md).")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--image", required=True, help="with gangway and this R, as docs/image.md says"
    )
    parser.add_argument("--gang", action="store_true", help="a Ray gang of two nodes, too")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--minutes", type=float, default=15, help="the most that each flow may take"
    )
    parser.add_argument("--price", type=float, default=0.06, help="USD for an hour of a vCPU")
    given = parser.parse_args()
    check_settings(given)
    try:
        made = Made(f"gangwaytest{uuid.uuid4().hex[:8]}", given.image)
        say(made, given)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Nothing was started: AWS does not answer ({error}).")
    if not agreed(given):
        sys.exit("Nothing was started.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ok = False
    try:
        ok = run(FLOWS / "plain.R", made, given.image, given.minutes, "local")
        if given.gang:
            ok = run(FLOWS / "gang.R", made, given.image, given.minutes, "service") and ok
    except KeyboardInterrupt:
        print("\nInterrupted.", flush=True)
    finally:
        ignore_signals()
        print(f"Removing what {made.name} has made ...", flush=True)
        failed = made.remove()
        said = [f"NOT REMOVED: {why}" for why in failed] or ["All of it is removed."]
        print("\n".join(said), flush=True)
    sys.exit(0 if ok and not failed else 1)


if __name__ == "__main__":
    main()
