"""Argo's controller: it runs the templates of a workflow, whose pods really run."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from metaflow._vendor import yaml

from .argo_text import Unresolved, fill_in, holds, look_up, tasks_of
from .kube_models import Invalid
from .pods import ENDED, Pod, now, suffix

if TYPE_CHECKING:
    from .kube_api import Kubernetes

_LOOK_SECONDS = 0.05
_RESOURCES = {"JobSet": "jobsets"}


@dataclass
class Outcome:
    """How a node of a workflow has ended."""

    status: str
    outputs: dict[str, str] = field(default_factory=dict)
    message: str = ""

    @property
    def known(self) -> dict[str, Any]:
        """What templates can say of it."""
        return {"status": self.status, "outputs": {"parameters": self.outputs}}


class Workflow:
    """A workflow, from its template; a thread of its own runs it."""

    def __init__(self, body: dict[str, Any], spec: dict[str, Any], cluster: Kubernetes) -> None:
        self.body, self.cluster = body, cluster
        self.spec = {**spec, **body["spec"]}
        metadata = body["metadata"]
        self.name, self.namespace = metadata["name"], metadata["namespace"]
        given = [*spec["arguments"]["parameters"], *_parameters(body["spec"].get("arguments"))]
        self.known: dict[str, Any] = {
            "workflow": {
                "name": self.name,
                "namespace": self.namespace,
                "creationTimestamp": metadata["creationTimestamp"],
                "parameters": {x["name"]: x["value"] for x in given},
            }
        }
        self.templates = {x["name"]: x for x in spec["templates"]}
        for kind, named in fill_in(spec.get("workflowMetadata") or {}, self.known).items():
            metadata[kind] = {**(metadata.get(kind) or {}), **named}
        self.status: dict[str, Any] = {"phase": "Pending", "startedAt": None, "finishedAt": None}
        self.messages: list[dict[str, str]] = []
        self.pods: list[Pod] = []
        self._stopped = threading.Event()

    def start(self) -> None:
        """Run it to its end, and then its exit handler and hooks."""
        self.status |= {"phase": "Running", "startedAt": now()}
        outcome = self._run(self.spec["entrypoint"], {})
        # Argo quotes this text once more.
        failures = json.dumps(json.dumps(self.messages))
        ended = {"status": outcome.status, "failures": failures}
        self.known["workflow"] |= ended
        if handler := self.spec.get("onExit"):
            self._stopped.clear()
            done = self._run(handler, {})
            outcome = done if outcome.status == "Succeeded" else outcome
        for hook in (self.spec.get("hooks") or {}).values():
            wanted = re.findall(r"workflow\.status == '(\w+)'", hook.get("expression") or "")
            if ended["status"] in wanted and "http" not in self.templates[hook["template"]]:
                self._run(hook["template"], {})
        messages = "; ".join(x["message"] for x in self.messages)
        self.status |= {"phase": outcome.status, "finishedAt": now(), "message": messages}

    def stop(self) -> None:
        """Start nothing more, and end the pods."""
        self._stopped.set()
        for pod in self.pods:
            pod.stop()

    def patch(self, change: dict[str, Any]) -> None:
        self.spec |= change["spec"]
        if self.spec.get("shutdown"):
            self.stop()

    def describe(self) -> dict[str, Any]:
        return {**self.body, "spec": self.spec, "status": self.status}

    def _run(self, name: str, inputs: dict[str, Any]) -> Outcome:
        """Run a template, and again where it fails and may be tried again."""
        template = self.templates[name]
        limit = (template.get("retryStrategy") or {}).get("limit")
        for attempt in range(int(limit or 0) + 1):
            known = {**self.known, "inputs": {"parameters": inputs}}
            try:
                later = ("retries",) if limit is not None else ()
                if "dag" not in template and "steps" not in template:
                    filled = fill_in(template, known, later)
                    if limit is not None:
                        filled = fill_in(filled, {"retries": str(attempt)})
                    outcome = self._run_leaf(filled)
                elif "dag" in template:
                    outcome = self._run_dag(template, known)
                else:
                    outcome = self._run_steps(template, known)
            except (Unresolved, Invalid) as error:
                outcome = Outcome("Error", message=f"{name}: {error}")
            if outcome.status == "Succeeded" or self._stopped.is_set():
                break
            if "dag" not in template and "steps" not in template:
                self._failed(name, outcome.message)
        if outcome.status != "Succeeded" and limit is not None:
            self._failed(name, "No more retries left")
        return outcome

    def _failed(self, template: str, message: str) -> None:
        entry = {"templateName": template, "displayName": template, "message": message}
        self.messages.append({**entry, "phase": "Failed", "finishedAt": now()})

    def _run_leaf(self, template: dict[str, Any]) -> Outcome:
        if self._stopped.is_set():
            return Outcome("Failed", message="Stopped with strategy 'Terminate'")
        if "resource" in template:
            return self._run_resource(template)
        return self._run_pod(template)

    def _run_pod(self, template: dict[str, Any]) -> Outcome:
        named = fill_in(self.spec.get("podMetadata") or {}, self.known)
        own = template.get("metadata") or {}
        metadata = {
            kind: {**named.get(kind, {}), **(own.get(kind) or {})}
            for kind in ("labels", "annotations")
        }
        metadata["labels"]["workflows.argoproj.io/workflow"] = self.name
        names = ("volumes", "nodeSelector", "tolerations", "serviceAccountName")
        spec = {name: template[name] for name in names if template.get(name)}
        spec |= {"containers": [template["container"]], "restartPolicy": "Never"}
        name = f"{self.name}-{template['name']}-{suffix()}"
        pod = self.cluster.start_pod(self.namespace, name, {"metadata": metadata, "spec": spec})
        self.pods.append(pod)
        while pod.phase not in ENDED:
            time.sleep(_LOOK_SECONDS)
        if pod.phase != "Succeeded":
            return Outcome("Failed", message=f"{pod.name}: Error (exit code {pod.exit_code})")
        return Outcome("Succeeded", _outputs_of(template, pod))

    def _run_resource(self, template: dict[str, Any]) -> Outcome:
        """Create an object, and wait for what it becomes."""
        asked = template["resource"]
        body = yaml.safe_load(asked["manifest"])
        kind, name = _RESOURCES[body["kind"]], body["metadata"]["name"]
        created = self.cluster.create(self.namespace, kind, body)
        owned = self.cluster.objects[self.namespace, kind, name].pods
        self.pods += owned
        while True:
            found = self.cluster.get(self.namespace, kind, name)
            if _becomes(found, asked["successCondition"]):
                break
            if _becomes(found, asked["failureCondition"]) or self._stopped.is_set():
                return Outcome("Failed", message=f"{body['kind']} {name} has failed")
            time.sleep(_LOOK_SECONDS)
        outputs = {
            x["name"]: look_up(x["valueFrom"]["jsonPath"].strip("{.}"), created)
            for x in template["outputs"]["parameters"]
        }
        return Outcome("Succeeded", outputs)

    def _run_steps(self, template: dict[str, Any], known: dict[str, Any]) -> Outcome:
        for group in template["steps"]:
            for step in group:
                task = fill_in(step, known)
                if holds(task["when"], {}):
                    outcome = self._run(task["template"], _arguments(task))
                    if outcome.status != "Succeeded":
                        return outcome
        return Outcome("Succeeded")

    def _run_dag(self, template: dict[str, Any], known: dict[str, Any]) -> Outcome:
        """Start each task when what it depends on has ended; a failure starts no more."""
        waiting = {x["name"]: x for x in template["dag"]["tasks"]}
        done: dict[str, Outcome] = {}
        running: dict[Future[Outcome], str] = {}
        with ThreadPoolExecutor(32) as pool:
            while True:
                for name in [x for x in waiting if tasks_of(_depends(waiting[x])) <= done.keys()]:
                    task = waiting.pop(name)
                    statuses = {x: outcome.status for x, outcome in done.items()}
                    if not holds(_depends(task), statuses) or _has_failed(done):
                        done[name] = Outcome("Omitted")
                        break  # which may decide about others
                    running[pool.submit(self._run_task, task, known, done)] = name
                else:
                    if not running:
                        break
                    for ended in wait(running, return_when=FIRST_COMPLETED).done:
                        done[running.pop(ended)] = ended.result()
        if _has_failed(done):
            return Outcome("Failed")
        tasks = {"tasks": {name: outcome.known for name, outcome in done.items()}}
        outputs = {
            x["name"]: fill_in(x["valueFrom"]["parameter"], tasks)
            for x in (template.get("outputs") or {}).get("parameters", [])
        }
        return Outcome("Succeeded", outputs)

    def _run_task(
        self, task: dict[str, Any], known: dict[str, Any], done: dict[str, Outcome]
    ) -> Outcome:
        known = {**known, "tasks": {name: outcome.known for name, outcome in done.items()}}
        try:
            if "when" in task and not holds(fill_in(task["when"], known), {}):
                return Outcome("Skipped")
            items = [None]
            if "withParam" in task:
                items = json.loads(fill_in(task.pop("withParam"), known))
            later = ("retries",)
            filled = [fill_in(task, {**known, "item": item}, later) for item in items]
        except Unresolved as error:
            self._failed(task["template"], str(error))
            return Outcome("Error")
        with ThreadPoolExecutor(32) as pool:
            ended = list(pool.map(lambda x: self._run(x["template"], _arguments(x)), filled))
        failed = [x for x in ended if x.status != "Succeeded"]
        return failed[0] if failed else ended[0] if len(ended) == 1 else Outcome("Succeeded")


def _parameters(arguments: dict[str, Any] | None) -> list[dict[str, Any]]:
    return list((arguments or {}).get("parameters") or [])


def _arguments(task: dict[str, Any]) -> dict[str, Any]:
    return {x["name"]: x["value"] for x in _parameters(task.get("arguments"))}


def _depends(task: dict[str, Any]) -> str:
    return str(task.get("depends") or "")


def _has_failed(done: dict[str, Outcome]) -> bool:
    return any(outcome.status in ("Failed", "Error") for outcome in done.values())


def _outputs_of(template: dict[str, Any], pod: Pod) -> dict[str, str]:
    """What a pod has written for other tasks, into a volume."""
    mounts = {x["mountPath"]: x["name"] for x in template["container"].get("volumeMounts") or []}
    found = {}
    for output in (template.get("outputs") or {}).get("parameters", []):
        folder, _, name = output["valueFrom"]["path"].rpartition("/")
        text = (pod.volume(mounts[folder]) / name).read_text()
        found[output["name"]] = text.removesuffix("\n")
    return found


def _becomes(found: dict[str, Any], condition: str) -> bool:
    path, _, wanted = condition.partition(" == ")
    try:
        return bool(look_up(path, found) == wanted)
    except Unresolved:
        return False
