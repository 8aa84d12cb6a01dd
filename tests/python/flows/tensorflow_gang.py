"""A gang that trains a line under MultiWorkerMirroredStrategy; FAIL names a node that fails."""

import json
import os

from metaflow import FlowSpec, current, step, tensorflow

FAIL = int(os.environ.get("FAIL", "-1"))


class TensorflowGang(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=int(os.environ.get("NUM_PARALLEL", "2")))

    @tensorflow
    @step
    def train(self):
        self.config = json.loads(os.environ["TF_CONFIG"])
        self.node = current.parallel.node_index
        if self.node == FAIL:
            raise ValueError("this node cannot go on")
        if os.environ.get("TRAIN"):
            self.train_a_line()
        self.next(self.join)

    def train_a_line(self):
        import tensorflow as tf

        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        self.replicas = strategy.num_replicas_in_sync
        with strategy.scope():
            slope = tf.Variable(0.0)

        @tf.function
        def train():
            def one():
                gradient = 2.0 * (slope - 3.0)
                both = tf.distribute.get_replica_context().all_reduce("MEAN", gradient)
                slope.assign_sub(0.1 * both)

            strategy.run(one)

        for _ in range(50):
            train()
        self.slope = float(slope.numpy())

    @step
    def join(self, inputs):
        if os.environ.get("TRAIN"):
            print("TRAINED", [(i.replicas, round(i.slope, 2)) for i in inputs])
        print("RESULT", json.dumps([i.config for i in inputs]))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TensorflowGang()
