"""What Metaflow launches for a task: asks the server to fork it, and ends as it does.

usage: python -I -S client.py ADDRESS COMMAND...

COMMAND is a cold start, which this process becomes where the server is gone, or cannot fork. It
takes 20 ms, so it imports C modules only: `socket` and `signal` would take another 12.
"""

import array
import os
import sys

import _signal
import _socket

_FORWARDED = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT)
_FORWARDED += (_signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGALRM)


def main() -> None:
    """Have the command run by the server, or run it."""
    _, address, *command = sys.argv
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # Until there is somebody to send them to.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _FORWARDED)
    try:
        line.connect("\0" + address)
        _ask(line, command)
        process = _read_number(line)
    except OSError:
        process = None
    if process is None:
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _FORWARDED)
        os.execv(command[0], command)
    _end_with(_status(line, process))


def _ask(line: _socket.socket, command: list[str]) -> None:
    environment = [name + b"=" + value for name, value in os.environb.items()]
    words = [os.fsencode(word) for word in (os.getcwd(), str(len(command)), *command)]
    request = b"\0".join([*words, *environment])
    data = len(request).to_bytes(4, "little") + request
    streams = array.array("i", (0, 1, 2))
    sent = line.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    line.sendall(data[sent:])


def _status(line: _socket.socket, process: int) -> int:
    def forward(number: int, frame: object) -> None:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass

    for number in _FORWARDED:
        _signal.signal(number, forward)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _FORWARDED)
    status = _read_number(line)
    return _signal.SIGKILL if status is None else status  # the server was killed, and it with it


def _read_number(line: _socket.socket) -> "int | None":
    data = b""
    while not data.endswith(b"\n"):
        received = line.recv(1)
        if not received:
            return None
        data += received
    return int(data)


def _end_with(status: int) -> None:
    number = os.WTERMSIG(status)
    if not number:
        os._exit(os.WEXITSTATUS(status))
    if number != _signal.SIGKILL:
        _signal.signal(number, _signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    main()
