"""A foreach over Python's values: each task gets the element that R's ``[[`` gives."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from ..exceptions import ArtifactException
from .from_python import to_blob
from .from_scalars import kind_of
from .robject import RObject

_TABLES = {"DataFrame", "Series", "Table", "RecordBatch"}
_LIBRARIES = {"pandas", "pyarrow", "polars"}


def prepare(flow: Any) -> None:
    """At the end of a step, make R's object of what Metaflow would split in another way than R.

    Python goes through the columns of a data frame and the keys of a dict, and Metaflow then takes
    the elements by number, which neither has.

    Raises
    ------
    ArtifactException
        R has no counterpart of the value, or of a part of it.
    """
    name = flow._graph[flow._current_step].foreach_param
    value = getattr(flow, name, None) if name else None
    if not _is_split_otherwise(value):
        return
    blob = to_blob(value)
    if blob is None:
        raise ArtifactException(
            f"foreach over {name!r}: R has no counterpart of this {type(value).__name__}, or of a "
            "part of it, so it has no elements for R's tasks. Make a list of what each task needs."
        )
    setattr(flow, name, RObject(blob))


def element(flow: Any) -> Any:
    """The task's element of a foreach: Metaflow's ``input``, but as R gives it with ``[[``.

    In R, the 1 of ``[1, 2.5]`` is a double, and the first string of a categorical a factor.
    """
    if not flow._foreach_stack:
        return flow.input
    frame = flow._foreach_stack[-1]
    value = getattr(flow, frame.var, None)
    if value is None or isinstance(value, RObject) or _holds_containers(value):
        return flow.input
    blob = to_blob(value)
    if blob is None:
        return flow.input
    whole = RObject(blob)
    # of a matrix, Metaflow counts the rows
    return whole[frame.index] if len(whole) == frame.num_splits else flow.input


def _is_split_otherwise(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    bases = type(value).__mro__
    return any(
        base.__name__ in _TABLES and base.__module__.split(".")[0] in _LIBRARIES for base in bases
    )


def _holds_containers(value: Any) -> bool:
    """Whether it is a list in R as well, whose elements are what they are."""
    if not isinstance(value, (list, tuple, deque)):
        return False
    return not all(kind_of(cls) for cls in set(map(type, value)))
