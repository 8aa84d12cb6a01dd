"""The gang core without a framework: lifeline, attributes, processes, rendezvous."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait

import pytest
from metaflow_extensions.gangway import times
from metaflow_extensions.gangway.exceptions import (
    GangAttributeException,
    GangLostException,
    GangRuntimeException,
)
from metaflow_extensions.gangway.gang import attributes
from metaflow_extensions.gangway.gang.link import channel
from metaflow_extensions.gangway.gang.link.channel import Channel, ChannelClosed
from metaflow_extensions.gangway.gang.link.lifeline import ControlLifeline
from metaflow_extensions.gangway.gang.link.rendezvous import Inherited, Meeting
from metaflow_extensions.gangway.gang.link.standstill import Standstill
from metaflow_extensions.gangway.gang.machine import processes
from metaflow_extensions.gangway.gang.machine.ports import free_port
from metaflow_extensions.gangway.gang.node import NodeSpec

SECRET = b"s" * 32


class Control:
    """A control lifeline of three nodes that records its loss."""

    def __init__(self, heartbeat_timeout: float = 60) -> None:
        self.lost = threading.Event()
        self.line = ControlLifeline(
            "127.0.0.1", SECRET, 3, 0, heartbeat_timeout, lambda _: self.lost.set()
        )
        self.line.start()
        host, _, port = self.line.address.partition(":")
        self.address = (host, int(port))

    def join(self, index: int, attempt: int = 0, secret: bytes = SECRET) -> Channel:
        peer = channel.connect(*self.address, secret)
        peer.send("hello", index=index, attempt=attempt)
        return peer

    def wait_connected(self, count: int) -> set[int]:
        deadline = time.monotonic() + 60
        while len(self.line.connected) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.line.connected

    def why(self) -> str:
        assert self.lost.wait(60)
        assert isinstance(self.line.lost, GangLostException)
        return str(self.line.lost.message)


@pytest.fixture
def control() -> Iterator[Control]:
    made = Control()
    yield made
    made.line.stop()


def test_workers_meet_control_and_learn_the_head(control: Control) -> None:
    first = control.join(1)
    control.wait_connected(1)
    control.line.announce({"address": "here"})
    second = control.join(2)  # late, and told nevertheless
    for peer in (first, second):
        assert peer.poll(5) and peer.receive() == {"type": "head", "head": {"address": "here"}}
    assert control.wait_connected(2) == {1, 2}
    control.line.end("done")
    for peer in (first, second):
        assert peer.poll(5) and peer.receive()["outcome"] == "done"
        peer.send("gone")
    assert control.line.wait_gone(5) == set()
    first.close()
    assert not control.lost.wait(0.2)


def test_strangers_do_not_get_in_and_hold_up_nobody(control: Control) -> None:
    silent = socket.create_connection(control.address)
    with socket.create_connection(control.address) as garbage:
        garbage.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
    with pytest.raises(ChannelClosed, match="authentication failed"):
        control.join(1, secret=b"x" * 32)
    for index, attempt in ((0, 0), (3, 0), (1, 1)):  # no such node, another attempt
        with pytest.raises(ChannelClosed):
            control.join(index, attempt).receive()
    first = control.join(1)
    assert control.wait_connected(1) == {1}
    with pytest.raises(ChannelClosed):  # the place is taken
        control.join(1).receive()
    assert not control.lost.is_set()
    first.close()
    silent.close()


@pytest.mark.parametrize("data", [b"no json", b"[1]", b"{}", b"x" * (channel.MAX_BYTES + 1)])
def test_a_worker_that_sends_nonsense_is_lost(control: Control, data: bytes) -> None:
    peer = control.join(1)
    control.wait_connected(1)
    try:
        peer._connection.send_bytes(data)
    except OSError:
        assert len(data) > channel.MAX_BYTES  # control hung up in the middle
    assert "node 1 was lost" in control.why()


def test_loss_and_failure_name_the_node(control: Control) -> None:
    other = control.join(1)
    control.wait_connected(1)
    peer = control.join(2)
    control.wait_connected(2)
    peer.send("failed", why="no disk")
    assert control.why() == "node 2 failed: no disk"
    other.close()


def test_what_a_worker_says_before_its_end_comes_before_how_its_task_ended() -> None:
    lost: list[GangLostException] = []
    line = ControlLifeline("127.0.0.1", SECRET, 3, 0, 60, lost.append, "@gang on step train")
    line.announce({})

    def fail() -> None:
        host, _, port = line.address.partition(":")
        peer = channel.connect(host, int(port), SECRET)
        peer.send("hello", index=1, attempt=0)
        peer.send("failed", why="no disk")
        peer.close()

    worker = threading.Thread(target=fail)

    def how_it_ended() -> dict[int, str]:
        worker.join()
        return {1: "the task of node 1 ended with status 1"}

    line.checks = [how_it_ended]
    worker.start()
    assert wait([line._socket], 60)
    line.start()  # its first turn welcomes the worker, and finds that it has ended
    with pytest.raises(GangLostException, match="@gang on step train: node 1 failed: no disk"):
        line.board.wait("never", seconds=60)
    line.stop()
    assert lost == [line.lost]


def test_a_standstill_is_measured_from_look_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    standstill = Standstill(60)
    now += times.beat(60)
    assert standstill.look() == 0 and standstill.latest == 0
    now += 70
    assert standstill.look() == 70 and standstill.latest == 70
    now += 60
    standstill.look()
    assert standstill.latest == 60  # the last one counts
    now += 60
    assert standstill.latest == 0  # what is lost now is not lost for that


def test_a_message_that_was_sent_in_part_is_the_last_one() -> None:
    one, other = socket.socketpair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 100_000))
    here, there = (Channel(Connection(sock.detach())) for sock in (one, other))
    with pytest.raises(ChannelClosed):
        send_until_full(here)
    reader = threading.Thread(target=there.receive)
    reader.start()
    reader.join()
    with pytest.raises(ChannelClosed):
        here.send("beat")
    here.close()
    with pytest.raises(ChannelClosed, match="closed"):
        receive_all(there)
    there.close()


def send_until_full(peer: Channel) -> None:
    while True:  # nobody reads
        peer.send("post", value="x" * 20_000)


def receive_all(peer: Channel) -> None:
    while peer.receive():
        pass


def test_a_closed_connection_is_a_loss_at_once(control: Control) -> None:
    peer = control.join(2)
    control.wait_connected(1)
    start = time.monotonic()
    peer.close()
    assert control.why() == "node 2 was lost: it closed the connection"
    assert time.monotonic() - start < 30  # and not at heartbeat_timeout


def test_silence_is_borne_for_a_while_only() -> None:
    control = Control(heartbeat_timeout=10.0)
    try:
        peer = control.join(1)
        control.wait_connected(1)
        assert not control.lost.wait(0.5)
        assert control.why().startswith("node 1 was silent for 10 s: ")
        peer.close()
    finally:
        control.line.stop()


def test_no_two_runs_are_given_the_same_port() -> None:
    # 2,000 that are only free at the moment have had some 70 of them twice.
    ports = [free_port() for _ in range(2000)]
    assert len(set(ports)) == len(ports)
    socket.create_server(("", ports[-1])).close()  # who asks for it by number gets it


def test_a_lifeline_is_bound_to_the_own_address(control: Control) -> None:
    assert control.line.address.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (attributes.integer(1, 9), [(3, 3), ("4", 4), (9.0, 9)], [0, 10, 1.5, "x", True, []]),
        (attributes.seconds, [(1, 1.0), ("2.5", 2.5)], [0, -1, float("nan"), "soon", None]),
        (attributes.flag, [(True, True), ("false", False)], [2, "maybe", None]),
        (attributes.choice("a"), [("a", "a")], ["b", 1, None]),
        (attributes.amounts, [({"a": 1}, {"a": 1}), ('{"a": 0.5}', {"a": 0.5})], [[], {"a": -1}]),
    ],
)
def test_attributes(check: attributes.Check, good: list, bad: list) -> None:
    for given, wanted in good:
        result = attributes.check_all({"it": given}, {"it": check}, (), "here")["it"]
        assert result == wanted and type(result) is type(wanted)
    for given in bad:
        with pytest.raises(GangAttributeException, match="here: it="):
            attributes.check_all({"it": given}, {"it": check}, (), "here")
    assert attributes.check_all({}, {"it": check}, ("it",), "here") == {"it": None}


def test_processes_are_found_by_mark_and_by_session_and_ended() -> None:
    code = (
        "import signal, time; signal.signal(15, lambda *_: None); "
        "print(1, flush=True); time.sleep(60)"
    )
    fork = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code!r}], env={{}})"
    environment = {**os.environ, processes.MARK: "test1234.1"}
    started = subprocess.Popen(
        [sys.executable, "-c", f"{fork}; {code}"],
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stdout.readline() and started.stdout.readline()
    assert len(processes.members("test1234", [started.pid])) == 2  # the second by its session
    assert not processes.members("test123") and not processes.members("test1234.2")
    assert processes.sessions_of("test1234") == {started.pid}
    assert processes.stop("test1234", [started.pid], grace=0.1)
    started.wait()
    started.stdout.close()


def test_who_does_not_heed_sigterm_is_killed_after_those_that_do() -> None:
    code = (
        "import os, signal, time; "
        "signal.signal(15, lambda *_: os._exit(15)); print(1, flush=True); time.sleep(60)"
    )
    one, other = (
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, processes.MARK: "test4321.1"},
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    )
    for started in (one, other):
        assert started.stdout is not None
        started.stdout.readline()
        started.stdout.close()
    assert processes.stop("test4321", heeds=lambda process: process.pid == one.pid)
    assert (one.wait(), other.wait()) == (15, -signal.SIGKILL)


def test_folders_are_short_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp/" + "long" * 10)
    folder = processes.make_folder("test5678.0")
    assert len(folder) < 40 and os.path.isdir(folder)
    processes.remove_folders("test5678")
    assert not os.path.exists(folder)


def test_a_worker_finds_its_gang_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANGWAY_MEETING", raising=False)
    place = Inherited()
    place.offer(Meeting("127.0.0.1:1", "abcd", SECRET, "/a folder"))
    assert place.take() == Meeting("127.0.0.1:1", "abcd", SECRET, "/a folder")
    with pytest.raises(GangRuntimeException):
        place.take()


def test_secrets_are_not_shown() -> None:
    spec = NodeSpec("abcd", 0, 2, SECRET, True, {})
    assert SECRET.decode() not in repr(spec)
    assert spec.derive("ray") != spec.derive("other") and len(spec.derive("ray")) == 64
