"""Whether two Python artifacts have the same contents, for ``merge_artifacts``."""

from __future__ import annotations

import sys
from typing import Any


def same_contents(first: Any, second: Any) -> bool:
    """Compare two values of one type; what cannot be compared counts as different.

    Parameters
    ----------
    first, second : object
        Plain values, NumPy arrays, pandas and Arrow objects, or containers of them.
    """
    if type(first) is not type(second):
        return False
    try:
        return _same(first, second)
    except Exception:
        return False


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        # The order of keys is seen by R, where a dict is a list.
        return list(first) == list(second) and all(
            same_contents(first[k], second[k]) for k in first
        )
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same_contents, first, second))
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(first, numpy.ndarray):
        return _same_arrays(first, second, numpy)
    if hasattr(first, "equals"):  # pandas, pyarrow, polars
        return bool(first.equals(second))
    return bool(first == second)


def _same_arrays(first: Any, second: Any, numpy: Any) -> bool:
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.dtype == object:
        return all(map(same_contents, first.ravel(), second.ravel()))
    return bool(numpy.array_equal(first, second, equal_nan=first.dtype.kind in "fcmM"))
