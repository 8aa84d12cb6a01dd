"""A gang that is profiled; its control task works, its workers sleep, or it fails (MODE)."""

import json
import os
import time
from functools import partial

from metaflow import FlowSpec, current, gang_profile, ray_parallel, step
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.tensorflow.decorator import TensorflowDecorator


class Everywhere(TensorflowDecorator):
    """A gang whose every node runs the step's code, without any library."""

    def check_installed(self):
        pass


everywhere = partial(_base_step_decorator, Everywhere)
gang = {"ray": ray_parallel, "everywhere": everywhere}[os.environ.get("GANG", "everywhere")]


def work(seconds):
    memory = bytearray(200_000_000)
    with open("written", "wb") as file:
        file.write(memory[:50_000_000])
        os.fsync(file.fileno())
    end = time.time() + seconds
    while time.time() < end:
        pass


class GangProfile(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=int(os.environ.get("NUM_PARALLEL", "2")))

    @gang_profile(**json.loads(os.environ.get("ATTRIBUTES", '{"interval": 0.2}')))
    @gang
    @step
    def train(self):
        if current.parallel.node_index == 0:
            work(float(os.environ.get("SECONDS", "2")))
        else:
            time.sleep(1)
        if os.environ.get("MODE") == "fail":
            raise ValueError("it fails")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @gang_profile(interval=0.2)
    @step
    def end(self):
        work(1)


if __name__ == "__main__":
    GangProfile()
