"""The cloud's server: first process of namespaces of its own, which are gone when it ends.

It ends with its standard input, on which it takes orders: one JSON a line, and one to answer.
usage: python -m aws.server FOLDER IMAGE-AS-JSON
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer

from . import batch_api, kube_api, machine, metadata, network, web
from .container import Image
from .jobs import Job

S3_PORT, BATCH_PORT, CONTAINER_PORT, METADATA_PORT = 8000, 8001, 8002, 8003
KUBERNETES_PORT = 6443


class Server:
    """All services, and the orders of the test."""

    def __init__(self, folder: Path, image: Image) -> None:
        self.batch = batch_api.Batch(image, folder)
        self.metadata = metadata.Metadata()
        self.machine = machine.Machine(self.batch)
        self.kubernetes = kube_api.Kubernetes(image, folder / "pods")

    def start(self) -> None:
        host = network.GATEWAY
        ThreadedMotoServer(host, S3_PORT, verbose=False).start()
        version = {"METADATA_SERVICE_VERSION": metadata.VERSION}
        web.serve(host, BATCH_PORT, self.batch.routes(), {})
        web.serve(host, CONTAINER_PORT, self.machine.container_routes(), {})
        web.serve(host, METADATA_PORT, self.metadata.routes(), version)
        json_type = {"Content-Type": "application/json"}
        web.serve(host, KUBERNETES_PORT, self.kubernetes.routes(), json_type)
        web.serve(network.INSTANCE_METADATA, 80, self.machine.instance_routes(), {})

    def obey(self, order: dict[str, Any]) -> Any:
        """Do what the test asks for."""
        name = order.pop("order")
        if name == "jobs":
            return [describe(job) for job in list(self.batch.jobs.values())]
        if name == "pods":
            return [pod.describe() | {"log": str(pod.log)} for pod in self.kubernetes.pods]
        if name == "kill pod":
            (pod,) = [x for x in self.kubernetes.pods if x.name == order["pod"]]
            return pod.signal(order["signal"])
        if name == "ids":
            return self.metadata.start_ids_at(order["first"])
        if name == "spot":
            self.machine.spot_notice = order["notice"]
            return None
        job = self.batch.jobs[order["job"]]
        if name == "kill":
            container = job.nodes[order["node"]].container
            assert container is not None
            return container.signal(order["signal"])
        assert name == "terminate", name
        return job.terminate(order["reason"], batch_api.GRACE)


def describe(job: Job) -> dict[str, Any]:
    """Everything about a job that a test may look at."""
    nodes = [
        {
            "index": node.index,
            "status": node.status,
            "exit_code": node.exit_code,
            "reason": node.reason,
            "address": node.network.address,
            "log": str(job.folder / f"{node.index}.log"),
            "command": node.properties["command"],
            "environment": {x["name"]: x["value"] for x in node.properties["environment"]},
        }
        for node in job.nodes
    ]
    name = job.request["jobName"]
    return {
        "id": job.id,
        "name": name,
        "status": job.status,
        "reason": job.reason,
        "request": job.request,
        "nodes": nodes,
    }


def main() -> None:
    # Ctrl-C is for the test, which then lets go of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder, image = sys.argv[1:]
    network.set_up()
    server = Server(Path(folder), Image(**json.loads(image)))
    server.start()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(server.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
