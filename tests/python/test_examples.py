"""The Python flows of inst/examples, run as a user runs them, on small sizes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from conftest import ROOT, StartFlow

EXAMPLES = ROOT / "inst" / "examples"
HOUSES = ROOT.parent / "shared" / "data" / "california_housing.csv"
SENTENCE = "the quick brown fox jumps over the lazy dog. "


def run_example(start_flow: StartFlow, name: str, *args: str) -> str:
    """Run an example to its end and return what its steps printed."""
    # Offline: no example may look for models elsewhere.
    run = start_flow(str(EXAMPLES / name), *args, HF_HUB_OFFLINE="1").wait(280)
    assert run.status == 0, run.output
    return re.sub(r"(?m)^.*\(pid \d+\)\] ", "", run.output)


def need(*modules: str) -> None:
    for module in modules:
        pytest.importorskip(module, reason=f"the Python package {module} is not installed")


def test_every_flow_among_the_examples_is_run_here() -> None:
    tests = Path(__file__).read_text()
    for flow in EXAMPLES.glob("*.py"):
        assert f'"{flow.name}"' in tests or "FlowSpec" not in flow.read_text(), flow


@pytest.mark.faults  # of a kind with random_forests.R, which make test runs
def test_random_forests(start_flow: StartFlow) -> None:
    need("sklearn", "pandas")
    sizes = ("--forests", "4", "--trees", "12", "--data", str(HOUSES))
    said = run_example(start_flow, "random_forests.py", *sizes)
    rows = 20640 if HOUSES.exists() else 5000
    assert f"4 forests of 12 trees on {rows} houses" in said
    assert "times as fast" in said


@pytest.mark.faults  # it takes long; test_large_model has Ray Train, too
def test_xgboost_train(start_flow: StartFlow) -> None:
    need("sklearn", "xgboost", "ray.train", "ray.data")
    said = run_example(start_flow, "xgboost_train.py", "--rounds", "5")
    assert "5 trees, grown by 2 workers of 2000 rows" in said
    errors = re.search(r"in training (0\.\d+), on held-out rows (0\.\d+)", said)
    assert errors, said


@pytest.mark.faults
def test_tune_optuna(start_flow: StartFlow) -> None:
    need("sklearn", "xgboost", "optuna", "ray.tune")
    said = run_example(start_flow, "tune_optuna.py", "--trials", "2")
    assert "2 points tried" in said


def test_large_model(start_flow: StartFlow, tmp_path: Path) -> None:
    need("torch", "transformers", "ray.train")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, text = make_checkpoint(tmp_path)
    given = ("--model", str(model), "--text", str(text), "--length", "16", "--epochs", "2")
    said = run_example(start_flow, "large_model.py", *given, "--rate", "0.01")
    tuned_at = re.search(r"the tuned model: (.*)", said)
    assert tuned_at, said
    # A checkpoint like the one that was given, below the step's storage, has learned the text.
    assert os.path.join("mf.ray_decorator", "LargeModelFlow") in tuned_at[1]
    before, after = map(AutoModelForCausalLM.from_pretrained, (model, tuned_at[1]))
    assert before.state_dict().keys() == after.state_dict().keys()
    tokens = AutoTokenizer.from_pretrained(tuned_at[1])(SENTENCE, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        losses = [m(input_ids=tokens, labels=tokens).loss.item() for m in (before, after)]
    assert losses[1] < losses[0] / 2, losses


def make_checkpoint(folder: Path) -> tuple[Path, Path]:
    """Write a randomly initialised model of 30,000 parameters with its tokenizer, and a text."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    text = folder / "corpus.txt"
    text.write_text(SENTENCE * 200)
    pieces = ByteLevelBPETokenizer()
    pieces.train_from_iterator([SENTENCE], vocab_size=300)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    model = folder / "checkpoint"
    LlamaForCausalLM(config).save_pretrained(model)
    PreTrainedTokenizerFast(tokenizer_object=pieces._tokenizer, eos_token=".").save_pretrained(
        model
    )
    return model, text
