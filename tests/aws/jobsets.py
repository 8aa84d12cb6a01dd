"""The controllers of Kubernetes' Jobs and of JobSets: they make pods, and count them."""

from __future__ import annotations

import random
import threading
import uuid
from pathlib import Path
from typing import Any

from .container import Image
from .kube_models import Invalid, check, check_label
from .pods import ENDED, Pod, now, suffix

_PREFIX = "jobset.sigs.k8s.io/"


class Job:
    """A Job of one pod that is not tried again, which is all that Metaflow makes."""

    def __init__(
        self,
        body: dict[str, Any],
        namespace: str,
        image: Image,
        folder: Path,
        owner: JobSet | None = None,
    ) -> None:
        check(body, "V1Job", "Job")
        self.body, self.spec = body, body["spec"]
        for name, wanted in {"backoffLimit": 0, "completions": 1, "parallelism": 1}.items():
            if self.spec.get(name, 1) != wanted:
                raise Invalid(f"a Job with {name} {self.spec.get(name)} is not emulated")
        if self.spec["template"]["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
            raise Invalid("Job.spec.template.spec.restartPolicy: Never or OnFailure")
        metadata = body["metadata"]
        metadata.setdefault("name", metadata.get("generateName", "") + suffix())
        metadata |= {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": now()}
        self.name = metadata["name"]
        check_label(self.name, "Job.metadata.name")
        template = self.spec["template"]
        labels = {**(template["metadata"].get("labels") or {}), "job-name": self.name}
        template["metadata"]["labels"] = labels
        host = f"{self.name}-0" if owner else ""
        ended = owner.look if owner else lambda: None
        name = f"{host or self.name}-{suffix()}"
        self.pod = Pod(name, namespace, template, image, folder, host, ended)

    def start(self) -> None:
        self.pod.start()

    def stop(self) -> None:
        self.pod.stop()

    @property
    def pods(self) -> list[Pod]:
        return [self.pod]

    def patch(self, change: dict[str, Any]) -> None:
        """What is asked for by a patch; no parallelism ends the pod."""
        self.spec |= change.get("spec", {})
        if self.spec["parallelism"] == 0:
            self.stop()

    def describe(self) -> dict[str, Any]:
        return {**self.body, "status": self.status}

    @property
    def status(self) -> dict[str, Any]:
        phase = self.pod.phase
        counts = {
            "active": int(phase not in ENDED),
            "succeeded": int(phase == "Succeeded"),
            "failed": int(phase == "Failed"),
        }
        return {**counts, "startTime": self.pod.created}


class JobSet:
    """The jobs of a gang: all have to succeed, and one that fails ends the others."""

    def __init__(self, body: dict[str, Any], namespace: str, image: Image, folder: Path) -> None:
        self.body, self.spec = body, body["spec"]
        self.name = body["metadata"]["name"]
        check(body["metadata"], "V1ObjectMeta", "JobSet.metadata")
        if self.spec.get("successPolicy") or self.spec.get("failurePolicy"):
            raise Invalid("policies of JobSets are not emulated")
        metadata = {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": now()}
        body["metadata"] |= metadata
        self.ending, self._lock = "", threading.Lock()
        self.jobs: dict[str, list[Job]] = {}
        for index, replicated in enumerate(self.spec["replicatedJobs"]):
            path = f"JobSet.spec.replicatedJobs[{index}]"
            check(replicated["replicas"], "int", f"{path}.replicas")
            check(replicated["template"], "V1JobTemplateSpec", f"{path}.template")
            self.jobs[replicated["name"]] = [
                Job(self._job(replicated, number), namespace, image, folder, self)
                for number in range(replicated["replicas"])
            ]

    def _job(self, replicated: dict[str, Any], number: int) -> dict[str, Any]:
        """A Job, with what the controller tells it and its pod of their place."""
        spec = {**replicated["template"]["spec"]}
        told = {
            f"{_PREFIX}jobset-name": self.name,
            f"{_PREFIX}replicatedjob-name": replicated["name"],
            f"{_PREFIX}replicatedjob-replicas": str(replicated["replicas"]),
            f"{_PREFIX}job-index": str(number),
            f"{_PREFIX}restart-attempt": "0",
        }
        template = spec["template"]
        metadata = {**template["metadata"]}
        for kind in ("labels", "annotations"):
            metadata[kind] = {**(metadata.get(kind) or {}), **told}
        pod = {"subdomain": self.name, **template["spec"]}
        name = f"{self.name}-{replicated['name']}-{number}"
        check_label(f"{name}-0-abcde", "the name of a pod")
        return {
            "metadata": {"name": name},
            "spec": {**spec, "template": {"metadata": metadata, "spec": pod}},
        }

    @property
    def pods(self) -> list[Pod]:
        return [job.pod for jobs in self.jobs.values() for job in jobs]

    def start(self) -> None:
        """Start all pods, control first only where that is asked for."""
        hosts = "".join(pod.hosts for pod in self.pods)
        pods, policy = self.pods, self.spec.get("startupPolicy") or {}
        if policy.get("startupPolicyOrder") != "InOrder":
            random.shuffle(pods)
        for pod in pods:
            pod.start(hosts)

    def stop(self) -> None:
        for pod in self.pods:
            pod.stop()

    def look(self) -> None:
        """See, when a pod has ended, whether all is over."""
        phases = [pod.phase for pod in self.pods]
        with self._lock:
            if self.ending:
                return
            if "Failed" in phases:
                self.ending = "Failed"
            elif set(phases) == {"Succeeded"}:
                self.ending = "Completed"
        if self.ending == "Failed":
            self.stop()

    def describe(self) -> dict[str, Any]:
        statuses = [
            {"name": name, "suspended": 0, "ready": 0} | _sum([job.status for job in jobs])
            for name, jobs in self.jobs.items()
        ]
        status = {"replicatedJobsStatus": statuses, "restarts": 0}
        if self.ending:
            condition = {"type": self.ending, "status": "True"}
            status |= {"terminalState": self.ending, "conditions": [condition]}
        return {**self.body, "status": status}


def _sum(statuses: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(s[name] for s in statuses) for name in ("active", "succeeded", "failed")}
