"""A gang of three nodes without a framework, each of whose attempts meets one of FAULTS."""

import json
import os
import signal
import time
from functools import partial

from metaflow import FlowSpec, batch, current, retry, step
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.gang.agents import AgentNode
from metaflow_extensions.gangway.gang.decorator import GangDecorator

FAULTS = json.loads(os.environ.get("FAULTS", '["none"]'))


class CoreDecorator(GangDecorator):
    name, folder, node_class = "core", "mf.core", AgentNode


core = partial(_base_step_decorator, CoreDecorator)


class FaultsGangFlow(FlowSpec):
    @step
    def start(self):
        self.faults = FAULTS
        self.next(self.train, num_parallel=3)

    @retry(times=4, minutes_between_retries=0)
    @batch(cpu=1, memory=500)
    @core(heartbeat_timeout=10)
    @step
    def train(self):
        fault, index = self.faults[current.retry_count], current.parallel.node_index
        print(f"MEETS {fault} on {index}", flush=True)
        self.attempt, self.index = current.retry_count, index
        if fault == "raise" and index == 2:
            raise ValueError("there are no data")
        if fault == "kill" and index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "terminate" and index == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        if fault == "store" and index == 2:
            self.unstorable = (x for x in "ab")
        elif fault != "none":
            time.sleep(100)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.found = [(x.index, x.attempt, x._task_ok) for x in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("FOUND", self.found)


if __name__ == "__main__":
    FaultsGangFlow()
