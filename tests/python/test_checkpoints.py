"""Checkpoints: an attempt goes on from what the one before has stored whole."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import rflow
from conftest import FLOWS, StartFlow
from metaflow import GangCheckpoints
from metaflow.unbounded_foreach import UBF_CONTROL
from metaflow_extensions.gangway.exceptions import GangAttributeException
from metaflow_extensions.gangway.torchrun.decorator import TorchrunDecorator

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
needs_deepspeed = pytest.mark.skipif(
    find_spec("deepspeed") is None, reason="DeepSpeed is not installed"
)

OfAttempt = Callable[..., GangCheckpoints]


def here(folder: Path, attempt: int = 0) -> dict[str, str]:
    """The environment of a task's processes whose datastore is a local folder."""
    place = {"type": "local", "root": str(folder), "path": "mf.x/F/1/train/2", "attempt": attempt}
    return {"GANGWAY_CHECKPOINTS": json.dumps(place)}


@pytest.fixture
def of_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfAttempt:
    def make(attempt: int, restart: int = 0) -> GangCheckpoints:
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restart))
        for name, value in here(tmp_path / "store", attempt).items():
            monkeypatch.setenv(name, value)
        return GangCheckpoints()

    return make


def state(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def loaded(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_the_last_whole_checkpoint_is_taken(of_attempt: OfAttempt, tmp_path: Path) -> None:
    first = of_attempt(0)
    assert first.load(str(tmp_path / "none")) is None and not (tmp_path / "none").exists()
    for number in (2, 9, 10):
        first.save(state(tmp_path / "s", model=f"of {number}", deep__er__x="y"), number)
    assert first.load(str(tmp_path / "a")) == 10
    assert loaded(tmp_path / "a") == {"model": "of 10", "deep/er/x": "y"}
    # A float, as R's numbers are; another name is another training.
    first.save(state(tmp_path / "t", other="of 3"), 3.0, name="other")
    assert first.load(str(tmp_path / "b"), name="other") == 3
    assert loaded(tmp_path / "b") == {"other": "of 3"}


def test_parts_of_two_attempts_or_restarts_make_no_checkpoint(
    of_attempt: OfAttempt, tmp_path: Path
) -> None:
    for rank in (0, 1):
        of_attempt(0).save(state(tmp_path / f"s{rank}", **{f"r{rank}": "old"}), 4, rank, 2)
    of_attempt(0).save(state(tmp_path / "n0", r0="new"), 5, 0, 2)
    of_attempt(0, restart=1).save(state(tmp_path / "n1", r1="new"), 5, 1, 2)
    of_attempt(1).save(state(tmp_path / "n1", r1="new"), 5, 1, 2)
    second = of_attempt(1)
    assert second.load(str(tmp_path / "a")) == 4
    assert loaded(tmp_path / "a") == {"r0": "old", "r1": "old"}
    second.save(str(tmp_path / "n0"), 5, 0, 2)
    assert second.load(str(tmp_path / "b")) == 5
    assert loaded(tmp_path / "b") == {"r0": "new", "r1": "new"}


def test_a_file_that_is_cut_short_or_gone_is_no_checkpoint(
    of_attempt: OfAttempt, tmp_path: Path
) -> None:
    checkpoints = of_attempt(0)
    for number in (1, 2, 3):
        checkpoints.save(state(tmp_path / "s", model=f"of {number}"), number)
    stored = sorted((tmp_path / "store").rglob("model"))
    stored[2].unlink()
    stored[1].write_text("of")
    assert checkpoints.load(str(tmp_path / "a")) == 1
    assert loaded(tmp_path / "a") == {"model": "of 1"}


def test_what_is_wrong_is_said_before_anything_is_stored(
    of_attempt: OfAttempt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, folder = of_attempt(0), state(tmp_path / "s", model="x")
    for wrong, message in (
        ({"number": 1.5}, "number=1.5 is no whole number"),
        ({"number": -1}, "number=-1 is no whole number"),
        ({"number": 1, "rank": 2, "ranks": 2}, "ranks count from 0"),
        ({"number": 1, "name": "../x"}, "other characters"),
    ):
        with pytest.raises(GangAttributeException, match=message):
            checkpoints.save(folder, **wrong)
    with pytest.raises(GangAttributeException, match="there is no folder"):
        checkpoints.save(f"{folder}/none", 1)
    assert not (tmp_path / "store").exists()
    for rank in (0, 1):
        checkpoints.save(folder, 1, rank, 2)
    with pytest.raises(GangAttributeException, match="two ranks have stored a file 'model'"):
        checkpoints.load(str(tmp_path / "a"))
    monkeypatch.delenv("GANGWAY_CHECKPOINTS")
    with pytest.raises(GangAttributeException, match="belongs to no step with a gang decorator"):
        GangCheckpoints()


HANDED_ON = """
import pickle, sys
print(pickle.load(sys.stdin.buffer).load(sys.argv[1]))
"""


def test_the_object_is_handed_to_rays_tasks(of_attempt: OfAttempt, tmp_path: Path) -> None:
    checkpoints = of_attempt(0)
    checkpoints.save(state(tmp_path / "s", model="x"), 3)
    done = subprocess.run(
        [sys.executable, "-c", HANDED_ON, str(tmp_path / "a")],
        input=pickle.dumps(checkpoints),
        env={"PYTHONPATH": os.pathsep.join(sys.path), "METAFLOW_USER": "tester"},
        capture_output=True,
    )
    assert done.stdout == b"3\n", done.stderr
    assert loaded(tmp_path / "a") == {"model": "x"}


KILLED = """
import sys
from metaflow import GangCheckpoints
from metaflow.unbounded_foreach import UBF_CONTROL
GangCheckpoints().save(sys.argv[1], 2)
print("STORED")
"""


def test_a_checkpoint_whose_rank_is_killed_while_it_stores_is_none(
    of_attempt: OfAttempt, tmp_path: Path
) -> None:
    of_attempt(0).save(state(tmp_path / "s", model="of 1"), 1)
    large = tmp_path / "large"
    large.mkdir()
    with open(large / "a", "wb") as file:
        file.truncate(8 << 30)  # without a byte on the disk, and takes seconds to copy
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(large)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    begun: list[Path] = []
    while not begun:
        assert time.monotonic() < deadline and process.poll() is None
        begun = [p for p in (tmp_path / "store").rglob("2-0-0/*/a") if p.stat().st_size]
    process.send_signal(signal.SIGKILL)
    assert process.communicate()[0] == ""
    assert 0 < begun[0].stat().st_size < (large / "a").stat().st_size
    (large / "a").unlink()
    begun[0].unlink()
    assert of_attempt(1).load(str(tmp_path / "a")) == 1
    assert loaded(tmp_path / "a") == {"model": "of 1"}


R_STEPS = """
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @retry(times=1, minutes_between_retries=0)
    @torchrun
    @step
    def train(self):
        R.call("train", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
# What R stores goes by another name than what the script stores.
R_TRAIN = """train = function(self) {
  checkpoints <- current("gang_checkpoints")
  folder <- tempfile()
  last <- checkpoints$load(folder, name = "r")
  cat("R begins after", if (is.null(last)) "nothing" else readLines(file.path(folder, "x")), "\n")
  if (is.null(last) && current("parallel")$node_index == 0) {
    dir.create(folder)
    writeLines(c("7"), file.path(folder, "x"))
    checkpoints$save(folder, 7, name = "r")
  }
  current("torch")$run(entrypoint = "checkpoints.py")
}"""


@needs_torch
@pytest.mark.faults
def test_torchrun_goes_on_from_the_last_checkpoint_from_r(tmp_path: Path) -> None:
    flow = rflow.write_flow(tmp_path, R_TRAIN, R_STEPS)
    flow.write_text(flow.read_text().replace("ray_parallel", "torchrun"))
    script = FLOWS / "scripts" / "checkpoints.py"
    (tmp_path / "checkpoints.py").write_text(script.read_text())
    run = rflow.run_flow(flow, "--no-pylint", "run")
    assert run.returncode == 0, run.stdout
    resumed(run.stdout)
    assert "R begins after nothing" in run.stdout, run.stdout
    retried = run.stdout.partition("Task is starting (retry)")[2]
    assert retried.count("R begins after 7") == 2, run.stdout


def resumed(output: str) -> None:
    """Two ranks were killed in epoch 3, and went on from what they had stored after epoch 2."""
    for rank, sums in enumerate([[3, 6], [6, 12]]):
        said = re.findall(rf"\[rank {rank}\] (begins .*|epoch \d|has .*)", output)
        assert said == [
            *("begins anew", "epoch 0", "epoch 1", "epoch 2", "epoch 3"),
            *(f"begins after 2 with {sums[0]}", "epoch 3", "epoch 4", "epoch 5", f"has {sums[1]}"),
        ], output


@pytest.mark.faults
@needs_torch
def test_torchrun_goes_on_from_the_last_checkpoint(run_flow: StartFlow) -> None:
    run = run_flow(
        "torchrun_gang.py", RUN=json.dumps({"entrypoint": "scripts/checkpoints.py"}), TIMES="1"
    )
    assert run.status == 0, run.output
    resumed(run.output)


@pytest.mark.faults
@needs_torch
def test_ray_train_goes_on_from_the_last_checkpoint(run_flow: StartFlow, tmp_path: Path) -> None:
    run = run_flow("ray_checkpoints.py")
    assert run.status == 0 and "TOTAL 15" in run.output, run.output
    for rank in (0, 1):
        said = re.findall(rf"rank {rank} (.*)", (tmp_path / "said").read_text())
        assert said == [
            *("begins after -1 with 0", "epoch 0", "epoch 1", "epoch 2", "epoch 3"),
            *("begins after 2 with 3", "epoch 3", "epoch 4", "epoch 5"),
        ], run.output


@pytest.mark.faults
@needs_deepspeed
def test_deepspeed_goes_on_from_the_last_checkpoint(start_flow: StartFlow) -> None:
    entrypoint = json.dumps({"entrypoint": "scripts/deepspeed_checkpoints.py"})
    run = start_flow("deepspeed_gang.py", RUN=entrypoint, TIMES="1").wait(400)
    assert run.status == 0, run.output
    for rank in (0, 1):
        said = re.findall(rf"\[rank {rank}\] (begins .*|epoch \d|has .*)", run.output)
        assert said == [
            *("begins anew", "epoch 0", "epoch 1", "epoch 2", "epoch 3"),
            *("begins after 2 at 3", "epoch 3", "epoch 4", "epoch 5", "has 6"),
        ], run.output


@pytest.mark.faults
@needs_torch
@pytest.mark.skipif(
    find_spec("metaflow_extensions.obcheckpoint") is None,
    reason="metaflow-checkpoint is not installed",
)
def test_metaflows_own_checkpoint_knows_the_gang(run_flow: StartFlow) -> None:
    run = run_flow("metaflow_checkpoint.py")
    assert run.status == 0, run.output
    assert "control task id is not set" not in run.output
    for rank in (0, 1):
        said = re.findall(rf"\[rank {rank}\] (begins .*|epoch \d)", run.output)
        assert said == [
            *("begins anew", "epoch 0", "epoch 1", "epoch 2", "epoch 3"),
            *("begins after 2", "epoch 3", "epoch 4", "epoch 5"),
        ], run.output


def test_a_control_task_knows_from_the_start_which_it_is() -> None:
    deco = TorchrunDecorator()
    deco.checked = {"groups": None}
    deco.where = "here"
    task = SimpleNamespace(task_id=7, ubf_iter=SimpleNamespace(num_parallel=2))
    cli = SimpleNamespace(task=task, command_options={}, env={})
    deco.runtime_step_cli(cli, 0, 0, UBF_CONTROL)
    assert cli.env == {"MF_PARALLEL_CONTROL_TASK_ID": "7"}
    assert cli.command_options["num-parallel"] == "2"
