"""What a test may do to the machine around a run: cut its network, fill its disk, visit its ports.

Namespaces and mounts need root; tests that use them are skipped elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

GIGABYTE = 1 << 30


def may(*command: str) -> bool:
    """Whether a command succeeds here."""
    try:
        return not subprocess.run(command, capture_output=True, check=False).returncode
    except OSError:
        return False


class Cable:
    """Two network namespaces, ``names``, with a cable between them; the first is at `address`."""

    def __init__(self) -> None:
        self.names = [f"gwt{os.getpid()}{end}" for end in "ab"]
        self.address, other = "10.213.77.1", "10.213.77.2"
        self.addresses = [self.address, other]
        one, two = self.names
        for name in self.names:
            _ip("netns", "add", name)
        _ip("-n", one, "link", "add", "cable", "type", "veth", "peer", "cable", "netns", two)
        for name, address in zip(self.names, self.addresses, strict=True):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            _ip("-n", name, "link", "set", "lo", "up")
        self.mend()

    def mend(self) -> None:
        for name in self.names:
            _ip("-n", name, "link", "set", "cable", "up")

    def cut(self) -> None:
        _ip("-n", self.names[1], "link", "set", "cable", "down")

    def remove(self) -> None:
        for name in self.names:
            _ip("netns", "delete", name)


def _ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True)


class Clock:
    """A wall clock that is an hour ahead while `ahead` says so, for who has its environment."""

    def __init__(self, folder: Path) -> None:
        self._mark, library = folder / "ahead", folder / "clock.so"
        source = Path(__file__).parent / "flows" / "scripts" / "clock.c"
        build = ["cc", "-shared", "-fPIC", "-O", str(source), "-o", str(library)]
        subprocess.run(build, check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(self._mark)}

    def set(self, ahead: bool) -> None:
        self._mark.touch() if ahead else self._mark.unlink()


def ports_of(process: psutil.Process) -> set[tuple[str, int]]:
    """Where a process and its children listen."""
    found = set()
    with contextlib.suppress(psutil.Error):
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                for connection in each.net_connections("tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        host = connection.laddr.ip
                        found.add((host if ":" not in host else "::1", connection.laddr.port))
    return found


def wait_for_ports(process: psutil.Process, seconds: float = 120) -> set[tuple[str, int]]:
    """Wait until a process listens somewhere."""
    deadline = time.monotonic() + seconds
    while not (found := ports_of(process)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def strangers(address: tuple[str, int], gigabytes: bool = True) -> Iterator[None]:
    """Connect to a port and say nothing, garbage, and a gigabyte or that it comes."""
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(socket.create_connection(address))
        headers = [struct.pack("!i", GIGABYTE), struct.pack("!iQ", -1, 1 << 40)]
        for said in (b"GET / HTTP/1.1\r\n\r\n" * 100, b"\0" * 10, os.urandom(1000), *headers):
            stranger = stack.enter_context(socket.create_connection(address))
            with contextlib.suppress(OSError):
                stranger.sendall(said)
        if gigabytes:
            pour(stack.enter_context(socket.create_connection(address, timeout=5)))
        yield


def visit_every_port(process: psutil.Process) -> None:
    """Visit all ports of a process and its children; those of Ray's idle workers may be gone."""
    visited = 0
    for address in wait_for_ports(process):
        with contextlib.suppress(ConnectionRefusedError), strangers(address, gigabytes=False):
            visited += 1
    assert visited


def pour(stranger: socket.socket) -> None:
    """Send a gigabyte, as far as anybody takes it within 5 s."""
    block, deadline = bytes(1 << 20), time.monotonic() + 5
    with contextlib.suppress(OSError):
        stranger.sendall(struct.pack("!i", GIGABYTE))
        for _ in range(GIGABYTE // len(block)):
            stranger.sendall(block)
            if time.monotonic() > deadline:
                break
