"""Each attempt meets the next of the faults named in FAULTS; the one after the last succeeds."""

import os
import time

from metaflow import FlowSpec, current, ray_parallel, retry, step
from own_faults import worker_task

FAULTS = os.environ["FAULTS"].split()


def meet(fault):
    print(f"FAULT {fault} {time.time()}", flush=True)
    if fault == "stubborn":
        worker_task().kill()
        while True:
            try:
                time.sleep(60)
            except BaseException as error:
                print(f"SWALLOWED {type(error).__name__}", flush=True)
    time.sleep(60)


class GangFaults(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @ray_parallel
    @step
    def train(self):
        import ray

        ray.init(log_to_driver=False)
        assert len(ray.nodes()) == 2
        self.attempt = current.retry_count
        if current.retry_count < len(FAULTS):
            meet(FAULTS[current.retry_count])
        print("USER CODE ENDS", flush=True)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print("SUCCESS in attempt", self.attempt)


if os.environ.get("GANGWAY_MEETING") and "die_early" in FAULTS:
    raise SystemExit("the worker dies before it joins")

if __name__ == "__main__":
    GangFaults()
