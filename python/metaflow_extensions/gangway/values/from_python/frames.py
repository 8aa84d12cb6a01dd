"""R's vectors, factors and data frames of what pandas has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from ...rds.build import character, integer, list_
from ...rds.nodes import Node
from .arrays import atomic, name_vector, times_of
from .scalars import INTEGER_MAX, factor, strings, vector

if TYPE_CHECKING:
    from .convert import Conversion


def from_pandas(value: Any, conversion: Conversion) -> Node:
    """Convert a DataFrame, a Series, an index or an array of pandas."""
    if isinstance(value, pd.DataFrame):
        return _frame(value, conversion)
    if isinstance(value, pd.MultiIndex):
        return _frame(value.to_frame(index=False), conversion)
    if isinstance(value, pd.Index):
        return _column(pd.Series(value.array), conversion)
    if isinstance(value, pd.Series):
        node = _column(value, conversion)
        return node if _is_numbered(value.index) else name_vector(node, _labels(value.index))
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return _column(pd.Series(value), conversion)
    return conversion.known(None)  # a Period, an Interval, a function of pandas ...


def _frame(frame: Any, conversion: Conversion) -> Node:
    row_names = _row_names(frame.index)
    if row_names is None and not _is_numbered(frame.index):
        frame = _with_index_columns(frame)
    columns = [_column(frame.iloc[:, i], conversion) for i in range(frame.shape[1])]
    return conversion.data_frame(columns, _labels(frame.columns), len(frame), row_names)


def _is_numbered(index: Any) -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _row_names(index: Any) -> Node | None:
    """Row names of an index without a name that holds different strings or whole numbers."""
    if _is_numbered(index) or isinstance(index, pd.MultiIndex) or index.name is not None:
        return None
    if index.hasnans or not index.is_unique or not len(index):
        return None
    labels = index.tolist()
    kinds = set(map(type, labels))
    if kinds == {str}:
        return strings(labels)
    if kinds == {int} and min(labels) >= -INTEGER_MAX and max(labels) <= INTEGER_MAX:
        return integer(labels)
    return None


def _with_index_columns(frame: Any) -> Any:
    """Return the frame with its index as first columns, as ``reset_index()`` names them."""
    taken = set(frame.columns)
    names = [
        name if name is not None else ("index" if frame.index.nlevels == 1 else f"level_{i}")
        for i, name in enumerate(frame.index.names)
    ]
    free = []
    for name in names:
        while name in taken:
            name = f"{name}_index"
        taken.add(name)
        free.append(name)
    return frame.reset_index(names=free)


def _labels(index: Any) -> list[str]:
    return [
        "_".join(map(str, label)) if isinstance(label, tuple) else str(label)
        for label in index.tolist()
    ]


def _column(series: Any, conversion: Conversion) -> Node:
    """Make a vector of a column, or a list where R has no vectors of such values."""
    dtype = series.dtype
    node = _extension(series) if isinstance(dtype, ExtensionDtype) else atomic(series.to_numpy())
    if node is not None:
        return node
    values = series.astype(object).tolist()
    if not values:
        return character([])
    return vector(values, missing=True) or list_([conversion.node(v) for v in values])


def _extension(series: Any) -> Node | None:
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _factor(series)
    if isinstance(dtype, pd.DatetimeTZDtype):
        from .scalars import zone_name

        moments = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return times_of(moments.to_numpy(), zone_name(dtype.tz))
    if hasattr(pd, "ArrowDtype") and isinstance(dtype, pd.ArrowDtype):
        from .arrow import plain_column

        return plain_column(series.array.__arrow_array__())
    if isinstance(dtype, pd.SparseDtype):
        return atomic(np.asarray(series))
    if isinstance(dtype, pd.StringDtype):
        values = series.array.to_numpy(dtype=object, na_value=None)
        return strings(values.tolist())
    if is_bool_dtype(dtype) or is_numeric_dtype(dtype):
        mask = series.isna().to_numpy()
        filled = series.array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return atomic(filled, mask)
    return None  # Period, Interval, those of other packages


def _factor(series: Any) -> Node | None:
    categories = series.cat.categories
    codes = series.cat.codes.to_numpy().astype(np.int32) + 1
    codes[codes == 0] = -(INTEGER_MAX + 1)
    return factor(codes, [str(c) for c in categories.tolist()], bool(series.cat.ordered))
