"""torch.distributed on two nodes."""

from metaflow import FlowSpec, batch, current, step, torchrun


class TorchrunGangFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @batch(cpu=2, memory=2000)
    @torchrun
    @step
    def train(self):
        current.torch.run(entrypoint="torch_sum.py", nproc_per_node=2)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TorchrunGangFlow()
