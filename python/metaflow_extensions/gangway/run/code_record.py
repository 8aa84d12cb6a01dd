"""The record of which code a run was made with: system tags, which nobody can change later."""

from __future__ import annotations

import os
from typing import Any

from metaflow.decorators import FlowDecorator

from ..mf import flow_decorators, run_contents

CODE_VARIABLE = "GANGWAY_CODE"
# Files that R writes into the flow's folder: the flow, its bundle, and what it will execute.
FLOW, BUNDLE, RAN = "flow.py", "flow.rds", "ran.json"
# A system tag that says where the run has the last one: type of the datastore, key, location.
RAN_TAG = "gangway_ran:"


class CodeRecord(FlowDecorator):
    """Puts the system tags that R asks for on the run that is about to be made.

    R's ``promote_run()`` and ``verify_promotion()`` read them.
    """

    name = "_gangway_code"

    def __init__(self, tags: list[str], ran: bytes | None) -> None:
        super().__init__()
        self._tags, self._ran = tags, ran

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
        tags = list(self._tags)
        if self._ran is not None:
            tags.append(RAN_TAG + ":".join(run_contents.save(flow_datastore, self._ran)))
        metadata.add_sticky_tags(sys_tags=tags)


def record_code(flow_class: Any, folder: str | None) -> None:
    """Have the run of a flow record its code, if R has said what that is (``GANGWAY_CODE``).

    Parameters
    ----------
    flow_class : type
        The flow.
    folder : str or None
        The folder with flow.py, where R has put what the flow will execute.
    """
    tags = os.environ.pop(CODE_VARIABLE, "").split()
    if not tags:
        return
    path = os.path.join(folder or "", RAN)
    ran = None
    if folder and os.path.exists(path):
        with open(path, "rb") as file:
            ran = file.read().strip()
    flow_decorators.add(flow_class, CodeRecord(tags, ran))
