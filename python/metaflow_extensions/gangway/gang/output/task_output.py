"""What worker tasks print goes to control, which shows it as it comes and keeps it whole.

Metaflow starts local workers on control's own output, where nobody can tell who speaks, and their
own logs stay empty. So each worker writes into two named pipes of control's: what a worker has
written is read there even when the worker was killed right after.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import selectors
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import IO

from metaflow.mflog import TASK_LOG_SOURCE
from metaflow.mflog.mflog import decorate

from ... import times
from ...signals.bell import Bell
from ...signals.threads import start_thread
from .shown import LONGEST_LINE, BoundedLines, write_line

STREAMS = {"stdout": 1, "stderr": 2}
_READ = 1 << 16

Keep = Callable[[int, "dict[str, Path]"], None]


@dataclass
class _Source:
    node: int
    stream: str
    kept: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    rest: bytes = b""
    last: datetime = datetime.min


class WorkerOutput:
    """Control's end of the pipes.

    Parameters
    ----------
    folder : str
        Where the pipes are made; it is removed with them.
    num_nodes : int
        How many nodes the gang has.
    task_of : callable
        Gives the name of a node's task, whose log has everything.
    keep : callable
        Called with a node's index and the files of its streams, to keep them.
    """

    def __init__(
        self, folder: str, num_nodes: int, task_of: Callable[[int], str], keep: Keep
    ) -> None:
        _write_by_lines()
        self._folder, self._keep = folder, keep
        self._lock = threading.Lock()
        self._closed = False
        self._lines = {
            node: BoundedLines(task_of(node), partial(write_line, node))
            for node in range(1, num_nodes)
        }
        self._selector = selectors.DefaultSelector()
        self._stopped, self._bell = threading.Event(), Bell()
        self._selector.register(self._bell, selectors.EVENT_READ)
        for node in self._lines:
            for stream in STREAMS:
                path = _path(folder, node, stream)
                os.mkfifo(path, 0o600)
                # Open for writing too, so that it never ends.
                pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
                self._selector.register(pipe, selectors.EVENT_READ, _Source(node, stream))
        self._thread = start_thread(self._run, name="gangway-output")

    def close(self) -> None:
        """Take what is left, and hand each node's whole output over to be kept."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._close()

    def _close(self) -> None:
        self._stopped.set()
        self._bell.ring()
        self._thread.join()
        self._selector.unregister(self._bell)
        self._bell.close()
        deadline = time.monotonic() + times.DRAIN
        while self._turn(0) and time.monotonic() < deadline:
            pass
        shutil.rmtree(self._folder, ignore_errors=True)
        kept: dict[int, dict[str, Path]] = {}
        sources = []
        for key in list(self._selector.get_map().values()):
            source: _Source = key.data
            if source.rest:
                self._take(source, [source.rest])
            os.close(key.fd)
            with contextlib.suppress(OSError):
                source.kept.flush()
                if source.kept.seek(0, os.SEEK_END):
                    source.kept.seek(0)
                    path = Path(f"/dev/fd/{source.kept.fileno()}")
                    kept.setdefault(source.node, {})[source.stream] = path
            sources.append(source)
        self._selector.close()
        for lines in self._lines.values():
            lines.tell_dropped()
        try:
            for node, streams in kept.items():
                self._keep(node, streams)
        except Exception as error:
            print(f"gangway: the workers' logs were not kept: {error!r}", file=sys.stderr)
        finally:
            for source in sources:
                source.kept.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._turn(0.1)
            for lines in self._lines.values():
                lines.tell_dropped(every=1)

    def _turn(self, seconds: float) -> bool:
        ready = self._selector.select(seconds)
        for key, _ in ready:
            if key.fileobj is self._bell:
                continue
            with contextlib.suppress(BlockingIOError):
                source: _Source = key.data
                *lines, rest = (source.rest + os.read(key.fd, _READ)).split(b"\n")
                if len(rest) > LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                source.rest = rest
                self._take(source, lines)
        return bool(ready)

    def _take(self, source: _Source, lines: list[bytes]) -> None:
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        with contextlib.suppress(OSError):  # a full disk costs the log, not the gang
            for line in lines:
                # Metaflow's readers sort by time: no two lines may have the same.
                source.last = now = max(now, source.last + timedelta(microseconds=1))
                source.kept.write(decorate(TASK_LOG_SOURCE, line, now=now) + b"\n")
        for line in lines:
            self._lines[source.node].take(STREAMS[source.stream], line)


class TaskOutput:
    """A worker's end: puts its standard output and error into control's pipes.

    Parameters
    ----------
    folder : str
        Where the pipes are.
    node : int
        The worker's index.
    """

    def __init__(self, folder: str, node: int) -> None:
        _write_by_lines()
        self._before: dict[int, int] = {}
        for stream, number in STREAMS.items():
            try:
                pipe = os.open(_path(folder, node, stream), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # control could not make them, or is gone
                continue
            os.set_blocking(pipe, True)
            self._before[number] = os.dup(number)
            os.dup2(pipe, number)
            os.close(pipe)

    def restore_if_control_is_gone(self) -> None:
        """Speak where the task spoke before, if nobody reads the pipes any more."""
        for number, before in self._before.items():
            poll = select.poll()
            poll.register(number, 0)
            if any(event & select.POLLERR for _, event in poll.poll(0)):
                os.dup2(before, number)


def _path(folder: str, node: int, stream: str) -> str:
    return os.path.join(folder, f"{node}.{stream}")


def _write_by_lines() -> None:
    # Metaflow's tasks write a line's text and its end in two pieces, and others may come between.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True, write_through=False)
