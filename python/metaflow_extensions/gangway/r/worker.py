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
            self.call("open_job", fetch_job(), self._node)
            self._key = key
        # Not interruptible: Ray cancels by ending the worker, and signals would cost a third more.
        answer = self.evaluate("run_chunk", chunk)
        failed = answer.typeof == self._ri.RTYPES.VECSXP
        return failed, raw_to_bytes(answer[0] if failed else answer)


def _node() -> str:
    import ray

    here = ray.get_runtime_context().get_node_id()
    names = [n["NodeName"] for n in ray.nodes() if n["NodeID"] == here]
    return f"{names[0] if names else here} ({socket.gethostname()})"
