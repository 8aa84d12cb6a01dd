"""How control and its workers find each other.

Locally, Metaflow starts the workers as children of the control task, so the environment that they
inherit carries control's address and the gang's secret. Other runtimes will meet through the run's
datastore; this module is the one place that changes then.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..exceptions import GangRuntimeException
from .node import NodeSpec

_MEETING = "GANGWAY_MEETING"
_RUNTIME = "METAFLOW_RUNTIME_ENVIRONMENT"
_REMOTE = ("batch", "kubernetes")


@dataclass(frozen=True)
class Meeting:
    """What a worker needs to find its gang, and the folder of the pipes for its output."""

    address: str
    gang: str
    secret: bytes
    output: str


def check_decorators(names: list[str], where: str) -> None:
    """Refuse, before a run starts, a step that is sent to where gangs cannot meet yet."""
    for name in names:
        if name in _REMOTE:
            raise _refusal(f"@{name}", where)


def check_runtime(where: str) -> None:
    """Refuse, in a task, a runtime where gangs cannot meet yet."""
    runtime = os.environ.get(_RUNTIME, "local")
    if runtime != "local":
        raise _refusal(f"the runtime {runtime!r}", where)


def _refusal(what: str, where: str) -> GangRuntimeException:
    return GangRuntimeException(
        f"{where}: gangs run only locally in this version of gangway, and not with {what}. "
        "Run the flow without it."
    )


def host() -> str:
    """The address at which control listens."""
    return "127.0.0.1"


def offer(address: str, spec: NodeSpec, output: str) -> None:
    """On control: let the workers that are started next find this gang."""
    os.environ[_MEETING] = f"{address} {spec.gang} {spec.secret.hex()} {output}"


def withdraw() -> None:
    """On control: the workers have been started, and nobody else needs to know."""
    os.environ.pop(_MEETING, None)


def take() -> Meeting:
    """On a worker: find the gang; what says how is gone from the environment afterwards."""
    try:
        address, gang, secret, output = os.environ.pop(_MEETING, "").split(" ", 3)
        return Meeting(address, gang, bytes.fromhex(secret), output)
    except ValueError:
        raise GangRuntimeException(
            "A worker task of a gang was started by something else than its control task."
        ) from None
