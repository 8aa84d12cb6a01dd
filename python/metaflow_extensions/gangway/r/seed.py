"""The random numbers of a task in a run with a seed: a stream for each place in the graph."""

from __future__ import annotations

import hashlib
from typing import Any

from ..mf import flow as flow_state

# The moduli of L'Ecuyer's MRG32k3a, R's generator for parallel streams.
_MODULI = (4294967087,) * 3 + (4294944443,) * 3


def task_stream(flow: Any, seed: float) -> list[float]:
    """Return the state of the stream of the running task: six whole numbers below 2^32.

    The place of a task is its step and its indices in foreach and in a gang, so that a retry, or
    another number of workers, draws the same.

    Parameters
    ----------
    flow : FlowSpec
        The running flow.
    seed : float
        What ``run(seed = )`` was given.
    """
    indices = [str(frame.index) for frame in flow_state.foreach_frames(flow)]
    place = "/".join([f"{seed:.0f}", flow_state.step_of(flow), *indices])
    digest = hashlib.sha512(place.encode()).digest()
    parts = [int.from_bytes(digest[i * 8 : i * 8 + 8], "little") for i in range(6)]
    return [float(part % modulus) for part, modulus in zip(parts, _MODULI, strict=True)]
