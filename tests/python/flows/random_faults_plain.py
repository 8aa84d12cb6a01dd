"""The same as random_faults.py for a foreach, without a gang."""

import json
import os
import time

from metaflow import FlowSpec, retry, step


class RandomFaultsPlain(FlowSpec):
    @step
    def start(self):
        self.items = [0, 1]
        self.next(self.work, foreach="items")

    @retry(times=4, minutes_between_retries=0)
    @step
    def work(self):
        print("WORKING", flush=True)
        time.sleep(float(os.environ.get("HOLD", "2")))
        self.value = 1
        print("WORKED", flush=True)
        self.next(self.join)

    @retry(times=4, minutes_between_retries=0)
    @step
    def join(self, inputs):
        self.values = [i.value for i in inputs]
        self.next(self.end)

    @retry(times=4, minutes_between_retries=0)
    @step
    def end(self):
        print("RESULT", json.dumps(self.values))


if __name__ == "__main__":
    RandomFaultsPlain()
