"""Which of a cluster's nodes are alive, asked many times a second, and then what waits there.

It asks Ray's own list (`private`). The public ways are a driver, which takes 0.5 s to connect and
cannot live in the process that runs ``ray start``, and ``ray_current_cluster``, which is written
only 1 s after the head is ready. Without the port's file the latter is what is used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from . import private
from .unplaceable import unplaceable

POLL_SECONDS = 0.05
# The same once the step's code runs and nodes may still join; when none has for so long, what
# waits is looked at as where all are there.
_LATER_SECONDS = 0.5
_NOBODY_COMES = 30.0
# Seconds between two looks at what waits in a small cluster; a large one takes longer to answer.
LOOK_SECONDS = 4.0
_LOOK_SECONDS_A_NODE = 0.1


def watch_nodes(
    folder: str, node_ip: str | None, num_nodes: int, enough: int, tell: Callable[..., None]
) -> None:
    """Tell when the head is alive, then which nodes are, and then what no node can take.

    Parameters
    ----------
    folder : str
        The head's temporary folder.
    node_ip : str or None
        The head's address, where it is known before Ray tells.
    num_nodes : int
        How many nodes there will be.
    enough : int
        How many the step's code waits for.
    tell : callable
        Called with ``"head"`` and ``address=``, with ``"alive"`` and ``nodes=``, their indices, and
        with ``"waits"`` and ``why=``, once for each kind of task.
    """
    address = _wait_for_address(folder, node_ip)
    client = None
    known: list[int] = []
    waits = _Waits(num_nodes, tell)
    changed = time.monotonic()
    while len(known) < num_nodes:
        try:
            client = client or private.nodes_client(address)
            alive = _alive(client)
        except Exception:  # not up yet; the task has the deadline
            time.sleep(POLL_SECONDS)
            continue
        if alive != known:
            if 0 in alive and 0 not in known:
                tell("head", address=address)
            tell("alive", nodes=alive)
            known, changed = alive, time.monotonic()
        if len(known) < enough:
            time.sleep(POLL_SECONDS)
        elif time.monotonic() - changed < _NOBODY_COMES:
            time.sleep(_LATER_SECONDS)
        else:
            waits.look(client)
    while True:
        waits.look(client)


class _Waits:
    """Tells what waits in Ray and no node can take, once each."""

    def __init__(self, num_nodes: int, tell: Callable[..., None]) -> None:
        self._tell, self._told = tell, set[str]()
        self._seconds = max(LOOK_SECONDS, _LOOK_SECONDS_A_NODE * num_nodes)

    def look(self, client: Any) -> None:
        time.sleep(self._seconds)
        try:
            found = unplaceable(*private.demands(client))
        except Exception:
            found = []  # the head is busy, or ends
        for why in found:
            if why not in self._told:
                self._told.add(why)
                self._tell("waits", why=why)


def _alive(client: Any) -> list[int]:
    names = private.names_alive(client)
    return sorted(int(name.removeprefix("node-")) for name in names if name.startswith("node-"))


def _wait_for_address(folder: str, node_ip: str | None) -> str:
    while True:
        for path in private.head_port_files(folder):
            with open(path) as file:
                if node_ip and (port := file.read().strip()):
                    return f"{node_ip}:{port}"
        path = private.head_address_file(folder)
        if os.path.exists(path):
            with open(path) as file:
                return file.read().strip()
        time.sleep(POLL_SECONDS)
