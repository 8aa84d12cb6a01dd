"""A flow that others disturb: it says WORKING, works for HOLD seconds, says WORKED, and adds up.

KIND is a gang's (fault_gangs.py), and "parallel" for Metaflow's own.
"""

import json
import os
import time

from fault_gangs import gang
from metaflow import FlowSpec, current, parallel, retry, step

HOLD = float(os.environ.get("HOLD", "2"))
KIND = os.environ["KIND"]
SQUARES = 30


def work():
    """Work on all nodes; return what a node adds to the result."""
    if KIND == "ray_parallel":
        import ray

        ray.init(log_to_driver=False)
        square = ray.remote(lambda i: time.sleep(HOLD / 10) or i * i)
        return sum(ray.get([square.remote(i) for i in range(SQUARES)]))
    if KIND == "mpi":
        current.mpi.cc(["-o", "meet_twice", "scripts/meet_twice.c"])
        current.mpi.exec(["-n", "2"], "./meet_twice", [str(HOLD)])
    elif KIND == "torchrun":
        current.torch.run(entrypoint="scripts/meet_twice.py", entrypoint_args=[str(HOLD)])
    else:
        time.sleep(HOLD)
    return 1


def on_nodes(function):
    if KIND == "parallel":
        return parallel(function)
    return gang(KIND)(heartbeat_timeout=float(os.environ["HEARTBEAT"]))(function)


class RandomFaults(FlowSpec):
    @step
    def start(self):
        self.next(self.work, num_parallel=2)

    @retry(times=4, minutes_between_retries=0)
    @on_nodes
    @step
    def work(self):
        print("WORKING", flush=True)
        self.value = work()
        print("WORKED", flush=True)
        self.next(self.join)

    @retry(times=4, minutes_between_retries=0)
    @step
    def join(self, inputs):
        self.values = [i.value for i in inputs if hasattr(i, "value")]
        self.next(self.end)

    @retry(times=4, minutes_between_retries=0)
    @step
    def end(self):
        print("RESULT", json.dumps(self.values))


if __name__ == "__main__":
    RandomFaults()
