"""A gang of two groups without a framework; a node of the second one fails once."""

import time
from functools import partial

from metaflow import FlowSpec, current, retry, step
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.gang.decorator import GangDecorator
from metaflow_extensions.gangway.gang.programs.agents import AgentNode


class CoreDecorator(GangDecorator):
    name, folder, node_class = "core", "mf.core", AgentNode


core = partial(_base_step_decorator, CoreDecorator)


class GangGroups(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @retry(times=1, minutes_between_retries=0)
    @core(groups={"control": {"cpu": 1}, "big": {"nodes": 2, "cpu": 4}})
    @step
    def train(self):
        self.group = current.gang_group
        print("in the group", self.group)
        if current.retry_count == 0:
            if current.parallel.node_index == 2:
                raise ValueError("no luck")
            time.sleep(60)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.groups = [x.group for x in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("FOUND", self.groups)


if __name__ == "__main__":
    GangGroups()
