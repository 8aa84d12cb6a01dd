"""Fine-tuning of a language model that is too large for one GPU, on a cluster of one step.

Ray Train starts the workers; PyTorch's FSDP shares parameters, gradients and the optimizer's state
out over them.

    python large_model.py run --model path/to/checkpoint --text corpus.txt
    python large_model.py run --model path/to/checkpoint --text corpus.txt --workers 8 --bf16 True

The checkpoint is a folder as Hugging Face's save_pretrained() writes it (config.json,
*.safetensors, the tokenizer's files), where each node can read it. Each epoch is stored below
current.ray_storage_path, the last one also as such a folder. If a worker dies, Ray Train starts all
of them again, and they go on from the last epoch that was stored.

Needs: pip install "ray[train]" torch transformers
"""

import os
import tempfile

from metaflow import FlowSpec, Parameter, current, ray_parallel, step


def load_sharded(config):
    """The model, shared out over the workers, and this worker's device."""
    import torch
    import torch.distributed as dist
    from ray.train.torch import get_device
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
    from transformers import AutoConfig, AutoModelForCausalLM

    device = get_device()
    # No worker ever holds the whole model: it is made without memory, and sharded ...
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(config["model"]), dtype=torch.float32
        )
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16 if config["bf16"] else None)
    for module in model.modules():
        if type(module).__name__ in (model._no_split_modules or ()):
            fully_shard(module, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    model.to_empty(device=device)
    model.tie_weights()
    # ... and only the first one reads the checkpoint, into main memory, and hands out the shards.
    whole = None
    if dist.get_rank() == 0:
        whole = AutoModelForCausalLM.from_pretrained(config["model"], dtype=torch.float32)
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
    set_model_state_dict(model, whole.state_dict() if whole else {}, options=options)
    for (
        name,
        buffer,
    ) in model.named_buffers():  # such as rotary frequencies, which no checkpoint holds
        if whole:
            buffer.copy_(whole.get_buffer(name))
        dist.broadcast(buffer, src=0)
    return model, device


def my_batches(config):
    """This worker's share of the text: batches of token numbers, as many as the others have."""
    import torch
    import torch.distributed as dist
    from transformers import AutoTokenizer

    with open(config["text"], encoding="utf-8") as file:
        tokens = AutoTokenizer.from_pretrained(config["model"])(file.read())["input_ids"]
    rows = config["batch"] * dist.get_world_size()
    usable = len(tokens) // (config["length"] * rows) * config["length"] * rows
    if not usable:
        raise ValueError(f"{config['text']} has {len(tokens)} tokens, fewer than one batch takes.")
    blocks = torch.tensor(tokens[:usable]).view(-1, config["length"])
    return blocks[dist.get_rank() :: dist.get_world_size()].split(config["batch"])


def store(model, optimizer, config, epoch, loss):
    """Report an epoch: each worker its shards; after the last one, the first a whole model."""
    import ray.train
    import torch.distributed as dist
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import (
        StateDictOptions,
        get_model_state_dict,
        get_state_dict,
    )
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        weights, state = get_state_dict(model, optimizer)
        dcp.save({"model": weights, "optimizer": state, "epoch": epoch}, checkpoint_id=folder)
        if epoch + 1 == config["epochs"]:
            options = StateDictOptions(full_state_dict=True, cpu_offload=True)
            whole = get_model_state_dict(model, options=options)  # empty but on the first worker
            if dist.get_rank() == 0:
                model.save_pretrained(os.path.join(folder, "model"), state_dict=whole)
                AutoTokenizer.from_pretrained(config["model"]).save_pretrained(
                    os.path.join(folder, "model")
                )
        ray.train.report(
            {"epoch": epoch, "loss": loss}, checkpoint=ray.train.Checkpoint.from_directory(folder)
        )


def restore(model, optimizer):
    """Take up what was stored before a worker died; return the epoch to do next."""
    import ray.train
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return 0
    weights, state = get_state_dict(model, optimizer)
    stored = {"model": weights, "optimizer": state, "epoch": 0}
    with checkpoint.as_directory() as folder:
        dcp.load(stored, checkpoint_id=folder)
    set_state_dict(
        model, optimizer, model_state_dict=stored["model"], optim_state_dict=stored["optimizer"]
    )
    return stored["epoch"] + 1


def train_loop(config):
    """What each of Ray Train's workers runs."""
    import torch
    import torch.distributed as dist

    torch.manual_seed(config["seed"])
    model, device = load_sharded(config)
    model.gradient_checkpointing_enable()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["rate"])
    batches = my_batches(config)
    for epoch in range(restore(model, optimizer), config["epochs"]):
        total = torch.zeros((), device=device)
        for batch in batches:
            batch = batch.to(device)
            loss = model(input_ids=batch, labels=batch, use_cache=False).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.detach()
        dist.all_reduce(total)
        store(model, optimizer, config, epoch, total.item() / len(batches) / dist.get_world_size())


class LargeModelFlow(FlowSpec):
    model = Parameter("model", help="Folder of a Hugging Face checkpoint", required=True)
    text = Parameter("text", help="Text to train on", required=True)
    workers = Parameter("workers", help="Workers, one a node", default=2)
    epochs = Parameter("epochs", help="Passes over the text", default=2)
    length = Parameter("length", help="Tokens of a sequence", default=512)
    batch = Parameter("batch", help="Sequences a worker takes at a time", default=4)
    rate = Parameter("rate", help="Learning rate", default=1e-4)
    bf16 = Parameter("bf16", help="Compute in bfloat16", default=False)

    @step
    def start(self):
        self.next(self.tune, num_parallel=self.workers)

    @ray_parallel
    @step
    def tune(self):
        import ray
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        ray.init(log_to_driver=False)
        names = ("epochs", "length", "batch", "rate", "bf16")
        config = {name: getattr(self, name) for name in names}
        result = TorchTrainer(
            train_loop,
            train_loop_config={
                **config,
                "model": os.path.abspath(self.model),
                "text": os.path.abspath(self.text),
                "seed": 1,
            },
            scaling_config=ScalingConfig(
                num_workers=self.workers, use_gpu="GPU" in ray.cluster_resources()
            ),
            run_config=RunConfig(
                name="large_model",
                storage_path=current.ray_storage_path,
                checkpoint_config=CheckpointConfig(num_to_keep=2),
                failure_config=FailureConfig(max_failures=2),
            ),
        ).fit()
        self.loss = result.metrics["loss"]
        self.tuned = os.path.join(result.checkpoint.path, "model")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print(
            f"{self.epochs} epochs by {self.workers} workers, loss in the last one {self.loss:.3f}"
        )
        print("the tuned model:", self.tuned)


if __name__ == "__main__":
    LargeModelFlow()
