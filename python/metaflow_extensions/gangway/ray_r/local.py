"""A user's own R session on Ray: a cluster of one node that ends with the session, or another's."""

from __future__ import annotations

import ctypes
import os
import secrets
import sys
from collections.abc import Callable
from typing import Any

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow

from ..gang.node import NodeSpec
from ..ray.command import authentication
from ..ray.node import RayNode
from .primitives import PRIMITIVES

_ATTRIBUTES: dict[str, Any] = {
    "main_port": None,
    "enable_worker_logs": False,
    "logging_level": None,
    "log_style": None,
    "enable_dashboard": False,
    "dashboard_port": None,
}

# Ray reads the token once, when it is imported: all clusters of the session share it.
_secret = secrets.token_bytes(32)
_node: RayNode | None = None
_saved: dict[str, str | None] = {}


def start(options: dict[str, Any], environment: dict[str, str]) -> None:
    """Start a node that has `num_cpus` and so on, with changes of the environment."""
    global _node
    spec = NodeSpec(
        gang=secrets.token_hex(4),
        index=0,
        num_nodes=1,
        secret=_secret,
        local=True,
        attributes={**_ATTRIBUTES, **options},
    )
    for name, value in authentication(spec.derive("ray")).items():
        _saved[name] = os.environ.get(name)
        os.environ[name] = value
    _node = RayNode(spec)
    _node.changes = environment
    _node.prepare()
    _node.start(None)


def state() -> str:
    """Tell ``"starting"``, ``"up"``, or why the node does not work."""
    if _node is None:
        return "there is no node"
    failure = _node.failure()
    if failure is not None:
        return failure
    return "up" if _node.head() and 0 in _node.joined() else "starting"


def join(address: str | None) -> str:
    """Join the node that `start` has started, or the cluster with an address."""
    from .tasks import driver

    return driver.connect(_node.environment()["RAY_ADDRESS"] if _node is not None else address)


def stop() -> None:
    """Leave the cluster, and end it if it is this session's."""
    global _node
    if "ray" in sys.modules:
        from . import driver

        driver.disconnect()
    for name, value in _saved.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _saved.clear()
    if _node is not None:
        _node.stop()
        _node = None


def functions() -> dict[str, Callable[..., Any]]:
    """The driver's functions, which reticulate calls."""
    from .tasks import driver

    return {name: getattr(driver, name) for name in PRIMITIVES}


def put_numbers(ref: int, front: bytes, address: float, size: float) -> int:
    """Do `driver.put_numbers` with what lies at an address."""
    from . import driver

    numbers = (ctypes.c_char * int(size)).from_address(int(address))
    return driver.put_numbers(ref, bytes(front), memoryview(numbers).cast("B"))


def value(ref: int) -> Place:
    """Where the bytes are that `driver.value` gives: as a raw vector they would be there twice."""
    from .tasks import driver

    return Place(*filter(len, driver.value(ref)))


class Place:
    """Where bytes lie, piece after piece, that R reads before it calls `release`."""

    def __init__(self, *pieces: Any) -> None:
        self._buffers = [_Buffer() for _ in pieces]
        for piece, buffer in zip(pieces, self._buffers, strict=True):
            ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(piece), ctypes.byref(buffer), 0)
        self.place = " ".join(f"{buffer.address} {buffer.size}" for buffer in self._buffers)

    def release(self) -> None:
        """Let them go."""
        for buffer in self._buffers:
            ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
        self._buffers = []


class _Buffer(ctypes.Structure):
    # Python's Py_buffer: what there is after these fields differs between its versions.
    _fields_ = (
        ("address", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
        ("size", ctypes.c_ssize_t),
        ("rest", ctypes.c_void_p * 16),
    )
