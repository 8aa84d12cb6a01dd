"""A gang whose decorator gets its attributes from the environment."""

import json
import os

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
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GangAttributes()
