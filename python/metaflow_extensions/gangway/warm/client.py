"""What Metaflow launches for a task: asks the server to fork it, and ends as it does.

usage: python -I -S client.py ADDRESS COMMAND...

COMMAND is a cold start, which this process becomes where the server is gone, or will not fork. It
takes 20 ms, so it imports C modules only: `socket` and `signal` would take another 12.
"""

import _signal
import _socket
import array
import os
import sys

# Ctrl-C, a hangup and Ctrl-\ reach all that a task has started: its process group.
_TO_GROUP = (_signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGTSTP, _signal.SIGCONT)
_TO_TASK = (_signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGALRM)
_FORWARDED = _TO_GROUP + _TO_TASK
_IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)
# Seconds for the server to be ready, which ends itself long before.
_PATIENCE = 30.0


def main() -> None:
    """Have the command run by the server, or run it."""
    _, address, *command = sys.argv
    process = None
    # Until there is somebody to send them to.
    blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, _FORWARDED)
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    if not blocked:
        try:
            line.settimeout(_PATIENCE)
            line.connect("\0" + address)
            if _is_ours(line):
                _ask(line, command)
                if line.recv(1) == b"?":
                    process = _fork(line)
        except OSError:
            pass
    if not process:
        line.close()
        for number in _IGNORED_BY_PYTHON:
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, blocked)
        os.execv(command[0], command)  # noqa: S606
    _end_with(_status(line, process))


def _is_ours(line: _socket.socket) -> bool:
    # A ucred: process, user, group. The address is free for anyone when the server is gone, and
    # environments hold secrets.
    credentials = line.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder) == os.getuid()


def _ask(line: _socket.socket, command: list[str]) -> None:
    environment = [name + b"=" + value for name, value in os.environb.items()]
    words = [os.fsencode(word) for word in (os.getcwd(), str(len(command)), *command)]
    request = b"\0".join([*words, *environment])
    data = len(request).to_bytes(4, "little") + request
    streams = array.array("i", (0, 1, 2))
    sent = line.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    line.sendall(data[sent:])


def _fork(line: _socket.socket) -> int:
    """Have the task forked; from here on it may have begun, and nothing else may run it."""
    try:
        line.settimeout(None)
        line.sendall(b"!")
        process = _read_number(line)
    except OSError:
        process = None
    if process is None:
        _end_with(_signal.SIGKILL)  # the server was killed, and the task with it
    return process or 0


def _status(line: _socket.socket, process: int) -> int:
    def forward(number: int, frame: object) -> None:
        try:
            if number in _TO_GROUP:
                os.killpg(process, _signal.SIGSTOP if number == _signal.SIGTSTP else number)
            else:
                os.kill(process, number)
        except (ProcessLookupError, PermissionError):
            pass
        if number == _signal.SIGTSTP:
            os.kill(os.getpid(), _signal.SIGSTOP)

    for number in _FORWARDED:
        _signal.signal(number, forward)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _FORWARDED)
    try:
        status = _read_number(line)
    except OSError:
        status = None
    return _signal.SIGKILL if status is None else status


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
        import resource  # the task has left its core, if it should

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (number,))
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    main()
