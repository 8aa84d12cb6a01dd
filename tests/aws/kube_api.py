"""The API server of Kubernetes, as far as Metaflow's client and Argo's controller use it."""

from __future__ import annotations

import copy
import itertools
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import web
from .argo_engine import Workflow
from .container import Image
from .jobsets import Job, JobSet
from .kube_models import Invalid, check
from .pods import Pod, now, suffix

Body = dict[str, Any]


class Plain:
    """An object that nothing acts upon: a workflow template, a cron workflow, a sensor."""

    pods: tuple[Pod, ...] = ()

    def __init__(self, body: Body) -> None:
        self.body = body

    def start(self) -> None:
        pass

    stop = start

    def describe(self) -> Body:
        return self.body


class Kubernetes:
    """The cluster.

    Parameters
    ----------
    image : Image
        What every container starts from, whatever image a pod names.
    folder : Path
        For the logs and volumes of pods.
    """

    def __init__(self, image: Image, folder: Path) -> None:
        self.image, self.folder = image, folder
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.pods: list[Pod] = []
        self._versions = itertools.count(1)
        self._lock = threading.Lock()

    def routes(self) -> list[web.Route]:
        named = r"/apis/[^/]+/[^/]+/namespaces/([^/]+)/([a-z]+)"
        return [
            ("GET", named, self._answer(self._list)),
            ("POST", named, self._answer(self.create)),
            ("GET", f"{named}/([^/]+)", self._answer(self.get)),
            ("PUT", f"{named}/([^/]+)", self._answer(self._replace)),
            ("PATCH", f"{named}/([^/]+)", self._answer(self._patch)),
            ("DELETE", f"{named}/([^/]+)", self._answer(self.delete)),
            ("GET", "/api/v1/namespaces/([^/]+)/pods", self._answer(self._list_pods)),
        ]

    def _answer(self, function: Callable[..., Body]) -> Callable[..., web.Answer]:
        def call(*arguments: Any) -> web.Answer:
            try:
                return 200, function(*arguments)
            except Refused as error:
                return error.status, {"kind": "Status", "message": str(error)}
            except Invalid as error:
                return 422, {"kind": "Status", "reason": "Invalid", "message": str(error)}

        return call

    def create(self, namespace: str, kind: str, body: Body) -> Body:
        """Take an object, and start what it stands for."""
        body = _without_nulls(body)
        metadata = body["metadata"]
        metadata.setdefault("name", metadata.get("generateName", "") + suffix())
        key = (namespace, kind, metadata["name"])
        with self._lock:
            if key in self.objects:
                raise Refused(409, f'{kind} "{metadata["name"]}" already exists')
            made = self._make(namespace, kind, body)
            self.objects[key] = made
            self.pods += made.pods
        metadata["resourceVersion"] = str(next(self._versions))
        threading.Thread(target=made.start, daemon=True).start()
        return dict(made.describe())

    def _make(self, namespace: str, kind: str, body: Body) -> Any:
        if kind == "jobs":
            return Job(body, namespace, self.image, self.folder)
        if kind == "jobsets":
            return JobSet(body, namespace, self.image, self.folder)
        check(body["metadata"], "V1ObjectMeta", f"{kind}.metadata")
        ours = {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": now()}
        body["metadata"] |= ours
        if kind == "workflowtemplates":
            for template in body["spec"]["templates"]:
                check(template.get("container"), "V1Container", f"{template['name']}.container")
        if kind == "workflows":
            name = body["spec"]["workflowTemplateRef"]["name"]
            template = self.get(namespace, "workflowtemplates", name)
            return Workflow(body, copy.deepcopy(template["spec"]), self)
        return Plain(body)

    def start_pod(self, namespace: str, name: str, template: Body) -> Pod:
        """Start a pod by itself, as Argo does."""
        check(template, "V1PodTemplateSpec", "Pod")
        pod = Pod(name, namespace, template, self.image, self.folder)
        self.pods.append(pod)
        pod.start()
        return pod

    def get(self, namespace: str, kind: str, name: str, data: object = None) -> Body:
        return dict(self._find(namespace, kind, name).describe())

    def _find(self, namespace: str, kind: str, name: str) -> Any:
        if (namespace, kind, name) not in self.objects:
            raise Refused(404, f'{kind} "{name}" not found')
        return self.objects[namespace, kind, name]

    def _list(self, namespace: str, kind: str, data: object) -> Body:
        found = [o for (n, k, _), o in list(self.objects.items()) if (n, k) == (namespace, kind)]
        return {"items": [each.describe() for each in found], "metadata": {}}

    def _replace(self, namespace: str, kind: str, name: str, body: Body) -> Body:
        there = self.get(namespace, kind, name)["metadata"]
        if body["metadata"].get("resourceVersion") not in (None, there["resourceVersion"]):
            raise Refused(409, "the object has been modified")
        self.delete(namespace, kind, name)
        return self.create(namespace, kind, body)

    def _patch(self, namespace: str, kind: str, name: str, change: Body) -> Body:
        found = self._find(namespace, kind, name)
        found.patch(change)
        return dict(found.describe())

    def delete(self, namespace: str, kind: str, name: str, data: object = None) -> Body:
        """Remove an object, and end its pods."""
        self._find(namespace, kind, name)
        self.objects.pop((namespace, kind, name)).stop()
        return {"kind": "Status", "status": "Success"}

    def _list_pods(self, namespace: str, query: dict[str, str]) -> Body:
        labels = dict(x.split("=") for x in query.get("labelSelector", "").split(",") if x)
        excluded = [x.rpartition("!=")[2] for x in query.get("fieldSelector", "").split(",") if x]
        found = [
            pod
            for pod in list(self.pods)
            if pod.namespace == namespace
            and labels.items() <= pod.labels.items()
            and pod.phase not in excluded
        ]
        return {"kind": "PodList", "items": [pod.describe() for pod in found], "metadata": {}}


class Refused(Exception):
    """A request that is answered by a status of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _without_nulls(value: Any) -> Any:
    """Kubernetes takes a null for a field that is not there."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
