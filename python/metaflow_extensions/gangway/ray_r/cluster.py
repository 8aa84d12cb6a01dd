"""What R asks of a Ray cluster: to join it, and what its nodes offer."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import ray

from ..ray.command import GROUP_LABEL
from ..ray.private import job_without_folders
from ..signals.threads import leave_signals_to_main

_MB = 1024 * 1024


def join(address: str | None) -> None:
    """Join the cluster with this address, or the one that the environment names.

    Raises
    ------
    RayNotFoundException
        Where no cluster is known.
    """
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
        ray.init(
            address,
            log_to_driver=not shown,
            logging_level=logging.WARNING,
            job_config=job_without_folders(),
        )


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
    """Tell what is asked for that no node of the cluster has, or an empty string."""
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


def cpus() -> float:
    """Cores that the cluster offers to Ray."""
    return float(ray.cluster_resources().get("CPU", 1.0))


def nodes() -> list[dict[str, Any]]:
    """Tell the nodes' names and what each offers (memory in MB), control's first."""
    by_index = sorted(ray.nodes(), key=lambda n: (len(n["NodeName"]), n["NodeName"]))
    return [
        {
            "node": n["NodeName"],
            "address": n["NodeManagerAddress"],
            "alive": bool(n["Alive"]),
            "cpus": float(n["Resources"].get("CPU", 0.0)),
            "gpus": float(n["Resources"].get("GPU", 0.0)),
            "object_store_mb": round(n["Resources"].get("object_store_memory", 0.0) / _MB, 1),
            "group": n["Labels"].get(GROUP_LABEL, ""),
        }
        for n in by_index
    ]


def resources() -> list[dict[str, Any]]:
    """Return what the cluster offers and what of it is free; memory in MB."""
    total, free = ray.cluster_resources(), ray.available_resources()
    names = [n for n in total if not n.startswith("node:")]
    table = []
    for name in sorted(names, key=lambda n: (n not in ("CPU", "GPU"), n)):
        unit = _MB if "memory" in name else 1
        row = {"total": total[name] / unit, "free": free.get(name, 0.0) / unit}
        label = {"CPU": "cpus", "GPU": "gpus"}.get(name, name)
        table.append({"resource": label + ("_mb" if unit == _MB else ""), **row})
    return table
