"""A gang of the core without any framework, whose attempts meet FAULTS; see faults.py.

ATTRIBUTES are the decorator's; HOLD is how long its code takes; NETNS has the network namespaces of
control's and the workers' nodes, and HOST is control's address then.
"""

import json
import os
import time
from functools import partial

import faults
from metaflow import FlowSpec, current, retry, step, timeout
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.gang import channel, rendezvous
from metaflow_extensions.gangway.gang.agents import AgentNode
from metaflow_extensions.gangway.gang.channel import ChannelClosed
from metaflow_extensions.gangway.gang.decorator import GangDecorator

MEETING = os.environ.get("GANGWAY_MEETING", "")  # in the tasks of workers alone
HOLD = float(os.environ.get("HOLD", "0"))
NUM_PARALLEL = int(os.environ.get("NUM_PARALLEL", "2"))


faults.fill_folders()


class CoreDecorator(GangDecorator):
    name, folder, node_class = "core", "mf.core", AgentNode

    def add_to_current(self, flow, run_id, retry_count):
        super().add_to_current(flow, run_id, retry_count)
        current._update_env({"core": self._node})


core = partial(_base_step_decorator, CoreDecorator)


if "NETNS" in os.environ:
    faults.enter_namespace(json.loads(os.environ["NETNS"])[bool(MEETING)])
    rendezvous.host = lambda: os.environ["HOST"]
if MEETING and f"never_join@{os.environ['MF_PARALLEL_NODE_INDEX']}" in faults.FAULTS:
    faults.announce("never_join")
    time.sleep(600)


def join_again():
    """Try to join once more with what the worker knows, and with a wrong secret."""
    address, _, secret = MEETING.split(" ")[:3]
    host, _, port = address.partition(":")
    for key in (bytes.fromhex(secret), b"x" * 32):
        try:
            peer = channel.connect(host, int(port), key)
            peer.send("hello", index=1, attempt=0)
            while peer.receive():
                pass
        except ChannelClosed as error:
            print("REFUSED", error, flush=True)


def all_are_here(node):
    node.board.post(f"here/{node.spec.index}", True)
    node.board.wait(*[f"here/{i}" for i in range(node.spec.num_nodes)])


class CoreFaults(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=NUM_PARALLEL)

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @timeout(seconds=int(os.environ.get("TIMEOUT", "600")))
    @core(**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def train(self):
        node, index = current.core, current.parallel.node_index
        if index == 0 and current.retry_count:
            faults.look_for_leftovers(node.spec.gang)
        all_are_here(node)
        fault, where = faults.fault_of_this_attempt()
        if fault == "join_again":
            if index:
                join_again()
        elif fault:
            if index == where:
                faults.announce(fault)
                faults.own_fault(fault)
            time.sleep(60)
        if index == 0:
            print("HOLDING", flush=True)
        time.sleep(HOLD)
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
