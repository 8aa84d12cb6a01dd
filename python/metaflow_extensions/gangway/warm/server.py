"""The process that forks tasks: it has loaded the flow and R, has one thread, and runs no task."""

from __future__ import annotations

import array
import contextlib
import errno
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .surroundings import is_alone, limits, same_environment
from .task import become_cold, become_task, begin_task, take_streams

_CREDENTIALS = struct.Struct("3i")  # ucred: process, user, group
_LARGEST_REQUEST = 1 << 26  # bytes; the kernel's limit for an environment is lower
# Seconds to be ready. Tasks wait for it, since they would need as long themselves.
_READY = 10
# Seconds between two looks for a client, where the process has no file descriptor left for it.
_PAUSE = 0.05


@dataclass
class Client:
    """A connection, what it has said so far, and what it is for."""

    line: socket.socket
    said: bytearray = field(default_factory=bytearray)
    streams: list[int] = field(default_factory=list)
    asked: Request | None = None  # and told that it may have its task
    process: int = 0  # the task's

    def close(self) -> None:
        """Let the client go, and its streams."""
        self.line.close()
        for stream in self.streams:
            os.close(stream)
        self.streams = []


@dataclass
class Request:
    """What a client asks for."""

    folder: str
    command: list[str]
    environment: dict[bytes, bytes]


class Refusal(Exception):
    """The client shall start its task itself."""


class Server:
    """Forks a task for each client that asks for one.

    Parameters
    ----------
    listener : socket
        Where clients connect.
    lifeline : int
        A pipe's end, which ends when the run's process does.
    environment : dict
        What this process was started with.
    """

    def __init__(
        self, listener: socket.socket, lifeline: int, environment: dict[bytes, bytes]
    ) -> None:
        self._listener, self._lifeline = listener, lifeline
        self._environment = environment
        self._clients: dict[int, Client] = {}  # by their line's file descriptor
        self._is_open = True

    def serve(self) -> Request | None:
        """Return in each task what was asked for; in the server at its end None.

        The end is when the run's process has ended, and all tasks have.
        """
        wake, waker = os.pipe()
        for end in (wake, waker):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._listener.setblocking(False)
        gc.collect()
        gc.freeze()  # else each task's collections would write to all that is shared
        while self._is_open or any(client.process for client in self._clients.values()):
            for number in self._ready(wake):
                if number == wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                elif number == self._lifeline:
                    self._is_open = False
                    self._listener.close()
                elif number == self._listener_number and self._is_open:
                    self._accept()
                elif number in self._clients and (request := self._hear(self._clients[number])):
                    return request
            self._collect()
        return None

    @property
    def _listener_number(self) -> int:
        return self._listener.fileno()

    def _ready(self, wake: int) -> list[int]:
        look = select.poll()  # select() ends at file descriptor 1024
        look.register(wake, select.POLLIN)
        for number in self._clients:
            look.register(number, select.POLLIN)
        if self._is_open:
            look.register(self._listener, select.POLLIN)
            look.register(self._lifeline, select.POLLIN)
        return [number for number, _ in look.poll()]

    def _accept(self) -> None:
        try:
            line, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(_PAUSE)
            return
        line.setblocking(False)
        self._clients[line.fileno()] = Client(line)

    def _hear(self, client: Client) -> Request | None:
        """Take what a client says, or that it is gone; return in a task what it is."""
        try:
            said = self._receive(client)
            if client.process:
                if said:
                    return None
                self._let_go(client)
            elif not said:
                raise Refusal
            elif client.asked is None:
                if (request := _request(client.said)) is not None:
                    self._check(client, request)
                    client.asked = request
                    client.line.send(b"?")
            elif said == b"!":
                return self._fork(client, client.asked)
            else:
                raise Refusal
        except BlockingIOError:
            pass
        except (OSError, ValueError, Refusal):
            self._let_go(client)
        return None

    def _let_go(self, client: Client) -> None:
        self._clients.pop(client.line.fileno(), None)
        client.close()
        if client.process:  # nobody would ever know how it ends
            os.kill(client.process, signal.SIGKILL)  # reaped later

    def _receive(self, client: Client) -> bytes:
        room = socket.CMSG_SPACE(3 * array.array("i").itemsize)
        data, ancillary, _, _ = client.line.recvmsg(65536, room, socket.MSG_CMSG_CLOEXEC)
        for _, _, numbers in ancillary:
            streams = array.array("i")
            streams.frombytes(numbers[: len(numbers) // streams.itemsize * streams.itemsize])
            client.streams.extend(streams)
        client.said += data
        return data

    def _check(self, client: Client, request: Request) -> None:
        """Raise `Refusal` or OSError where a fork would not be as a process of its own."""
        size = _CREDENTIALS.size
        process, user, _ = _CREDENTIALS.unpack(
            client.line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        start = [sys.executable, sys.argv[0]]
        if (
            user != os.getuid()
            or len(client.streams) != 3
            or request.command[:2] != start
            or "step" not in request.command
            or request.folder != os.getcwd()
            or not same_environment(self._environment, request.environment)
            or limits(process) != limits(os.getpid())
        ):
            raise Refusal

    def _fork(self, client: Client, request: Request) -> Request | None:
        server = os.getpid()
        try:
            process = os.fork()
        except OSError:
            client.line.send(b"0\n")
            raise
        if not process:
            try:
                # Or they would be closed again later, when their numbers are other files'.
                for line in (self._listener, *(c.line for c in self._clients.values())):
                    line.detach()
                become_task(client.streams, server, request.command)
            except BaseException:
                os._exit(1)  # not on as a second server
            return request
        for stream in client.streams:
            os.close(stream)
        client.streams = []
        client.process = process
        client.line.send(b"%d\n" % process)
        return None

    def _collect(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            for number, client in list(self._clients.items()):
                if client.process == process:
                    del self._clients[number]
                    with contextlib.suppress(OSError):
                        client.line.send(b"%d\n" % status)
                    client.close()


def _request(said: bytearray) -> Request | None:
    """Read what a client asks for; None while it has not said all."""
    size = 4 + int.from_bytes(said[:4], "little")
    if len(said) < 4 or (len(said) < size <= _LARGEST_REQUEST):
        return None
    if len(said) != size:
        raise ValueError("no request")
    folder, count, *words = bytes(said[4:]).split(b"\0")
    command, variables = words[: int(count)], words[int(count) :]
    return Request(
        os.fsdecode(folder),
        [os.fsdecode(word) for word in command],
        dict(variable.split(b"=", 1) for variable in variables),
    )


def run_server(
    listener: int,
    lifeline: int,
    prepare: Callable[[], bool],
    renew: Callable[[], None],
    end: Callable[[], None],
) -> None:
    """Be the server, in a fork of the run's process; return in a task.

    Parameters
    ----------
    listener : int
        The socket where clients connect.
    lifeline : int
        A pipe's end, which ends when the run's process does.
    prepare : callable
        Loads what tasks need; returns whether they may be forks of this process.
    renew : callable
        Makes anew, in a task, what must not be shared.
    end : callable
        Removes, in the server, what `prepare` has made.
    """
    request, server, run = None, os.getpid(), os.getppid()
    try:
        signal.alarm(_READY)  # which ends this process
        os.setsid()  # the terminal's signals are for the run
        os.environ["PYTHONUNBUFFERED"] = "x"  # as Metaflow has it for tasks
        environment = dict(os.environb)
        heard = take_streams()
        if is_ready(prepare, {listener, lifeline}, heard):
            os.close(heard)
            signal.alarm(0)
            request = Server(socket.socket(fileno=listener), lifeline, environment).serve()
    finally:
        if request is None:
            if os.getpid() != server:
                os._exit(1)  # a task, to which a signal has come before it was one
            try:
                end()
                if os.getppid() != run:  # which removes this by itself, if it can
                    _remove(os.environ["GANGWAY_TMP"])
            finally:
                os._exit(0)
    try:
        begin_task(request.command, request.environment)
        renew()
    except Exception:
        become_cold(request.command, request.environment)


def _remove(folder: str) -> None:
    # Files are the run's own; a folder is of a task that has started cold, and may still need it.
    for entry in os.scandir(folder):
        if entry.is_file(follow_symlinks=False):
            os.unlink(entry)
    os.rmdir(folder)


def is_ready(prepare: Callable[[], bool], known: set[int], heard: int) -> bool:
    """Prepare this process, and return whether a fork of it is all that a task would be.

    Parameters
    ----------
    prepare : callable
        Loads what tasks need; returns whether they may be forks of this process.
    known : set of int
        The file descriptors that this process has.
    heard : int
        Another one, which reads what it writes.
    """
    return (
        not signal.pthread_sigmask(signal.SIG_BLOCK, ())
        and prepare()
        and not _has_said_something(heard)
        and is_alone({*range(3), *known, heard})
    )


def _has_said_something(heard: int) -> bool:
    # What loading has printed would be in each task's log.
    os.set_blocking(heard, False)
    try:
        return bool(os.read(heard, 1))
    except BlockingIOError:
        return False
