"""The process that forks tasks: it has loaded the flow, and has one thread."""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
_CREDENTIALS = struct.Struct("3i")  # ucred: process, user, group
_PATIENCE = 10.0  # seconds for what a client has to say at once


@dataclass
class Request:
    """What a client asks for."""

    folder: str
    command: list[str]
    environment: dict[bytes, bytes]
    streams: list[int]


@dataclass
class Server:
    """Forks a task for each client.

    Parameters
    ----------
    listener : socket
        Where clients connect.
    lifeline : int
        A pipe's end, which ends when the run's process does.
    """

    listener: socket.socket
    lifeline: int
    _clients: dict[int, socket.socket] = field(default_factory=dict)  # by their task's process

    def serve(self) -> Request | None:
        """Return in each task that is forked, with what was asked for; at the end None."""
        wake, waker = os.pipe()
        for end in (wake, waker):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # else each task's collections would write to all that is shared
        listening = True
        while listening or self._clients:
            sources = [wake, *self._clients.values()]
            sources += [self.listener, self.lifeline] if listening else []
            ready, _, _ = select.select(sources, [], [])
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
            self._collect()
            self._kill_tasks_of_lost_clients(ready)
            if self.lifeline in ready:
                listening = False
                self.listener.close()
            elif self.listener in ready:
                request = self._accept()
                if request is not None:
                    os.close(wake)
                    os.close(waker)
                    return request
        return None

    def _accept(self) -> Request | None:
        """Return in the task; in the server None."""
        client, _ = self.listener.accept()
        client.settimeout(_PATIENCE)
        try:
            if _user_of(client) != os.getuid():
                raise OSError("another user's")
            request = _read_request(client)
        except OSError:
            client.close()
            return None
        server = os.getpid()
        process = os.fork()
        if process:
            for stream in request.streams:
                os.close(stream)
            self._clients[process] = client
            with contextlib.suppress(OSError):
                client.sendall(b"%d\n" % process)
            return None
        self.listener.close()
        os.close(self.lifeline)
        for other in (client, *self._clients.values()):
            other.close()
        _become_task(request, server)
        return request

    def _collect(self) -> None:
        while self._clients:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            with self._clients.pop(process) as client, contextlib.suppress(OSError):
                client.sendall(b"%d\n" % status)

    def _kill_tasks_of_lost_clients(self, ready: list[object]) -> None:
        for process, client in self._clients.items():
            if client in ready:  # they say nothing more
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def threads() -> int:
    """Return how many threads this process has that Python has not started."""
    return len(os.listdir("/proc/self/task")) - threading.active_count()


def _user_of(client: socket.socket) -> int:
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def _read_request(client: socket.socket) -> Request:
    streams = array.array("i")
    data, ancillary, _, _ = client.recvmsg(65536, socket.CMSG_LEN(3 * streams.itemsize))
    for _, _, fds in ancillary:
        streams.frombytes(fds)
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "little"):
        more = client.recv(65536)
        if not more:
            raise OSError("the client is gone")
        data += more
    folder, count, *words = data[4:].split(b"\0")
    command, variables = words[: int(count)], words[int(count) :]
    return Request(
        os.fsdecode(folder),
        [os.fsdecode(word) for word in command],
        dict(variable.split(b"=", 1) for variable in variables),
        list(streams),
    )


def _become_task(request: Request, server: int) -> None:
    # In a session of its own: what is sent to the run's, the client passes on, and once.
    os.setsid()
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    # What R's start has added stays.
    for name in set(request.environment) | (set(os.environb) & _names_at_start):
        if name in request.environment:
            os.environb[name] = request.environment[name]
        else:
            del os.environb[name]
    if "numpy" in sys.modules:  # Python's own random numbers begin anew by themselves
        sys.modules["numpy"].random.seed()


_names_at_start: set[bytes] = set()


def run_server(where: str, prepare: Callable[[], bool], renew: Callable[[], None]) -> bool:
    """Serve, and return whether this process is a task.

    Parameters
    ----------
    where : str
        The file descriptors of the listener and the lifeline.
    prepare : callable
        Loads the flow; returns whether it can be forked.
    renew : callable
        Makes anew, in a task, what must not be shared.
    """
    listener, lifeline = map(int, where.split(","))
    _names_at_start.update(os.environb)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server(socket.socket(fileno=listener), lifeline)
    if not prepare():
        return False
    request = server.serve()
    if request is None:
        return False
    sys.argv = request.command[request.command.index(sys.argv[0]) :]
    renew()
    return True
