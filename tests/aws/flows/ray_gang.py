"""A Ray gang of NODES nodes that looks at itself."""

import json
import os
import subprocess
import sys

from metaflow import FlowSpec, batch, current, ray_parallel, step

NODES = int(os.environ.get("NODES", "2"))
STRANGER = """
import os
from ray._raylet import GcsClient
GcsClient(address=os.environ["RAY_ADDRESS"]).get_all_node_info(timeout=5)
print("A STRANGER IS IN")
"""


class RayGangFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=NODES)

    @batch(cpu=1, memory=2000, shared_memory=300)
    @ray_parallel
    @step
    def train(self):
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

        ray.init(log_to_driver=False)

        @ray.remote(num_cpus=1)
        def where():
            print("HELLO from a worker")
            return ray.util.get_node_ip_address()

        nodes = [node for node in ray.nodes() if node["Alive"]]
        there = [where.options(scheduling_strategy=On(x["NodeID"], soft=False)) for x in nodes]
        self.addresses = ray.get([each.remote() for each in there])
        self.cpus = [node["Resources"]["CPU"] for node in nodes]
        self.memory = [node["Resources"]["memory"] / 2**20 for node in nodes]
        self.store = [node["Resources"]["object_store_memory"] / 2**20 for node in nodes]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
        command = ["timeout", "15", sys.executable, "-c", STRANGER]
        stranger = subprocess.run(command, env=environment, capture_output=True, text=True)
        self.stranger = stranger.stdout + stranger.stderr
        self.main = current.parallel.main_ip
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.ok = [each._task_ok for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        names = ("addresses", "cpus", "memory", "store", "stranger", "main", "ok")
        print("FOUND", json.dumps({name: getattr(self, name) for name in names}))


if __name__ == "__main__":
    RayGangFlow()
