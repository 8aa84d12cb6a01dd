"""What a node can ask about itself: ECS about its container, EC2 about its machine."""

from __future__ import annotations

import json

from . import web
from .batch_api import Batch


class Machine:
    """The two metadata services that every node of Batch can reach."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        # None: the machines are no Spot machines; empty: no notice has come yet.
        self.spot_notice: str | None = None

    def container_routes(self) -> list[web.Route]:
        """``ECS_CONTAINER_METADATA_URI_V4``."""
        return [("GET", r"/v4/([^/]+)/(\d+)(/task)?", self._container)]

    def _container(self, job: str, index: str, task: str | None, data: object) -> web.Answer:
        node = self.batch.jobs[job].nodes[int(index)]
        # ECS counts 1024 shares of a CPU; for a whole task, CPUs.
        vcpu, memory = node.requirement("VCPU"), node.requirement("MEMORY")
        cpu = vcpu if task else 1024 * vcpu
        return 200, {"Limits": {"CPU": cpu, "Memory": memory}, "LogOptions": {}}

    def instance_routes(self) -> list[web.Route]:
        """EC2's instance metadata."""
        document = {
            "instanceId": "i-0123456789abcdef0",
            "instanceType": "c6i.large",
            "region": "us-east-1",
            "availabilityZone": "us-east-1a",
        }
        return [
            ("PUT", "/latest/api/token", lambda data: (200, "token")),
            (
                "GET",
                "/latest/dynamic/instance-identity/document",
                lambda data: (200, json.dumps(document)),
            ),
            ("GET", "/latest/meta-data/instance-life-cycle", self._life_cycle),
            ("GET", "/latest/meta-data/spot/termination-time", self._notice),
        ]

    def _life_cycle(self, data: object) -> web.Answer:
        return 200, "spot" if self.spot_notice is not None else "on-demand"

    def _notice(self, data: object) -> web.Answer:
        return (200, self.spot_notice) if self.spot_notice else (404, "")
