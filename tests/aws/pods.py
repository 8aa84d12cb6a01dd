"""Pods, whose container really runs."""

from __future__ import annotations

import random
import re
import string
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .container import SHARED_MEMORY_MB, Container, Image
from .network import GATEWAY, Network

# With `setHostnameAsFQDN` a pod whose name is longer than Linux's limit never starts.
LONGEST_HOST = 64
ENDED = ("Succeeded", "Failed")
_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    # A name that every container can look up there.
    "AWS_ENDPOINT_URL_SNS": f"http://{GATEWAY}:8000",
}


class Pod:
    """A pod with one container.

    Parameters
    ----------
    name, namespace : str
        The pod's.
    template : dict
        Its metadata and spec.
    image : Image
        What its container starts from, whatever image it names.
    folder : Path
        For its log and its volumes.
    host : str
        Its host's name, if that is not its own.
    ended : callable, optional
        Called once it has ended.
    """

    def __init__(
        self,
        name: str,
        namespace: str,
        template: dict[str, Any],
        image: Image,
        folder: Path,
        host: str = "",
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        metadata = template.get("metadata") or {}
        self.name, self.namespace, self.uid = name, namespace, str(uuid.uuid4())
        self.labels = dict(metadata.get("labels") or {})
        self.annotations = dict(metadata.get("annotations") or {})
        self.spec = template["spec"]
        self.phase, self.reason, self.message = "Pending", "", ""
        self.exit_code: int | None = None
        self.created, self.started, self.finished = now(), "", ""
        self.network = Network()
        self.host = self._full_host(host or name)
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self._image, self._ended = image, ended
        self._container: Container | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def _full_host(self, host: str) -> str:
        if subdomain := self.spec.get("subdomain"):
            full = f"{host}.{subdomain}.{self.namespace}.svc.cluster.local"
            return full if self.spec.get("setHostnameAsFQDN") else host
        return host

    @property
    def hosts(self) -> str:
        """What the cluster's DNS tells of it."""
        return f"{self.network.address} {self.host} {self.host.partition('.')[0]}\n"

    def start(self, hosts: str = "") -> None:
        """Run the container, with more lines for its /etc/hosts."""
        if len(self.host) > LONGEST_HOST:
            self.message = f"FQDN {self.host} is too long ({LONGEST_HOST} characters is the max)"
            return
        with self._lock:
            if self._stopped:
                return
            self.network.open()
            given = self.spec["containers"][0]
            environment = self._environment(given.get("env") or [])
            words = [*(given.get("command") or []), *(given.get("args") or [])]
            self._container = Container(
                self._image,
                self.network,
                [expand(word, environment) for word in words],
                # What the pod's service account gives on AWS.
                environment | _ACCOUNT,
                self.log,
                *self._volumes(given.get("volumeMounts") or [], hosts),
            )
            self.phase, self.started = "Running", now()
        threading.Thread(target=self._wait, daemon=True).start()

    def _volumes(
        self, mounts: list[dict[str, Any]], hosts: str
    ) -> tuple[int, str, str, dict[str, str]]:
        shared_memory, volumes = SHARED_MEMORY_MB, {}
        sizes = {v["name"]: v["emptyDir"].get("sizeLimit") for v in self.spec.get("volumes") or []}
        for mount in mounts:
            if mount["mountPath"] == "/dev/shm":
                shared_memory = int(sizes[mount["name"]].removesuffix("Mi"))
            else:
                volumes[mount["mountPath"]] = str(self.volume(mount["name"]))
        return shared_memory, self.host, hosts, volumes

    def volume(self, name: str) -> Path:
        """The folder of an `emptyDir`."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        return folder

    def _environment(self, given: list[dict[str, Any]]) -> dict[str, str]:
        found: dict[str, str] = {}
        for variable in given:
            source = (variable.get("valueFrom") or {}).get("fieldRef")
            value = self._field(source["fieldPath"]) if source else variable.get("value") or ""
            found[variable["name"]] = expand(value, found)
        return found

    def _field(self, path: str) -> str:
        """The downward API."""
        if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path):
            return str(getattr(self, match[1]).get(match[2], ""))
        return {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": self.uid,
            "spec.nodeName": "node",
            "spec.serviceAccountName": self.spec.get("serviceAccountName") or "default",
            "status.hostIP": GATEWAY,
            "status.podIP": self.network.address,
        }[path]

    def _wait(self) -> None:
        assert self._container is not None
        code = self._container.wait()
        self.network.close()
        self.exit_code, self.finished = code, now()
        self.reason = "Completed" if code == 0 else "Error"
        self.phase = "Failed" if code or self._stopped else "Succeeded"
        self._ended()

    def signal(self, number: int) -> None:
        """Signal the container's process 1."""
        if self._container is not None:
            self._container.signal(number)

    def stop(self) -> None:
        """Delete it: SIGTERM, its grace period, SIGKILL."""
        with self._lock:
            self._stopped = True
        if self._container is not None and self.phase == "Running":
            self._container.stop(min(2, self.spec.get("terminationGracePeriodSeconds") or 0))

    def describe(self) -> dict[str, Any]:
        """The object, as the API server shows it."""
        return {
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "uid": self.uid,
                "labels": self.labels,
                "annotations": self.annotations,
                "creationTimestamp": self.created,
            },
            "spec": self.spec,
            "status": {
                "phase": self.phase,
                "message": self.message,
                "hostIP": GATEWAY,
                "podIP": self.network.address,
                "containerStatuses": [self._container_status()] if self.started else None,
            },
        }

    def _container_status(self) -> dict[str, Any]:
        state: dict[str, Any] = {"running": {"startedAt": self.started}}
        if self.finished:
            times = {"startedAt": self.started, "finishedAt": self.finished}
            state = {"terminated": {"exitCode": self.exit_code, "reason": self.reason, **times}}
        container = self.spec["containers"][0]
        known = {"name": container["name"], "image": container["image"], "imageID": "sha256:0"}
        return {**known, "ready": not self.finished, "restartCount": 0, "state": state}


def expand(text: str, variables: dict[str, str]) -> str:
    """Replace ``$(NAME)`` by a variable, if there is one; ``$$`` stands for a dollar."""

    def replace(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", replace, text)


def suffix() -> str:
    """Give what Kubernetes adds to names that it generates."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=5))


def now() -> str:
    """Give the time as Kubernetes writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
