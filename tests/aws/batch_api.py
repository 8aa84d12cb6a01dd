"""AWS Batch, as far as Metaflow's client uses it: requests are checked, and jobs really run."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.session import get_session
from botocore.validate import ParamValidator

from . import web
from .container import Image
from .jobs import ENVIRONMENT, QUEUE, Job, Node
from .network import GATEWAY

_ARN = "arn:aws:batch:us-east-1:123456789012:"
_MODEL = get_session().get_service_model("batch")
LOGS = "/aws/batch/job"
# https://docs.aws.amazon.com/batch/latest/userguide/mnp-node-groups.html
MOST_RANGES = 5
# Seconds between SIGTERM and SIGKILL; 30 on AWS.
GRACE = 2.0


class Refused(Exception):
    """A request that Batch would not take."""


class Batch:
    """The queue with its job definitions and jobs.

    Parameters
    ----------
    image : Image
        What every container starts from, whatever image a job names.
    folder : Path
        For the logs of the nodes.
    """

    def __init__(self, image: Image, folder: Path) -> None:
        self.image = image
        self.folder = folder
        self.definitions: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, Job] = {}

    def routes(self) -> list[web.Route]:
        operations = {
            "DescribeJobQueues": self._describe_queues,
            "DescribeComputeEnvironments": self._describe_environments,
            "DescribeJobDefinitions": self._describe_definitions,
            "RegisterJobDefinition": self._register,
            "DeregisterJobDefinition": self._deregister,
            "SubmitJob": self._submit,
            "DescribeJobs": self._describe,
            "ListJobs": self._list,
            "TerminateJob": self._terminate,
        }
        return [
            ("POST", _MODEL.operation_model(name).http["requestUri"], self._checked(name, function))
            for name, function in operations.items()
        ]

    def _checked(
        self, name: str, function: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Callable[[dict[str, Any]], web.Answer]:
        shape = _MODEL.operation_model(name).input_shape

        def call(request: dict[str, Any]) -> web.Answer:
            report = ParamValidator().validate(request, shape)
            unknown = set(request) - set(shape.members)
            try:
                if report.has_errors() or unknown:
                    raise Refused(report.generate_report() or f"unknown: {unknown}")
                return 200, function(request)
            except Refused as error:
                return 400, {"__type": "ClientException", "message": f"{name}: {error}"}

        return call

    def _describe_queues(self, request: dict[str, Any]) -> dict[str, Any]:
        order = [{"order": 1, "computeEnvironment": f"{_ARN}compute-environment/{ENVIRONMENT}"}]
        queue = {
            "jobQueueName": QUEUE,
            "jobQueueArn": f"{_ARN}job-queue/{QUEUE}",
            "state": "ENABLED",
            "status": "VALID",
            "priority": 1,
            "computeEnvironmentOrder": order,
        }
        wanted = request.get("jobQueues", [QUEUE])
        return {"jobQueues": [queue] if QUEUE in wanted else []}

    def _describe_environments(self, request: dict[str, Any]) -> dict[str, Any]:
        environment = {
            "computeEnvironmentName": ENVIRONMENT,
            "computeEnvironmentArn": f"{_ARN}compute-environment/{ENVIRONMENT}",
            "computeResources": {"type": "EC2", "maxvCpus": 64, "subnets": ["subnet-1"]},
        }
        return {"computeEnvironments": [environment]}

    def _describe_definitions(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted, arns = request.get("jobDefinitionName"), request.get("jobDefinitions")
        return {
            "jobDefinitions": [
                definition
                for name, definition in self.definitions.items()
                if wanted in (None, name) and (not arns or definition["jobDefinitionArn"] in arns)
            ]
        }

    def _register(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["jobDefinitionName"]
        arn = f"{_ARN}job-definition/{name}:1"
        self.definitions[name] = {
            **request,
            "jobDefinitionArn": arn,
            "revision": 1,
            "status": "ACTIVE",
        }
        return {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": 1}

    def _deregister(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["jobDefinition"].rpartition("/")[2].partition(":")[0]  # of its ARN
        self.definitions.pop(name, None)
        return {}

    def _submit(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["jobQueue"] != QUEUE:
            raise Refused(f"no queue {request['jobQueue']}")
        if not re.fullmatch(r"[A-Za-z0-9][\w-]{0,127}", request["jobName"]):
            raise Refused(f"a job cannot be called {request['jobName']}")
        asked = request["jobDefinition"]
        definition = next(
            (d for n, d in self.definitions.items() if asked in (n, d["jobDefinitionArn"])), None
        )
        if definition is None:
            raise Refused(f"no job definition {asked}")
        multinode = definition["type"] == "multinode"
        nodes = _multinode(definition, request) if multinode else [_single(definition, request)]
        for node in nodes:
            _check_environment(node)
        job = Job(request, nodes, multinode, self.folder)
        self.jobs[job.id] = job
        self._open_logs(job)
        job.start(self.image, GRACE)
        return {"jobId": job.id, "jobName": request["jobName"]}

    def _open_logs(self, job: Job) -> None:
        """Make the log streams of the nodes, which stay empty: a test reads their files."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        url = f"http://{GATEWAY}:8000"
        logs = boto3.client("logs", endpoint_url=url, region_name="us-east-1", **keys)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=LOGS)
        for node in job.nodes:
            logs.create_log_stream(logGroupName=LOGS, logStreamName=_log_stream(job, node))

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        found = []
        for name in request["jobs"]:
            job, _, index = name.partition("#")
            if job in self.jobs:
                found.append(describe(self.jobs[job], int(index) if index else None))
        return {"jobs": found}

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        jobs = [j for j in self.jobs.values() if j.status == request.get("jobStatus", "RUNNING")]
        return {"jobSummaryList": [{"jobId": j.id, "jobName": j.request["jobName"]} for j in jobs]}

    def _terminate(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs.get(request["jobId"])
        if job is not None:
            job.terminate(request["reason"], GRACE)
        return {}


def _log_stream(job: Job, node: Node) -> str:
    name = job.request["jobDefinition"].rpartition("/")[2].partition(":")[0]
    return f"{name}/default/{job.id}{node.index}"


def _single(definition: dict[str, Any], request: dict[str, Any]) -> Node:
    if "nodeOverrides" in request:
        raise Refused("nodeOverrides are for multi-node jobs only")
    properties = definition["containerProperties"]
    return Node(0, _override(properties, request.get("containerOverrides", {})))


def _multinode(definition: dict[str, Any], request: dict[str, Any]) -> list[Node]:
    if "containerOverrides" in request:
        raise Refused("containerOverrides are not for multi-node jobs")
    given = definition["nodeProperties"]
    overrides = request.get("nodeOverrides", {})
    number = overrides.get("numNodes", given["numNodes"])
    properties: dict[int, dict[str, Any]] = {}
    for group in given["nodeRangeProperties"]:
        for index in _targets(group["targetNodes"], number):
            properties[index] = group["container"]
    if len(given["nodeRangeProperties"]) > MOST_RANGES:
        raise Refused(f"more than {MOST_RANGES} groups of nodes")
    if sorted(properties) != list(range(number)):
        raise Refused(f"of {number} nodes, only {sorted(properties)} are defined")
    known = {group["targetNodes"] for group in given["nodeRangeProperties"]}
    for group in overrides.get("nodePropertyOverrides", []):
        if group["targetNodes"] not in known:
            raise Refused(f"no nodes {group['targetNodes']} are defined")
        for index in _targets(group["targetNodes"], number):
            properties[index] = _override(properties[index], group.get("containerOverrides", {}))
    return [Node(index, properties[index]) for index in range(number)]


def _targets(text: str, number: int) -> range:
    first, _, last = text.partition(":")
    return range(int(first or 0), int(last or number - 1) + 1)


def _override(properties: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    joined = {**properties, **overrides}
    for name in ("environment", "resourceRequirements"):
        joined[name] = [*properties.get(name, []), *overrides.get(name, [])]
    return joined


def _check_environment(node: Node) -> None:
    for variable in node.properties["environment"]:
        if variable["name"].startswith("AWS_BATCH"):
            raise Refused(f"variables that begin with AWS_BATCH are Batch's: {variable['name']}")


def describe(job: Job, index: int | None) -> dict[str, Any]:
    """What Batch tells of a job, or of one node of a multi-node job."""
    node = job.nodes[index or 0]
    container = {
        "image": node.properties["image"],
        "command": node.properties["command"],
        "environment": node.properties["environment"],
        "resourceRequirements": node.properties["resourceRequirements"],
        "logStreamName": _log_stream(job, node),
    }
    if node.exit_code is not None:
        container["exitCode"] = node.exit_code
    if node.reason:
        container["reason"] = node.reason
    ended = {"container": {k: container[k] for k in ("exitCode", "reason") if k in container}}
    told = {
        "jobId": job.id if index is None else f"{job.id}#{index}",
        "jobName": job.request["jobName"],
        "jobQueue": f"{_ARN}job-queue/{QUEUE}",
        "jobDefinition": job.request["jobDefinition"],
        "status": job.status if index is None else node.status,
        "createdAt": job.created,
        "startedAt": job.started,
        "parameters": job.request.get("parameters", {}),
        "tags": job.request.get("tags", {}),
        "attempts": [ended] if job.stopped else [],
    }
    if job.stopped:
        told["stoppedAt"] = job.stopped
    if job.reason:
        told["statusReason"] = job.reason
    if job.multinode and index is None:
        told["nodeProperties"] = {
            "numNodes": len(job.nodes),
            "mainNode": 0,
            "nodeRangeProperties": [],
        }
    else:
        told["container"] = container
    if index is not None:
        told["nodeDetails"] = {"nodeIndex": index, "isMainNode": index == 0}
    return told
