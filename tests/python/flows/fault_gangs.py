"""Gang decorators for the fault matrix, whose step code and workers can meet faults."""

import os
from functools import partial
from importlib import import_module

import faults
from metaflow import current
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.gang.decorator import GangDecorator
from metaflow_extensions.gangway.gang.link import channel
from metaflow_extensions.gangway.gang.link.channel import ChannelClosed
from metaflow_extensions.gangway.gang.programs.agents import AgentNode
from own_faults import own_fault


class CoreDecorator(GangDecorator):
    """A gang without any framework."""

    name, folder, node_class = "core", "mf.core", AgentNode


def framework(kind):
    """The decorator of a framework, or `CoreDecorator`."""
    if kind == "core":
        return CoreDecorator
    module = import_module(f"metaflow_extensions.gangway.{kind.partition('_')[0]}.decorator")
    return getattr(module, "".join(map(str.capitalize, kind.split("_"))) + "Decorator")


def gang(kind):
    """A gang decorator whose node is `current.gang_node`, and whose workers do as control tells."""

    class FaultsDecorator(framework(kind)):
        def add_to_current(self, flow, run_id, retry_count):
            super().add_to_current(flow, run_id, retry_count)
            current._update_env({"gang_node": self.node})
            if faults.MEETING:
                self._start, self.node.start = self.node.start, self._start_and_obey

        def _start_and_obey(self, head):
            self._start(head)
            self.node.board.listen("fault", self._obey)
            if faults.fault_of_this_attempt() == ("join_again", self.node.spec.index):
                join_again()

        def _obey(self, _, said):
            if said[1] == self.node.spec.index:
                own_fault(said[0])

    return partial(_base_step_decorator, FaultsDecorator)


def join_again():
    """Try to join once more with what the worker knows, and with a wrong secret."""
    address, _, secret = faults.MEETING.split(" ")[:3]
    host, _, port = address.partition(":")
    for key in (bytes.fromhex(secret), b"x" * 32):
        try:
            peer = channel.connect(host, int(port), key)
            peer.send("hello", index=int(os.environ["MF_PARALLEL_NODE_INDEX"]), attempt=0)
            while peer.receive():
                pass
        except ChannelClosed as error:
            print("REFUSED", error, flush=True)
