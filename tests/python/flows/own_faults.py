"""Faults that a process meets by itself: a task, a rank, or a worker of Ray."""

import ctypes
import os
import resource
import signal
import sys
import time


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
        quit()
    if name == "exit":
        sys.exit(3)
    if name == "leave":  # what C code does that calls exit()
        os._exit(0)
    if name == "segfault":
        ctypes.string_at(0)
    if name == "kill":  # what the kernel does when memory is short
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
    if name == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    if name == "memory":
        use_up_memory()
    if name == "sleep":
        time.sleep(60)
