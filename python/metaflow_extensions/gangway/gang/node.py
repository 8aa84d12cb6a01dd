"""What a framework implements: one node of a gang, seen from the task that owns it."""

from __future__ import annotations

import hashlib
import hmac
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it imports Metaflow, which Ray in a user's own R session does without
    from .groups import Group, Groups
    from .link.board import Board
    from .machine.container import Container


@dataclass(frozen=True)
class NodeSpec:
    """What a node knows before it starts.

    Parameters
    ----------
    gang : str
        Short random name of the gang; marks its processes and folders.
    index : int
        The node's index; 0 is control.
    num_nodes : int
        How many nodes the gang has.
    secret : bytes
        The gang's secret, which never leaves its tasks.
    local : bool
        Whether all nodes share this machine.
    attributes : dict
        The decorator's checked attributes.
    address : str
        The address at which the other nodes reach this one.
    container : Container, optional
        What the node may use, where it has a container of its own.
    groups : Groups, optional
        The gang's groups, where its nodes are not alike.
    """

    gang: str
    index: int
    num_nodes: int
    secret: bytes = field(repr=False)
    local: bool
    attributes: dict[str, Any]
    address: str = "127.0.0.1"
    container: Container | None = None
    groups: Groups | None = None

    @property
    def group(self) -> Group | None:
        """The node's group, if the gang has groups."""
        return self.groups.of(self.index) if self.groups else None

    def asked_by_groups(self) -> list[dict[str, float | int]]:
        """Return what the groups ask for on each node; nothing where there are none."""
        groups, nodes = self.groups, range(self.num_nodes)
        return [groups.of(node).resources if groups else {} for node in nodes]

    def wishes(self, kind: str) -> list[float | int | None]:
        """Return what each node asks for of a resource; None where its group does not say."""
        return self.groups.wishes(kind) if self.groups else [None] * self.num_nodes

    def derive(self, purpose: str) -> str:
        """Make a secret for one purpose, the same on every node, without sending it."""
        return hmac.new(self.secret, purpose.encode(), hashlib.sha256).hexdigest()


class GangNode(ABC):
    """The processes of one node; a framework is one subclass.

    None of the methods blocks for long: control and the workers ask again and again.

    Attributes
    ----------
    everywhere : bool
        Whether the step's code runs on all nodes. Otherwise control alone runs it, and the workers
        serve.
    board : Board
        What the nodes tell each other; set once the gang meets.
    """

    everywhere = False
    board: Board

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec

    def prepare(self) -> None:  # noqa: B027
        """Begin what can begin before the gang has met."""

    @abstractmethod
    def start(self, head: dict[str, Any] | None) -> None:
        """Start the node: the head for None, otherwise a worker of the head described."""

    def head(self) -> dict[str, Any] | None:
        """On control: what workers need to join, once it is known."""
        return {}

    def joined(self) -> set[int]:
        """On control: the indices of the nodes that are up."""
        return set(range(self.spec.num_nodes))

    def failure(self) -> str | None:
        """Why this node does not work any more, or None while it does."""
        return None

    def environment(self) -> dict[str, str]:
        """Environment variables for the user's code, on the nodes that run it."""
        return {}

    def leave(self, lost: bool) -> bool:
        """On control: disconnect this process, because the user's code is done.

        Parameters
        ----------
        lost : bool
            Whether the gang has broken, so that nobody may be there to say goodbye to.

        Returns
        -------
        bool
            Whether this process can end in the ordinary way after that.
        """
        return True

    def has_left(self) -> bool:
        """On control, asked while `leave` runs: whether the cluster may end before it returns."""
        return False

    @abstractmethod
    def stop(self) -> None:
        """End the node and leave nothing; may be called twice and from any thread."""
