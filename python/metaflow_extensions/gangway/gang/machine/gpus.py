"""The GPUs of this machine, shared out among nodes that all run on it."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from itertools import accumulate

from .shares import shares


def visible_gpus() -> list[str]:
    """Return the NVIDIA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    return [str(i) for i in range(len(glob.glob("/proc/driver/nvidia/gpus/*")))]


def share_out(gpus: list[str], wishes: Sequence[float | int | None]) -> list[list[str]]:
    """Return the GPUs that each node gets, by what each asks for (see `shares`)."""
    numbers = shares(len(gpus), wishes)
    ends = accumulate(numbers)
    return [gpus[end - number : end] for end, number in zip(ends, numbers, strict=True)]
