"""Flow decorators that gangway itself adds to a run, beside those that the flow's script asks for.

Metaflow's public way is to write them at the class, in flow.py, which is the user's to read. Its
list of them is private.
"""

from __future__ import annotations

from typing import Any

from metaflow.decorators import FlowDecorator
from metaflow.flowspec import FlowStateItems


def add(flow_class: Any, decorator: FlowDecorator) -> None:
    """Add a decorator to a flow's class, before Metaflow reads the command line.

    Its name should begin with an underscore: Metaflow leaves such names out of what it shows.
    """
    decorators = flow_class._flow_state[FlowStateItems.FLOW_DECORATORS]
    decorators.setdefault(decorator.name, []).append(decorator)
