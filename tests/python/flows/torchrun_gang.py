"""A gang that runs a script of torch.distributed, the way that RUN (a JSON object) says."""

import json
import os

from metaflow import FlowSpec, current, retry, step, torchrun

RUN = json.loads(os.environ.get("RUN", "{}"))


class TorchrunGang(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=int(os.environ.get("NUM_PARALLEL", "2")))

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @torchrun(**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def train(self):
        self.node = current.parallel.node_index
        self.storage = current.gang_storage_path
        self.kept = current.torch.run(**RUN)
        self.next(self.join)

    @step
    def join(self, inputs):
        nodes = [i.node for i in inputs]
        print("RESULT", json.dumps([nodes, inputs[0].storage, [i.kept for i in inputs]]))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TorchrunGang()
