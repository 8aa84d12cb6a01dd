"""What gangs on several machines are made of, without machines; tests/aws has those."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow.plugins.datastores.local_storage import LocalStorage
from metaflow_extensions.gangway.exceptions import GangFormationException, GangLostException
from metaflow_extensions.gangway.gang.link import channel
from metaflow_extensions.gangway.gang.link.lifeline import ControlLifeline
from metaflow_extensions.gangway.gang.link.rendezvous import Meeting, Published
from metaflow_extensions.gangway.gang.machine import address
from metaflow_extensions.gangway.gang.machine.container import Container, container_of
from metaflow_extensions.gangway.gang.machine.cpus import cores
from metaflow_extensions.gangway.gang.node import NodeSpec
from metaflow_extensions.gangway.mf import batch
from metaflow_extensions.gangway.ray.resources import container_resources

SECRET = b"s" * 32


def place(folder: Path, attempt: int = 0, seconds: float = 20) -> Published:
    datastore = SimpleNamespace(_storage_impl=LocalStorage(str(folder)))
    parts = ("Flow", "12", "train", "3")
    return Published(datastore, *parts, attempt=attempt, seconds=seconds, where="here")


def test_workers_find_control_through_the_datastore(tmp_path: Path) -> None:
    found: list[Meeting] = []
    worker = threading.Thread(target=lambda: found.append(place(tmp_path).take()))
    worker.start()
    control = place(tmp_path)
    control.offer(Meeting("10.0.0.1:5", "abcd", SECRET))
    worker.join(20)
    assert found == [Meeting("10.0.0.1:5", "abcd", SECRET)]
    with pytest.raises(GangFormationException, match=r"here: .* 0\.3 s"):
        place(tmp_path, attempt=1, seconds=0.3).take()  # what another attempt has left
    again = place(tmp_path, attempt=1)  # the first control was killed
    again.offer(Meeting("10.0.0.1:6", "abcd", SECRET))
    again.withdraw()
    left = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(SECRET.hex() in text for text in left)
    with pytest.raises(GangFormationException):
        place(tmp_path, seconds=0.3).take()


@pytest.fixture
def control() -> Any:
    made = ControlLifeline("127.0.0.1", SECRET, 3, 0, 60, lambda _: None)
    made.start()
    yield made
    made.stop()


def test_control_waits_until_workers_have_stored(control: ControlLifeline) -> None:
    host, _, port = control.address.partition(":")
    workers = [channel.connect(host, int(port), SECRET) for _ in range(2)]
    for index, worker in enumerate(workers, start=1):
        worker.send("hello", index=index, attempt=0)
    until(lambda: len(control.connected) == 2)
    control.end("done")
    for worker in workers:
        worker.send("gone")
    assert control.wait_gone(60) == set()
    assert not control.stored()  # the nodes are down, and their tasks still at work
    workers[0].send("stored")
    workers[0].close()
    time.sleep(0.2)
    assert not control.stored()
    workers[1].close()
    with pytest.raises(GangLostException, match="task of node 2 ended before it had stored"):
        until(control.stored)


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_only_the_task_id_of_a_command_becomes_the_workers() -> None:
    command = (
        "export MF_PATHSPEC=Flow/3/train/3 MF_ATTEMPT=3 && python3 get.py s3://b3/3 && "
        "python flow.py --datastore-root s3://b3 step train --run-id 3 --task-id 3 --retry-count 3 "
        "--ubf-context ubf_control [multinode-args]"
    )
    assert batch.worker_command(command, "3") == (
        "export MF_PATHSPEC=Flow/3/train/3-node-$AWS_BATCH_JOB_NODE_INDEX MF_ATTEMPT=3 && python3 "
        "get.py s3://b3/3 && python flow.py --datastore-root s3://b3 step train --run-id 3 "
        "--task-id 3-node-$AWS_BATCH_JOB_NODE_INDEX --retry-count 3 --ubf-context ubf_task "
        "--split-index $AWS_BATCH_JOB_NODE_INDEX"
    )


def test_a_dead_node_is_told_as_batch_knows_it() -> None:
    node = {"jobId": "ab#2", "container": {"exitCode": 137, "reason": "OutOfMemoryError"}}
    assert batch.failure(node) == "node 2 failed: exit code 137, OutOfMemoryError"
    gone = "Host EC2 (instance i-1) terminated."
    assert batch.failure({"jobId": "ab#1", "statusReason": gone}) == f"node 1 failed: {gone}"


def test_a_container_is_what_the_step_has_asked_for() -> None:
    asked = {"cpu": "1", "gpu": "2", "memory": "500"}
    decorators = [SimpleNamespace(name=n, attributes=asked) for n in ("retry", "batch")]
    assert container_of(decorators) == Container(1, 2, 500 * 2**20)
    everything = container_of(decorators[:1])
    assert (everything.cpus, everything.gpus) == (cores(), None)
    attributes = dict.fromkeys(("num_cpus", "num_gpus", "object_store_memory", "resources"))
    spec = NodeSpec("ab", 0, 1, SECRET, local=False, attributes=attributes)
    found = container_resources(spec, Container(3, 2, 2000 * 2**20))
    assert (found.num_cpus, found.num_gpus, found.memory) == (3, 2, 1400 * 2**20)
    assert found.object_store_memory is not None
    assert 80 * 2**20 <= found.object_store_memory <= 600 * 2**20


def test_a_node_has_an_address_for_others() -> None:
    assert address.address_towards("127.0.0.1") == "127.0.0.1"
    assert address.own_address().count(".") == 3


NOTICE = """
import os, signal, metaflow
from metaflow.metaflow_current import current
from metaflow_extensions.gangway.signals.eviction import eviction_reason, note_termination
note_termination()
assert eviction_reason() is None
current._update_env({"spot_termination_notice": os.environ["NOTICE"]})
print(eviction_reason())
os.remove(os.environ["NOTICE"])
os.kill(os.getpid(), signal.SIGTERM)
print(eviction_reason())
"""


def test_a_node_learns_that_it_must_go(tmp_path: Path) -> None:
    notice = tmp_path / "notice"
    notice.write_text("2026-11-21T12:00:00Z\n")
    root = str(Path(__file__).parents[2] / "python")
    result = subprocess.run(
        [sys.executable, "-c", NOTICE],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": root, "NOTICE": str(notice)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines() == [
        "EC2 takes its Spot machine away at 2026-11-21T12:00:00Z",
        "it was told to end (SIGTERM)",
    ]
