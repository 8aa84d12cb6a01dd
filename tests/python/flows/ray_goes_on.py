"""A Ray gang of three nodes that begins with two, and meets FAULTS: [node, signal] each."""

import json
import os
import sys
import time

import psutil
from metaflow import FlowSpec, current, ray_parallel, step

FAULTS = json.loads(os.environ.get("FAULTS", "[]"))
ATTRIBUTES = {"on_worker_loss": "continue", "min_nodes": 2}
ATTRIBUTES |= json.loads(os.environ.get("ATTRIBUTES", "{}"))


class RayGoesOn(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @ray_parallel(**ATTRIBUTES)
    @step
    def train(self):
        import ray

        ray.init(log_to_driver=False)
        print("BEGINS WITH", current.gang_formed_seconds > 0, flush=True)
        while nodes(ray) < 3:
            time.sleep(0.1)
        tasks = [ray.remote(num_cpus=0)(slow).remote(i) for i in range(30)]
        for node, number in FAULTS:
            os.kill(worker(node), number)
            left = 2 if (node, number) == tuple(FAULTS[0]) else 1
            while nodes(ray) > left:
                time.sleep(0.1)
        self.sum = sum(ray.get(tasks))
        print("SUM", self.sum, flush=True)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.inputs_there = sum(1 for _ in inputs)
        self.sums = [x.sum for x in inputs if hasattr(x, "sum")]
        self.next(self.end)

    @step
    def end(self):
        print("JOINED", self.inputs_there, self.sums)


def slow(number):
    time.sleep(0.2)
    return number


def nodes(ray):
    return sum(node["Alive"] for node in ray.nodes())


def worker(node):
    """Give the process of a worker's task."""
    for child in psutil.Process().children():
        words = child.cmdline()
        if "--split-index" in words and words[words.index("--split-index") + 1] == str(node):
            return child.pid
    sys.exit(f"no worker {node}")


if __name__ == "__main__":
    RayGoesOn()
