# PyTorch on two nodes with torchrun, with checkpoints: what an attempt has learned, the next one goes on from.
#
#   Rscript torch_train.R
#   Rscript torch_train.R run --epochs 200 --with retry
#
# Needs, in Python: pip install torch

library(gangway)

# What each rank runs. Its folder for checkpoints is on the run's datastore, beside those of earlier attempts.
train <- '
import argparse, glob, os
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--folder")
args = parser.parse_args()

dist.init_process_group("gloo")
rank, ranks = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
x = torch.linspace(-3, 3, 600).unsqueeze(1)
y = torch.sin(x) + 0.1 * torch.randn_like(x)
x, y = x[rank::ranks], y[rank::ranks]  # this rank\'s share

model = DistributedDataParallel(
    torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
begin = 0
stored = glob.glob(os.path.join(os.path.dirname(args.folder), "*", "checkpoint.pt"))
if stored:  # of an attempt that has failed
    state = torch.load(max(stored, key=os.path.getmtime))
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    begin = state["epoch"] + 1

for epoch in range(begin, args.epochs):
    loss = torch.nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()  # averages the gradients of all ranks
    optimizer.step()
    if rank == 0 and (epoch + 1) % 20 == 0:
        os.makedirs(args.folder, exist_ok=True)
        part = os.path.join(args.folder, "part")
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "epoch": epoch, "loss": loss.item()}, part)
        os.replace(part, os.path.join(args.folder, "checkpoint.pt"))
if rank == 0:
    print(f"epochs {begin + 1} to {args.epochs} by {ranks} ranks", flush=True)
dist.destroy_process_group()
'

train_on_gang <- function(self) {
  script <- tempfile(fileext = ".py")
  writeLines(train, script)
  self$folder <- current("gang_storage_path")
  current("torch")$run(entrypoint = script, entrypoint_args = list(epochs = self$epochs, folder = self$folder))
}

read_model <- function(self, inputs) {
  merge_artifacts(self, inputs[1])
  torch <- reticulate::import("torch")
  state <- torch$load(file.path(self$folder, "checkpoint.pt"))
  self$weights <- lapply(state$model, function(weights) weights$numpy()) # R's own arrays
  self$loss <- state$loss
}

result <- metaflow("TorchTrain") |>
  parameter("epochs", help = "Passes over the data", default = 200L) |>
  step(step = "start", next_step = "train", num_parallel = 2) |>
  step(decorator("torchrun"), step = "train", r_function = train_on_gang, next_step = "gather") |>
  step(step = "gather", join = TRUE, r_function = read_model, next_step = "end") |>
  step(step = "end", r_function = function(self) {
    cat(sprintf("mean squared error %.4f (the noise alone: 0.01)\n", self$loss))
    cat("weights in R:", vapply(self$weights, function(x) paste(dim(x), collapse = "x"), ""), "\n")
  }) |>
  run()
