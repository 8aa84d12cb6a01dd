"""How control and its workers find each other.

Locally, Metaflow starts the workers as children of the control task, so the environment that they
inherit carries control's address and the gang's secret (`Inherited`). Elsewhere control leaves both
in the run's datastore, under a name that control's task and attempt have to themselves, until all
workers have joined (`Published`).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

from ... import times
from ...exceptions import GangFormationException, GangRuntimeException
from ...mf.storage import storage_of

_MEETING = "GANGWAY_MEETING"
_RUNTIME = "METAFLOW_RUNTIME_ENVIRONMENT"
_REMOTE = ("aws-batch", "kubernetes")
_FOLDER = "mf.gangs"
_LOOK_SECONDS = (0.2, 1.0)


@dataclass(frozen=True)
class Meeting:
    """What a worker needs to find its gang; locally also the folder of the pipes for its output."""

    address: str
    gang: str
    secret: bytes
    output: str = ""


def is_remote(where: str) -> bool:
    """Whether each node of this task's gang has a machine, or a container, of its own."""
    runtime = os.environ.get(_RUNTIME, "local")
    if runtime not in ("local", *_REMOTE):
        raise GangRuntimeException(
            f"{where}: gangs run locally, with @batch and with @kubernetes, and not in the runtime "
            f"{runtime!r}."
        )
    return runtime != "local"


def patience() -> float:
    """Seconds that nodes get to come together; elsewhere each may have an image to pull."""
    here = os.environ.get(_RUNTIME, "local") == "local"
    return times.MEET_HERE if here else times.MEET_REMOTE


def host() -> str:
    """Return the address of nodes that share this machine."""
    return "127.0.0.1"


class Inherited:
    """The meeting of nodes on one machine."""

    def offer(self, meeting: Meeting) -> None:
        """On control: let the workers that are started next find this gang."""
        os.environ[_MEETING] = (
            f"{meeting.address} {meeting.gang} {meeting.secret.hex()} {meeting.output}"
        )

    def withdraw(self) -> None:
        """On control: the workers are here, and nobody else needs to know."""
        os.environ.pop(_MEETING, None)

    def take(self) -> Meeting:
        """On a worker: find the gang; what says how is gone from the environment afterwards."""
        try:
            address, gang, secret, output = os.environ.pop(_MEETING, "").split(" ", 3)
            return Meeting(address, gang, bytes.fromhex(secret), output)
        except ValueError:
            raise GangRuntimeException(
                "A worker task of a gang was started by something else than its control task."
            ) from None


class Published:
    """The meeting of nodes that share nothing but the run's datastore.

    Parameters
    ----------
    flow_datastore : FlowDataStore
        The run's datastore.
    parts : str
        What no other gang has but those of other attempts: flow, run, step and control's task.
    attempt : int
        The attempt.
    seconds : float
        How long a worker waits for control.
    where : str
        The decorator, step and flow, for messages.
    """

    def __init__(
        self, flow_datastore: Any, *parts: str, attempt: int, seconds: float, where: str
    ) -> None:
        self._storage = storage_of(flow_datastore)
        paths = [self._storage.path_join(_FOLDER, *parts, str(i)) for i in range(attempt + 1)]
        *self._earlier, self._path = paths
        self._seconds, self._where = seconds, where
        self._offered = False

    def offer(self, meeting: Meeting) -> None:
        """On control: let the workers find this gang."""
        self._offered = True
        text = {"address": meeting.address, "gang": meeting.gang, "secret": meeting.secret.hex()}
        self._write(self._path, text)

    def withdraw(self) -> None:
        """On control: the workers are here, and nobody else needs to know."""
        if not self._offered:
            return
        self._offered = False
        self._remove(self._path)
        # A control task that was killed could not remove its own.
        with contextlib.suppress(Exception):
            for path, exists in zip(
                self._earlier, self._storage.is_file(self._earlier), strict=True
            ):
                if exists:
                    self._remove(path)

    def _remove(self, path: str) -> None:
        # Not every role may delete, and only S3 is known here: an empty meeting tells nothing.
        with contextlib.suppress(Exception):
            self._write(path, {})
        with contextlib.suppress(Exception):
            if self._storage.TYPE == "s3":
                url = urlparse(self._storage.full_uri(path))
                client = self._storage.s3_client.client
                client.delete_object(Bucket=url.netloc, Key=url.path.lstrip("/"))

    def take(self) -> Meeting:
        """On a worker: wait until control says where it is."""
        deadline = time.monotonic() + self._seconds
        pause, longest = _LOOK_SECONDS
        while not (found := self._read()):
            if time.monotonic() > deadline:
                raise GangFormationException(
                    f"{self._where}: the control task did not say within {self._seconds:g} s where "
                    "it is. Look for its error in its log, or give nodes more time with "
                    "all_nodes_started_timeout=."
                )
            time.sleep(pause)
            pause = min(pause * 1.2, longest)
        return Meeting(found["address"], found["gang"], bytes.fromhex(found["secret"]))

    def _write(self, path: str, value: dict[str, str]) -> None:
        data = io.BytesIO(json.dumps(value).encode())
        self._storage.save_bytes([(path, data)], overwrite=True)

    def _read(self) -> dict[str, str]:
        with self._storage.load_bytes([self._path]) as loaded:
            for _, path, _ in loaded:
                if path is not None:
                    with open(path, "rb") as file:
                        return dict(json.load(file))
        return {}
