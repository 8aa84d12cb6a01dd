"""Ranks that meet, wait for as many seconds as the argument says, and meet again."""

import sys
import time

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
for word in ("HOLDING", "MET AGAIN"):
    dist.all_reduce(torch.ones(1))
    print(word, flush=True)
    if word == "HOLDING":
        time.sleep(float(sys.argv[1]))
dist.destroy_process_group()
