"""Ray for R: what R (``runtime/shared/ray-*.R``) asks of Python, in a task and in a session.

R holds references, actors and jobs as numbers and hands values over as the bytes of its own
serialization. In a task R calls these functions through rpy2, in a user's R session through
reticulate.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import ray

from ..signals.threads import leave_signals_to_main
from . import cluster, daemons, immediate
from .failures import failure_of
from .stage import Stage
from .wire import (
    OK_LARGE,
    OK_SMALL,
    SILENT,
    Blob,
    message,
    pack,
    pack_value,
    read_submission,
    unpack_value,
)

# Bytes up to which a job goes along with each task: Ray's bookkeeping of a reference costs more.
_SMALL_JOB = 32 * 1024
# Ray's cost of a look at many references is that of all of them.
_BATCH = 256

Numbers = int | float | Sequence[int | float] | None


class _Job(NamedTuple):
    shipped: Any
    key: bytes
    remote: Any


class Driver:
    """References, actors and jobs of a process; `driver` is the one of this process.

    Attributes
    ----------
    run_task, actor_class : object
        What runs in Ray's workers: a remote function, and the class of actors. `tasks` puts them
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

    run_task: Any
    actor_class: Any

    def __init__(self) -> None:
        self._session = ""
        self._refs: dict[int, Any] = {}
        self._actors: dict[int, Any] = {}
        self._jobs: dict[int, _Job] = {}
        self._last_job = 0
        # Values that `fetch` has found too large to hand over together with others.
        self._large: dict[int, tuple[bytes, Any]] = {}
        self._stage = Stage()

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
        for table in (self._refs, self._actors, self._large):
            table.clear()
        self._jobs.clear()
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

    def add_job(self, data: Any, options: dict[str, Any] | None) -> int:
        """Keep a job (a function with what it needs), and how Ray shall run it, under a number."""
        data = self.handed_over(data)
        key = hashlib.sha256(data).digest()
        # In a list, so that Ray does not fetch it for each task.
        shipped = bytes(data) if len(data) <= _SMALL_JOB else [ray.put(pack(data))]
        self._last_job += 1
        remote = self.run_task.options(**cluster.ray_options(options or {}))
        self._jobs[self._last_job] = _Job(shipped, key, remote)
        return self._last_job

    def drop_jobs(self, jobs: Numbers) -> None:
        """Forget jobs that R sends no more; Ray frees them when their tasks have ended."""
        for number in _list(jobs):
            self._jobs.pop(number, None)

    def submit(self, ref: int, job: int, args: bytes, needs: Numbers = None) -> None:
        """Start a task; `needs` are the references (and, negative, the actors) in `args`."""
        shipped, key, remote = self._jobs[job]
        self._refs[ref] = remote.remote(*message(shipped, key, args), *self._resolve(needs))

    def submit_quick(self, data: bytes) -> None:
        """Do what `submit` does for a task without needs: two integers, and the arguments."""
        ref, job, args = read_submission(data)
        shipped, key, remote = self._jobs[job]
        self._refs[ref] = remote.remote(*message(shipped, key, args))

    def submit_many(
        self, first: int, job: int, data: Any, sizes: Numbers, needs: Numbers = None
    ) -> None:
        """Start tasks numbered from `first` on, whose arguments lie one after another in `data`."""
        shipped, key, remote = self._jobs[job]
        resolved = self._resolve(needs)
        end = 0
        for ref, size in enumerate(_list(sizes), start=first):
            start, end = end, end + size
            self._refs[ref] = remote.remote(*message(shipped, key, data[start:end]), *resolved)

    def _resolve(self, needs: Numbers) -> list[Any]:
        """Return the names and the objects that a task or an actor's call is given, if any."""
        if needs is None:
            return []
        names, objects = [], []
        for number in _list(needs):
            found = self._refs[number] if number >= 0 else self._actors[-number]
            names.append(found.hex() if number >= 0 else "")
            objects.append(found)
        return [names, *objects]

    def put(self, ref: int, data: Any) -> int:
        """Put a value into the object store; return its size."""
        data = self.handed_over(data)
        self._refs[ref] = ray.put(pack_value(data))
        return len(data)

    def wait(self, refs: Numbers, count: int, seconds: float) -> list[int]:
        """Wait until `count` are done, or for some seconds; return the places (from 1) of the done.

        Where all are waited for, it looks at a part at a time, and returns when that is done.
        """
        objects = [self._refs[ref] for ref in _list(refs)]
        if count >= len(objects):
            objects = objects[:_BATCH]
        # Ray wants each reference once.
        unique = list(dict.fromkeys(objects))
        ready = set(ray.wait(unique, num_returns=min(int(count), len(unique)), timeout=seconds)[0])
        return [place for place, o in enumerate(objects, start=1) if o in ready]

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
        objects = [self._refs[ref] for ref in numbers]
        try:
            answers = [(OK_SMALL, value) for value in ray.get(objects, timeout=seconds)]
        except ray.exceptions.GetTimeoutError:
            return {"state": [], "size": [], "bytes": bytearray()}
        except ray.exceptions.RayError:
            answers = [_outcome(o) for o in objects]
        states, sizes, pieces = [], [], []
        for ref, (state, data) in zip(numbers, answers, strict=True):
            if isinstance(data, Blob):
                state = OK_LARGE
                data, front, rest = unpack_value(data)
                self._large[ref] = front, rest
            states.append(state)
            sizes.append(len(data))
            pieces.append(data)
        return {"state": states, "size": sizes, "bytes": bytearray().join(pieces)}

    def put_numbers(self, ref: int, front: bytes, numbers: Any) -> int:
        """Do what `put` does with a vector of numbers, which Ray copies from where R has them."""
        self._refs[ref] = ray.put(Blob(numbers, SILENT, front))
        return len(front) + len(numbers)

    def value(self, ref: int) -> tuple[bytes, Any]:
        """Return the front (see `Blob`) and the bytes of a large value that `fetch` has left."""
        return self._large.pop(ref)

    def release(self, refs: Numbers) -> None:
        """Forget references (and, negative, actors) that R holds no more."""
        for number in _list(refs):
            (self._refs if number >= 0 else self._actors).pop(abs(number), None)

    def cancel(self, refs: Numbers) -> None:
        """End tasks by ending the workers that run them, and actors (negative numbers)."""
        for number in _list(refs):
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
        shipped, key, _ = self._jobs[job]
        chosen = cluster.ray_options(options or {})
        chosen.pop("max_retries")
        remote = ray.remote(self.actor_class).options(**chosen)
        self._actors[actor] = remote.remote(*message(shipped, key, args), *self._resolve(needs))

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


def _outcome(obj: Any) -> tuple[int, Any]:
    try:
        return OK_SMALL, ray.get(obj)
    except ray.exceptions.RayError as error:
        return failure_of(error)


driver = Driver()
