"""Ray Train on a gang: six epochs, and the driver is killed in epoch 3 of the first attempt."""

import json
import os
import signal
import time

from metaflow import FlowSpec, current, ray_parallel, retry, step


def stored(folder):
    """How many checkpoints Ray Train has noted; it does so about a second later."""
    try:
        with open(f"{folder}/train/checkpoint_manager_snapshot.json") as file:
            return len(json.load(file)["checkpoint_results"])
    except (OSError, ValueError):
        return 0


def epochs(config):
    import tempfile

    import ray.train

    def say(text):  # to a file, as Ray Train prints some lines twice
        with open(config["said"], "a") as file:
            file.write(f"rank {rank} {text}\n")

    checkpoint = ray.train.get_checkpoint()
    done, total = -1, 0
    if checkpoint:
        with checkpoint.as_directory() as folder, open(f"{folder}/state") as file:
            done, total = map(int, file.read().split())
    rank = ray.train.get_context().get_world_rank()
    say(f"begins after {done} with {total}")
    for epoch in range(done + 1, 6):
        total += epoch
        say(f"epoch {epoch}")
        if epoch == 3 and config["first"]:
            while stored(config["folder"]) < 3:
                time.sleep(0.1)
            os.kill(config["driver"], signal.SIGKILL)
            signal.pause()
        if rank == 0:
            with tempfile.TemporaryDirectory() as folder:
                with open(f"{folder}/state", "w") as file:
                    file.write(f"{epoch} {total}")
                checkpoint = ray.train.Checkpoint.from_directory(folder)
                ray.train.report({"total": total}, checkpoint=checkpoint)
        else:
            ray.train.report({"total": total})


class RayCheckpoints(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @retry(times=1, minutes_between_retries=0)
    @ray_parallel(num_cpus=2)
    @step
    def train(self):
        import ray
        from ray.train import RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        ray.init()
        trainer = TorchTrainer(
            epochs,
            train_loop_config={
                "first": current.retry_count == 0,
                "driver": os.getpid(),
                "folder": current.gang_checkpoint_path,
                "said": os.path.abspath("said"),
            },
            scaling_config=ScalingConfig(num_workers=2),
            run_config=RunConfig(name="train", storage_path=current.gang_checkpoint_path),
        )
        self.total = trainer.fit().metrics["total"]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print("TOTAL", self.total)


if __name__ == "__main__":
    RayCheckpoints()
