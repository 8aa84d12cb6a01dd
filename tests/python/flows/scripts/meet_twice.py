"""Ranks that meet, wait for as many seconds as the argument says, and meet again."""

import sys
import time

import torch
import torch.distributed as dist

seconds = float(next(word for word in sys.argv[1:] if not word.startswith("--")))
dist.init_process_group("gloo")
for word in ("HOLDING", "MET AGAIN"):
    dist.all_reduce(torch.ones(1))
    print(word, flush=True)
    if word == "HOLDING":
        time.sleep(seconds)
dist.destroy_process_group()
