"""A gang that runs a script of DeepSpeed, the way that RUN (a JSON object) says."""

import json
import os

from metaflow import FlowSpec, current, deepspeed, resources, retry, step

RUN = json.loads(os.environ.get("RUN", "{}"))


class DeepspeedGang(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=int(os.environ.get("NUM_PARALLEL", "2")))

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @resources(cpu=int(os.environ.get("SLOTS", "1")))
    @deepspeed
    @step
    def train(self):
        self.node = current.parallel.node_index
        self.kept = current.deepspeed.run(**RUN)
        self.next(self.join)

    @step
    def join(self, inputs):
        print("RESULT", json.dumps([[i.node for i in inputs], [i.kept for i in inputs]]))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DeepspeedGang()
