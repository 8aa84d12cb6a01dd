"""A gang whose program meets on all nodes, and then meets FAULTS, or waits for HOLD seconds.

KIND names the framework; ATTRIBUTES are the decorator's. Without a fault the program meets again.
NETNS and HOST are those of core_faults.py.
"""

import json
import os

import faults
from fault_gangs import gang
from metaflow import FlowSpec, current, retry, step, timeout
from metaflow_extensions.gangway.gang.link import rendezvous

HOLD = os.environ.get("HOLD", "0")
KIND = os.environ["KIND"]
NUM_PARALLEL = int(os.environ.get("NUM_PARALLEL", "2"))

if "NETNS" in os.environ:
    faults.enter_namespace(json.loads(os.environ["NETNS"])[bool(faults.MEETING)])
    rendezvous.host = lambda: os.environ["HOST"]
faults.fill_folders()


def run_program(fault, where):
    if KIND == "mpi":
        if fault:
            args = ["-n", str(NUM_PARALLEL)]
            current.mpi.exec(args, f"python scripts/meet_fault.py mpi {fault} {where}")
        else:
            current.mpi.cc(["-o", "meet_twice", "scripts/meet_twice.c"])
            current.mpi.exec(["-n", str(NUM_PARALLEL)], "./meet_twice", [HOLD])
        return
    run = current.torch.run if KIND == "torchrun" else current.deepspeed.run
    if fault:
        run(entrypoint="scripts/meet_fault.py", entrypoint_args=[KIND, fault, str(where)])
    else:
        run(entrypoint="scripts/meet_twice.py", entrypoint_args=[HOLD])


class ProgramFaults(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=NUM_PARALLEL)

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @timeout(seconds=int(os.environ.get("TIMEOUT", "600")))
    @gang(KIND)(**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def train(self):
        node = current.gang_node
        if node.spec.index == 0 and current.retry_count:
            faults.look_for_leftovers(node.spec.gang)
        run_program(*faults.fault_of_this_attempt())
        self.attempt = current.retry_count
        self.next(self.join)

    @step
    def join(self, inputs):
        self.attempt = inputs[0].attempt
        self.next(self.end)

    @step
    def end(self):
        print("SUCCESS in attempt", self.attempt)


if __name__ == "__main__":
    ProgramFaults()
