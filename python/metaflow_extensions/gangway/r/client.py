"""What an R session with reticulate needs to read artifacts."""

from __future__ import annotations

from typing import Any

from .robject import RObject


def fetch(value: Any) -> tuple[str, Any]:
    """Prepare an artifact for R.

    Parameters
    ----------
    value : object
        An artifact as Metaflow's client gives it.

    Returns
    -------
    tuple
        ``("r", bytearray)``: R's serialization, to be unserialized; or ``("py", value)``.
    """
    if isinstance(value, RObject):
        return "r", bytearray(value.data)
    return "py", value
