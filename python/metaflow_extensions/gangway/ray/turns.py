"""Nodes that share a machine start some at a time.

A raylet ends when it has not heard from its agents after 15 s (ray-project/ray#65983), and these
are Python processes that take seconds of a core: of 16 nodes on two cores that begin at once, some
would never come up.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

from ..gang.machine.cpus import cores

if TYPE_CHECKING:
    from ..gang.node import NodeSpec

# How many nodes may start at a time, for each core.
A_CORE = 2
# Seconds after which a node that has not come up lets others begin, whatever became of it.
LONGEST = 20.0
_POLL_SECONDS = 0.05


def turns(spec: NodeSpec) -> int:
    """How many nodes start at a time on the machine of this one; 0 where they are few, or apart."""
    most = A_CORE * cores()
    return most if spec.local and spec.index and spec.num_nodes > most else 0


def take_turn(gang: str, turns: int, is_up: threading.Event) -> None:
    """Wait until this process may start its node, and let others start when it is up.

    Parameters
    ----------
    gang : str
        The gang's name.
    turns : int
        How many of its nodes may start at a time on this machine.
    is_up : threading.Event
        Set when this process's node has come up.
    """
    if sys.platform != "linux":
        return  # no addresses that go with who has them
    while (held := _turn(gang, turns)) is None:
        time.sleep(_POLL_SECONDS)

    def give_back() -> None:
        is_up.wait(LONGEST)
        held.close()

    threading.Thread(target=give_back, daemon=True).start()


def _turn(gang: str, turns: int) -> socket.socket | None:
    for number in range(turns):
        turn = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            turn.bind(f"\0gangway-turn-{gang}-{number}")
        except OSError:
            turn.close()
            continue
        return turn
    return None
