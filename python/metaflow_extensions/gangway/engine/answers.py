"""Values with a tag that says what they are, as Python and the runtime's R functions exchange them.

docs/wire-formats.md has the tags; R reads Python's in ``decode()`` and writes its own in
``encode()`` and ``asked()`` (runtime/task/values.R).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..signals.interrupt import Interrupted, python_in_r

PLAIN, R, PARTS, ERROR, REFUSED = "plain", "r", "parts", "error", "refused"


def tagged(ri: Any, tag: str, *payload: Any) -> Any:
    """Make an answer of R values."""
    return ri.ListSexpVector([ri.StrSexpVector([tag]), *payload])


def answering(ri: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function's error R's own instead of a lost log line.

    Parameters
    ----------
    ri : module
        ``rpy2.rinterface``, with R running.
    function : callable
        Gives an answer.
    """

    @functools.wraps(function)
    def wrapped(*arguments: Any) -> Any:
        try:
            with python_in_r():
                return function(*arguments)
        except Interrupted:
            return tagged(ri, PLAIN, ri.NULL)  # R's own interrupt follows
        except Exception as error:
            text = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
            return tagged(ri, ERROR, ri.StrSexpVector([str(text)]))

    return wrapped
