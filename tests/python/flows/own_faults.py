"""Faults that a task, a rank or a worker of Ray meets by itself; and a task to kill."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time

import psutil
from metaflow.plugins.datastores.local_storage import LocalStorage


def announce(fault, seconds=0):
    """Say that a fault comes now, or in some seconds."""
    print(f"FAULT {fault} {time.time() + seconds}", flush=True)


def use_up_memory():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
    bytearray(1 << 33)


def own_fault(name):
    """Let this process meet a fault of its own."""
    if name == "raise":
        raise ValueError("the user's own error")
    if name == "quit":
        quit()  # noqa: PLR1722  as a user does
    if name == "exit":
        sys.exit(3)
    if name == "leave":  # what C code does that calls exit()
        os._exit(0)
    if name == "segfault":
        ctypes.string_at(0)
    if name in ("kill", "store_kill"):  # what the kernel does when memory is short
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
    if name in ("freeze", "store_freeze"):
        os.kill(os.getpid(), signal.SIGSTOP)
    if name == "memory":
        use_up_memory()
    if name == "sleep":
        time.sleep(60)
    if name == "store_slow":
        time.sleep(12)
    if name == "store_full":
        import faults  # it reads the environment, which other flows fill otherwise

        faults.fill(f"{LocalStorage.datastore_root}/CoreFaults/data")


def worker_task(index=1):
    """The task of a worker, below control's, which is this process."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ValueError):
            command = process.cmdline()
            if command[command.index("--split-index") + 1] == str(index):
                return process
    raise LookupError(index)
