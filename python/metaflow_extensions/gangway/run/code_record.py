"""The record of which code a run was made with: system tags, which nobody can change later."""

from __future__ import annotations

import os
from typing import Any

from metaflow.decorators import FlowDecorator

from ..mf import flow_decorators

CODE_VARIABLE = "GANGWAY_CODE"


class CodeRecord(FlowDecorator):
    """Puts the system tags that R asks for on the run that is about to be made.

    R's ``promote_run()`` and ``verify_promotion()`` read them.
    """

    name = "_gangway_code"

    def __init__(self, tags: list[str]) -> None:
        super().__init__()
        self._tags = tags

    def flow_init(
        self,
        flow: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Any,
        echo: Any,
        options: Any,
    ) -> None:
        """Metaflow has its metadata provider by now, and no run yet."""
        metadata.add_sticky_tags(sys_tags=self._tags)


def record_code(flow_class: Any) -> None:
    """Have the run of a flow record its code, if R has said what that is (``GANGWAY_CODE``)."""
    tags = os.environ.pop(CODE_VARIABLE, "").split()
    if tags:
        flow_decorators.add(flow_class, CodeRecord(tags))
