"""What a message says about a name that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable


def did_you_mean(
    name: str, known: Iterable[str], most: int = 3, written: Callable[[str], str] = repr
) -> str:
    """Ask for the known names that are near to one; an empty string where none is.

    Parameters
    ----------
    name : str
        What somebody has written.
    known : iterable of str
        What it may be.
    most : int
        How many names are said.
    written : callable
        How a name is written in the question.

    Examples
    --------
    >>> did_you_mean("retyr", ["retry", "catch"])
    "Did you mean 'retry'?"
    """
    near = difflib.get_close_matches(name, [*known], n=most)
    return f"Did you mean {', '.join(map(written, near))}?" if near else ""
