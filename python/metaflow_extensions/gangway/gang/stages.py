"""The stages of this task's gang, announced to those in the process that watch.

A task is in one gang at most. Stages, in their order: ``"meeting"`` (the node has its board), and
on control ``"formed"`` (the step's code begins), ``"ending"`` (it has ended), ``"ended"`` (the
nodes are down).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from .node import GangNode

Watcher = Callable[[str, GangNode], None]

_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Call a function with each stage's name and this task's node, from the main thread."""
    _watchers.append(watcher)


def announce(stage: str, node: GangNode) -> None:
    """Call the watchers; what fails in them is theirs to report."""
    for watcher in _watchers:
        with contextlib.suppress(Exception):
            watcher(stage, node)
