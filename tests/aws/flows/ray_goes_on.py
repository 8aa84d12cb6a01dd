"""A Ray gang on Batch that goes on without a node that it has lost."""

import time

from metaflow import FlowSpec, batch, ray_parallel, step


class RayGoesOnFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @batch(cpu=1, memory=1500, shared_memory=200)
    @ray_parallel(on_worker_loss="continue")
    @step
    def train(self):
        import ray

        ray.init(log_to_driver=False)
        tasks = [ray.remote(num_cpus=0.1)(slow).remote(i) for i in range(10)]
        print("BEGINS WITH", len(ray.nodes()), flush=True)
        while sum(node["Alive"] for node in ray.nodes()) > 1:
            time.sleep(0.2)
        self.sum = sum(ray.get(tasks))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.sums = [x.sum for x in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("JOINED", self.sums)


def slow(number):
    time.sleep(1)
    return number


if __name__ == "__main__":
    RayGoesOnFlow()
