"""Short calls share tasks of Ray's, whose cost is that of several of them.

What a call of a job takes is learned from probes: plain tasks that tell their time as well. Calls
of which several fit into a few milliseconds wait here for each other, as long as they come one
after the other, or until somebody asks for a result. A worker that finds them longer than was
thought gives back what it has not begun.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, TaskCancelledError

from ..signals.threads import start_thread
from .wire import pack_calls

# Seconds: what calls of one task take together.
ENOUGH = 0.01
# Calls that take longer have tasks of their own.
SHORT = 0.002
# Calls in a task, whose results are fetched together.
MOST = 64
# Bytes of one call's arguments.
_SMALL = 4096
# Seconds after the last call, and after the first one, in which calls wait for more.
_DELAY = 0.001
_LONGEST = 0.02
# Seconds for which the number of the cluster's cores is believed: to ask takes one millisecond.
_CORES_FOR = 5.0
# Seconds between two looks at shared tasks for whose results nobody asks.
_LOOK = 0.1
# After so many calls a job that was found to be long is asked again: its first call may have loaded
# packages.
_AGAIN = 20
# Calls between two looks at a probe, which cost more than a call does.
_GLANCE = 8


@dataclass
class Pace:
    """What is known of how long a job's calls take."""

    seconds: float | None = None
    probe: Any = None  # the reference to what a probe took
    calls: int = 0  # since the last look at it, or since the last probe

    def learn(self, seconds: float) -> None:
        """Take a measurement into account."""
        self.seconds = seconds if self.seconds is None else (self.seconds + seconds) / 2

    def is_short(self) -> bool:
        """Whether calls may share a task; looks at the probe now and then."""
        self.calls += 1
        if self.probe is not None and self.calls >= _GLANCE:
            self.calls = 0
            if ray.wait([self.probe], timeout=0)[0]:
                self._read_probe()
        return self.seconds is not None and self.seconds <= SHORT

    def ask(self, seconds: Any) -> None:
        """Take a reference to what a probe takes."""
        self.probe, self.calls = seconds, 0

    def wants_probe(self) -> bool:
        """Whether the next call shall tell its time."""
        return self.probe is None and (self.seconds is None or self.calls >= _AGAIN)

    def _read_probe(self) -> None:
        try:
            seconds = ray.get(self.probe)
        except RayError:  # as the call's own result
            pass
        else:
            self.seconds = seconds
        self.probe = None

    def fits(self) -> int:
        """How many calls share a task."""
        return max(1, min(MOST, int(ENOUGH / max(self.seconds or SHORT, 1e-6))))


@dataclass
class Call:
    """A call that waits or is under way: the number of its reference, and its arguments."""

    ref: int
    args: bytes
    is_held: bool = True  # the reference, by R
    is_cancelled: bool = False


@dataclass
class _Task:
    """A task of Ray's with the calls that share it."""

    object: Any
    job: Any
    calls: list[Call]


@dataclass
class _Waiting:
    """Calls of a job that have not been sent."""

    job: Any
    calls: list[Call] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    last: float = 0.0

    def is_over(self) -> bool:
        """Whether they have waited enough."""
        now = time.monotonic()
        return now - self.last >= _DELAY or now - self.since >= _LONGEST


class SharedTasks:
    """The calls of a process that share tasks.

    Parameters
    ----------
    alone : callable
        Starts a task for a call alone: takes a job and a `Call`.
    cpus : callable
        Gives the number of the cluster's cores.
    """

    def __init__(self, alone: Callable[[Any, Call], None], cpus: Callable[[], float]) -> None:
        self._alone, self._cpus = alone, cpus
        self.lock = threading.RLock()
        self._work = threading.Condition(self.lock)
        self._waiting: dict[int, _Waiting] = {}  # by the job's identity
        self._tasks: dict[int, _Task] = {}  # under way, by the identity of the task
        # By the numbers of references that R holds.
        self._calls: dict[int, Call] = {}
        self._task_of: dict[int, _Task] = {}
        self._answers: dict[int, Any] = {}
        self._thread: threading.Thread | None = None
        self._cores = self._cores_until = 0.0
        self._is_first = True

    def clear(self) -> None:
        """Forget all."""
        with self.lock:
            tables = (self._waiting, self._tasks, self._calls, self._task_of, self._answers)
            for table in tables:
                table.clear()
            self._cores_until = 0.0

    def take(self, job: Any, ref: int, args: bytes) -> bool:
        """Take a call, if it is one that may share a task."""
        if len(args) > _SMALL or not job.pace.is_short():
            return False
        if self._is_first:  # whose result may be asked for at once
            self._is_first = False
            return False
        with self.lock:
            waiting = self._waiting.setdefault(id(job), _Waiting(job))
            self._calls[ref] = call = Call(ref, args)
            waiting.calls.append(call)
            waiting.last = time.monotonic()
            count = len(waiting.calls)
            if count == 1:
                self._wake()
            elif count >= job.pace.fits() * self._workers(job):
                self._send(id(job))
        return True

    def flush(self) -> None:
        """Send what waits: somebody asks for results."""
        self._is_first = True
        if self._waiting:
            with self.lock:
                for key in list(self._waiting):
                    self._send(key)

    def _workers(self, job: Any) -> int:
        if time.monotonic() >= self._cores_until:
            self._cores, self._cores_until = self._cpus(), time.monotonic() + _CORES_FOR
        return max(1, int(self._cores / max(job.cpus, 0.01)))

    def _send(self, key: int) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is None:
            return
        job, calls = waiting.job, waiting.calls
        parts = max(self._workers(job), -(-len(calls) // job.pace.fits()))
        for part in _spread(calls, parts):
            if len(part) == 1:
                self._let_go(job, part[0])
                continue
            task = _Task(job.send_shared(pack_calls([call.args for call in part])), job, part)
            self._tasks[id(task)] = task
            self._task_of.update((call.ref, task) for call in part if call.is_held)

    def _let_go(self, job: Any, call: Call) -> None:
        self._calls.pop(call.ref, None)
        self._alone(job, call)

    # ---- what becomes of them

    def object_of(self, ref: int) -> Any:
        """Return what to wait for before a call's answer is here; None of one that is not ours."""
        task = self._task_of.get(ref)
        return None if task is None else task.object

    def has_answer(self, ref: int) -> bool:
        """Whether the answer of a call is here."""
        return ref in self._answers

    def answer(self, ref: int) -> Any:
        """Return an answer: a packed value, or an exception."""
        return self._answers[ref]

    def take_answer(self, ref: int) -> Any:
        """Do the same, and forget it."""
        return self._answers.pop(ref)

    def settle(self, refs: Iterable[int]) -> None:
        """Read the answers of those calls whose tasks have ended."""
        with self.lock:
            tasks = {id(t): t for t in map(self._task_of.get, refs) if t is not None}
            self._settle(tasks)

    def _settle(self, tasks: dict[int, _Task]) -> None:
        if not tasks:
            return
        objects = [task.object for task in tasks.values()]
        done = set(ray.wait(objects, num_returns=len(objects), timeout=0)[0])
        for key, task in tasks.items():
            if task.object in done and key in self._tasks:
                del self._tasks[key]
                self._end(task)

    def _end(self, task: _Task) -> None:
        answers: list[Any] = []
        try:
            seconds, answers = ray.get(task.object)
            task.job.pace.learn(seconds)
        except RayError:
            pass  # its worker has died, or was ended: who was not cancelled begins anew
        for place, call in enumerate(task.calls):
            self._task_of.pop(call.ref, None)
            known = place < len(answers)
            if not known and not call.is_cancelled:
                self._let_go(task.job, call)
                continue
            self._calls.pop(call.ref, None)
            if call.is_held:
                self._answers[call.ref] = answers[place] if known else TaskCancelledError()

    def release(self, ref: int) -> None:
        """Forget a reference; its call goes on."""
        with self.lock:
            self._answers.pop(ref, None)
            self._task_of.pop(ref, None)
            if call := self._calls.pop(ref, None):
                call.is_held = False

    def cancel(self, refs: Iterable[int]) -> set[int]:
        """Cancel the calls that are ours; return them."""
        wanted, ours = set(refs), set()
        with self.lock:
            for waiting in list(self._waiting.values()):
                for call in [call for call in waiting.calls if call.ref in wanted]:
                    waiting.calls.remove(call)
                    del self._calls[call.ref]
                    self._answers[call.ref] = TaskCancelledError()
                    ours.add(call.ref)
            for task in list(self._tasks.values()):
                hit = [call for call in task.calls if call.ref in wanted]
                for call in hit:
                    call.is_cancelled = True
                    ours.add(call.ref)
                if hit:
                    ray.cancel(task.object, force=True)
            return ours | (wanted & self._answers.keys())

    # ---- when nobody asks

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = start_thread(self._run, name="gangway-shared-tasks")
        self._work.notify()

    def _run(self) -> None:
        looked = 0.0
        while True:
            with self.lock:
                while not self._waiting and not self._tasks:
                    self._work.wait()
                self._work.wait(_DELAY if self._waiting else _LOOK)
                if not ray.is_initialized():
                    self.clear()
                    continue
                for key in [key for key, waiting in self._waiting.items() if waiting.is_over()]:
                    self._send(key)
                if time.monotonic() - looked >= _LOOK:
                    looked = time.monotonic()
                    self._settle(dict(self._tasks))


def _spread(calls: list[Call], parts: int) -> Iterator[list[Call]]:
    size, more = divmod(len(calls), parts)
    start = 0
    for part in range(min(parts, len(calls))):
        end = start + size + (part < more)
        yield calls[start:end]
        start = end
