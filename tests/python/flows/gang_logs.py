"""A gang whose workers print what MODE says, on every node or in Ray's tasks."""

import contextlib
import os
import sys
import time

from gang_profile import gang
from metaflow import FlowSpec, current, step

MODE = os.environ.get("MODE", "few")


def speak(index):
    print(f"stdout of {index}: nótė")
    print(f"stderr of {index}", file=sys.stderr)
    os.system(f"echo a child of {index}")
    if index and MODE == "many":
        for i in range(50_000):
            print(f"line {i} of {index}")
        print("y" * 10_000)
        sys.stdout.write("no end of line")
    if index and MODE == "kill":
        os.kill(os.getpid(), 9)
    if MODE == "stubborn":
        if index == 0:
            time.sleep(1)
            os.kill(os.getpid(), 9)
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(60)
    if index and MODE == "fail":
        raise ValueError(f"node {index} cannot")


class GangLogs(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=int(os.environ.get("NUM_PARALLEL", "2")))

    @gang
    @step
    def train(self):
        if os.environ.get("GANG") == "ray":
            import ray

            remote = ray.remote(speak)
            ray.init()
            for node in ray.nodes():
                index = int(node["NodeName"].removeprefix("node-"))
                near = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                    node["NodeID"], soft=False
                )
                ray.get(remote.options(scheduling_strategy=near).remote(index))
        else:
            speak(current.parallel.node_index)
        if MODE == "live" and current.parallel.node_index == 0:
            time.sleep(5)
            print("CONTROL ENDS")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GangLogs()
