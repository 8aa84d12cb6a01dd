"""The R inside a Ray worker: it keeps jobs and shared objects, and runs calls."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.embed import flush
from ..engine.engine import REngine
from ..engine.large_vectors import assign, large_vectors, numbers_of, unserialize
from ..engine.vectors import bytes_to_raw, raw_to_bytes
from .host import ray_functions
from .wire import ONCE, Blob, RTaskError, pack_value, unpack_value

# What the values kept in one worker may take of the machine's memory, all workers together.
_CACHE_SHARE = 0.25
# After so many calls that did not use it a value is let go: its owner may have forgotten it.
_IDLE_CALLS = 30
# Seconds after which calls that share a task are given back: others may run them at the same time.
_PATIENCE = 0.04


class RWorker(REngine):
    """R inside a Ray worker's process. Use `RWorker.current`."""

    def __init__(self) -> None:
        super().__init__()
        self._key = b""
        self._variables: list[bytes] = []  # of the environment, as the job has it
        # Names of the values that R keeps, with their sizes, the least recently used first.
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._used: dict[str, int] = {}
        self._at_once: list[str] = []  # those of this call that are dropped after it
        self._calls = 0
        self._room = _room()
        self.provide({**ray_functions(self, _driver), "forget_job": self._forget_job})
        self.call("start_worker", _node())

    def run_task(
        self, key: bytes, fetch_job: Callable[[], Any], args: Any, needs: Sequence[Any]
    ) -> Any:
        """Run a call of the job with this key, which is fetched when it is not known here.

        Returns
        -------
        bytes or Blob
            The value and the conditions to relay, see `pack_value`.

        Raises
        ------
        RTaskError
            When R code has failed.
        """
        self._use_job(key, fetch_job)
        try:
            return self._answer("run_task", args, needs)
        finally:
            if _variables() != self._variables:
                self.evaluate("restore_variables_of_job")
                self._variables = _variables()  # as they were, in another order

    def run_timed(
        self, key: bytes, fetch_job: Callable[[], Any], args: Any, needs: Sequence[Any]
    ) -> tuple[Any, float]:
        """Do what `run_task` does; return also the seconds, without those to open the job."""
        self._use_job(key, fetch_job)
        start = time.perf_counter()
        value = self.run_task(key, fetch_job, args, needs)
        return value, time.perf_counter() - start

    def run_calls(
        self, key: bytes, fetch_job: Callable[[], Any], calls: Sequence[bytes]
    ) -> tuple[float, list[Any]]:
        """Run calls of a job one after another, each as `run_task` does.

        Returns
        -------
        float
            Seconds that one of them takes.
        list
            Their values; where one has failed, its `RTaskError`. Fewer than there are calls where
            they take long: those left have not begun.
        """
        self._use_job(key, fetch_job)
        answers: list[Any] = []
        start, taken = time.perf_counter(), 0.0
        for args in calls:
            try:
                answers.append(self.run_task(key, fetch_job, args, ()))
            except RTaskError as error:
                answers.append(error)
            taken = time.perf_counter() - start
            if taken > _PATIENCE:
                break
        return taken / max(1, len(answers)), answers

    def make_actor(
        self, key: bytes, fetch_job: Callable[[], Any], args: Any, needs: Sequence[Any]
    ) -> None:
        """Make the environment that this process holds from now on."""
        self._use_job(key, fetch_job)
        self._answer("make_actor", args, needs)

    def call_actor(self, method: str, args: Any, needs: Sequence[Any]) -> Any:
        """Call a function of the environment."""
        self.evaluate("use_method", method)
        return self._answer("call_actor", args, needs)

    def _use_job(self, key: bytes, fetch_job: Callable[[], Any]) -> None:
        if key != self._key:
            if not self.evaluate("use_job", key.hex())[0]:
                name = self._ri.StrSexpVector([key.hex()])
                self._by_name.call("open_job", name, bytes_to_raw(fetch_job()))
            self._key = key
            self._variables = _variables()

    def _forget_job(self) -> None:
        """Have the next call open its job anew."""
        self._key = b""

    def _answer(self, function: str, args: Any, needs: Sequence[Any]) -> Any:
        if needs:
            self.evaluate("use_names", self._keep(needs[0], needs[1:]))
        if large_vectors(memoryview(args)):
            opened = unserialize(args, self._functions["read_kept"])
            assign(self._runtime["worker"], "opened", opened)
            del opened  # R's alone from here on
            args = b""
        # Not `call`: Ray cancels by ending the worker, and signals would cost a third more.
        answer = self._by_name.call_with_bytes(function, args)
        flush()
        self._calls += 1
        self._make_room()
        if isinstance(answer, bytes) or len(answer) != 2:
            return packed_outcome(answer)
        failure, message = answer
        raise RTaskError(message[0], raw_to_bytes(failure))

    def _keep(self, names: Sequence[str], values: Sequence[Any]) -> list[str]:
        """Let R keep what it does not have yet; return what R calls each value."""
        called = []
        for name, value in zip(names, values, strict=True):
            if not name:
                name = self._adopt(value)
            elif name in self._kept:
                self._kept.move_to_end(name)
            else:
                if isinstance(value, Exception):  # what became of a call that shared a task
                    raise value
                _, front, data = unpack_value(value)
                # Not as an argument of an R function, which would evaluate code.
                shelf = self._runtime["worker"]["values"]
                assign(shelf, name, unserialize(data, self._functions["read_kept"], front))
                self.evaluate("keep_around", name)
                self._kept[name] = max(len(data), 1024)
            if name in self._kept:
                self._used[name] = self._calls
            called.append(name)
        self._at_once = [name for name in called if name.startswith(ONCE)]
        return called

    def _adopt(self, actor: Any) -> str:
        number = int(self.evaluate("adopted_number")[0])
        _driver().adopt_actor(number, actor)
        return f"actor {number}"

    def _make_room(self) -> None:
        while self._at_once:
            self._forget(self._at_once.pop())
        used = sum(self._kept.values()) if self._kept else 0
        while self._kept:
            name = next(iter(self._kept))
            idle = self._calls - self._used[name] > _IDLE_CALLS
            if not idle and (used <= self._room or len(self._kept) == 1):
                break
            used -= self._forget(name)

    def _forget(self, name: str) -> int:
        self.evaluate("drop_value", name)
        del self._used[name]
        return self._kept.pop(name)


def _driver() -> Any:
    from .driver import driver  # `tasks`, which has started this, has imported it

    return driver


def _environ() -> Any:
    """Return the environment of C, which R changes and ``os.environ`` does not hear of."""
    libc, entries = ctypes.CDLL(None), ctypes.POINTER(ctypes.c_char_p)
    if sys.platform != "darwin":
        return entries.in_dll(libc, "environ")
    libc._NSGetEnviron.restype = ctypes.POINTER(entries)
    return libc._NSGetEnviron().contents


_ENVIRON = _environ()


def _variables() -> list[bytes]:
    """All environment variables, in a tenth of the time that R takes to tell them."""
    found: list[bytes] = []
    while (entry := _ENVIRON[len(found)]) is not None:
        found.append(entry)
    return found


def packed_outcome(written: Any) -> Any:
    """Make what Ray is given of what runtime's ``write_outcome()`` has written."""
    if isinstance(written, bytes):
        return pack_value(written)
    if len(written) == 1:
        return pack_value(_driver().handed_over(written[0]))
    head, numbers, front = written
    return Blob(numbers_of(numbers), raw_to_bytes(head), raw_to_bytes(front), owner=numbers)


def _room() -> int:
    import psutil

    return int(psutil.virtual_memory().total * _CACHE_SHARE / (os.cpu_count() or 1))


def _node() -> str:
    import ray

    here = ray.get_runtime_context().get_node_id()
    names = [n["NodeName"] for n in ray.nodes() if n["NodeID"] == here]
    return f"{names[0] if names else here} ({socket.gethostname()})"
