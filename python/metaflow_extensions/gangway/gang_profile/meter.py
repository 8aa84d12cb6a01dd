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
from typing import Any, NamedTuple

import psutil

from .gpus import Gpus

_MB = 1e6
_GB = 1e9


class Sample(NamedTuple):
    """One look: cores, GB, MB/s; of the machine percent; of each GPU percent and GB."""

    cpu: float
    memory: float
    disk: float
    network: float
    machine_cpu: float
    machine_memory: float
    gpus: list[list[float]]


class _Counters(NamedTuple):
    at: float
    cpu: float
    disk: float
    network: float


class Meter:
    """Looks at this task's processes and machine.

    Parameters
    ----------
    gpus : Gpus
        This node's GPUs.
    """

    def __init__(self, gpus: Gpus) -> None:
        self._gpus = gpus
        self._me = psutil.Process()
        psutil.cpu_percent()  # the first call only takes note
        self._last, _ = self._count()

    def facts(self) -> dict[str, Any]:
        """Return what does not change: the machine, and its GPUs' names."""
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "cores": psutil.cpu_count() or 1,
            "memory": round(psutil.virtual_memory().total / _GB, 1),
            "gpus": self._gpus.names,
            "no_gpus": self._gpus.why_not,
        }

    def read(self) -> Sample:
        """Return what was used since the last look."""
        now, memory = self._count()
        before, self._last = self._last, now
        seconds = max(now.at - before.at, 1e-6)
        return Sample(
            # A process that was nobody's child when it ended takes its share along.
            cpu=round(max(0.0, now.cpu - before.cpu) / seconds, 3),
            memory=round(memory / _GB, 4),
            disk=round(max(0.0, now.disk - before.disk) / seconds / _MB, 3),
            network=round(max(0.0, now.network - before.network) / seconds / _MB, 3),
            machine_cpu=psutil.cpu_percent(),
            machine_memory=psutil.virtual_memory().percent,
            gpus=self._gpus.read(),
        )

    def _count(self) -> tuple[_Counters, float]:
        cpu = disk = private = shared = 0.0
        other_nodes: set[int] = set()
        for process in [self._me, *self._me.children(recursive=True)]:  # parents come first
            with contextlib.suppress(psutil.Error, OSError), process.oneshot():
                if process.ppid() in other_nodes or self._is_node(process):
                    other_nodes.add(process.pid)
                    continue
                # Those of children that have ended too, so that the sum never falls.
                cpu += sum(process.cpu_times()[:4])
                memory = process.memory_info()
                # Processes share libraries, and Ray's object store: the largest counts, once.
                private += memory.rss - getattr(memory, "shared", 0)
                shared = max(shared, getattr(memory, "shared", 0))
                if hasattr(process, "io_counters"):  # not on macOS
                    io = process.io_counters()
                    disk += io.read_bytes + io.write_bytes
        net = psutil.net_io_counters()
        network = net.bytes_sent + net.bytes_recv if net else 0
        return _Counters(time.monotonic(), cpu, disk, network), private + shared

    def _is_node(self, process: psutil.Process) -> bool:
        """Whether it is a worker task of the gang whose control task this is."""
        if process.ppid() != self._me.pid:
            return False
        command = process.cmdline()
        return "--ubf-context" in command and "ubf_task" in command
