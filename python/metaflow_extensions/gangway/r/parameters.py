"""What a generated flow.py declares its parameters with, beside Metaflow's own types.

Dates are Python's, and so are R's; a data frame is R's object, made without R and pandas.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..mf.configs import config_expr, read_config
from ..mf.parameter_types import FileParameter, ParameterType
from ..rds.build import character, double, integer, logical
from ..rds.nodes import CHARACTER, INTEGER, Node
from ..rds.trailer import add_trailer
from ..rds.write import write
from ..values.describe import describe
from ..values.from_python.convert import Conversion
from ..values.from_python.scalars import dates, factor, times, vector
from .robject import RObject

__all__ = [
    "DataFrameType",
    "DateType",
    "FileParameter",
    "TibbleType",
    "TimeType",
    "config_expr",
    "read_config",
]

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?"
    r" ?(?:Z|([+-]\d\d):?(\d\d)?)?"
)
# What a data frame's JSON may hold beside its columns: names of rows, and types.
_ROWS, _TYPES = "_row", "_types"


def read_date(text: Any) -> dt.date:
    """Read a date as ISO 8601 has it."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return dt.date.fromisoformat(text)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{text!r} is not a date such as 2026-11-29")


def read_time(text: Any) -> dt.datetime:
    """Read a time as ISO 8601 has it, in UTC unless it says how far from there it is."""
    found = _TIME.fullmatch(text) if isinstance(text, str) and text.isascii() else None
    if found:
        day, clock, seconds, fraction, hours, minutes = found.groups()
        zone = f"{hours or '+00'}:{minutes or '00'}"
        try:
            moment = dt.datetime.fromisoformat(
                f"{day}T{clock or '00:00'}:{seconds or '00'}.{(fraction or '').ljust(6, '0')}{zone}"
            )
            return moment.astimezone(dt.timezone.utc)
        except (ValueError, OverflowError):
            pass
    raise ValueError(
        f"{text!r} is not a time such as 2026-11-29T08:30:00Z or '2026-11-29 08:30' (which is UTC)"
    )


def read_frame(value: Any, classes: Sequence[str]) -> RObject:
    """Read a data frame from JSON: columns by name, or a list of rows.

    Parameters
    ----------
    value : str, dict or list
        ``{"a": [1, 2], "b": ["x", null]}`` or ``[{"a": 1, "b": "x"}, {"a": 2}]``. ``"_row"`` holds
        the names of rows, as in R's package jsonlite. ``"_types"`` says what JSON does not: by
        column "logical", "integer", "double", "character", "Date", "POSIXct", or of a factor its
        levels.
    classes : sequence of str
        The classes of the data frame.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"the data frame is not JSON: {error}") from None
    columns = _by_column(value)
    types = columns.pop(_TYPES, {})
    row_names = columns.pop(_ROWS, None)
    labels = None if row_names is None else vector(row_names)
    if not isinstance(types, Mapping) or (labels and labels.type not in (INTEGER, CHARACTER)):
        raise ValueError(f"{_TYPES!r} has types by column, and {_ROWS!r} the names of rows")
    lengths = {name: len(values) for name, values in columns.items()}
    rows = len(row_names) if row_names else max(lengths.values(), default=0)
    for name, length in lengths.items():
        if length != rows:
            raise ValueError(f"column {name!r} of the data frame has {length} values, not {rows}")
    nodes = [_column(name, values, types.get(name)) for name, values in columns.items()]
    frame = Conversion().data_frame(nodes, list(columns), rows, labels)
    frame.attributes["class"] = character(classes)  # type: ignore[index]
    return RObject(add_trailer(write(frame), describe(frame, r="")))


def _by_column(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(v, list) for k, v in _columns_of(value)):
        return dict(value)
    if isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
        names = list(dict.fromkeys(name for row in value for name in row))
        return {name: [row.get(name) for row in value] for name in names}
    raise ValueError(
        'a data frame is columns, as {"a": [1, 2], "b": ["x", "y"]}, '
        'or rows, as [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]'
    )


def _columns_of(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, values) for name, values in value.items() if name != _TYPES]


def _column(name: str, values: list[Any], wanted: Any) -> Node:
    try:
        node = _typed(values, wanted) if wanted is not None else vector(values, missing=True)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"column {name!r} of the data frame is not {wanted!r}: {error}") from None
    if node is None:
        raise ValueError(f"column {name!r} of the data frame has values that are not of one type")
    return node


def _typed(values: list[Any], wanted: Any) -> Node | None:
    if isinstance(wanted, list):
        codes = {level: i + 1 for i, level in enumerate(wanted)}
        unknown = [v for v in values if v is not None and v not in codes]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of its levels")
        return factor([codes.get(v) for v in values], wanted, ordered=False)
    if wanted in _READ:
        values = [None if v is None else _READ[wanted](v) for v in values]
    empty = all(v is None for v in values)
    if wanted not in _EMPTY:
        raise ValueError(f"the types are {', '.join(_EMPTY)}, or a list of levels")
    node = _EMPTY[wanted](values) if empty else vector(values, missing=True)
    if node is not None and node.type != _EMPTY[wanted]([]).type:
        raise ValueError("its values are of another type")
    return node


_READ: dict[Any, Any] = {"Date": read_date, "POSIXct": read_time, "double": float}
_EMPTY: dict[Any, Any] = {
    "logical": logical,
    "integer": integer,
    "double": double,
    "character": character,
    "Date": dates,
    "POSIXct": lambda seconds: times(seconds, "UTC"),
}

DateType = ParameterType("date", read_date)
TimeType = ParameterType("time", read_time)
DataFrameType = ParameterType("JSON data frame", lambda v: read_frame(v, ["data.frame"]))
TibbleType = ParameterType(
    "JSON data frame", lambda v: read_frame(v, ["tbl_df", "tbl", "data.frame"])
)
