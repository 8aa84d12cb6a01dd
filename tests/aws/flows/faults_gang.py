"""A gang of two nodes without a framework, whose attempts meet FAULTS one after the other."""

import json
import os
import signal
import time
from functools import partial

from metaflow import FlowSpec, batch, current, retry, step
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.gang.decorator import GangDecorator
from metaflow_extensions.gangway.gang.programs.agents import AgentNode

FAULTS = json.loads(os.environ.get("FAULTS", "[]"))


class CoreDecorator(GangDecorator):
    name, folder, node_class = "core", "mf.core", AgentNode


core = partial(_base_step_decorator, CoreDecorator)


class FaultsGangFlow(FlowSpec):
    @step
    def start(self):
        self.faults = FAULTS
        self.next(self.train, num_parallel=2)

    @retry(times=4, minutes_between_retries=0)
    @batch(cpu=1, memory=500)
    @core
    @step
    def train(self):
        fault, self.node = self.faults[current.retry_count], current.parallel.node_index
        self.attempt = current.retry_count
        print(f"MEETS {fault}", flush=True)
        if fault == "raise" and self.node == 1:
            raise ValueError("there are no data")
        if fault == "kill" and self.node == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault != "none":
            time.sleep(100)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.found = [(x.node, x.attempt, x._task_ok) for x in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("FOUND", self.found)


if __name__ == "__main__":
    FaultsGangFlow()
