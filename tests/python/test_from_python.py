"""Python's values as R reads them, in an R embedded in this process."""

from __future__ import annotations

import datetime as dt
import enum
import shutil
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import metaflow  # noqa: F401  (before an extension's module)
import pytest

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.values.from_python.convert import convert, to_blob


def in_r(value: Any, test: str) -> Any:
    """An R expression about `x`, the value as R reads it."""
    engine = REngine.current()
    engine._ri.globalenv["x"] = engine._runtime["decode"](engine.encode(value))
    return engine._ri.evalr(test)


def check(value: Any, expected: str) -> None:
    text = in_r(value, "paste(deparse(x), collapse = '\n')")[0]
    assert in_r(value, f"identical(x, {expected})")[0], f"{text}\nis not\n{expected}"
    if not isinstance(value, (type(None), bool, int, float, str, bytes)):
        converted = convert(value)
        # an R of its own would read the same: no part is this process's
        assert converted is not None and not converted.unconverted


@dataclass
class Settings:
    alpha: float
    names: list[str]


class Level(enum.IntEnum):
    LOW = 1


Point = namedtuple("Point", "x y")
Frame = "structure(list({}), names = c({}), class = 'data.frame', row.names = {})"

PLAIN = [
    (None, "NULL"),
    (True, "TRUE"),
    (5, "5L"),
    (Level.LOW, "1L"),
    (-(2**31) + 1, "-2147483647L"),
    (-(2**31), "-2^31"),
    (2**53, "2^53"),
    (float("nan"), "NaN"),
    (float("-inf"), "-Inf"),
    ("grün", "'gr\\u00fcn'"),
    ("", "''"),
    (1 + 2j, "1+2i"),
    (b"\x00\x01", "as.raw(0:1)"),
    (bytearray(b"a"), "charToRaw('a')"),
    (memoryview(b"a"), "charToRaw('a')"),
    (b"", "raw()"),
    ([1, 2, 3], "1:3"),
    ([1, 2.5], "c(1, 2.5)"),
    ([2**40, 1], "c(2^40, 1)"),
    ([True, False], "c(TRUE, FALSE)"),
    ([True, 1], "list(TRUE, 1L)"),
    ((1, "a"), "list(1L, 'a')"),
    (["a", None], "list('a', NULL)"),
    ([], "list()"),
    ({}, "structure(list(), names = character())"),
    ([[1, 2], [3]], "list(1:2, 3L)"),
    ([b"a", b""], "list(charToRaw('a'), raw())"),
    ({"b", "a", "c"}, "c('a', 'b', 'c')"),
    (frozenset([2, 1]), "1:2"),
    (range(3), "0:2"),
    (range(0), "integer()"),
    (deque([1.5]), "1.5"),
    ({"a": [1, 2, None], "b": {"c": 2.5}}, "list(a = list(1L, 2L, NULL), b = list(c = 2.5))"),
    (OrderedDict(z=1, a=2), "list(z = 1L, a = 2L)"),
    (Point(1, "u"), "list(x = 1L, y = 'u')"),
    (Settings(0.5, ["u", "v"]), "list(alpha = 0.5, names = c('u', 'v'))"),
    (PurePosixPath("/tmp/x"), "'/tmp/x'"),
    (dt.date(1969, 12, 31), "as.Date('1969-12-31')"),
    ([dt.date(2024, 2, 29), dt.date(2024, 3, 1)], "as.Date('2024-02-29') + 0:1"),
    (dt.datetime(2024, 1, 2, 3, 4, 5, 250000), "as.POSIXct('2024-01-02 03:04:05.25', tz = 'UTC')"),
    (
        dt.datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")),
        "as.POSIXct('2024-07-01 12:00:00', tz = 'Europe/Berlin')",
    ),
    (
        [dt.datetime(2024, 7, 1, tzinfo=dt.timezone.utc)] * 2,
        "rep(as.POSIXct('2024-07-01', tz = 'UTC'), 2)",
    ),
    (
        dt.datetime(2024, 7, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        "as.POSIXct('2024-07-01', tz = 'Etc/GMT-2')",
    ),
    (
        dt.datetime(2024, 7, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
        "as.POSIXct('2024-06-30 18:30:00', tz = 'UTC')",
    ),
    (dt.timedelta(days=1, milliseconds=-1), "as.difftime(86399.999, units = 'secs')"),
    (
        dt.time(1, 2, 3, 500000),
        "structure(3723.5, class = c('hms', 'difftime'), units = 'secs')",
    ),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN, ids=lambda v: repr(v)[:40])
def test_plain_values(value: Any, expected: str) -> None:
    check(value, expected)


def test_numpy() -> None:
    np = pytest.importorskip("numpy", reason="numpy is not installed")
    nan, nat = np.nan, "NaT"
    for value, expected in [
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7L"),
        (np.bool_(True), "TRUE"),
        (np.str_("a"), "'a'"),
        (np.array(3), "3L"),
        (np.array([1, 2**31 - 1], dtype="int64"), "c(1L, .Machine$integer.max)"),
        (np.array([1, -(2**31)], dtype="int64"), "c(1, -2^31)"),
        (np.array([2**53], dtype="uint64"), "2^53"),
        (np.array([1, 255], dtype="uint8"), "c(1L, 255L)"),
        (np.array([1.5, nan], dtype=">f8"), "c(1.5, NaN)"),
        (np.array([0.5], dtype="float16"), "0.5"),
        (np.array([True, False]), "c(TRUE, FALSE)"),
        (np.array([1 + 2j], dtype="complex64"), "1+2i"),
        (np.array(["a", "grün"]), "c('a', 'gr\\u00fcn')"),
        (np.array([b"a", b"bc"]), "list(charToRaw('a'), charToRaw('bc'))"),
        (np.array([], dtype="int64"), "integer()"),
        (np.array([], dtype="float64"), "numeric()"),
        (np.array(["a", None], dtype=object), "c('a', NA)"),
        (np.array([None, True], dtype=object), "c(NA, TRUE)"),
        (np.array([{"a": 1}, None], dtype=object), "list(list(a = 1L), NULL)"),
        (np.arange(6).reshape(2, 3), "matrix(0:5, 2, byrow = TRUE)"),
        (np.asfortranarray(np.ones((2, 1))), "matrix(1, 2, 1)"),
        (np.arange(24.0).reshape(2, 3, 4), "aperm(array(0 + 0:23, 4:2))"),
        (np.arange(10)[::-3], "c(9L, 6L, 3L, 0L)"),
        (np.ma.array([1, 2, 3], mask=[0, 1, 0]), "c(1L, NA, 3L)"),
        (np.ma.array([1.0, nan], mask=[1, 0]), "c(NA, NaN)"),
        (np.ma.array([True, False], mask=[0, 1]), "c(TRUE, NA)"),
        (np.array(["2024-02-29", nat], dtype="M8[D]"), "as.Date(c('2024-02-29', NA))"),
        (np.array(["2024-02"], dtype="M8[M]"), "as.Date('2024-02-01')"),
        (np.datetime64("2024-01-01T12"), "as.POSIXct('2024-01-01 12:00:00', tz = 'UTC')"),
        (
            np.array(["2024-01-01T00:00:00.250", nat], dtype="M8[ns]"),
            "as.POSIXct(c('2024-01-01 00:00:00.25', NA), tz = 'UTC')",
        ),
        (np.array([90, nat], dtype="m8[m]"), "as.difftime(c(5400, NA), units = 'secs')"),
        (np.array([1], dtype="m8[ns]"), "as.difftime(1e-9, units = 'secs')"),
        (
            np.array([(1, "a"), (2, "b")], dtype=[("n", "i4"), ("s", "U1")]),
            "data.frame(n = 1:2, s = c('a', 'b'))",
        ),
        ([np.float64(1.5), np.float64(2)], "c(1.5, 2)"),
        ([np.int32(1), 2], "1:2"),
    ]:
        check(value, expected)


def test_pandas_columns() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    utc = "tz = 'UTC'"
    midnight = "as.POSIXct(c('2024-01-01', NA), tz = 'UTC')"
    for value, expected in [
        (pd.Series([1, 2]), "1:2"),
        (pd.Series([1.5, None]), "c(1.5, NaN)"),
        (pd.Series([1.5, 2], index=["a", "b"]), "c(a = 1.5, b = 2)"),
        (pd.Series([1, 2], index=[10, 20]), "c(`10` = 1L, `20` = 2L)"),
        (pd.Series(["a", None]), "c('a', NA)"),
        (pd.Series(["a", None], dtype="string"), "c('a', NA)"),
        (pd.Series(["a", float("nan")], dtype=object), "c('a', NA)"),
        (pd.Series([True, None], dtype=object), "c(TRUE, NA)"),
        (pd.Series([None, None], dtype=object), "c(NA, NA)"),
        (pd.Series([], dtype=object), "character()"),
        (pd.array([1, None], dtype="Int64"), "c(1L, NA)"),
        (pd.array([2**40, None], dtype="Int64"), "c(2^40, NA)"),
        (pd.array([True, None], dtype="boolean"), "c(TRUE, NA)"),
        (pd.array([0.5, None], dtype="Float32"), "c(0.5, NA)"),
        (pd.Series([0, 0, 1], dtype="Sparse[int]"), "c(0L, 0L, 1L)"),
        (pd.Categorical(["b", None, "a"], ["b", "a"]), "factor(c('b', NA, 'a'), c('b', 'a'))"),
        (
            pd.Series(pd.Categorical(["b", "a"], ["b", "a"], ordered=True)),
            "factor(c('b', 'a'), c('b', 'a'), ordered = TRUE)",
        ),
        (pd.Categorical([2, 1]), "factor(c(2, 1))"),
        (pd.cut(pd.Series([1, 2]), [0, 1, 2]), "factor(c('(0, 1]', '(1, 2]'), ordered = TRUE)"),
        (pd.to_datetime(pd.Series(["2024-01-01", None])), midnight),
        (
            pd.Series(pd.to_datetime(["2024-07-01 12:00"])).dt.tz_localize("America/New_York"),
            "as.POSIXct('2024-07-01 12:00:00', tz = 'America/New_York')",
        ),
        (pd.DatetimeIndex(["2024-01-01"]), f"as.POSIXct('2024-01-01', {utc})"),
        (pd.to_timedelta(["1h", None]), "as.difftime(c(3600, NA), units = 'secs')"),
        (pd.Series([dt.date(2024, 1, 1), None]), "as.Date(c('2024-01-01', NA))"),
        (pd.Series([[1, 2], None]), "list(1:2, NULL)"),
        (pd.Index(["a", "b"]), "c('a', 'b')"),
        (pd.RangeIndex(3), "0:2"),
        (pd.Timestamp("2024-01-01 00:00:00.5"), f"as.POSIXct('2024-01-01 00:00:00.5', {utc})"),
        (pd.Timedelta("90s"), "as.difftime(90, units = 'secs')"),
        (pd.NA, "NA"),
    ]:
        check(value, expected)


def test_pandas_frames() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pd.DataFrame({"x": [3, 1, 2], "s": ["a", None, "c"]})
    check(frame, "data.frame(x = c(3L, 1L, 2L), s = c('a', NA, 'c'))")
    # rows left over keep their numbers, as R's do
    check(frame[frame.x > 1], "data.frame(x = 3:2, s = c('a', 'c'), row.names = c(0L, 2L))")
    check(
        frame.set_axis(["u", "v", "w"]),
        "data.frame(x = c(3L, 1L, 2L), s = c('a', NA, 'c'), row.names = c('u', 'v', 'w'))",
    )
    # an index with a name is data
    check(frame.set_index("s"), "data.frame(s = c('a', NA, 'c'), x = c(3L, 1L, 2L))")
    check(
        frame.groupby(["x", "s"]).size().to_frame("n"),
        "data.frame(x = 2:3, s = c('c', 'a'), n = c(1L, 1L))",
    )
    check(pd.DataFrame({"a": [1, 2]}, index=[0, 0]), "data.frame(index = c(0L, 0L), a = 1:2)")
    check(
        pd.DataFrame({"a": [1, 2]}, index=pd.to_datetime(["2024-01-01", "2024-01-02"])),
        "data.frame(index = as.POSIXct(c('2024-01-01', '2024-01-02'), tz = 'UTC'), a = 1:2)",
    )
    check(
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        "data.frame(a = 1L, a = 2L, check.names = FALSE)",
    )
    check(pd.DataFrame([[1]], columns=[0]), "data.frame(`0` = 1L, check.names = FALSE)")
    check(
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
        "data.frame(a_b = 1L, a_c = 2L)",
    )
    check(pd.DataFrame(), "data.frame()")
    check(pd.DataFrame(index=range(2)), "data.frame(row.names = 1:2)[, FALSE]")
    check(frame[:0], "data.frame(x = integer(), s = character())")
    check(
        pd.DataFrame({"l": [["a"], None]}),
        "structure(list(l = list('a', NULL)), class = 'data.frame', row.names = 1:2)",
    )


def test_arrow_and_polars() -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    day = dt.datetime(2024, 1, 1)
    for value, expected in [
        (pa.array([1, None]), "c(1L, NA)"),
        (pa.array([2**40, None]), "c(2^40, NA)"),
        (pa.array([1.5, None, float("nan")]), "c(1.5, NA, NaN)"),
        (pa.array([True, None]), "c(TRUE, NA)"),
        (pa.array(["a", None]), "c('a', NA)"),
        (pa.array(["a", None], pa.large_string()), "c('a', NA)"),
        (pa.array([b"a", None]), "list(charToRaw('a'), NULL)"),
        (pa.array(["b", None, "b"]).dictionary_encode(), "factor(c('b', NA, 'b'))"),
        (pa.array([7, 7]).dictionary_encode(), "c(7L, 7L)"),
        (pa.array([None, None]), "c(NA, NA)"),
        (pa.array([day.date(), None]), "as.Date(c('2024-01-01', NA))"),
        (pa.array([day.date()], pa.date64()), "as.Date('2024-01-01')"),
        (pa.array([day, None]), "as.POSIXct(c('2024-01-01', NA), tz = 'UTC')"),
        (
            pa.array([day], pa.timestamp("ns", "Europe/Berlin")),
            "as.POSIXct('2024-01-01 01:00:00', tz = 'Europe/Berlin')",
        ),
        (pa.array([dt.timedelta(hours=1)]), "as.difftime(3600, units = 'secs')"),
        (
            pa.array([dt.time(0, 1), None]),
            "structure(c(60, NA), class = c('hms', 'difftime'), units = 'secs')",
        ),
        (pa.array([[1, None], [], None]), "list(c(1L, NA), integer(), NULL)"),
        (pa.array([{"a": 1, "b": "u"}, None]), "list(list(a = 1L, b = 'u'), NULL)"),
        (pa.chunked_array([[1, 2], [3]]), "1:3"),
        (pa.chunked_array([], pa.int32()), "integer()"),
        (pa.scalar(5), "5L"),
    ]:
        check(value, expected)
    table = pa.table({"n": [1, 2], "s": ["a", None]})
    check(table, "data.frame(n = 1:2, s = c('a', NA))")
    check(table.to_batches()[0], "data.frame(n = 1:2, s = c('a', NA))")
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    column = pd.Series([1, None], dtype=pd.ArrowDtype(pa.int64()))
    check(pd.DataFrame({"n": column}), "data.frame(n = c(1L, NA))")
    pl = pytest.importorskip("polars", reason="polars is not installed")
    check(pl.DataFrame({"n": [1, None]}), "data.frame(n = c(1L, NA))")
    check(pl.Series(["a", None]), "c('a', NA)")


def test_what_has_no_counterpart_is_handed_on_unharmed() -> None:
    engine = REngine.current()
    for value in [
        2**70,
        (1.5).hex,
        object(),
        Decimal("1.5"),
        {1: "one"},
        {"": 1},
        "a\0b",
        "\ud800",
    ]:
        assert to_blob(value) is None
        pointer = engine._runtime["decode"](engine.encode(value))
        assert engine.decode(engine._runtime["encode"](pointer)) is value
        assert in_r(value, "inherits(x, 'gangway_python')")[0]
        for use in ["x + 1", "x$a", "x[[1]]", "sum(x)"]:
            with pytest.raises(Exception, match="no counterpart"):
                in_r(value, use)
    shown = in_r(Decimal("1.5"), "capture.output(print(x))")[0]
    assert shown == "<Python decimal.Decimal: Decimal('1.5')>"


def test_a_container_keeps_what_r_can_read_of_it() -> None:
    test = "identical(x$a, 1L) && inherits(x$b[[2]], 'gangway_python') && identical(x$b[[1]], 'u')"
    assert in_r({"a": 1, "b": ["u", Decimal(1)]}, test)[0]
    assert to_blob({"a": [2**70]}) is None
    me: list[Any] = []
    me.append(me)
    assert in_r(me, "inherits(x, 'gangway_python')")[0]


def test_r_objects_in_a_container_come_as_they_were() -> None:
    engine = REngine.current()
    model = engine.decode(engine._runtime["encode"](engine._ri.evalr("factor(c('a', NA))")))
    assert isinstance(model, RObject)
    assert in_r([model, 1], "identical(x, list(factor(c('a', NA)), 1L))")[0]
    assert in_r({"m": {"n": model}}, "identical(x$m$n, factor(c('a', NA)))")[0]


def test_a_caught_exception_is_its_message_and_prints_its_traceback() -> None:
    from metaflow.exception import MetaflowExceptionWrapper

    try:
        raise ValueError("bad luck")
    except ValueError as error:
        caught = MetaflowExceptionWrapper(error)
    assert in_r(caught, "conditionMessage(x)")[0] == "bad luck"
    assert in_r(caught, "inherits(x, c('metaflow_exception', 'error', 'condition'), which = TRUE)")
    assert "ValueError" in in_r(caught, "x$type")[0]
    assert "raise ValueError" in in_r(caught, "paste(capture.output(print(x)), collapse = '')")[0]
