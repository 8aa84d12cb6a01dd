"""R's dates, times and time differences as Python's, without R."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

from ...exceptions import ArtifactException
from ...rds.altrep import expand
from ...rds.nodes import DOUBLE, INTEGER, LIST, NA_INTEGER, FormatError, Node
from ..describe import attribute, texts
from .arrays import module, numbers

DAY = datetime.timedelta(days=1)
# Of microseconds in 64 bits.
_LAST_YEAR = 290_000
_MOST_SECONDS = 2**63 / 1e6
_SECONDS = {"secs": 1, "mins": 60, "hours": 3600, "days": 86400, "weeks": 604800}


def beyond(value: object) -> ArtifactException:
    """Return the error about a date or time that Python cannot hold."""
    return ArtifactException(
        f"A date or time of {value} is beyond what Python's types can hold: to_python() has "
        "NumPy's and pandas', to_builtins() those of datetime. Take it out in R, or keep the "
        "number alone with as.numeric()."
    )


def dates(node: Node) -> Any:
    """Convert a Date to a NumPy array of days; NA is NaT, fractions of a day are dropped."""
    np = module("numpy")
    days = _floats(node)
    return _whole(np.floor(days), "D", "days since 1970")


def date(node: Node) -> Any:
    """Convert a Date of length one: a date, or None; NumPy's where Python knows no such year."""
    np = module("numpy")
    day = dates(node)[0]
    return None if np.isnat(day) else day.item() if isinstance(day.item(), datetime.date) else day


def times(node: Node) -> Any:
    """Convert a POSIXct to a pandas DatetimeIndex, in microseconds.

    A time without a zone is of R's local one, which another machine does not know: it is the same
    instant in UTC.
    """
    pandas = module("pandas")
    index = pandas.DatetimeIndex(_instants(_floats(node))).tz_localize("UTC")
    return index.tz_convert(zone(node))


def broken_down_times(node: Node) -> Any:
    """Convert a POSIXlt to a pandas DatetimeIndex."""
    np, pandas = module("numpy"), module("pandas")
    parts = _parts(node)
    year, month = parts["year"] + 1900, parts["mon"]
    year, month = year + np.floor(month / 12), np.mod(month, 12)
    _refuse_beyond(parts["sec"], ~np.isinf(parts["sec"]), "seconds")
    _refuse_beyond(year, np.abs(year) < _LAST_YEAR, "years")
    months = _whole((year - 1970) * 12 + month, "M", "months").astype("datetime64[D]")
    seconds = (parts["mday"] - 1) * 86400 + parts["hour"] * 3600 + parts["min"] * 60 + parts["sec"]
    civil = months + _microseconds(seconds)
    here = zone(node)
    offset = parts.get("gmtoff")
    if offset is not None and not np.isnan(offset[~np.isnat(civil)]).any():
        index = pandas.DatetimeIndex(civil - _microseconds(np.nan_to_num(offset)))
        return index.tz_localize("UTC").tz_convert(here)
    # an hour that the clock shows twice or never has no better answer
    return pandas.DatetimeIndex(civil).tz_localize(
        here, ambiguous=np.zeros(len(civil), bool), nonexistent="shift_forward"
    )


def differences(node: Node) -> Any:
    """Convert a difftime to a NumPy array of microseconds."""
    return _microseconds(_floats(node) * seconds_of(node))


def difference(node: Node) -> datetime.timedelta | None:
    """Convert a difftime of length one: Python's own has more room than NumPy's."""
    seconds = float(_floats(node)[0]) * seconds_of(node)
    if seconds != seconds:
        return None
    try:
        return datetime.timedelta(microseconds=round(seconds * 1e6))
    except OverflowError:
        raise beyond(f"{seconds:g} seconds") from None


def seconds_of(node: Node) -> int:
    """Return the seconds of a difftime's unit."""
    units = texts(attribute(node, "units"))
    return _SECONDS.get(units[0] or "" if units else "secs", 1)


def zone(node: Node) -> Any:
    """Return the time zone of a time."""
    names = texts(attribute(node, "tzone"))
    try:
        return zoneinfo.ZoneInfo(names[0] or "UTC") if names else datetime.timezone.utc
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.timezone.utc


def _floats(node: Node) -> Any:
    """Numbers as doubles; NA is NaN."""
    np = module("numpy")
    if node.type not in (INTEGER, DOUBLE):
        raise FormatError("a date or time that is not made of numbers")
    values = numbers(node)
    # R's NA is a signaling NaN, of which NumPy warns when it is calculated with
    missing = np.isnan(values) if node.type == DOUBLE else values == NA_INTEGER
    return np.where(missing, np.nan, values)


def _whole(values: Any, unit: str, of: str) -> Any:
    np = module("numpy")
    missing = np.isnan(values)
    _refuse_beyond(values, np.abs(values) < 2**63, of)
    return np.where(missing, -(2**63), values).astype("int64").view(f"datetime64[{unit}]")


def _refuse_beyond(values: Any, fits: Any, of: str) -> None:
    np = module("numpy")
    bad = values[~(fits | np.isnan(values))]
    if bad.size:
        raise beyond(f"{bad[0]:g} {of}")


def _instants(seconds: Any) -> Any:
    # a double of today's seconds is exact to a quarter of a microsecond
    np = module("numpy")
    _refuse_beyond(seconds, np.abs(seconds) < _MOST_SECONDS, "seconds")
    return _whole(np.round(seconds * 1e6), "us", "microseconds")


def _microseconds(seconds: Any) -> Any:
    return _instants(seconds).view("timedelta64[us]")


def _parts(node: Node) -> dict[str, Any]:
    np = module("numpy")
    names = texts(attribute(node, "names"))
    if node.type != LIST or len(names) != len(node.value):
        raise FormatError("a POSIXlt without its parts")
    found = {
        name: _floats(expand(part))
        for name, part in zip(names, node.value, strict=True)
        if name not in (None, "zone", "wday", "yday", "isdst")
    }
    if {"sec", "min", "hour", "mday", "mon", "year"} - set(found):
        raise FormatError("a POSIXlt without its parts")
    size = max(len(v) for v in found.values())
    if any(not len(v) for v in found.values()):
        size = 0
    return {str(name): np.resize(values, size) for name, values in found.items()}
