"""Six epochs on each rank, each of which is stored; rank 1 is killed in epoch 3 of attempt 0."""

import os
import signal
import tempfile

import torch
import torch.distributed as dist
from metaflow import GangCheckpoints

dist.init_process_group("gloo")
rank, ranks = dist.get_rank(), dist.get_world_size()
checkpoints = GangCheckpoints()
with tempfile.TemporaryDirectory() as folder:
    last = checkpoints.load(folder)
    first = last is None
    mine = torch.zeros(1) if first else torch.load(f"{folder}/rank-{rank}.pt")
print("begins", "anew" if first else f"after {last} with {mine.item():g}", flush=True)
for epoch in range(0 if first else last + 1, 6):
    total = torch.ones(1) * rank
    dist.all_reduce(total)
    mine += total + rank
    print(f"epoch {epoch}", flush=True)
    if first and epoch == 3 and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)  # the checkpoint of this epoch lacks a part
    with tempfile.TemporaryDirectory() as folder:
        torch.save(mine, f"{folder}/rank-{rank}.pt")
        checkpoints.save(folder, epoch, rank=rank, ranks=ranks)
print(f"has {mine.item():g}", flush=True)
dist.destroy_process_group()
