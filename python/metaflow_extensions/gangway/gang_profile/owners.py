"""Whose a process is, a rank's or a Ray worker's; told once, by what the process was started with.

A process that such a one has started (a data loader) is its parent's.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import NamedTuple

import psutil

# What those who start ranks tell them: Open MPI, MPICH's Hydra, torchrun and DeepSpeed.
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "RANK")
_RAY = "ray::"
_RAYS_AGENTS = ("DashboardAgent", "RuntimeEnvAgent")
_RAYS_WORKER = "default_worker.py"
# Between fork and exec a process looks like its parent.
_SETTLED_SECONDS = 2.0


class Owner(NamedTuple):
    """Who a process works for: `key` stays, `name` is its name by now, or empty while it idles."""

    key: str
    name: str


class Owners:
    """Tells whose the processes of one node are.

    Parameters
    ----------
    environment : mapping, optional
        The task's own environment, which its processes inherit and so says nothing about them.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        here = os.environ if environment is None else environment
        self._ranks = [name for name in _RANKS if name not in here]
        self._known: dict[tuple[int, float], Owner | None] = {}
        self._seen: dict[tuple[int, float], Owner | None] = {}

    def begin(self) -> None:
        """Begin a look at all processes; those that the last one has not met are forgotten."""
        self._known, self._seen = self._seen, {}

    def of(self, process: psutil.Process, parent: Owner | None) -> Owner | None:
        """Return whose it is, or None; `parent` is its parent's owner."""
        if parent is not None:
            return parent
        born = process.create_time()
        me = (process.pid, born)
        if me in self._known:
            owner = self._known[me]
        else:
            owner = self._look(process)
            if owner is None and time.time() - born < _SETTLED_SECONDS:
                return None
        if owner is not None and owner.key.startswith("pid"):
            owner = _named(owner, process)
        self._seen[me] = owner
        return owner

    def _look(self, process: psutil.Process) -> Owner | None:
        command = process.cmdline()
        words = " ".join(command[:4])
        if words.startswith(_RAY) or _RAYS_WORKER in words:
            own = words.startswith(tuple(_RAY + name for name in _RAYS_AGENTS))
            return None if own else Owner(f"pid {process.pid}", "")
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            for name in self._ranks:
                if environment.get(name, "").isdigit():
                    return Owner(f"rank {environment[name]}", f"rank {environment[name]}")
        return None


def _named(owner: Owner, process: psutil.Process) -> Owner:
    """Call a Ray worker after its actor's class or its function, which Ray makes its title."""
    title = ""
    with contextlib.suppress(psutil.Error, OSError):
        title = (process.cmdline() or [""])[0]
    if not title.startswith(_RAY) or title.startswith(_RAY + "IDLE"):
        return owner
    doing = title.removeprefix(_RAY).partition(".")[0].partition("(")[0].strip()
    return Owner(owner.key, f"{doing}, {owner.key}" if doing else owner.name)
