"""R's vectors, lists and data frames of Arrow's arrays and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import types

from ...rds.build import list_, logical, null, raw
from ...rds.nodes import NA_INTEGER, Node
from .arrays import atomic, seconds, times_of
from .scalars import clock, factor, strings, zone_name

if TYPE_CHECKING:
    from .convert import Conversion


def from_arrow(value: Any, conversion: Conversion) -> Node:
    """Convert a table, a record batch, an array, a chunked array or a scalar."""
    if isinstance(value, pa.RecordBatch):
        value = pa.Table.from_batches([value])
    if isinstance(value, pa.Table):
        columns = [_column(c, conversion) for c in value.columns]
        return conversion.data_frame(columns, value.column_names, value.num_rows)
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return _column(value, conversion)
    if isinstance(value, pa.Scalar):
        return conversion.exactly(value.as_py())
    return conversion.known(None)


def _column(array: Any, conversion: Conversion) -> Node:
    array = _in_one_piece(array)
    node = plain_column(array)
    if node is not None:
        return node
    kind = array.type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return list_([_column(v.values, conversion) if v.is_valid else null() for v in array])
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return list_([null() if v is None else raw(v) for v in array.to_pylist()])
    return list_([conversion.node(v) for v in array.to_pylist()])


def plain_column(array: Any) -> Node | None:
    """Make a vector or factor; None where the values are of no kind that R has vectors of."""
    array = _in_one_piece(array)
    kind = array.type
    if types.is_dictionary(kind):
        return _factor(array) or plain_column(array.dictionary_decode())
    if types.is_null(kind):
        return logical([None] * len(array))
    if _is_text(kind):
        return strings(array.to_pylist())
    mask = array.is_null().to_numpy(zero_copy_only=False)
    if types.is_timestamp(kind):
        return times_of(_counts(array).view(f"M8[{kind.unit}]"), _zone(kind.tz), mask)
    if types.is_date(kind):
        unit = "D" if types.is_date32(kind) else "ms"
        return times_of(_counts(array).view(f"M8[{unit}]").astype("M8[D]"), "UTC", mask)
    if types.is_duration(kind):
        return atomic(_counts(array).view(f"m8[{kind.unit}]"), mask)
    if types.is_time(kind):
        return clock(seconds(_counts(array).view(f"m8[{kind.unit}]"), mask))
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return atomic(_filled(array), mask)
    return None


def _in_one_piece(array: Any) -> Any:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # older versions, of no chunks
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _is_text(kind: Any) -> bool:
    view = getattr(types, "is_string_view", lambda _: False)
    return bool(types.is_string(kind) or types.is_large_string(kind) or view(kind))


def _filled(array: Any) -> Any:
    zero = pa.scalar(0).cast(array.type)
    return array.fill_null(zero).to_numpy(zero_copy_only=False)


def _counts(array: Any) -> Any:
    """Return the numbers that a column of times is kept as, as 64-bit integers."""
    width = pa.int32() if array.type.bit_width == 32 else pa.int64()
    return _filled(array.view(width)).astype(np.int64)


def _zone(name: str | None) -> str:
    # An offset such as +02:00 is no zone that R knows by name.
    if name and name[0] in "+-":
        return zone_name(pa.lib.string_to_tzinfo(name))
    return name or "UTC"


def _factor(array: Any) -> Node | None:
    levels = array.dictionary
    if not _is_text(levels.type) or levels.null_count:
        return None
    codes = array.indices.is_null().to_numpy(zero_copy_only=False)
    positions = _filled(array.indices).astype(np.int32) + 1
    positions[codes] = NA_INTEGER
    return factor(positions, levels.to_pylist(), bool(array.type.ordered))
