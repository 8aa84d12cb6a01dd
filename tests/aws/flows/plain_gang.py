"""Metaflow's own gang of two nodes on Batch; the other steps stay here."""

from metaflow import FlowSpec, batch, current, parallel, step


class PlainGangFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @batch(cpu=1, memory=2000)
    @parallel
    @step
    def train(self):
        self.node = current.parallel.node_index
        self.main = current.parallel.main_ip
        self.next(self.join)

    @step
    def join(self, inputs):
        self.nodes = [(x.node, x.main) for x in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("nodes", self.nodes)


if __name__ == "__main__":
    PlainGangFlow()
