"""A gang whose program meets on all nodes, waits for HOLD seconds, and meets again.

KIND names the framework; NETNS and HOST are those of core_faults.py.
"""

import json
import os

import faults
from metaflow import FlowSpec, current, mpi, step, torchrun
from metaflow_extensions.gangway.gang import rendezvous

MEETING = os.environ.get("GANGWAY_MEETING", "")  # in the tasks of workers alone
HOLD = os.environ.get("HOLD", "0")
KIND = os.environ["KIND"]

if "NETNS" in os.environ:
    faults.enter_namespace(json.loads(os.environ["NETNS"])[bool(MEETING)])
    rendezvous.host = lambda: os.environ["HOST"]
faults.fill_folders()


def run_program():
    if KIND == "torchrun":
        current.torch.run(entrypoint="scripts/meet_twice.py", entrypoint_args=[HOLD])
    else:
        current.mpi.cc(["-o", "meet_twice", "scripts/meet_twice.c"])
        current.mpi.exec(["-n", "2"], "./meet_twice", [HOLD])


class ProgramFaults(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @{"mpi": mpi, "torchrun": torchrun}[KIND](**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def train(self):
        run_program()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProgramFaults()
