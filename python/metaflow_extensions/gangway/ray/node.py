"""One Ray node of a gang, as its task sees it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from ..gang.machine import processes
from ..gang.machine.ports import free_port
from ..gang.node import GangNode, NodeSpec
from ..signals.threads import start_thread
from . import no_dashboard
from .command import (
    authentication,
    dashboard_url,
    loopback,
    node_environment,
    start_command,
    without_uv,
)
from .launcher import BLOCKS
from .logs import WorkerLogs, quiet_ray
from .private import RAYS_OWN, talking_threads
from .resources import container_resources, local_resources
from .turns import turns

# The launcher finds this package where the task found it, behind everything else on its path; and
# not what lies in the working folder, where a user's `ray` or `json.py` may be.
_BOOT = (
    "import sys; sys.path = [p for p in sys.path if p] + [sys.argv.pop(1)]; "
    "from metaflow_extensions.gangway.ray.launcher import main; main()"
)
_ROOT = str(Path(__file__).resolve().parents[3])


class RayNode(GangNode):
    """A Ray node that a launcher process runs; see `launcher`."""

    # Environment variables of the node's processes that differ from this process's.
    changes: Mapping[str, str] = MappingProxyType({})

    def __init__(self, spec: NodeSpec) -> None:
        super().__init__(spec)
        self._mark = processes.node_mark(spec.gang, spec.index)
        self._token = spec.derive("ray")
        self._resources = (
            container_resources(spec, spec.container) if spec.container else local_resources(spec)
        )
        self._launcher: subprocess.Popen[str] | None = None
        self._folder: str | None = None
        self._address: str | None = None
        self._alive: set[int] = set()
        self._failure: str | None = None
        self._stopping = False
        self._lock = threading.Lock()
        self._logs: WorkerLogs | None = None
        self._talking: set[str] = set()

    def prepare(self) -> None:
        self._folder = processes.make_folder(self._mark)
        # Ray kills its workers: what they leave, R's temporary folders too, goes with the node's.
        temporary = os.path.join(self._folder, "tmp")
        os.mkdir(temporary)
        folders = {"TMPDIR": temporary, "GANGWAY_TMP": temporary}
        self._launcher = subprocess.Popen(
            [sys.executable, "-c", _BOOT, _ROOT, self._mark, self._folder, str(turns(self.spec))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=node_environment(
                {**os.environ, **self.changes, **folders}, self._mark, self._token, self._resources
            ),
            start_new_session=True,
        )
        if self.spec.attributes["enable_worker_logs"]:
            self._logs = WorkerLogs(self._folder, self.spec.index)
        start_thread(self._listen, name="gangway-ray-node")

    def start(self, head: dict[str, Any] | None) -> None:
        assert self._launcher is not None and self._folder is not None
        node_ip = loopback() if self.spec.local else self.spec.address
        command = start_command(
            self.spec.index,
            self._folder,
            head["address"] if head else None,
            self._resources,
            self.spec.attributes,
            client_port=free_port() if head is None and find_spec("grpc") else None,
            node_ip=node_ip,
            group=self.spec.group.name if self.spec.group else None,
        )
        order = {
            "command": command,
            "head": head is None,
            "node_ip": node_ip if node_ip != "127.0.0.1" else None,
            "num_nodes": self.spec.num_nodes,
            "enough": self.spec.attributes.get("min_nodes") or self.spec.num_nodes,
        }
        assert self._launcher.stdin is not None
        try:
            self._launcher.stdin.write(json.dumps(order) + "\n")
            self._launcher.stdin.flush()
        except OSError as error:
            self._failure = self._failure or f"its launcher ended early: {error}"

    def head(self) -> dict[str, Any] | None:
        return {"address": self._address} if self._address else None

    def joined(self) -> set[int]:
        return self._alive

    def failure(self) -> str | None:
        return self._failure

    def environment(self) -> dict[str, str]:
        assert self._address is not None
        quiet = quiet_ray() if self._logs is not None else {}
        own = {"RAY_ADDRESS": self._address, **authentication(self._token)}
        asked = no_dashboard.environment(self.spec.attributes["enable_dashboard"], os.environ)
        return {**own, **without_uv(os.environ), **quiet, **asked}

    def leave(self, lost: bool) -> bool:
        ray = sys.modules.get("ray")
        if ray is None or not hasattr(ray, "is_initialized") or not ray.is_initialized():
            return True
        if not lost:
            self._talking = talking_threads()
            ray.shutdown()
        return not lost

    def has_left(self) -> bool:
        # Ray has disconnected when these have ended; then it waits for other threads of this
        # process, each of which looks four times a second whether it is to end.
        return bool(self._talking) and not self._talking & talking_threads()

    def stop(self) -> None:
        with self._lock:
            launcher, self._launcher = self._launcher, None
            if launcher is None:
                return
            self._stopping = True
            if self._logs is not None:
                self._logs.stop()
            processes.stop(self._mark, [launcher.pid], heeds=partial(_heeds, launcher.pid))
            launcher.wait()
            for stream in (launcher.stdin, launcher.stdout):
                if stream is not None:
                    stream.close()
            if self._folder is not None:
                processes.remove_folder(self._folder)

    def _listen(self) -> None:
        launcher = self._launcher
        assert launcher is not None and launcher.stdout is not None
        try:
            for line in launcher.stdout:
                self._take(json.loads(line))
        except (ValueError, OSError):  # closed by stop()
            pass
        if not self._stopping and self._failure is None:
            self._failure = _end_without_a_word(processes.last_words(self._folder or ""))

    def _take(self, message: dict[str, Any]) -> None:
        if message["event"] == "head":
            self._address = message["address"]
            if url := dashboard_url(self.spec.attributes):
                said = f"Ray's dashboard: {url}, for who has the step's RAY_AUTH_TOKEN"
                print(f"[gangway] {said}", file=sys.stderr, flush=True)
        elif message["event"] == "alive":
            self._alive = set(message["nodes"])
        elif message["event"] == "waits":
            print(f"[gangway] {message['why']}", file=sys.stderr, flush=True)
        elif message["event"] == "ended" and not self._stopping:
            self._failure = f"Ray ended there: {message['why']}"


def _heeds(launcher: int, process: psutil.Process) -> bool:
    # SIGTERM is for what users run. The launcher and Ray's servers, which are its children, take
    # seconds to end by it, and idle workers do not.
    own = launcher in (process.pid, process.ppid())
    return not own and process.name() not in RAYS_OWN


def _end_without_a_word(log: str) -> str:
    # `ray start --block` leaves at once when it is the first to see that a server is gone.
    server = re.search(r"----- END (\w+)\.\w+ tail", log)
    if server is not None:
        return f"Ray ended there: its {server.group(1)} process ended or was killed"
    said = "" if BLOCKS in log else f", or Ray ended:\n    {log}"
    return f"its launcher was killed{said}"
