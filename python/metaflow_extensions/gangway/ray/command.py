"""How a Ray node is started: pure functions that give the command line and the environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..gang.machine.processes import MARK

# What would make a node join, or become, something else than this gang.
_FOREIGN = (
    "RAY_ADDRESS",
    "RAY_REDIS_ADDRESS",
    "RAY_TMPDIR",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_GCS_SERVER_PORT",
    "RAY_OVERRIDE_RESOURCES",
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING",
    "RAY_START_HOOK",
    "RAY_FAKE_CLUSTER",
)
# As KubeRay calls it, too.
GROUP_LABEL = "ray.io/node-group"


@dataclass(frozen=True)
class NodeResources:
    """What one node offers to Ray; None leaves it to Ray to look."""

    num_cpus: int | None = None
    num_gpus: int | None = None
    gpu_ids: str | None = None
    memory: int | None = None
    object_store_memory: int | None = None
    custom: dict[str, float | int] = field(default_factory=dict)


def loopback() -> str:
    """Return the address of nodes that share a machine.

    Ray replaces 127.0.0.1 by an address that the network can reach; on Linux all of 127/8 is this
    machine's own, so that nothing leaves it and no change of network disturbs it.
    """
    return "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"


def start_command(
    index: int,
    folder: str,
    address: str | None,
    resources: NodeResources,
    attributes: Mapping[str, Any],
    client_port: int | None = None,
    node_ip: str | None = None,
    group: str | None = None,
) -> list[str]:
    """Give the arguments of ``ray`` that start a node.

    Parameters
    ----------
    index : int
        The node's index in the gang, which becomes its name.
    folder : str
        The node's temporary folder.
    address : str or None
        The head's address, or None to be the head.
    resources : NodeResources
        What the node offers.
    attributes : mapping
        The decorator's attributes.
    client_port : int or None
        A free port for Ray's client server, which starts on a fixed one where grpc is installed.
    node_ip : str or None
        The node's address, or None to let Ray look.
    group : str or None
        The node's group, which becomes Ray's own label for that.
    """
    command = ["start", "--block", "--disable-usage-stats", "--node-name", f"node-{index}"]
    command += ["--temp-dir", folder] + (["--node-ip-address", node_ip] if node_ip else [])
    for port in ("min-worker", "max-worker", "dashboard-agent-listen"):
        command += [f"--{port}-port", "0"]
    if address is None:
        command += ["--head", "--port", str(attributes["main_port"] or 0), "--no-monitor"]
        with_dashboard = attributes["enable_dashboard"]
        command += ["--include-dashboard", str(with_dashboard).lower()]
        command += ["--dashboard-port", str(attributes["dashboard_port"] if with_dashboard else 0)]
        command += ["--ray-client-server-port", str(client_port)] if client_port else []
    else:
        command += ["--address", address]
    command += ["--labels", f"{GROUP_LABEL}={group}"] if group else []
    if attributes["log_style"]:
        command += ["--log-style", attributes["log_style"]]
    if attributes["logging_level"]:  # an option of `ray`, not of `ray start`
        command = ["--logging-level", attributes["logging_level"], *command]
    return command + _resource_options(resources)


def dashboard_url(attributes: Mapping[str, Any]) -> str | None:
    """Return where a gang's dashboard is on the control task's machine, or None without one.

    Ray binds it to this address, which other machines do not reach.
    """
    if not attributes["enable_dashboard"]:
        return None
    return f"http://127.0.0.1:{attributes['dashboard_port']}"


def _resource_options(resources: NodeResources) -> list[str]:
    options = []
    for name in ("num_cpus", "num_gpus", "memory", "object_store_memory"):
        value = getattr(resources, name)
        if value is not None:
            options += ["--" + name.replace("_", "-"), str(value)]
    if resources.custom:
        options += ["--resources", json.dumps(resources.custom)]
    return options


def authentication(token: str) -> dict[str, str]:
    """Return the variables that open a gang's cluster; every process needs both."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}


def without_uv(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variable by which workers run in the driver's Python under ``uv run``, too.

    Ray would move them into that of the uv project, where neither gangway nor R is found. Whoever
    has set the variable keeps it. It is read when Ray is imported.
    """
    name = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"
    return {name: inherited.get(name, "0")}


def node_environment(
    inherited: Mapping[str, str], mark: str, token: str, resources: NodeResources
) -> dict[str, str]:
    """Give the environment of a node's processes."""
    environment = {name: value for name, value in inherited.items() if name not in _FOREIGN}
    environment.update(authentication(token))
    environment[MARK] = mark
    if resources.gpu_ids is not None:
        environment["CUDA_VISIBLE_DEVICES"] = resources.gpu_ids
    return environment
