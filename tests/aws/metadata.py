"""Metaflow's metadata service: flows, runs, steps, tasks, what they record; all in memory."""

from __future__ import annotations

import itertools
import re
import threading
import time
from typing import Any

from . import web

VERSION = "2.5.0"
_LEVELS = ("flows", "runs", "steps", "tasks")


class Metadata:
    """Objects by their path, such as ``/flows/F/runs/1``, and what tasks have recorded."""

    def __init__(self) -> None:
        self.ids = itertools.count(1001)
        self._objects: dict[str, dict[str, Any]] = {}
        self._records: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def start_ids_at(self, number: int) -> None:
        """Number the next run or task so: a service that is new begins with 1."""
        self.ids = itertools.count(number)

    def routes(self) -> list[web.Route]:
        return [
            ("GET", "/ping", lambda data: (200, "pong")),
            ("POST", r"(.*)/heartbeat", lambda path, data: (200, {"wait_time_in_seconds": 10})),
            ("POST", r"(/.*/tasks/[^/]+)/(artifact|metadata)", self._record),
            ("GET", r"(/.*/tasks/[^/]+)/(metadata)", self._recorded),
            ("GET", r"(/.*/tasks/[^/]+)/(artifact)s", self._recorded),
            ("GET", r"(/.*/tasks/[^/]+)/attempt/(\d+)/artifacts", self._artifacts_of_attempt),
            ("GET", r"(/.*/tasks/[^/]+)/artifacts/([^/]+)(?:/attempt/(\d+))?", self._artifact),
            ("GET", r"(/flows/[^/]+/runs/[^/]+/steps/[^/]+)/filtered_tasks", self._filtered),
            ("PATCH", r"(/flows/[^/]+/runs/[^/]+)/tag/mutate", self._change_tags),
            ("POST", r"(/flows/[^/]+)", self._create),
            ("POST", r"(/flows/[^/]+(?:/.*)?)/(run|step|task)", self._create_below),
            ("GET", r"(.*)/?(flows|runs|steps|tasks)", self._list),
            ("GET", r"(/.*)", self._get),
        ]

    def _create(self, path: str, data: dict[str, Any]) -> web.Answer:
        with self._lock:
            if path in self._objects:
                return 409, {"message": f"{path} is there already"}
            self._objects[path] = {**_names(path), **data, "ts_epoch": int(time.time() * 1000)}
            return 200, self._objects[path]

    def _create_below(self, above: str, kind: str, data: dict[str, Any]) -> web.Answer:
        key = {"run": "run_number", "step": "step_name", "task": "task_id"}[kind]
        name = above.rpartition("/")[2] if kind == "step" else data.get(key)
        if kind == "step":
            return self._create(above, data)
        if name is None:
            name = next(self.ids)
        return self._create(f"{above}/{kind}s/{name}", {**data, key: name})

    def _get(self, path: str, data: dict[str, Any]) -> web.Answer:
        found = self._objects.get(path)
        return (200, found) if found else (404, {"message": f"no {path}"})

    def _list(self, above: str, kind: str, data: dict[str, Any]) -> web.Answer:
        pattern = re.compile(re.escape(f"{above.rstrip('/')}/{kind}/") + "[^/]+")
        with self._lock:
            found = [x for path, x in self._objects.items() if pattern.fullmatch(path)]
        return 200, found[::-1]

    def _record(self, path: str, kind: str, data: list[dict[str, Any]]) -> web.Answer:
        now = int(time.time() * 1000)
        with self._lock:
            if path not in self._objects:
                return 404, {"message": f"no {path}"}
            records = self._records.setdefault(f"{path} {kind}", [])
            records += [{**_names(path), **x, "ts_epoch": now, "id": id(x)} for x in data]
        return 200, {}

    def _recorded(self, path: str, kind: str, data: dict[str, Any]) -> web.Answer:
        if path not in self._objects:
            return 404, {"message": f"no {path}"}
        records = self._records.get(f"{path} {kind}", [])
        if kind == "artifact" and records:
            return self._artifacts_of_attempt(path, max(x["attempt_id"] for x in records), {})
        return 200, records

    def _artifacts_of_attempt(self, path: str, attempt: Any, data: Any) -> web.Answer:
        records = self._records.get(f"{path} artifact", [])
        return 200, [x for x in records if x["attempt_id"] == int(attempt)]

    def _artifact(self, path: str, name: str, attempt: str | None, data: Any) -> web.Answer:
        found = [
            x
            for x in self._records.get(f"{path} artifact", [])
            if x["name"] == name and attempt in (None, str(x["attempt_id"]))
        ]
        return (200, found[-1]) if found else (404, {"message": f"no {path} {name}"})

    def _filtered(self, path: str, data: dict[str, str]) -> web.Answer:
        field, pattern = data.get("metadata_field_name"), re.compile(data.get("pattern", ""))
        found = []
        for task in self._list(path, "tasks", {})[1]:
            pathspec = "/".join(str(task[k]) for k in _NAMES)
            records = self._records.get(f"{path}/tasks/{task['task_id']} metadata", [])
            if field is None or any(
                x["field_name"] == field and pattern.search(str(x["value"])) for x in records
            ):
                found.append(pathspec)
        return 200, found

    def _change_tags(self, path: str, data: dict[str, Any]) -> web.Answer:
        with self._lock:
            run = self._objects[path]
            tags = set(run.get("tags") or []) - set(data["tags_to_remove"])
            run["tags"] = sorted(tags | set(data["tags_to_add"]))
            return 200, {"tags": run["tags"]}


_NAMES = ("flow_id", "run_number", "step_name", "task_id")


def _names(path: str) -> dict[str, Any]:
    values = path.split("/")[2::2]
    names: dict[str, Any] = dict(zip(_NAMES, values, strict=False))
    for number in ("run_number", "task_id"):
        if names.get(number, "").isdigit():
            names[number] = int(names[number])
    return names
