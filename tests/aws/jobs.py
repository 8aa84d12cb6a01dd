"""Jobs of Batch: what is asked for, and how they run and end."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .container import SHARED_MEMORY_MB, Container, Image
from .network import GATEWAY, Network

QUEUE, ENVIRONMENT = "gangway-queue", "gangway-compute"


@dataclass
class Node:
    """One node of a job; a plain job has one."""

    index: int
    properties: dict[str, Any]
    network: Network = field(default_factory=Network)
    status: str = "RUNNABLE"
    exit_code: int | None = None
    reason: str | None = None
    container: Container | None = None

    def requirement(self, kind: str) -> int:
        """VCPU, MEMORY or GPU; the later one counts, which is an override."""
        wanted = self.properties.get("resourceRequirements", [])
        return int(next((x["value"] for x in reversed(wanted) if x["type"] == kind), 0))


class Job:
    """A job with its nodes, run by a thread of its own."""

    def __init__(
        self, request: dict[str, Any], nodes: list[Node], multinode: bool, folder: Path
    ) -> None:
        self.id = str(uuid.uuid4())
        self.request = request
        self.nodes = nodes
        self.multinode = multinode
        self.folder = folder / self.id
        self.folder.mkdir(parents=True)
        self.status = "SUBMITTED"
        self.reason: str | None = None
        self.created, self.started, self.stopped = _now(), 0, 0
        self._lock = threading.Lock()
        self._ending: str | None = None

    def start(self, image: Image, grace: float) -> None:
        threading.Thread(target=self._run, args=(image, grace), daemon=True).start()

    def terminate(self, reason: str, grace: float) -> None:
        """End all nodes, as TerminateJob does."""
        with self._lock:
            if self._ending is not None or self.stopped:
                return
            self._ending = reason
        self._stop(self.nodes, grace)

    def _run(self, image: Image, grace: float) -> None:
        self.status = "STARTING"
        main, workers = self.nodes[0], self.nodes[1:]
        random.shuffle(workers)
        for node in [main, *workers]:
            node.network.open()
        for node in [main, *workers]:
            with self._lock:
                if self._ending is None:
                    self._start_node(node, image)
        self.status, self.started = "RUNNING", _now()
        # The main node alone tells how the job ends; the others go with it.
        waiting = [_in_thread(self._wait, node) for node in self.nodes if node.container]
        if waiting:
            waiting[0].join()
        self._stop(workers, grace)
        for thread in waiting:
            thread.join()
        for node in self.nodes:
            node.network.close()
        self._end(main)

    def _end(self, main: Node) -> None:
        ok = main.exit_code == 0 and self._ending is None
        self.reason = self._ending or ("Essential container in task exited" if not ok else None)
        self.stopped = _now()
        self.status = "SUCCEEDED" if ok else "FAILED"

    def _start_node(self, node: Node, image: Image) -> None:
        memory = node.properties.get("linuxParameters", {}).get("sharedMemorySize")
        node.container = Container(
            image,
            node.network,
            node.properties["command"],
            self._environment(node),
            self.folder / f"{node.index}.log",
            int(memory or SHARED_MEMORY_MB),
        )
        node.status = "RUNNING"

    def _environment(self, node: Node) -> dict[str, str]:
        """The variables of the job, and those that Batch sets itself."""
        given = node.properties.get("environment", [])
        environment = {x["name"]: x["value"] for x in given}
        name = f"{self.id}#{node.index}" if self.multinode else self.id
        environment.update(
            AWS_BATCH_JOB_ID=name,
            AWS_BATCH_JOB_ATTEMPT="1",
            AWS_BATCH_CE_NAME=ENVIRONMENT,
            AWS_BATCH_JQ_NAME=QUEUE,
            AWS_EXECUTION_ENV="AWS_ECS_EC2",
            ECS_CONTAINER_METADATA_URI_V4=f"http://{GATEWAY}:8002/v4/{self.id}/{node.index}",
            # What the role of the job gives on AWS.
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            # A name that every container can look up there.
            AWS_ENDPOINT_URL_SECRETS_MANAGER=f"http://{GATEWAY}:8000",
        )
        if self.multinode:
            environment.update(
                AWS_BATCH_JOB_NODE_INDEX=str(node.index),
                AWS_BATCH_JOB_NUM_NODES=str(len(self.nodes)),
                AWS_BATCH_JOB_MAIN_NODE_INDEX="0",
            )
            if node.index:
                main = self.nodes[0].network.address
                environment["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = main
        return environment

    def _wait(self, node: Node) -> None:
        assert node.container is not None
        node.exit_code = node.container.wait()
        ok = node.exit_code == 0
        node.status = "SUCCEEDED" if ok else "FAILED"
        # 137 is what a container shows that ran out of memory; only Docker knows more.
        node.reason = None if ok else "Essential container in task exited"

    def _stop(self, nodes: list[Node], grace: float) -> None:
        stopping = [_in_thread(node.container.stop, grace) for node in nodes if node.container]
        for thread in stopping:
            thread.join()


def _in_thread(function: Callable[..., Any], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def _now() -> int:
    return int(time.time() * 1000)
