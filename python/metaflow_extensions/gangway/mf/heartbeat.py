"""Whether a run that Metaflow's service knows lives."""

from __future__ import annotations

import time
from typing import Any

# Metaflow sends one every ten seconds.
_SILENCE_S = 60


def life(run: Any) -> dict[str, Any]:
    """Say whether a run lives, as far as its heartbeat tells.

    Returns
    -------
    dict
        ``status``: ``"running"``; ``"gone"``; ``"unknown"`` of a run that has never sent one, as
        deployed runs do not.
    """
    beat = run._object.get("last_heartbeat_ts")
    if beat is None:
        return {"status": "unknown"}
    return {"status": "gone" if time.time() - beat > _SILENCE_S else "running"}
