"""A gang on Kubernetes, for its deployment."""

from metaflow import FlowSpec, kubernetes, ray_parallel, retry, step


class JobsetGangFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @retry(times=2)
    @kubernetes(cpu=2, memory=2000, shared_memory=500)
    @ray_parallel
    @step
    def train(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    JobsetGangFlow()
