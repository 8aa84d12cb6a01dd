"""Six epochs with DeepSpeed's engine and ZeRO; rank 1 is killed in epoch 3 of attempt 0."""

import argparse
import os
import signal
import tempfile

import deepspeed
import torch
from metaflow import GangCheckpoints

parser = argparse.ArgumentParser()
parser.add_argument("--local_rank", type=int)
parser.parse_args()

torch.manual_seed(1)
model = torch.nn.Linear(4, 1)
config = {
    "train_micro_batch_size_per_gpu": 8,
    "optimizer": {"type": "Adam", "params": {"lr": 0.1, "torch_adam": True}},
    "zero_allow_untested_optimizer": True,
    "zero_optimization": {"stage": 1},
}
engine, _, _, _ = deepspeed.initialize(
    model=model, model_parameters=model.parameters(), config=config
)
x = torch.randn(8, 4)
y = x.sum(dim=1, keepdim=True)
rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
checkpoints = GangCheckpoints()
with tempfile.TemporaryDirectory() as folder:
    last = checkpoints.load(folder)
    first = last is None
    if not first:
        engine.load_checkpoint(folder, tag="state")
print("begins", "anew" if first else f"after {last} at {engine.global_steps}", flush=True)
for epoch in range(0 if first else last + 1, 6):
    loss = torch.nn.functional.mse_loss(engine(x), y)
    engine.backward(loss)
    engine.step()
    print(f"epoch {epoch}", flush=True)
    if first and epoch == 3 and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    with tempfile.TemporaryDirectory() as folder:
        # Each rank writes its own files, the folder is made by the first one alone.
        os.makedirs(f"{folder}/state")
        engine.save_checkpoint(folder, tag="state", save_latest=False)
        checkpoints.save(folder, epoch, rank=rank, ranks=ranks)
print(f"has {engine.global_steps}", flush=True)
torch.distributed.destroy_process_group()
