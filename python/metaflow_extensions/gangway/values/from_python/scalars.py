"""Vectors of R made of Python's own scalars, and of times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from ...rds.build import character, complex_, double, integer, logical
from ...rds.nodes import Node

INTEGER_MAX = 2**31 - 1  # the smallest 32-bit integer is R's NA
DOUBLE_MAX = 2**53  # doubles hold every whole number up to here

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_EPOCH_DAY = _EPOCH.toordinal()
_KINDS = {
    bool: "logical",
    int: "integer",
    float: "double",
    complex: "complex",
    str: "character",
    dt.datetime: "datetime",
    dt.date: "date",
    dt.timedelta: "timedelta",
    dt.time: "time",
}
_NUMPY_KINDS = {
    "bool": "logical",  # NumPy 2
    "bool_": "logical",
    "integer": "integer",
    "floating": "double",
    "complexfloating": "complex",
}
_INEXACT = {"longdouble", "clongdouble", "timedelta64"}


_known: dict[type, str | None] = {}


def kind_of(cls: type) -> str | None:
    """Return what R makes of scalars of a class; "missing" for pandas' NA and NaT, or None."""
    if cls not in _known:
        _known[cls] = _find_kind(cls)
    return _known[cls]


def _find_kind(cls: type) -> str | None:
    if cls.__name__ in ("NAType", "NaTType") and cls.__module__.startswith("pandas."):
        return "missing"
    for base in cls.__mro__:
        if base in _KINDS:
            return _KINDS[base]
        if base.__module__ == "numpy":
            if base.__name__ in _INEXACT:
                return None
            if base.__name__ in _NUMPY_KINDS:
                return _NUMPY_KINDS[base.__name__]
    return None


def vector(values: Sequence[Any], missing: bool = False) -> Node | None:
    """Make one vector of scalars of one kind.

    Parameters
    ----------
    values : sequence
        Python's scalars. Integers and floats together are doubles.
    missing : bool
        Whether None is NA, and NaN among values that are no numbers, as in pandas.

    Returns
    -------
    Node or None
        None where the values are not of one kind, or R cannot hold one of them exactly.
    """
    kinds = {kind_of(cls) for cls in set(map(type, values)) - {type(None)}}
    if not missing and any(v is None for v in values):
        return None
    if "missing" in kinds:
        kinds.discard("missing")
        values = [None if kind_of(type(v)) == "missing" else v for v in values]
    if missing and "double" in kinds and not kinds <= {"double", "integer"}:
        values = [None if isinstance(v, float) and v != v else v for v in values]
        kinds = {kind_of(type(v)) for v in values if v is not None}
    if kinds == {"integer", "double"}:
        return _doubles(values)
    if len(kinds) > 1 or None in kinds:
        return None
    return _MAKERS[kinds.pop() if kinds else "logical"](values)  # type: ignore[no-any-return]


def whole(values: Sequence[Any]) -> Node | None:
    """Whole numbers as R's integers, else as doubles, else (where one is not exact) None."""
    present = [v for v in values if v is not None]
    largest = max(map(abs, map(int, present)), default=0)
    if largest <= INTEGER_MAX:
        return integer(values)
    return double(values) if largest <= DOUBLE_MAX else None


def strings(values: Sequence[Any], attributes: dict[str, Node] | None = None) -> Node | None:
    """Strings as a character vector; None where one holds a NUL or half a surrogate pair."""
    text = "".join(v for v in values if v is not None)
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return None
    if "\0" in text:
        return None
    return character(values, attributes)


def dates(days: Any) -> Node:
    """Days since 1970 as Date."""
    return double(days, {"class": character(["Date"])})


def times(seconds: Any, zone: str) -> Node:
    """Seconds since 1970 as POSIXct."""
    return double(seconds, {"class": character(["POSIXct", "POSIXt"]), "tzone": character([zone])})


def differences(seconds: Any, *classes: str) -> Node:
    """Seconds as difftime."""
    return double(
        seconds, {"class": character([*classes, "difftime"]), "units": character(["secs"])}
    )


def clock(seconds: Any) -> Node:
    """Seconds since midnight as the package hms has them, a difftime."""
    return differences(seconds, "hms")


def factor(codes: Any, levels: Sequence[str], ordered: bool) -> Node | None:
    """Codes from 1 (NA where missing) and levels as a factor; None where levels repeat."""
    labels = strings(levels)
    if labels is None or len(set(levels)) < len(levels):
        return None
    classes = ["ordered", "factor"] if ordered else ["factor"]
    return integer(codes, {"levels": labels, "class": character(classes)})


def zone_name(zone: dt.tzinfo | None) -> str:
    """R's name of a time zone; "UTC" for what has no name: the moment is kept, its clock is not."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name:
        return str(name)
    offset = zone.utcoffset(None) if isinstance(zone, dt.timezone) else None
    hours, rest = divmod(offset or dt.timedelta(), dt.timedelta(hours=1))
    if rest or not hours or not -12 <= hours <= 14:
        return "UTC"
    return f"Etc/GMT{-hours:+d}"  # POSIX counts hours west of Greenwich


def _logicals(values: Sequence[Any]) -> Node:
    return logical([None if v is None else bool(v) for v in values])


def _doubles(values: Sequence[Any]) -> Node | None:
    if any(isinstance(v, int) and abs(v) > DOUBLE_MAX for v in values):
        return None
    return double(values)


def _datetimes(values: Sequence[Any]) -> Node | None:
    zones = {(v.tzinfo is None, zone_name(v.tzinfo)) for v in values if v is not None}
    if len(zones) > 1:
        return None
    ((_, zone),) = zones
    return times([None if v is None else _moment(v) for v in values], zone)


def _moment(value: dt.datetime) -> float:
    return _seconds((value if value.tzinfo else value.replace(tzinfo=_EPOCH.tzinfo)) - _EPOCH)


def _seconds(delta: dt.timedelta) -> float:
    # Of whole numbers Python's division is the nearest double. pandas has nanoseconds too.
    micro = (delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds
    nano = getattr(delta, "nanoseconds", 0)
    return (micro * 1000 + nano) / 10**9 if nano else micro / 10**6


def _of_day(value: dt.time) -> float:
    return _seconds(
        dt.timedelta(
            hours=value.hour,
            minutes=value.minute,
            seconds=value.second,
            microseconds=value.microsecond,
        )
    )


def _each(function: Any, values: Sequence[Any]) -> list[Any]:
    return [None if v is None else function(v) for v in values]


_MAKERS: dict[Any, Any] = {
    "logical": _logicals,
    "integer": whole,
    "double": double,
    "complex": complex_,
    "character": strings,
    "datetime": _datetimes,
    "date": lambda values: dates(_each(lambda v: v.toordinal() - _EPOCH_DAY, values)),
    "timedelta": lambda values: differences(_each(_seconds, values)),
    "time": lambda values: clock(_each(_of_day, values)),
}
