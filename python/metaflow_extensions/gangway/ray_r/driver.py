"""Ray for R: what R (``runtime/shared/ray-*.R``) asks of Python, in a task and in a session.

R holds references, actors and jobs as numbers and hands values over as the bytes of its own
serialization. In a task R calls these functions through rpy2, in a user's R session through
reticulate.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Sequence
from typing import Any

import ray

from ..signals.threads import leave_signals_to_main
from . import cluster, daemons, immediate
from .failures import failure_of
from .jobs import Job
from .shared_tasks import Call, Pace, SharedTasks
from .stage import Stage
from .wire import (
    OK_LARGE,
    OK_SMALL,
    ONCE,
    SILENT,
    Blob,
    pack,
    pack_value,
    read_submission,
    unpack_value,
)

# Ray's cost of a look at many references is that of all of them.
_BATCH = 256

Numbers = int | float | Sequence[int | float] | None


class Driver:
    """References, actors and jobs of a process; `driver` is the one of this process.

    Attributes
    ----------
    tasks, actor_class : object
        What runs in Ray's workers: remote functions, and the class of actors. `tasks` puts them
        here, which imports this module: R code in a worker may use Ray too.
    """

    # What is asked of the cluster alone.
    is_near = staticmethod(cluster.is_near)
    lacking = staticmethod(cluster.lacking)
    cpus = staticmethod(cluster.cpus)
    nodes = staticmethod(cluster.nodes)
    resources = staticmethod(cluster.resources)
    send_condition = staticmethod(immediate.send_condition)
    take_conditions = staticmethod(immediate.take_conditions)
    address = staticmethod(daemons.address)
    start_daemons = staticmethod(daemons.start_daemons)
    daemons_ended = staticmethod(daemons.daemons_ended)

    tasks: Any
    actor_class: Any

    def __init__(self) -> None:
        self._session = ""
        self._refs: dict[int, Any] = {}
        self._actors: dict[int, Any] = {}
        self._jobs: dict[int, Job] = {}
        self._last_job = 0
        # Values that `fetch` has found too large to hand over together with others.
        self._large: dict[int, tuple[bytes, Any]] = {}
        self._once: set[int] = set()
        self._stage = Stage()
        self._shared = SharedTasks(self._send_alone, cluster.cpus)

    def connect(self, address: str | None = None) -> str:
        """Join the cluster, unless this process is in it; return what names this connection.

        Raises
        ------
        RayNotFoundException
            Where no cluster is known.
        """
        if not ray.is_initialized():
            cluster.join(address)
            self._session = ""
        if not self._session:
            self.forget()
            self._session = uuid.uuid4().hex
        return self._session

    def forget(self) -> None:
        """Drop all references and actors."""
        self._session = ""
        for table in (self._refs, self._actors, self._large, self._once):
            table.clear()
        self._jobs.clear()
        self._shared.clear()
        daemons.forget_daemons()

    def disconnect(self) -> None:
        """Leave the cluster."""
        self.forget()
        with leave_signals_to_main():
            ray.shutdown()

    def stage(self) -> str:
        """Name a file in memory for R to write a large value into; nothing where there are none.

        The next `put` or `add_job` is given this name in place of the bytes.
        """
        return self._stage.open()

    def handed_over(self, data: Any) -> Any:
        """Take what R hands over: bytes, or the name of the file that `stage` has given it."""
        return self._stage.taken() if isinstance(data, str) else data

    def add_job(self, data: Any, options: dict[str, Any] | None, shares: bool = False) -> int:
        """Keep a job, and how Ray shall run it, under a number.

        Where it `shares`, short calls of it go together. Not where a call must not be tried again.
        """
        given = options or {}
        pace = Pace() if shares and given.get("max_retries", 3) else None
        self._last_job += 1
        self._jobs[self._last_job] = Job(self.handed_over(data), given, self.tasks, pace)
        return self._last_job

    def drop_jobs(self, jobs: Numbers) -> None:
        """Forget jobs that R sends no more; Ray frees them when their tasks have ended."""
        for number in _list(jobs):
            self._jobs.pop(number, None)

    def submit(self, ref: int, job: int, args: bytes, needs: Numbers = None) -> None:
        """Start a task; `needs` are the references (and, negative, the actors) in `args`."""
        if needs is None:
            self._submit(ref, self._jobs[job], bytes(args))
        else:
            self._refs[ref] = self._jobs[job].send(args, self._resolve(needs))

    def submit_quick(self, data: bytes) -> None:
        """Do what `submit` does for a task without needs: two integers, and the arguments."""
        ref, job, args = read_submission(data)
        self._submit(ref, self._jobs[job], args)

    def _submit(self, ref: int, job: Job, args: bytes) -> None:
        if job.pace is None:
            self._refs[ref] = job.send(args)
        elif self._shared.take(job, ref, args):
            pass
        elif job.pace.wants_probe():
            self._refs[ref], seconds = job.send_probe(args)
            job.pace.ask(seconds)
        else:
            self._refs[ref] = job.send(args)

    def _send_alone(self, job: Job, call: Call) -> None:
        ref = job.send(call.args)
        if call.is_held:
            self._refs[call.ref] = ref

    def submit_many(
        self, first: int, job: int, data: Any, sizes: Numbers, needs: Numbers = None
    ) -> None:
        """Start tasks numbered from `first` on, whose arguments lie one after another in `data`."""
        of_all = self._jobs[job]
        resolved = self._resolve(needs)
        end = 0
        for ref, size in enumerate(_list(sizes), start=first):
            start, end = end, end + size
            self._refs[ref] = of_all.send(data[start:end], resolved)

    def shared(self, refs: Numbers) -> list[int]:
        """Return those that share a task which has not ended: they are no objects of Ray's yet."""
        numbers = _list(refs)
        self._shared.flush()
        self._shared.settle(numbers)
        return [number for number in numbers if self._shared.object_of(number) is not None]

    def _resolve(self, needs: Numbers) -> list[Any]:
        """Return the names and the objects that a task or an actor's call is given, if any."""
        if needs is None:
            return []
        names, objects = [], []
        for number in _list(needs):
            if self._shared.has_answer(number):
                self._refs[number] = ray.put(self._shared.take_answer(number))
            found = self._refs[number] if number >= 0 else self._actors[-number]
            name = found.hex() if number >= 0 else ""
            names.append(ONCE + name if number in self._once else name)
            objects.append(found)
        return [names, *objects]

    def put(self, ref: int, data: Any) -> int:
        """Put a value into the object store; return its size."""
        data = self.handed_over(data)
        self._refs[ref] = ray.put(pack_value(data))
        return len(data)

    def wait(self, refs: Numbers, count: int, seconds: float) -> list[int]:
        """Wait until `count` are done, or for some seconds; return the places (from 1) of the done.

        It may return sooner, as when one of several tasks has ended that calls share. Where all are
        waited for, it looks at a part at a time, and returns when that is done.
        """
        numbers = _list(refs)
        self._shared.flush()
        with self._shared.lock:
            objects = {n: o for n in numbers if (o := self._object(n)) is not None}
        known = len(numbers) - len(objects)
        # Ray wants each reference once.
        unique = list(dict.fromkeys(objects.values()))
        wanted = int(count) - known
        if wanted >= len(objects):
            unique = unique[:_BATCH]
            wanted = len(unique)
        elif len(unique) < len(objects):
            wanted = min(wanted, 1)
        ready: set[Any] = set()
        if unique:
            patience = seconds if wanted > 0 else 0
            wanted = min(max(wanted, 1), len(unique))
            ready = set(ray.wait(unique, num_returns=wanted, timeout=patience)[0])
        of_ready = [number for number, o in objects.items() if o in ready]
        self._shared.settle(of_ready)
        done = {n for n in of_ready if self._refs.get(n) in ready}
        return [
            place
            for place, number in enumerate(numbers, start=1)
            if number in done or self._shared.has_answer(number)
        ]

    def _object(self, ref: int) -> Any:
        """Return what to wait for before a reference is done; None if it is."""
        if self._shared.has_answer(ref):
            return None
        shared = self._shared.object_of(ref)
        return self._refs[ref] if shared is None else shared

    def fetch(self, refs: Numbers, seconds: float | None = None) -> dict[str, Any]:
        """Return what became of tasks; of none if not all are done within some seconds.

        Returns
        -------
        dict
            ``state``: per reference how it ended, see `failures`; ``size`` and ``bytes``: what is
            known of each, one after another: of a value what stands before it (see `pack_value`)
            and its bytes. Of a large one the latter stay here for `value`.
        """
        numbers = _list(refs)
        try:
            answers = self._answers(numbers, seconds)
        except ray.exceptions.GetTimeoutError:
            return {"state": [], "size": [], "bytes": bytearray()}
        states, sizes, pieces = [], [], []
        for ref, answer in zip(numbers, answers, strict=True):
            state, data = OK_SMALL, answer
            if isinstance(answer, Exception):
                state, data = failure_of(answer)
            elif isinstance(answer, Blob):
                state = OK_LARGE
                data, front, rest = unpack_value(answer)
                self._large[ref] = front, rest
            states.append(state)
            sizes.append(len(data))
            pieces.append(data)
        return {"state": states, "size": sizes, "bytes": bytearray().join(pieces)}

    def _answers(self, numbers: list[int], seconds: float | None) -> list[Any]:
        """Wait for all; return each task's value or exception."""
        end = None if seconds is None else time.monotonic() + seconds
        self._shared.flush()
        while shared := [o for n in numbers if (o := self._shared.object_of(n)) is not None]:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not ray.wait(shared[:1], timeout=left)[0]:
                raise ray.exceptions.GetTimeoutError
            self._shared.settle(numbers)
        alone = [self._refs[n] for n in numbers if not self._shared.has_answer(n)]
        left = None if end is None else max(0.0, end - time.monotonic())
        try:
            values = ray.get(alone, timeout=left)
        except ray.exceptions.GetTimeoutError:
            raise
        except ray.exceptions.RayError:
            values = [_outcome(o) for o in alone]
        of_alone = iter(values)
        return [
            self._shared.answer(n) if self._shared.has_answer(n) else next(of_alone)
            for n in numbers
        ]

    def put_numbers(self, ref: int, front: bytes, numbers: Any, once: bool = False) -> int:
        """Do what `put` does with a vector of numbers, which Ray copies from where R has them.

        What is needed `once` a worker does not keep beyond the call.
        """
        self._refs[ref] = ray.put(Blob(numbers, SILENT, front))
        if once:
            self._once.add(ref)
        return len(front) + len(numbers)

    def value(self, ref: int) -> tuple[bytes, Any]:
        """Return the front (see `Blob`) and the bytes of a large value that `fetch` has left."""
        return self._large.pop(ref)

    def release(self, refs: Numbers) -> None:
        """Forget references (and, negative, actors) that R holds no more."""
        for number in _list(refs):
            (self._refs if number >= 0 else self._actors).pop(abs(number), None)
            self._once.discard(number)
            self._shared.release(number)

    def cancel(self, refs: Numbers) -> None:
        """End tasks by ending the workers that run them, and actors (negative numbers)."""
        numbers = _list(refs)
        ours = self._shared.cancel(numbers)
        for number in numbers:
            if number in ours:
                continue
            if number < 0:
                ray.kill(self._actors[-number])
                continue
            # R cannot be interrupted in a worker; an actor's calls can only be taken back.
            with contextlib.suppress(KeyError, ValueError, TypeError):
                try:
                    ray.cancel(self._refs[number], force=True)
                except ValueError:
                    ray.cancel(self._refs[number])

    def make_actor(
        self, actor: int, job: int, args: bytes, needs: Numbers, options: dict[str, Any] | None
    ) -> None:
        """Start an actor from a job whose function gives the environment."""
        chosen = cluster.ray_options(options or {})
        chosen.pop("max_retries")
        remote = ray.remote(self.actor_class).options(**chosen)
        self._actors[actor] = remote.remote(*self._jobs[job].message(args), *self._resolve(needs))

    def call_actor(
        self, ref: int, actor: int, method: str, args: bytes, needs: Numbers = None
    ) -> None:
        """Call an actor's method; calls of one caller run in their order."""
        self._refs[ref] = self._actors[actor].call.remote(method, pack(args), *self._resolve(needs))

    def adopt_actor(self, actor: int, handle: Any) -> None:
        """Take an actor's handle that another process has made."""
        self._actors[actor] = handle


def _list(numbers: Numbers) -> list[int]:
    # R hands a vector of length one over as a scalar.
    if numbers is None:
        return []
    return [int(numbers)] if isinstance(numbers, (int, float)) else [int(n) for n in numbers]


def _outcome(obj: Any) -> Any:
    try:
        return ray.get(obj)
    except ray.exceptions.RayError as error:
        return error


driver = Driver()
