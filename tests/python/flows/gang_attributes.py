"""A gang whose decorator gets its attributes from the environment."""

import json
import os
import time

from metaflow import FlowSpec, ray_parallel, step

NUM_PARALLEL = json.loads(os.environ.get("NUM_PARALLEL", "2"))


class GangAttributes(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=NUM_PARALLEL)

    @ray_parallel(**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def train(self):
        print("USER CODE RUNS")
        if os.environ.get("USE_WORKERS"):
            import ray

            ray.init(log_to_driver=False)
            ray.get([ray.remote(speak).remote() for _ in range(4)])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


def speak():
    time.sleep(0.5)
    print("a worker speaks")


if __name__ == "__main__":
    GangAttributes()
