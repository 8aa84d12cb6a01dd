"""The R inside a Ray worker: it keeps jobs and shared objects, and runs calls."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from .embed import raw_to_bytes
from .engine import REngine
from .ray_host import ray_functions

# What the values kept in one worker may take of the machine's memory, all workers together.
_CACHE_SHARE = 0.25


class RWorker(REngine):
    """R inside a Ray worker's process. Use `RWorker.current`."""

    def __init__(self) -> None:
        super().__init__()
        self._key = ""
        # Names of the values that R keeps, with their sizes, the least recently used first.
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._room = _room()
        self.provide(ray_functions(self))
        self.call("start_worker", _node())

    def run_task(
        self,
        fetch_job: Callable[[], Any],
        key: str,
        args: bytes,
        names: Sequence[str],
        values: Sequence[Any],
    ) -> Any:
        """Run a call of the job with this key, which is fetched when it is not known here.

        Returns
        -------
        bytes or Blob
            R's serialization of the value, followed by that of the conditions to relay.

        Raises
        ------
        RTaskError
            When R code has failed.
        """
        self._use_job(fetch_job, key)
        return self._answer("run_task", args, names, values)

    def make_actor(
        self,
        fetch_job: Callable[[], Any],
        key: str,
        args: bytes,
        names: Sequence[str],
        values: Sequence[Any],
    ) -> None:
        """Make the environment that this process holds from now on."""
        self._use_job(fetch_job, key)
        self._answer("make_actor", args, names, values)

    def call_actor(self, method: str, args: bytes, names: Sequence[str], values: Any) -> Any:
        """Call a function of the environment."""
        return self._answer("call_actor", args, names, values, method)

    def _use_job(self, fetch_job: Callable[[], Any], key: str) -> None:
        if key != self._key:
            if not self.evaluate("use_job", key)[0]:
                self.evaluate("open_job", key, fetch_job())
            self._key = key

    def _answer(
        self, function: str, args: bytes, names: Sequence[str], values: Sequence[Any], *more: Any
    ) -> Any:
        from ..ray.remote import RTaskError, pack

        if values:
            self._keep(names, values)
        # Not interruptible: Ray cancels by ending the worker, and signals would cost a third more.
        answer = self.evaluate(function, args, *([list(names)] if values else [[]]), *more)
        if values:
            self._make_room()
        if answer.typeof == self._ri.RTYPES.VECSXP:
            raise RTaskError(answer[1][0], raw_to_bytes(answer[0]))
        return pack(raw_to_bytes(answer))

    def _keep(self, names: Sequence[str], values: Sequence[Any]) -> None:
        from ..ray.remote import unpack

        for name, value in zip(names, values, strict=True):
            if name in self._kept:
                self._kept.move_to_end(name)
            else:
                data = unpack(value)
                self.evaluate("keep_value", name, data)
                self._kept[name] = max(len(data), 1024)

    def _make_room(self) -> None:
        used = sum(self._kept.values())
        while used > self._room and len(self._kept) > 1:
            name, size = self._kept.popitem(last=False)
            self.evaluate("drop_value", name)
            used -= size


def _room() -> int:
    import psutil

    return int(psutil.virtual_memory().total * _CACHE_SHARE / (os.cpu_count() or 1))


def _node() -> str:
    import ray

    here = ray.get_runtime_context().get_node_id()
    names = [n["NodeName"] for n in ray.nodes() if n["NodeID"] == here]
    return f"{names[0] if names else here} ({socket.gethostname()})"
