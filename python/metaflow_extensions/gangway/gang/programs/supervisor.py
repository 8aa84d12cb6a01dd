"""The process between a task and a command that it runs; the command outlives neither.

It starts the command in a session of its own, waits for it, and then ends whatever the command has
left running. When its standard input ends or its parent is gone, it ends everything at once and
removes the node's folder, because nobody else may be there to do so. Its exit status is the
command's, and 128 and the signal's number where a signal ended that.

A run of MPI starts three of these, one after the other, so this is a script that starts in 15 ms:
nothing of Metaflow, no `site`, and what only the end needs is imported at the end, if then.
"""

from __future__ import annotations

import _thread
import os
import select
import sys
import time

_WATCH_SECONDS = 0.2  # times.WATCH: nothing of gangway is imported at the start
_LOOKS, _LOOK_SECONDS = 5, 0.01
# SIGPIPE and SIGXFSZ, which Python ignores, and programs do not expect to be ignored.
_USUAL_SIGNALS = (13, 25)

_ending = _thread.allocate_lock()


def _watch(mark: str, parent: int) -> None:
    while os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], _WATCH_SECONDS)
        if ready and not os.read(0, 1):
            break
    # The command ends by what is done here: who waits for it must not leave meanwhile.
    _ending.acquire()
    from metaflow_extensions.gangway.gang.machine import processes

    processes.stop(mark, [os.getsid(0)])
    processes.remove_folders(mark.rpartition(".")[0])
    os._exit(1)


def _something_is_left(mark: str) -> bool:
    """Whether a process may be left, after a moment in which the last ones leave by themselves."""
    for _ in range(_LOOKS):
        if not _look(mark):
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _look(mark: str) -> bool:
    # With psutil it would take longer than all of a short program.
    if not os.path.isdir("/proc/self"):
        return True
    session, here = os.getsid(0), str(os.getpid())
    marks = (f"GANGWAY_GANG={mark}\0".encode(), f"GANGWAY_GANG={mark}.".encode())
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if pid != here and os.getsid(int(pid)) == session:
                return True
            with open(f"/proc/{pid}/environ", "rb") as file:
                environment = file.read()
            if pid != here and any(each in environment for each in marks):
                return True
        except OSError:
            continue
    return False


def main() -> None:
    """Run a command: the arguments are the mark, where psutil and gangway are, and the command."""
    mark, path, *command = sys.argv[1:]
    sys.path += path.split(os.pathsep)
    parent = os.getppid()
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    try:
        child = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[nothing],
            setsigdef=_USUAL_SIGNALS,
            setsigmask=(),  # a thread that has started this process blocks signals
        )
    except OSError as error:
        print(f"{command[0]} cannot be started: {error}", file=sys.stderr, flush=True)
        os._exit(127)
    _thread.start_new_thread(_watch, (mark, parent))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _ending.acquire()
    if _something_is_left(mark):
        from metaflow_extensions.gangway.gang.machine import processes

        processes.stop(mark, [os.getsid(0)])
    os._exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
