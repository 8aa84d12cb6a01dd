"""A gang whose control task calls methods of `current.mpi`, as CALLS (a JSON list) says."""

import json
import os
import sys
import time

from metaflow import FlowSpec, current, mpi, retry, step

CALLS = json.loads(os.environ.get("CALLS", "[]"))


class MpiGang(FlowSpec):
    @step
    def start(self):
        self.next(self.compute, num_parallel=int(os.environ.get("NUM_PARALLEL", "2")))

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @mpi(**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def compute(self):
        print("STORAGE", current.gang_storage_path)
        for name, arguments in CALLS:
            began = time.monotonic()
            getattr(current.mpi, name)(**arguments)
            print(f"CALLED {name} in {time.monotonic() - began:.2f} s", file=sys.stderr)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MpiGang()
