"""An authenticated connection that carries small JSON messages.

The handshake is multiprocessing's (an HMAC challenge in both directions). Nothing that a peer sends
is ever unpickled, a message has a size limit, and no read or write blocks indefinitely.
"""

from __future__ import annotations

import json
import resource
import socket
import struct
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Any

from ... import times

MAX_BYTES = 1 << 20
# What a task opens besides connections; shells allow 1,024 files, more often than not.
_OTHER_FILES = 512


class ChannelClosed(Exception):
    """The other side is gone, or is not one of ours."""


class Channel:
    """One end of a connection between control and a worker.

    Parameters
    ----------
    connection : Connection
        A connection whose peer has been authenticated.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._broken = ""
        self.heard = self.sent = time.monotonic()

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, kind: str, **fields: Any) -> None:
        """Send a message of a kind, with its fields."""
        data = json.dumps({"type": kind, **fields}).encode()
        with self._lock:
            if self._broken:
                raise ChannelClosed(self._broken)
            try:
                self._connection.send_bytes(data)
            except (OSError, ValueError) as error:
                # It may have sent a part: whatever came after that would be read as its rest.
                self._broken = str(error)
                raise ChannelClosed(self._broken) from error
        self.sent = time.monotonic()

    def receive(self) -> dict[str, Any]:
        """Read one message; `ChannelClosed` when there will be none."""
        try:
            message = json.loads(self._connection.recv_bytes(MAX_BYTES))
        except EOFError as error:
            raise ChannelClosed("it closed the connection") from error
        except (OSError, ValueError) as error:
            raise ChannelClosed(str(error)) from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ChannelClosed("it sent a message that is none of ours")
        self.heard = time.monotonic()
        return message

    def excuse(self, seconds: float) -> None:
        """Let the peer's silence count for less, because this process stood still for so long."""
        self.heard = min(self.heard + seconds, time.monotonic())

    def poll(self, seconds: float) -> bool:
        """Wait until there is something to read."""
        return self._connection.poll(seconds)

    def close(self) -> None:
        self._connection.close()


def allow_connections(count: int) -> None:
    """Let this process have so many connections besides what else it opens, as far as it may."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES
    if resource.RLIM_INFINITY not in (allowed, most) and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, min(wanted, most)), most))


def listen(host: str, port: int = 0) -> socket.socket:
    """Open the socket that workers connect to, on a free port unless one is given."""
    return socket.create_server((host, port), backlog=256)


def welcome(sock: socket.socket, secret: bytes) -> Channel:
    """Authenticate a peer that has connected; `ChannelClosed` when it does not hold the secret."""
    return _authenticate(_connection(sock), secret, server=True)


def connect(host: str, port: int, secret: bytes) -> Channel:
    """Connect to control and authenticate both ways."""
    try:
        sock = socket.create_connection((host, port), timeout=times.MESSAGE)
    except OSError as error:
        raise ChannelClosed(f"cannot connect to {host}:{port}: {error}") from error
    return _authenticate(_connection(sock), secret, server=False)


def _connection(sock: socket.socket) -> Connection:
    sock.settimeout(None)
    limit = struct.pack("ll", times.MESSAGE, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(sock.detach())


def _authenticate(connection: Connection, secret: bytes, server: bool) -> Channel:
    steps = (deliver_challenge, answer_challenge)
    try:
        for step in steps if server else reversed(steps):
            step(connection, secret)
    except (OSError, EOFError, AuthenticationError, AssertionError, ValueError) as error:
        connection.close()
        raise ChannelClosed(f"authentication failed: {error!r}") from error
    return Channel(connection)
