"""A gang without a framework on Kubernetes, whose second group of pods asks for more."""

from functools import partial

from metaflow import FlowSpec, current, kubernetes, retry, step
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.gang.decorator import GangDecorator
from metaflow_extensions.gangway.gang.programs.agents import AgentNode


class CoreDecorator(GangDecorator):
    name, folder, node_class = "core", "mf.core", AgentNode


core = partial(_base_step_decorator, CoreDecorator)


class KubeGroupsFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=4)

    @retry(times=1)
    @kubernetes(cpu=1, memory=500)
    @core(groups={"small": {"nodes": 2}, "big": {"nodes": 2, "cpu": 2, "memory": 900}})
    @step
    def train(self):
        self.node, self.of = current.parallel.node_index, current.gang_group
        self.next(self.join)

    @step
    def join(self, inputs):
        self.found = [(x.node, x.of) for x in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("FOUND", self.found)


if __name__ == "__main__":
    KubeGroupsFlow()
