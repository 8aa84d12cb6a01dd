"""The sum of the ranks and one each, over all ranks."""

import socket

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank = dist.get_rank()
total = torch.tensor([rank + 1])
dist.all_reduce(total)
print(f"RANK {rank} of {socket.gethostname()}: sum {total.item()}")
dist.destroy_process_group()
