"""Trains a line with DeepSpeed's engine and ZeRO, on the CPU."""

import argparse

import deepspeed
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--local_rank", type=int)
parser.parse_args()

torch.manual_seed(1)
model = torch.nn.Linear(4, 1)
config = {
    "train_micro_batch_size_per_gpu": 8,
    "optimizer": {"type": "SGD", "params": {"lr": 0.1}},
    "zero_allow_untested_optimizer": True,
    "zero_optimization": {"stage": 1},
}
engine, _, _, _ = deepspeed.initialize(
    model=model, model_parameters=model.parameters(), config=config
)
x = torch.randn(8, 4)
y = x.sum(dim=1, keepdim=True)
losses = []
for _ in range(5):
    loss = torch.nn.functional.mse_loss(engine(x), y)
    engine.backward(loss)
    engine.step()
    losses.append(loss.item())
print("the loss fell" if losses[-1] < losses[0] else f"the loss did not fall: {losses}")
torch.distributed.destroy_process_group()
