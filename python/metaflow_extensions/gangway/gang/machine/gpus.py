"""The GPUs of this machine, shared out among nodes that all run on it."""

from __future__ import annotations

import glob
import os


def visible_gpus() -> list[str]:
    """Return the NVIDIA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    return [str(i) for i in range(len(glob.glob("/proc/driver/nvidia/gpus/*")))]


def share(count: int, nodes: int, index: int) -> int:
    """Return the number of things that a node gets; the remainder goes to the first nodes."""
    return count // nodes + (index < count % nodes)


def share_of(gpus: list[str], nodes: int, index: int) -> list[str]:
    """Return the GPUs that a node gets."""
    first = sum(share(len(gpus), nodes, i) for i in range(index))
    return gpus[first : first + share(len(gpus), nodes, index)]
