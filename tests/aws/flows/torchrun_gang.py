"""torch.distributed on two nodes, with the script that SCRIPT names."""

import os

from metaflow import FlowSpec, batch, current, environment, retry, step, torchrun


class TorchrunGangFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @environment(vars={"SCRIPT": os.environ.get("SCRIPT", "torch_sum.py")})
    @batch(cpu=2, memory=2000)
    @torchrun
    @step
    def train(self):
        ranks = 2 if os.environ["SCRIPT"] == "torch_sum.py" else 1
        current.torch.run(entrypoint=os.environ["SCRIPT"], nproc_per_node=ranks)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TorchrunGangFlow()
