"""R's vectors and arrays of NumPy's arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...rds.build import character, complex_, double, integer, list_, logical, raw
from ...rds.nodes import NA_INTEGER, NA_REAL_BYTES, Node
from .scalars import DOUBLE_MAX, INTEGER_MAX, dates, differences, strings, times, vector

if TYPE_CHECKING:
    from .convert import Conversion

_NA_REAL = np.frombuffer(NA_REAL_BYTES, "<i8")[0]
_DAYS = ("Y", "M", "W", "D")
_NO_LENGTH = ("Y", "M", "generic")  # a timedelta of months, or of nobody knows what
_PARTS = {"ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}


def from_array(value: Any, conversion: Conversion) -> Node:
    """Convert an array or a NumPy scalar: of two dimensions by column, with ``dim``."""
    value = np.ma.asanyarray(value) if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
    flat = value.reshape(-1, order="F")
    if flat.dtype.names:
        return _records(flat, conversion)
    mask = np.ma.getmaskarray(flat) if isinstance(flat, np.ma.MaskedArray) else None
    node = _vector(np.ma.getdata(flat), mask, conversion)
    if value.ndim > 1:
        node.attributes = {"dim": integer(list(value.shape)), **(node.attributes or {})}
    return node


def atomic(values: Any, mask: Any = None) -> Node | None:
    """One-dimensional bools, numbers and times as a vector, with NA where the mask is true.

    None where the array is of another kind, or a number has no equal in R.
    """
    kind = values.dtype.kind
    if kind == "b":
        return logical(_with_na(values.astype(np.int32), mask))
    if kind in "iu":
        return _whole(values, mask)
    if kind == "f":
        exact = _exactly(values, np.float64)
        return None if exact is None else double(_with_na(exact, mask))
    if kind == "c":
        exact = _exactly(values, np.complex128)
        return None if exact is None else complex_(_with_na(exact, mask))
    if kind == "M":
        return times_of(values, "UTC", mask)
    if kind == "m" and np.datetime_data(values.dtype)[0] not in _NO_LENGTH:
        return differences(seconds(values, mask))
    return None


def times_of(values: Any, zone: str, mask: Any = None) -> Node:
    """``datetime64``: whole days as Date, others (in UTC) as POSIXct that shows a zone's clock."""
    if np.datetime_data(values.dtype)[0] in _DAYS:
        days = values.astype("datetime64[D]")
        return dates(_with_na(days.astype(np.int64).astype(np.float64), _missing(days, mask)))
    return times(seconds(values, mask), zone)


def _vector(values: Any, mask: Any, conversion: Conversion) -> Node:
    node = atomic(values, mask)
    if node is not None:
        return node
    kind = values.dtype.kind
    items = values.tolist()
    if mask is not None:
        items = [None if m else v for v, m in zip(items, mask.tolist(), strict=True)]
    if kind in "UT":
        return conversion.known(strings([v if isinstance(v, str) else None for v in items]))
    if kind == "S":
        return list_([raw(v) for v in items])
    if kind == "O":
        node = vector(items, missing=True) if items else None
        return node or list_([conversion.node(v) for v in items])
    return conversion.known(None)


def _records(flat: Any, conversion: Conversion) -> Node:
    """Convert a structured array to a data frame of its fields."""
    columns = [from_array(flat[name], conversion) for name in flat.dtype.names]
    return conversion.data_frame(columns, list(flat.dtype.names), len(flat))


def _whole(values: Any, mask: Any) -> Node | None:
    if mask is not None:
        values = np.where(mask, values.dtype.type(0), values)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low >= -INTEGER_MAX and high <= INTEGER_MAX:
        return integer(_with_na(values.astype(np.int32), mask))
    if low >= -DOUBLE_MAX and high <= DOUBLE_MAX:
        return double(_with_na(values.astype(np.float64), mask))
    return None


def _exactly(values: Any, dtype: Any) -> Any:
    with np.errstate(over="ignore"):
        result = values.astype(dtype, copy=False)
    if values.dtype.itemsize <= result.dtype.itemsize:
        return result
    return result if np.array_equal(result.astype(values.dtype), values, equal_nan=True) else None


def seconds(values: Any, mask: Any = None) -> Any:
    """Return the seconds of ``datetime64`` or ``timedelta64``; NaT and masked are R's NA."""
    unit, step = np.datetime_data(values.dtype)
    missing = _missing(values, mask)
    if unit in ("W", "D", "h", "m"):
        values, step = values.astype(f"{values.dtype.kind}8[s]"), 1
    counts = np.where(missing, 0, values.astype(np.int64)) * step
    per_second = _PARTS.get(unit, 1)
    while per_second > 10**6 and not (counts % 1000).any():
        counts, per_second = counts // 1000, per_second // 1000
    if per_second <= 10**6:  # microseconds fit into a double: one rounding, at the division
        return _with_na(counts / per_second, missing)
    full, rest = np.divmod(counts, per_second)
    return _with_na(full + rest / per_second, missing)


def _missing(values: Any, mask: Any) -> Any:
    missing = np.isnat(values)
    return missing if mask is None else missing | mask


def _with_na(values: Any, mask: Any) -> Any:
    """Return the values (a copy that is ours) with R's NA where the mask is true."""
    if mask is None or not mask.any():
        return values
    values = values.copy()
    if values.dtype.kind == "i":
        values[mask] = NA_INTEGER
    else:
        bits = values.view(np.int64)
        bits = bits.reshape(len(values), -1)
        bits[mask] = _NA_REAL
    return values


def name_vector(node: Node, names: list[str]) -> Node:
    """Put names on a vector."""
    node.attributes = {"names": character(names), **(node.attributes or {})}
    return node
