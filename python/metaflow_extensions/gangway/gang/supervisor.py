"""The process between a task and a command that it runs; the command outlives neither.

It starts the command in a session of its own, waits for it, and then ends whatever the command has
left running. When its standard input ends or its parent is gone, it ends everything at once and
removes the node's folder, because nobody else may be there to do so. Its exit status is the
command's, and 128 and the signal's number where a signal ended that.

It must not import metaflow, and imports what only the end needs at the end: it starts in 30 ms.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading

_WATCH_SECONDS = 0.2

_abandoned = threading.Event()


def _watch(mark: str, parent: int) -> None:
    while os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], _WATCH_SECONDS)
        if ready and not os.read(0, 1):
            break
    _abandoned.set()
    from . import processes

    processes.stop(mark, [os.getsid(0)])
    processes.remove_folders(mark.rpartition(".")[0])
    os._exit(1)


def main() -> None:
    """Run the command that follows the mark in the arguments."""
    mark, *command = sys.argv[1:]
    parent = os.getppid()
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error}", file=sys.stderr, flush=True)
        os._exit(127)
    watch = threading.Thread(target=_watch, args=(mark, parent), daemon=True)
    watch.start()
    status = child.wait()
    if _abandoned.is_set():
        watch.join()
    from . import processes

    processes.stop(mark, [os.getsid(0)])
    os._exit(status if status >= 0 else 128 - status)
