"""Ray's side of R's ``ray_map()``: chunks of R calls as Ray tasks, run by R in Ray's workers."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from typing import Any

import ray

# How many finished tasks are taken at a time, and how long one look waits (seconds): a failed one
# is seen within this time while others still run.
_BATCH = 256
_LOOK_SECONDS = 0.5

# Bytes up to which a job goes along with each task: Ray's bookkeeping of a reference costs more.
_SMALL_JOB = 32 * 1024


def connect() -> None:
    """Join the gang's cluster, unless user code has done so.

    Raises
    ------
    RayNotFoundException
        Outside a step with a gang's cluster.
    """
    if ray.is_initialized():
        return
    if "RAY_ADDRESS" not in os.environ:
        from ..exceptions import RayNotFoundException

        raise RayNotFoundException(
            "There is no Ray cluster here: ray_map() and ray_nodes() work in the function of a "
            'step with decorator("ray_parallel"), reached by num_parallel.'
        )
    ray.init(log_to_driver=True, logging_level=logging.WARNING)


def cpus() -> float:
    """Cores that the cluster offers to Ray."""
    connect()
    return float(ray.cluster_resources().get("CPU", 1.0))


def nodes() -> list[dict[str, Any]]:
    """The cluster's nodes, control's first: what each is called and offers (memory in MB)."""
    connect()
    by_index = sorted(ray.nodes(), key=lambda n: (len(n["NodeName"]), n["NodeName"]))
    return [
        {
            "node": n["NodeName"],
            "address": n["NodeManagerAddress"],
            "alive": bool(n["Alive"]),
            "cpus": float(n["Resources"].get("CPU", 0.0)),
            "gpus": float(n["Resources"].get("GPU", 0.0)),
            "object_store_mb": round(n["Resources"].get("object_store_memory", 0.0) / 2**20, 1),
        }
        for n in by_index
    ]


def map_chunks(job: bytes, chunks: Sequence[bytes]) -> list[bytes]:
    """Run each chunk with the job's function on the cluster; return the answers in order.

    A job (the function and its constants) that is not small is put into the object store once.
    After the first answer that holds an R error, what still runs is cancelled.
    """
    connect()
    key = hashlib.sha256(job).hexdigest()
    # In a list, so that Ray does not fetch it for each task.
    shipped = job if len(job) <= _SMALL_JOB else [ray.put(job)]
    refs = [run_chunk.remote(shipped, key, chunk) for chunk in chunks]
    answers: dict[Any, bytes] = {}
    waiting = refs
    try:
        while waiting:
            ready, waiting = ray.wait(
                waiting, num_returns=min(len(waiting), _BATCH), timeout=_LOOK_SECONDS
            )
            for ref, (failed, answer) in zip(ready, ray.get(ready), strict=True):
                answers[ref] = answer
                if failed:
                    return [answer]
        return [answers[ref] for ref in refs]
    finally:
        for ref in waiting:
            ray.cancel(ref, force=True)


@ray.remote(max_retries=3)
def run_chunk(job: bytes | list[Any], key: str, chunk: bytes) -> tuple[bool, bytes]:
    """Run one chunk in this worker's R; return whether it failed, and R's serialized answer."""
    from ..r.worker import RWorker

    fetch = (lambda: ray.get(job[0])) if isinstance(job, list) else (lambda: job)
    return RWorker.current().run_chunk(fetch, key, chunk)
