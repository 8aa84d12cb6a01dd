"""Ray for R: what R (``runtime/shared/ray-*.R``) asks of Python, in a task and in a session.

R holds references, actors and jobs as numbers and hands values over as the bytes of its own
serialization. In a task R calls these functions through rpy2, in a user's R session through
reticulate.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import mmap
import os
import signal
import struct
import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import ray

from ..signals.threads import leave_signals_to_main
from .failures import OK_LARGE, OK_SMALL, failure_of
from .live import hear, tell  # noqa: F401
from .wire import SILENT, Blob, message, pack, pack_value, unpack_value

# Bytes up to which a job goes along with each task: Ray's bookkeeping of a reference costs more.
_SMALL_JOB = 32 * 1024
_MB = 1024 * 1024
# Ray's cost of a look at many references is that of all of them.
_BATCH = 256
_QUICK = struct.Struct("=ii")

Numbers = int | float | Sequence[int | float] | None


class _Job(NamedTuple):
    shipped: Any
    key: bytes
    remote: Any


# What runs in Ray's workers. `tasks` puts it here: it imports this module, since R in a worker is a
# driver too.
run_task: Any = None
actor_class: Any = None

_refs: dict[int, Any] = {}
_actors: dict[int, Any] = {}
_jobs: dict[int, _Job] = {}
_last_job = 0
# Values that `fetch` has found too large to hand over together with others.
_large: dict[int, tuple[bytes, Any]] = {}
# The file that R writes a large value into, if it does.
_staged: list[int] = []
_session = ""


def connect(address: str | None = None) -> str:
    """Join the cluster, unless this process is in it; return what names this connection.

    Raises
    ------
    RayNotFoundException
        Where no cluster is known.
    """
    global _session
    if not ray.is_initialized():
        if address is None and "RAY_ADDRESS" not in os.environ:
            import metaflow  # noqa: F401  # before the extension

            from ..exceptions import RayNotFoundException

            raise RayNotFoundException(
                "There is no Ray cluster here. In a flow, use Ray in the function of a step with "
                'decorator("ray_parallel"), reached by num_parallel; elsewhere call ray_init().'
            )
        # Without this Ray prints errors that R has not asked for, or has cancelled.
        os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
        # Ray retries what the memory monitor kills without end.
        os.environ.setdefault("RAY_task_oom_retries", "3")
        # In a gang what workers print is shown already (logs.py).
        shown = address is not None or os.environ.get("RAY_LOG_TO_DRIVER") == "0"
        with _kept_handlers(), leave_signals_to_main():
            ray.init(address, log_to_driver=not shown, logging_level=logging.WARNING)
        _session = ""
    if not _session:
        forget()
        _session = uuid.uuid4().hex
    return _session


@contextlib.contextmanager
def _kept_handlers() -> Iterator[None]:
    # ray.init() takes SIGTERM for itself, which in R's process would wait for Python to run.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if old is None else old)


def forget() -> None:
    """Drop all references and actors."""
    global _session
    _session = ""
    for table in (_refs, _actors, _large):
        table.clear()
    _jobs.clear()


def disconnect() -> None:
    """Leave the cluster."""
    forget()
    with leave_signals_to_main():
        ray.shutdown()


def stage() -> str:
    """Name a file in memory for R to write a large value into; nothing where there are none.

    The next `put` or `add_job` is given this name in place of the bytes.
    """
    _unstage()
    if not hasattr(os, "memfd_create"):  # no Linux
        return ""
    _staged.append(os.memfd_create("gangway"))
    return f"/dev/fd/{_staged[0]}"


def _unstage() -> None:
    while _staged:
        os.close(_staged.pop())


def handed_over(data: Any) -> Any:
    """What R has handed over: bytes, or the name of the file that `stage` has given it."""
    if not isinstance(data, str):
        return data
    try:
        return mmap.mmap(_staged[0], 0, access=mmap.ACCESS_READ)
    finally:
        _unstage()


def add_job(data: Any, options: dict[str, Any] | None) -> int:
    """Keep a job (a function with what it needs) and how Ray shall run it; return its number."""
    global _last_job
    data = handed_over(data)
    key = hashlib.sha256(data).digest()
    # In a list, so that Ray does not fetch it for each task.
    shipped = bytes(data) if len(data) <= _SMALL_JOB else [ray.put(pack(data))]
    _last_job += 1
    _jobs[_last_job] = _Job(shipped, key, run_task.options(**ray_options(options or {})))
    return _last_job


def drop_jobs(jobs: Numbers) -> None:
    """Forget jobs that R sends no more; Ray frees them when their tasks have ended."""
    for number in _list(jobs):
        _jobs.pop(number, None)


def is_near() -> bool:
    """Whether all nodes of the cluster are on this machine."""
    here = ray.util.get_node_ip_address()
    addresses = {n["NodeManagerAddress"] for n in ray.nodes() if n["Alive"]}
    return all(a == here or a.startswith("127.") for a in addresses)


def ray_options(options: dict[str, Any]) -> dict[str, Any]:
    """Ray's names of R's options: cpus, gpus, memory (MB), resources, and what Ray calls alike."""
    names = {"cpus": "num_cpus", "gpus": "num_gpus"}
    given = {names.get(k, k): v for k, v in options.items() if v is not None}
    if "memory" in given:
        given["memory"] = int(given["memory"] * _MB)
    for whole in ("max_retries", "max_restarts", "max_task_retries"):
        if whole in given:
            given[whole] = int(given[whole])
    return {"max_retries": 3, **given}


def lacking(options: dict[str, Any] | None) -> str:
    """What is asked for that no node of the cluster has, or an empty string."""
    given = options or {}
    wanted = {"CPU": given.get("cpus"), "GPU": given.get("gpus"), **(given.get("resources") or {})}
    wanted["memory"] = (given.get("memory") or 0) * _MB
    wanted = {name: amount for name, amount in wanted.items() if amount}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(n, 0) >= amount for n, amount in wanted.items()) for node in nodes):
        return ""
    labels = {"CPU": "cpus", "GPU": "gpus"}
    amounts = {n: amount / _MB if n == "memory" else amount for n, amount in wanted.items()}
    return ", ".join(f"{labels.get(n, n)} = {amount:g}" for n, amount in amounts.items())


def submit(ref: int, job: int, args: bytes, needs: Numbers = None) -> None:
    """Start a task; `needs` are the numbers of references (and, negative, of actors) in `args`."""
    shipped, key, remote = _jobs[job]
    _refs[ref] = remote.remote(*message(shipped, key, args), *_resolve(needs))


def submit_quick(data: bytes) -> None:
    """Do what `submit` does for a task without needs: two integers, and the arguments."""
    ref, number = _QUICK.unpack_from(data)
    shipped, key, remote = _jobs[number]
    _refs[ref] = remote.remote(*message(shipped, key, data[_QUICK.size :]))


def submit_many(first: int, job: int, data: Any, sizes: Numbers, needs: Numbers = None) -> None:
    """Start tasks numbered from `first` on, whose arguments lie one after another in `data`."""
    shipped, key, remote = _jobs[job]
    resolved = _resolve(needs)
    end = 0
    for ref, size in enumerate(_list(sizes), start=first):
        start, end = end, end + size
        _refs[ref] = remote.remote(*message(shipped, key, data[start:end]), *resolved)


def _list(numbers: Numbers) -> list[int]:
    # R hands a vector of length one over as a scalar.
    if numbers is None:
        return []
    return [int(numbers)] if isinstance(numbers, (int, float)) else [int(n) for n in numbers]


def _resolve(needs: Numbers) -> list[Any]:
    """The names and the objects that a task or an actor's call is given, if it is given any."""
    if needs is None:
        return []
    names, objects = [], []
    for number in _list(needs):
        found = _refs[number] if number >= 0 else _actors[-number]
        names.append(found.hex() if number >= 0 else "")
        objects.append(found)
    return [names, *objects]


def put(ref: int, data: Any) -> int:
    """Put a value into the object store; return its size."""
    data = handed_over(data)
    _refs[ref] = ray.put(pack_value(data))
    return len(data)


def wait(refs: Numbers, count: int, seconds: float) -> list[int]:
    """Wait until `count` are done, or for some seconds; return the places (from 1) of those done.

    Where all are waited for, it looks at a part of them at a time, and returns when that is done.
    """
    objects = [_refs[ref] for ref in _list(refs)]
    if count >= len(objects):
        objects = objects[:_BATCH]
    # Ray wants each reference once.
    unique = list(dict.fromkeys(objects))
    ready = set(ray.wait(unique, num_returns=min(int(count), len(unique)), timeout=seconds)[0])
    return [place for place, o in enumerate(objects, start=1) if o in ready]


def fetch(refs: Numbers, seconds: float | None = None) -> dict[str, Any]:
    """What became of tasks; of none if not all are done within some seconds.

    Returns
    -------
    dict
        ``state``: per reference how it ended, see `failures`; ``size`` and ``bytes``: what is
        known of each, one after another: of a value what stands before it (see `pack_value`) and
        its bytes. Of a large one the latter stay here for `value`.
    """
    numbers = _list(refs)
    objects = [_refs[ref] for ref in numbers]
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
            _large[ref] = front, rest
        states.append(state)
        sizes.append(len(data))
        pieces.append(data)
    return {"state": states, "size": sizes, "bytes": bytearray().join(pieces)}


def put_numbers(ref: int, front: bytes, numbers: Any) -> int:
    """Do what `put` does with a vector of numbers, which Ray copies from where R has them."""
    _refs[ref] = ray.put(Blob(numbers, SILENT, front))
    return len(front) + len(numbers)


def value(ref: int) -> tuple[bytes, Any]:
    """The front (see `Blob`) and the bytes of a large value that `fetch` has left."""
    return _large.pop(ref)


def _outcome(obj: Any) -> tuple[int, Any]:
    try:
        return OK_SMALL, ray.get(obj)
    except ray.exceptions.RayError as error:
        return failure_of(error)


def release(refs: Numbers) -> None:
    """Forget references (and, negative, actors) that R holds no more."""
    for number in _list(refs):
        (_refs if number >= 0 else _actors).pop(abs(number), None)


def cancel(refs: Numbers) -> None:
    """End tasks by ending the workers that run them, and actors (negative numbers)."""
    for number in _list(refs):
        if number < 0:
            ray.kill(_actors[-number])
            continue
        # R cannot be interrupted in a worker; an actor's calls can only be taken back.
        with contextlib.suppress(KeyError, ValueError, TypeError):
            try:
                ray.cancel(_refs[number], force=True)
            except ValueError:
                ray.cancel(_refs[number])


def make_actor(
    actor: int, job: int, args: bytes, needs: Numbers, options: dict[str, Any] | None
) -> None:
    """Start an actor from a job whose function gives the environment."""
    shipped, key, _ = _jobs[job]
    chosen = ray_options(options or {})
    chosen.pop("max_retries")
    remote = ray.remote(actor_class).options(**chosen)
    _actors[actor] = remote.remote(*message(shipped, key, args), *_resolve(needs))


def call_actor(ref: int, actor: int, method: str, args: bytes, needs: Numbers = None) -> None:
    """Call an actor's method; calls of one caller run in their order."""
    _refs[ref] = _actors[actor].call.remote(method, pack(args), *_resolve(needs))


def adopt_actor(actor: int, handle: Any) -> None:
    """Take an actor's handle that another process has made."""
    _actors[actor] = handle


def cpus() -> float:
    """Cores that the cluster offers to Ray."""
    return float(ray.cluster_resources().get("CPU", 1.0))


def nodes() -> list[dict[str, Any]]:
    """The cluster's nodes, control's first: what each is called and offers (memory in MB)."""
    by_index = sorted(ray.nodes(), key=lambda n: (len(n["NodeName"]), n["NodeName"]))
    return [
        {
            "node": n["NodeName"],
            "address": n["NodeManagerAddress"],
            "alive": bool(n["Alive"]),
            "cpus": float(n["Resources"].get("CPU", 0.0)),
            "gpus": float(n["Resources"].get("GPU", 0.0)),
            "object_store_mb": round(n["Resources"].get("object_store_memory", 0.0) / _MB, 1),
        }
        for n in by_index
    ]


def resources() -> list[dict[str, Any]]:
    """What the cluster offers and what of it is free; memory in MB."""
    total, free = ray.cluster_resources(), ray.available_resources()
    names = [n for n in total if not n.startswith("node:")]
    table = []
    for name in sorted(names, key=lambda n: (n not in ("CPU", "GPU"), n)):
        unit = _MB if "memory" in name else 1
        row = {"total": total[name] / unit, "free": free.get(name, 0.0) / unit}
        label = {"CPU": "cpus", "GPU": "gpus"}.get(name, name)
        table.append({"resource": label + ("_mb" if unit == _MB else ""), **row})
    return table
