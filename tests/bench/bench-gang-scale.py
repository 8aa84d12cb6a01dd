"""Control of a gang with up to 1,000 workers that are simulated: connections, and no tasks.

A process of its own holds the workers' ends. Per number of workers: seconds until all have joined,
until all know the head's address, and until all have said goodbye; what control's process uses
meanwhile; and its processor time while nothing happens but heartbeats.

    python tests/bench/bench-gang-scale.py [workers ...]

Limit: for the most workers each figure is at most 1.5 times as large for each of them as for 100.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow
import psutil
from metaflow_extensions.gangway.gang.link import channel
from metaflow_extensions.gangway.gang.link.lifeline import ControlLifeline
from table import row

SECRET = b"s" * 32
HEARTBEAT = 30.0
IDLE = 5.0
LIMIT = 1.5
AT_ONCE = 32  # workers that connect at the same time


def work(port: int, first: int, count: int) -> None:
    """Hold the ends of some workers, each of which says what a worker's task says."""
    channel.allow_connections(count)
    peers: list[channel.Channel] = []
    lock = threading.Lock()
    numbers = iter(range(first, first + count))

    def join() -> None:
        for index in numbers_of(numbers, lock):
            peer = channel.connect("127.0.0.1", port, SECRET)
            peer.send("hello", index=index, attempt=0)
            with lock:
                peers.append(peer)

    threads = [threading.Thread(target=join) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard(peers, "head")
    print("told", flush=True)
    heard(peers, "end")
    for peer in peers:
        peer.send("gone")
        peer.send("stored")
    sys.stdin.read()


def numbers_of(numbers: Iterator[int], lock: threading.Lock) -> Iterator[int]:
    """Share an iterator between threads."""
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        yield number


def heard(peers: list[channel.Channel], kind: str) -> None:
    """Wait until all have received a message of this kind, and answer heartbeats meanwhile."""
    for peer in peers:
        while peer.receive()["type"] != kind:
            peer.send("beat")


def measure(count: int) -> dict[str, float]:
    """Let so many workers come and go."""
    lost: list[Exception] = []
    process = psutil.Process()
    channel.allow_connections(count)
    before = process.memory_info().rss
    threads, files = threading.active_count(), process.num_fds()
    lifeline = ControlLifeline("127.0.0.1", SECRET, count + 1, 0, HEARTBEAT, lost.append)
    lifeline.start()
    port = lifeline.address.rpartition(":")[2]
    most = 0
    began = time.perf_counter()
    workers = subprocess.Popen(
        [sys.executable, __file__, "--work", port, "1", str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert workers.stdin and workers.stdout
    while not lifeline.connected:  # until its Python has started
        time.sleep(0.001)
        began = time.perf_counter()
    while len(lifeline.connected) < count:
        assert not lost, lost
        most = max(most, threading.active_count())
        time.sleep(0.005)
    joined = time.perf_counter() - began
    began = time.perf_counter()
    lifeline.announce({"address": "127.0.0.1:6379"})
    assert workers.stdout.readline() == "told\n"
    told = time.perf_counter() - began
    figures = {
        "join": joined,
        "tell": told,
        "memory": (process.memory_info().rss - before) / 1e6,
        "files": process.num_fds() - files,
        "threads": most - threads,
    }
    used = sum(process.cpu_times()[:2])
    time.sleep(IDLE)
    figures["idle"] = (sum(process.cpu_times()[:2]) - used) / IDLE
    began = time.perf_counter()
    lifeline.end("done")
    left = lifeline.wait_gone()
    while not lifeline.stored():
        time.sleep(0.005)
    figures["end"] = time.perf_counter() - began
    assert not left and not lost, (left, lost)
    workers.stdin.close()
    workers.wait()
    lifeline.stop()
    return figures


def main(counts: list[int]) -> int:
    """Print a line for each number of workers; return 1 when a figure grows faster than it may."""
    print("workers  join s  tell s  end s  memory MB  files  threads  processor while idle")
    found = {}
    for count in counts:
        found[count] = f = measure(count)
        print(
            f"{count:7d}  {f['join']:6.2f}  {f['tell']:6.2f}  {f['end']:5.2f}  {f['memory']:9.1f}  "
            f"{f['files']:5d}  {f['threads']:7d}  {f['idle']:.3f}",
            flush=True,
        )
    few, many = counts[0], counts[-1]
    met = []
    for name, what in (
        ("join", "to join control"),
        ("tell", "to hear where the head is"),
        ("end", "to leave"),
    ):
        each = found[few][name] / few
        met.append(
            row(
                *(f"workers-{name}", f"{many:,} workers of a gang, simulated, {what}"),
                *(found[many][name], "s", f"{many / few:g} times {few} workers"),
                *(each * many, found[many][name] / many / each),
                most=LIMIT,
            )
        )
    return 0 if all(met) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*map(int, sys.argv[2:]))
    else:
        sys.exit(main([int(count) for count in sys.argv[1:]] or [100, 300, 1000]))
