"""Adds up all ranks on the CPU; FAIL names a rank that fails, or is killed, before that."""

import argparse
import os
import signal
import time

import torch
import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=int, default=1)
parser.add_argument("--note", default="")
parser.add_argument("--folder")
parser.add_argument("--fail", type=int, default=-1)
parser.add_argument("--how", default="raise")
parser.add_argument("--local_rank", type=int)  # what DeepSpeed adds
parser.add_argument("rest", nargs="*")
args = parser.parse_args()

dist.init_process_group("gloo")
rank = dist.get_rank()
total = torch.ones(1) * rank * args.factor
dist.all_reduce(total)
print(f"rank {rank} of {dist.get_world_size()}: sum {total.item():g} {args.note} {args.rest}")
if args.folder:
    os.makedirs(args.folder, exist_ok=True)
    with open(os.path.join(args.folder, f"{rank}.txt"), "w") as file:
        file.write(str(rank))
if rank == args.fail:
    print(f"FAULT {time.time()}", flush=True)
    if args.how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    dist.destroy_process_group()  # its threads may abort a process that ends with them
    raise ValueError(f"rank {rank} cannot go on")
if args.fail >= 0:
    time.sleep(60)
dist.destroy_process_group()
