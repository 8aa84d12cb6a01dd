"""Kubernetes: gangs run from their JobSets, and deployed flows as Argo runs their templates."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .argo_text import Unresolved, fill_in, holds
from .cloud import Cloud, CloudPod
from .conftest import FLOWS, StartFlow
from .pods import expand

pytest.importorskip("kubernetes", reason="the Python package kubernetes is not installed")
HARD = "z\u00fcrich $HOME `id` $$ \"q\" 's' {{x}}"

WAIT = """
import json, time
from kubernetes import client, config
config.load_kube_config()
named = dict(group="argoproj.io", version="v1alpha1", namespace="default", plural="workflows")
get = client.CustomObjectsApi().get_namespaced_custom_object
while not (found := get(**named, name=NAME)["status"])["finishedAt"]:
    time.sleep(0.1)
print(json.dumps(found))
"""


class Deployed:
    """A flow that is deployed to Argo Workflows."""

    def __init__(self, start: StartFlow, cloud: Cloud, *command: str, **env: str) -> None:
        self._start, self._cloud = start, cloud
        self._command, self._env = command, env
        self._call("create")

    def _call(self, *arguments: str) -> str:
        run = self._start(*self._command, "argo-workflows", *arguments, **self._env).wait()
        assert run.status == 0, run.output
        return run.output

    def trigger(self, *parameters: str) -> None:
        """Start a workflow."""
        self._before = len(self._cloud.pods)
        said = self._call("trigger", *parameters)
        self._name = said.partition("(run-id argo-")[2].partition(")")[0]

    @property
    def pods(self) -> list[CloudPod]:
        """The pods of the workflow."""
        return self._cloud.pods[self._before :]

    def wait(self) -> dict[str, Any]:
        """Wait for the workflow's end; give its status."""
        return dict(json.loads(self._cloud.python(f"NAME = {self._name!r}\n{WAIT}")))


def said(pods: list[CloudPod]) -> str:
    return "\n".join(f"== {pod.name}: {pod.phase}\n{pod.output}" for pod in pods)


def check_sums(pods: list[CloudPod]) -> None:
    """Look for the sum that a rank in each pod of a gang has come to."""
    gang = [pod for pod in pods if "jobset.sigs.k8s.io/jobset-name" in pod.labels]
    assert sorted(pod.labels["jobset.sigs.k8s.io/replicatedjob-name"] for pod in gang) == [
        "control",
        "worker",
    ]
    control, worker = sorted(gang, key=lambda pod: pod.name)
    for rank, pod in enumerate((control, worker)):
        host = pod.name.rpartition("-")[0]
        assert f"[node {rank}] [rank {rank}] RANK {rank} of {host}" in control.output, said(pods)
    assert control.output.count(": sum 3") == 2


def test_argo_runs_a_gang(start_command: StartFlow, cloud: Cloud, tmp_path: Path) -> None:
    shutil.copy(FLOWS / "kube_gang.R", tmp_path)
    flow = Deployed(start_command, cloud, "Rscript", "kube_gang.R", "--with=kubernetes")
    flow.trigger("--text", HARD)
    status = flow.wait()
    assert status["phase"] == "Succeeded", (status, said(flow.pods))
    check_sums(flow.pods)
    *_, join, _ = flow.pods
    assert f"text: {HARD} " in join.output


TOPIC = """
import boto3
queue = boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
topic = boto3.client("sns").create_topic(Name="alarm")["TopicArn"]
arn = "arn:aws:sqs:us-east-1:123456789012:heard"
boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
"""
HEARD = """
import boto3, json
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]:
    print(json.loads(message["Body"])["Message"])
"""


def test_a_flow_lives_on_argo_from_r(start_command: StartFlow, cloud: Cloud) -> None:
    before = len(cloud.pods)
    cloud.python(TOPIC)
    run = start_command("Rscript", str(FLOWS / "deploy_argo.R"), HARD=HARD).wait()
    assert run.status == 0, run.output
    assert re.findall(r"^SAID (.*?) *$", run.output, flags=re.M) == [
        "template of argolife",
        "dag TRUE",
        "first ok",
        "found 1 TRUE",
        "second running",
        "then aborted",
        "third failed",
        "listed TRUE",
        "again gangway_error_no_deployment",
    ], run.output
    pods = cloud.pods[before:]
    assert any(f"text: {HARD} " in pod.output for pod in pods)
    assert any("HOOK failed start no time" in pod.output for pod in pods), said(pods)
    (heard,) = (text for text in cloud.python(HEARD).split("Run ") if "no time" in text)
    assert re.fullmatch(r"ArgoLife/argo-\S+: failed\.\nStep start: no time\n", heard), heard


@pytest.mark.faults
def test_a_gang_runs_from_the_laptop(
    start_command: StartFlow, cloud: Cloud, tmp_path: Path
) -> None:
    shutil.copy(FLOWS / "kube_gang.R", tmp_path)
    before = len(cloud.pods)
    run = start_command("Rscript", "kube_gang.R", "run").wait()
    pods = cloud.pods[before:]
    assert run.status == 0, run.output + said(pods)
    check_sums(pods)
    assert "host: js-" in run.output


@pytest.mark.faults
@pytest.mark.parametrize("where", ["laptop", "argo"])
def test_groups_are_replicated_jobs_of_their_own(
    start_command: StartFlow, cloud: Cloud, tmp_path: Path, where: str
) -> None:
    shutil.copy(FLOWS / "kube_groups.py", tmp_path)
    command = (sys.executable, "kube_groups.py", "--no-pylint")
    before = len(cloud.pods)
    if where == "argo":
        flow = Deployed(start_command, cloud, *command, "--with=kubernetes")
        flow.trigger()
        assert flow.wait()["phase"] == "Succeeded", said(flow.pods)
        output = flow.pods[-1].output
    else:
        run = start_command(*command, "run").wait()
        assert run.status == 0, run.output + said(cloud.pods[before:])
        output = run.output
    assert "FOUND [(0, 'small'), (1, 'small'), (2, 'big'), (3, 'big')]" in output
    label = "jobset.sigs.k8s.io/replicatedjob-name"
    gang = [pod for pod in cloud.pods[before:] if label in pod.labels]
    asked = [
        (pod.labels[label], pod.labels["gangway/group"], requests["cpu"], requests["memory"])
        for pod in gang
        for requests in [pod.described["spec"]["containers"][0]["resources"]["requests"]]
    ]
    assert sorted(asked) == [
        ("control", "small", "1", "500M"),
        ("worker", "small", "1", "500M"),
        ("worker2", "big", "2", "900M"),
        ("worker2", "big", "2", "900M"),
    ]


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_argo_tries_a_gang_again_that_has_lost_a_pod(
    start_command: StartFlow, cloud: Cloud, tmp_path: Path
) -> None:
    shutil.copy(FLOWS / "kube_faults.R", tmp_path)
    flow = Deployed(start_command, cloud, "Rscript", "kube_faults.R", "--with=kubernetes")
    flow.trigger("--alpha", "7")
    deadline = time.monotonic() + 280
    while not any("the gang is up" in pod.output for pod in flow.pods):
        assert time.monotonic() < deadline, said(flow.pods)
        time.sleep(0.2)
    (worker,) = (pod for pod in flow.pods if "-worker-" in pod.name)
    cloud.kill_pod(worker.name)
    status = flow.wait()
    assert status["phase"] == "Succeeded", (status, said(flow.pods))
    gang = [pod for pod in flow.pods if pod.name.startswith("js-")]
    assert [pod.phase for pod in gang] == ["Failed", "Failed", "Succeeded", "Succeeded"]
    *_, end = flow.pods
    assert "parts: c7 a7 b7 " in end.output


def test_a_namespace_that_is_too_long_is_refused(run_flow: StartFlow) -> None:
    """Pods with such a namespace never start: Kubernetes allows a host 64 characters."""
    run = run_flow(
        "jobset_gang.py",
        "create",
        command="argo-workflows",
        METAFLOW_KUBERNETES_NAMESPACE="argo-workflows",
    )
    assert run.status != 0
    assert "'argo-workflows' is too long for a gang with @retry" in run.output


def test_requests_are_checked(cloud: Cloud) -> None:
    pod = {"containers": [{"name": "a", "image": "any", "command": ["true"]}]}
    good = {"template": {"spec": {"restartPolicy": "Never", **pod}, "metadata": {}}}
    refused = {
        "unknown field imagee": {"containers": [{"name": "a", "imagee": "any"}]},
        "'5' is a str": {**pod, "activeDeadlineSeconds": "5"},
        "restartPolicy: Never or OnFailure": pod,
    }
    jobs = [{"spec": {"template": {"spec": spec, "metadata": {}}}} for spec in refused.values()]
    code = f"""
from kubernetes import client, config
config.load_kube_config()
for spec in {[*[job["spec"] for job in jobs], good]!r}:
    job = {{"metadata": {{"name": "job"}}, "spec": spec | {{"backoffLimit": 0}}}}
    try: print(client.BatchV1Api().create_namespaced_job("default", job).metadata.name)
    except Exception as error: print(error.body)
"""
    answers = cloud.python(code).splitlines()
    for answer, reason in zip(answers, refused, strict=False):
        assert reason in answer
    assert answers[-1] == "job"


def test_commands_are_filled_in_as_kubernetes_does() -> None:
    variables = {"A": "1"}
    assert expand("$(A) $(B) $A $$(A) $$ $(date +%s) $(x $(A))", variables) == (
        "1 $(B) $A $(A) $ $(date +%s) $(x $(A))"
    )


def test_templates_are_filled_in_as_argo_does() -> None:
    known = {"inputs": {"parameters": {"num-parallel": "2", "text": 'a "b"'}}, "item": 0}
    given = {
        "a": "{{inputs.parameters.text}} {{item}} {{retries}}",
        "b": "{{=sprig.int(sprig.sub(sprig.int(inputs.parameters['num-parallel']),1))}}",
        "c": "{{=toBase64(inputs.parameters['text'])}}",
    }
    assert fill_in(given, known, ("retries",)) == {
        "a": 'a "b" 0 {{retries}}',
        "b": "1",
        "c": "YSAiYiI=",
    }
    with pytest.raises(Unresolved, match=r"inputs\.parameters\.none"):
        fill_in("{{inputs.parameters.none}}", known)
    statuses = {"a": "Succeeded", "b-c": "Failed", "d": "Skipped"}
    assert holds("a.Succeeded && (b-c.Failed || d)", statuses)
    assert not holds("a.Failed || b-c.Succeeded", statuses)
    assert holds("Failed != Succeeded", {}) and not holds("Succeeded != Succeeded", {})
