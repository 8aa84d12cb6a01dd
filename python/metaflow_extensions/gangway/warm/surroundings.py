"""What a process has from the one that has started it, compared between the server and a client.

A task that starts cold inherits all this from the run's process, one that is forked from the
server. Nothing is carried over: where anything differs the task starts cold.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

# Metaflow gives them to tasks; what the run's process has of them, tasks do not read.
OF_A_TASK = {b"METAFLOW_RUN_ID"}
_STATUS = (
    *("Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"),
    *("NoNewPrivs", "Seccomp", "Cpus_allowed_list", "Mems_allowed_list", "SigIgn"),
)
# In /proc/PID/stat behind the name: nice, the real-time priority and the scheduling policy.
_NICE, _PRIORITY, _POLICY = 16, 37, 38
# Seconds for threads that end at a fork to be gone.
_THREADS_END = 1.0


def limits(process: int) -> dict[str, object]:
    """Read what the kernel has of a process of the same user: limits, rights, priorities, groups.

    Raises
    ------
    OSError
        It is gone, or cannot be looked at.
    """
    folder = Path("/proc", str(process))
    lines = (folder / "status").read_text().splitlines()
    status = {name: value for name, _, value in (line.partition(":") for line in lines)}
    stat = (folder / "stat").read_text().rpartition(")")[2].split()
    names = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
    return {
        **{name: status.get(name) for name in _STATUS},
        "scheduling": [stat[i] for i in (_NICE, _PRIORITY, _POLICY) if i < len(stat)],
        **{file: (folder / file).read_text() for file in ("limits", "cgroup", "oom_score_adj")},
        "root": os.readlink(folder / "root"),
        **{f"ns/{name}": os.readlink(folder / "ns" / name) for name in names},
    }


def same_environment(mine: dict[bytes, bytes], others: dict[bytes, bytes]) -> bool:
    """Whether two processes were started with the same environment, but for a task's own names."""
    return {k: v for k, v in mine.items() if k not in OF_A_TASK} == {
        k: v for k, v in others.items() if k not in OF_A_TASK
    }


def is_one_thread() -> bool:
    """Whether this process has no other threads, of Python's or of a library's."""
    return len(list(_threads())) == 1


def is_alone(known: set[int]) -> bool:
    """Whether a fork has all of this process: one thread, no children, no open files.

    Parameters
    ----------
    known : set of int
        The file descriptors that this process may have.
    """
    return open_files() <= known and not _has_children() and _is_one_thread_after_a_fork()


def open_files() -> set[int]:
    """Return the file descriptors of this process."""
    return {int(name) for name in os.listdir("/proc/self/fd") if _is_open(int(name))}


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False  # the one that the folder was read by
    return True


def _has_children() -> bool:
    return any(Path(path, "children").read_text() for path in _threads())


def _is_one_thread_after_a_fork() -> bool:
    # BLAS libraries that take care of forks end their threads before one, and start them again when
    # they are needed. What has a thread after that does not take care.
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    deadline = time.monotonic() + _THREADS_END
    while not is_one_thread():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _threads() -> Iterator[str]:
    return (f"/proc/self/task/{name}" for name in os.listdir("/proc/self/task"))
