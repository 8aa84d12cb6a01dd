"""A gang that is profiled; its control task works, its workers sleep, or it fails (MODE).

Of a gang of Ray, an actor and a worker work; of one of MPI, the ranks do.
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from metaflow import FlowSpec, current, gang_profile, mpi, ray_parallel, step
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.tensorflow.decorator import TensorflowDecorator


class Everywhere(TensorflowDecorator):
    """A gang whose every node runs the step's code, without any library."""

    def check_installed(self):
        pass


everywhere = partial(_base_step_decorator, Everywhere)
GANG = os.environ.get("GANG", "everywhere")
gang = {"ray": ray_parallel(num_cpus=2), "mpi": mpi, "everywhere": everywhere}[GANG]
SECONDS = float(os.environ.get("SECONDS", "2"))


def work(seconds):
    memory = bytearray(200_000_000)
    with open("written", "wb") as file:
        file.write(memory[:50_000_000])
        os.fsync(file.fileno())
    end = time.time() + seconds
    while time.time() < end:
        pass


def work_on_ray(seconds):
    import ray

    @ray.remote(num_cpus=1)
    class Counter:
        def count(self):
            work(seconds)

    ray.init()
    counter, on_worker = Counter.remote(), ray.remote(num_cpus=1)(work)
    ray.get([counter.count.remote(), on_worker.remote(seconds)])


class GangProfile(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=int(os.environ.get("NUM_PARALLEL", "2")))

    @gang_profile(**json.loads(os.environ.get("ATTRIBUTES", '{"interval": 0.2}')))
    @gang
    @step
    def train(self):
        if GANG == "ray":
            work_on_ray(SECONDS)
        elif GANG == "mpi":
            script = Path(__file__).parent / "scripts" / "use_gpu.py"
            current.mpi.run(["-n", "3"], sys.executable, [str(script)])
        elif current.parallel.node_index == 0:
            work(SECONDS)
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
