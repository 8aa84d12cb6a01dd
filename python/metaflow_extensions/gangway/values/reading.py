"""A stored artifact read, or looked through, without R; damage is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..rds.nodes import FormatError

T = TypeVar("T")


def reading(what: object, read: Callable[..., T], *args: Any) -> T:
    """Call a function that reads bytes; what it cannot read is an `ArtifactException`.

    Parameters
    ----------
    what : object
        How the bytes are called in the message.
    """
    try:
        return read(*args)
    except FormatError as error:
        # imports Metaflow, which Ray's workers do without
        from ..exceptions import ArtifactException

        raise ArtifactException(
            f"{what} cannot be read: {error}. Run the step that made it again."
        ) from None
