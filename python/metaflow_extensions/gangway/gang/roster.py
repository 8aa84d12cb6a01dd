"""Which of a gang's nodes are there, and how few are enough."""

from __future__ import annotations

import sys

from .link.names import node_name
from .node import NodeSpec


class Roster:
    """Counts a gang's nodes as they come and go.

    By default all of them are needed, from the start to the end. With ``min_nodes`` the step's code
    begins on so many, and the others may join later; with ``on_worker_loss="continue"`` it goes on
    without workers that are lost, as long as ``min_nodes`` are left (by default control alone).

    Parameters
    ----------
    spec : NodeSpec
        Control's node.
    """

    def __init__(self, spec: NodeSpec) -> None:
        self._all = spec.num_nodes
        least = spec.attributes.get("min_nodes")
        self._outlives = spec.attributes.get("on_worker_loss") == "continue"
        self.goes_on = self._outlives or least is not None
        self._first = least or self._all
        self._least = least or (1 if self._outlives else self._all)
        self._lost: set[int] = set()
        self._there: set[int] = set()

    @property
    def number(self) -> int:
        """How many nodes have joined and are not lost."""
        return len(self._there - self._lost)

    @property
    def all_here(self) -> bool:
        """Whether nobody is to come any more."""
        return self.number == self._all - len(self._lost)

    def suffices(self, there: set[int], late: bool) -> bool:
        """Whether the step's code can begin, with the nodes there, and maybe no time left."""
        wanted = self._least if late and self._outlives else self._first
        return len(there - self._lost) >= min(wanted, self._all - len(self._lost))

    def began_with(self, there: set[int]) -> None:
        """Note the nodes with which the step's code begins."""
        self._there = set(there)

    def takes(self, there: set[int]) -> bool:
        """Note who is there, once the code has begun; tell of those that are new."""
        if not self._there:
            return False
        new = there - self._there
        self._there |= new
        for index in sorted(new):
            self._say(f"{node_name(index)} has joined later")
        return bool(new)

    def ends_by(self, index: int, why: str) -> str:
        """Note that a worker is lost; return why the gang ends by that, or '' if it goes on."""
        if not self._outlives:
            return why
        if self._all - len(self._lost | {index}) < self._least:
            return f"{why}; without it fewer than min_nodes={self._least} nodes are left"
        self._lost.add(index)
        self._say(f"{why}. The step goes on without it")
        return ""

    def _say(self, what: str) -> None:
        nodes = f"{self.number} of {self._all} nodes" if self._there else "the gang has not formed"
        print(f"[gangway] {what}: {nodes}", file=sys.stderr, flush=True)
