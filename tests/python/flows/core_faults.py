"""A gang whose attempts meet FAULTS (faults.py) in tasks and step code, without a program's help.

KIND names the framework, and is "core" for none. ATTRIBUTES are the decorator's; HOLD is how long
its code takes; NETNS has the network namespaces of control's and the workers' nodes, and HOST is
control's address then.
"""

import json
import os
import time

import faults
from fault_gangs import gang
from metaflow import FlowSpec, current, retry, step, timeout
from metaflow_extensions.gangway.gang.link import rendezvous
from own_faults import announce, own_fault

HOLD = float(os.environ.get("HOLD", "0"))
NUM_PARALLEL = int(os.environ.get("NUM_PARALLEL", "2"))


faults.fill_folders()
if "NETNS" in os.environ:
    faults.enter_namespace(json.loads(os.environ["NETNS"])[bool(faults.MEETING)])
    rendezvous.host = lambda: os.environ["HOST"]
if faults.MEETING and f"never_join@{os.environ['MF_PARALLEL_NODE_INDEX']}" in faults.FAULTS:
    announce("never_join")
    time.sleep(600)


def all_are_here(node):
    if node.everywhere:
        node.board.post(f"here/{node.spec.index}", True)
        node.board.wait(*[f"here/{i}" for i in range(node.spec.num_nodes)])


def meet_fault(node):
    """Meet the attempt's fault on its node; workers that run no code do so as control tells."""
    fault, where = faults.fault_of_this_attempt()
    if fault in ("", "join_again") or fault.startswith("store_"):
        return
    if node.spec.index == where:
        announce(fault)
        own_fault(fault)
    elif not node.everywhere:
        announce(fault)
        node.board.post("fault", [fault, where])
    time.sleep(60)


class StoringFault:
    """Meets the attempt's fault on its node when Metaflow stores it."""

    def __init__(self, index):
        fault, where = faults.fault_of_this_attempt()
        self.fault = fault if index == where and fault.startswith("store_") else ""

    def __reduce__(self):
        if self.fault:
            announce(self.fault)
            own_fault(self.fault)
        return (str, ())


class CoreFaults(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=NUM_PARALLEL)

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @timeout(seconds=int(os.environ.get("TIMEOUT", "600")))
    @gang(os.environ.get("KIND", "core"))(**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def train(self):
        node = current.gang_node
        if node.spec.index == 0 and current.retry_count:
            faults.look_for_leftovers(node.spec.gang)
        all_are_here(node)
        meet_fault(node)
        if node.spec.index == 0:
            print("HOLDING", flush=True)
        time.sleep(HOLD)
        self.stored_last = StoringFault(node.spec.index)
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
    CoreFaults()
