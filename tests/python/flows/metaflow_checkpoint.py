"""Metaflow's own @checkpoint on a gang; the step's task hands its folder to the ranks."""

from metaflow import FlowSpec, checkpoint, current, retry, step, torchrun


class MetaflowCheckpoint(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @checkpoint
    @retry(times=1, minutes_between_retries=0)
    @torchrun
    @step
    def train(self):
        loaded = current.checkpoint.directory if current.checkpoint.is_loaded else ""
        current.torch.run(entrypoint="scripts/metaflow_checkpoint.py", entrypoint_args_raw=[loaded])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MetaflowCheckpoint()
