"""What a task's processes use of their machine, as rates since the last look.

Locally the nodes of a gang share a machine, so a node is the task's tree of processes (the worker
tasks that Metaflow starts below the control task are nodes of their own). The network cannot be
told apart by processes; it is the machine's.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import psutil

from .gpus import Gpus
from .owners import Owner, Owners

_MB = 1e6
_GB = 1e9
# Ranks and Ray workers of a node that are told apart; of more, those that use most.
MOST_PROCESSES = 32


class Sample(NamedTuple):
    """One look: cores, GB, MB/s; of the machine percent; of each GPU percent and GB."""

    cpu: float
    memory: float
    read: float
    written: float
    received: float
    sent: float
    machine_cpu: float
    machine_memory: float
    gpus: list[list[float]]


class Use(NamedTuple):
    """What a rank or a Ray worker uses: cores, GB; of GPUs percent and GB, where NVML tells."""

    cpu: float
    memory: float
    gpu: float | None = None
    gpu_memory: float | None = None


class _Memory:
    """Memory of some processes: they share libraries, and Ray's object store: counted once."""

    def __init__(self) -> None:
        self._own = self._shared = 0.0

    def add(self, process: psutil.Process) -> None:
        memory = process.memory_info()
        shared = getattr(memory, "shared", 0)
        self._own += memory.rss - shared
        self._shared = max(self._shared, shared)

    @property
    def total(self) -> float:
        return self._own + self._shared


class _Member:
    """What a rank's or a Ray worker's processes have used so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cpu = 0.0
        self.memory = _Memory()
        self.pids: list[int] = []


class _Counters(NamedTuple):
    at: float
    cpu: float
    read: float
    written: float
    received: float
    sent: float
    memory: float
    members: dict[str, _Member]


class Meter:
    """Looks at this task's processes and machine.

    Parameters
    ----------
    gpus : Gpus
        This node's GPUs.
    loopback : bool
        Whether what the machine sends to itself is network: the nodes of the gang are on it.
    about : mapping, optional
        More facts of this node.
    """

    def __init__(
        self, gpus: Gpus, loopback: bool = True, about: Mapping[str, Any] | None = None
    ) -> None:
        self._gpus, self._loopback, self._about = gpus, loopback, about or {}
        self._me = psutil.Process()
        self._owners = Owners()
        psutil.cpu_percent()  # the first call only takes note
        self._last = self._count()

    def facts(self) -> dict[str, Any]:
        """Return what does not change: the machine, and its GPUs' names."""
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "cores": psutil.cpu_count() or 1,
            "memory": round(psutil.virtual_memory().total / _GB, 1),
            "gpus": self._gpus.names,
            "no_gpus": self._gpus.why_not,
            **self._about,
        }

    def read(self) -> tuple[Sample, dict[str, tuple[str, Use]]]:
        """Return what was used since the last look, and by whom: names and uses by their keys."""
        now = self._count()
        before, self._last = self._last, now
        seconds = max(now.at - before.at, 1e-6)

        def rate(name: str, unit: float = _MB) -> float:
            # A process that was nobody's child when it ended takes its share along.
            used = getattr(now, name) - getattr(before, name)
            return float(round(max(0.0, used) / seconds / unit, 3))

        sample = Sample(
            cpu=rate("cpu", 1),
            memory=round(now.memory / _GB, 4),
            read=rate("read"),
            written=rate("written"),
            received=rate("received"),
            sent=rate("sent"),
            machine_cpu=psutil.cpu_percent(),
            machine_memory=psutil.virtual_memory().percent,
            gpus=self._gpus.read(),
        )
        return sample, self._uses(now, before, seconds)

    def _uses(
        self, now: _Counters, before: _Counters, seconds: float
    ) -> dict[str, tuple[str, Use]]:
        on_gpus = self._gpus.by_process() if now.members else {}
        found = {}
        for key, member in now.members.items():
            gpus = [on_gpus[pid] for pid in member.pids if pid in on_gpus]
            last = before.members.get(key)
            # Of one that is new, it is not known when it has begun.
            used = max(0.0, member.cpu - last.cpu) / seconds if last else 0.0
            use = Use(
                round(used, 3),
                round(member.memory.total / _GB, 4),
                round(sum(one for one, _ in gpus), 1) if gpus else None,
                round(sum(one for _, one in gpus), 3) if gpus else None,
            )
            found[key] = (member.name, use)
        most = sorted(found.items(), key=lambda item: (item[1][1].gpu_memory or 0, item[1][1].cpu))
        return dict(most[-MOST_PROCESSES:])

    def _count(self) -> _Counters:
        cpu = read = written = 0.0
        memory, members = _Memory(), dict[str, _Member]()
        owners: dict[int, Owner] = {}
        other_nodes: set[int] = set()
        self._owners.begin()
        for process in [self._me, *self._me.children(recursive=True)]:  # parents come first
            with contextlib.suppress(psutil.Error, OSError), process.oneshot():
                parent = process.ppid()
                if parent in other_nodes or self._is_node(process):
                    other_nodes.add(process.pid)
                    continue
                # Those of children that have ended too, so that the sum never falls.
                own = sum(process.cpu_times()[:4])
                cpu += own
                memory.add(process)
                if hasattr(process, "io_counters"):  # not on macOS
                    io = process.io_counters()
                    read, written = read + io.read_bytes, written + io.write_bytes
                if process.pid != self._me.pid and (
                    owner := self._owners.of(process, owners.get(parent))
                ):
                    owners[process.pid] = owner
                    member = members.setdefault(owner.key, _Member(owner.name))
                    member.cpu += own
                    member.memory.add(process)
                    member.pids.append(process.pid)
        received, sent = self._network()
        at = time.monotonic()
        return _Counters(at, cpu, read, written, received, sent, memory.total, members)

    def _network(self) -> tuple[int, int]:
        devices = psutil.net_io_counters(pernic=True)
        counted = [
            counters
            for name, counters in (devices or {}).items()
            if self._loopback or not (name == "lo" or name.startswith("lo0"))
        ]
        return sum(one.bytes_recv for one in counted), sum(one.bytes_sent for one in counted)

    def _is_node(self, process: psutil.Process) -> bool:
        """Whether it is a worker task of the gang whose control task this is."""
        if process.ppid() != self._me.pid:
            return False
        command = process.cmdline()
        return "--ubf-context" in command and "ubf_task" in command
