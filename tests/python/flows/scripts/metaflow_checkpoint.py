"""Six epochs, stored with Metaflow's Checkpoint; rank 1 is killed in epoch 3 of attempt 0."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import torch.distributed as dist
from metaflow import Checkpoint

dist.init_process_group("gloo")
rank = dist.get_rank()
last = int(Path(sys.argv[1], "epoch").read_text()) if sys.argv[1] else None
print("begins", "anew" if last is None else f"after {last}", flush=True)
for epoch in range(0 if last is None else last + 1, 6):
    print(f"epoch {epoch}", flush=True)
    if epoch == 3 and last is None and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    dist.barrier()
    if rank == 0:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "epoch").write_text(str(epoch))
            Checkpoint().save(folder, name=f"epoch-{epoch}")
    dist.barrier()
dist.destroy_process_group()
