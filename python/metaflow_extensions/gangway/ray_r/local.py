"""A user's own R session on Ray: a cluster of one node that ends with the session, or another's."""

from __future__ import annotations

import ctypes
import os
import secrets
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import metaflow  # noqa: F401  # an extension's modules are imported after metaflow

from ..gang.node import NodeSpec
from ..ray.command import authentication, without_uv
from ..ray.node import RayNode
from ..values.in_place import InPlace
from .primitives import PRIMITIVES

if TYPE_CHECKING:
    from .driver import Driver

_ATTRIBUTES: dict[str, Any] = {
    "main_port": None,
    "enable_worker_logs": False,
    "logging_level": None,
    "log_style": None,
    "enable_dashboard": False,
    "dashboard_port": None,
}


class Session:
    """What an R session asks of Ray; `session` is the one of this process."""

    def __init__(self) -> None:
        # Ray reads the token once, when it is imported: all clusters of the session share it.
        self._secret = secrets.token_bytes(32)
        self._node: RayNode | None = None
        self._saved: dict[str, str | None] = {}

    def start(self, options: dict[str, Any], environment: dict[str, str]) -> None:
        """Start a node that has `num_cpus` and so on, with changes of the environment."""
        spec = NodeSpec(
            gang=secrets.token_hex(4),
            index=0,
            num_nodes=1,
            secret=self._secret,
            local=True,
            attributes={**_ATTRIBUTES, **options},
        )
        for name, value in authentication(spec.derive("ray")).items():
            self._saved[name] = os.environ.get(name)
            os.environ[name] = value
        self._node = RayNode(spec)
        self._node.changes = environment
        self._node.prepare()
        self._node.start(None)

    def state(self) -> str:
        """Tell ``"starting"``, ``"up"``, or why the node does not work."""
        if self._node is None:
            return "there is no node"
        failure = self._node.failure()
        if failure is not None:
            return failure
        return "up" if self._node.head() and 0 in self._node.joined() else "starting"

    def join(self, address: str | None) -> str:
        """Join the node that `start` has started, or the cluster with an address."""
        node = self._node
        os.environ.update(without_uv(os.environ))
        return _driver().connect(address if node is None else node.environment()["RAY_ADDRESS"])

    def stop(self) -> None:
        """Leave the cluster, and end it if it is this session's."""
        if "ray" in sys.modules:
            _driver().disconnect()
        for name, value in self._saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._saved.clear()
        if self._node is not None:
            self._node.stop()
            self._node = None

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return the driver's functions, which reticulate calls."""
        return {name: getattr(_driver(), name) for name in PRIMITIVES}

    def put_numbers(
        self, ref: int, front: bytes, address: float, size: float, once: bool = False
    ) -> int:
        """Do `Driver.put_numbers` with what lies at an address."""
        numbers = (ctypes.c_char * int(size)).from_address(int(address))
        return _driver().put_numbers(ref, bytes(front), memoryview(numbers).cast("B"), once)

    def value(self, ref: int) -> InPlace:
        """Where the bytes are that `Driver.value` gives."""
        return InPlace(*filter(len, _driver().value(ref)))


def _driver() -> Driver:
    from .tasks import driver  # imports Ray

    return driver


session = Session()
