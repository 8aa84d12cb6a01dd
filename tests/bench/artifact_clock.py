"""For the tasks of bench-artifacts.py: where an artifact's time goes, and the peak of memory."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metaflow.datastore import content_addressed_store as store
from metaflow.datastore.task_datastore import TaskDataStore
from metaflow.plugins.datastores.local_storage import LocalStorage
from metaflow.plugins.datastores.serializers.pickle_serializer import PickleSerializer

_parts: dict[str, float] = {}
_began = _cpu_began = 0.0
_base = _object = 0.0


def _timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            _parts[part] = _parts.get(part, 0.0) + time.perf_counter() - start

    return timed


def watch(stored: Callable[[], None] | None = None) -> None:
    """Time Metaflow's parts in this process; call `stored` when the task's artifacts are."""
    cas = store.ContentAddressedStore
    cas._pack_v1 = _timed("gzip", cas._pack_v1)
    cas._unpack_v1 = _timed("gunzip", cas._unpack_v1)
    store.sha1 = _timed("sha1", store.sha1)
    LocalStorage._atomic_write = staticmethod(_timed("write", LocalStorage._atomic_write))
    for name in ("serialize", "deserialize"):
        method = getattr(PickleSerializer, name).__func__
        setattr(PickleSerializer, name, classmethod(_timed("pickle", method)))
    if stored:
        persist = TaskDataStore.persist

        def persist_and_tell(self: Any, flow: Any) -> None:
            persist(self, flow)
            stored()

        TaskDataStore.persist = persist_and_tell


def _memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith(field)).split()[1]) / 1024


def before() -> None:
    """Call it before the object is there."""
    global _base
    _base = _memory("VmRSS")


def start(made: bool) -> None:
    """Call it when the time begins; `made` says whether the object is there."""
    global _began, _cpu_began, _object
    _object = _memory("VmRSS") - _base if made else 0.0
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    _parts.clear()
    _began, _cpu_began = time.perf_counter(), time.process_time()


def stop(file: str) -> None:
    """Call it when the artifact is stored, or is there."""
    total, cpu = time.perf_counter() - _began, time.process_time() - _cpu_began
    parts = {name: round(seconds, 4) for name, seconds in _parts.items()}
    figures = {"total": total, "cpu": cpu, "parts": parts, "object": _object}
    figures["peak"] = _memory("VmHWM") - _base
    Path(file).write_text(json.dumps(figures))
