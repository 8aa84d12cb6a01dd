"""The R inside a Ray worker: it keeps the last job and runs chunks of it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from .embed import raw_to_bytes
from .engine import REngine


class RWorker(REngine):
    """R inside a Ray worker's process. Use `RWorker.current`."""

    def __init__(self) -> None:
        super().__init__()
        self._key = ""
        self._node = _node()

    def run_chunk(self, fetch_job: Callable[[], Any], key: str, chunk: bytes) -> tuple[bool, bytes]:
        """Run a chunk of the job with this key, which is fetched when it is another than before.

        Returns
        -------
        tuple[bool, bytes]
            Whether an element failed, and R's serialization of the answer.
        """
        if key != self._key:
            self.call("open_job", key, fetch_job())
            self._key = key
        answer = self.call("run_chunk", key, chunk, self._node)
        return bool(answer[0][0]), raw_to_bytes(answer[1])


def _node() -> str:
    import ray

    here = ray.get_runtime_context().get_node_id()
    names = [n["NodeName"] for n in ray.nodes() if n["NodeID"] == here]
    return f"{names[0] if names else here} ({socket.gethostname()})"
