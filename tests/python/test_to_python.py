"""R objects as Python's own types, read without R."""

from __future__ import annotations

import datetime
import math
import re
import shutil
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import metaflow  # noqa: F401  (before an extension's module)
import pytest

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("pandas")

import numpy as np
import pandas as pd
from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.exceptions import ArtifactException
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.rds import build
from metaflow_extensions.gangway.rds.trailer import add_trailer
from metaflow_extensions.gangway.rds.write import write
from metaflow_extensions.gangway.values.describe import describe
from metaflow_extensions.gangway.values.to_python import arrays

UTC = datetime.timezone.utc


def python(code: str) -> Any:
    """The Python value of R code, as an artifact would give it."""
    engine = REngine.current()
    value = engine.decode(engine._runtime["encode"](engine._ri.evalr(f"({code})")))
    return value.to_python() if isinstance(value, RObject) else value


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("NA", None),
        ("NA_character_", None),
        ("1i", 1j),
        ("as.raw(1:3)", b"\1\2\3"),
        ("c('a', NA, 'gr\\u00fcn')", ["a", None, "grün"]),
        ("`Encoding<-`('gr\\xfcn', 'latin1')", "grün"),
        ("as.character(1:3)", ["1", "2", "3"]),
        ("list(1, 'a', NULL)", [1.0, "a", None]),
        ("list(a = 1L, b = list(TRUE))", {"a": 1, "b": [True]}),
        ("list(a = 1, a = 2)", [("a", 1.0), ("a", 2.0)]),
        ("list(a = 1, 2)", [("a", 1.0), ("", 2.0)]),
        ("list()", []),
        ("pairlist(a = 1)", {"a": 1.0}),
        ("structure(list(a = 1), class = 'mine')", {"a": 1.0}),
        ("as.Date('2024-02-29')", datetime.date(2024, 2, 29)),
        ("as.Date(NA)", None),
        ("as.difftime(90, units = 'mins')", datetime.timedelta(minutes=90)),
        ("as.difftime(1e7, units = 'weeks')", datetime.timedelta(weeks=10**7)),
        ("as.difftime(5e8, units = 'days')", datetime.timedelta(days=5 * 10**8)),
        ("as.difftime(NA_real_, units = 'days')", None),
        (
            "as.POSIXct(0.25, origin = '1970-01-01', tz = 'Europe/Berlin')",
            datetime.datetime(1970, 1, 1, 0, 0, 0, 250000, UTC),
        ),
    ],
)
def test_values_of_pythons_own(code: str, expected: Any) -> None:
    found = python(code)
    assert found == expected and type(found) is type(expected)


def test_times_keep_their_zone() -> None:
    value = python("as.POSIXct('2024-07-01 12:00', tz = 'Europe/Berlin')")
    assert value.tzinfo == zoneinfo.ZoneInfo("Europe/Berlin") and value.hour == 12
    index = python("as.POSIXct(c(1709164800.123456, NA), origin = '1970-01-01', tz = 'Asia/Tokyo')")
    assert str(index.tz) == "Asia/Tokyo" and index[0].microsecond == 123456 and pd.isna(index[1])
    lists = python(
        "as.POSIXlt(as.POSIXct(c(0.5, 1.7e9), origin = '1970-01-01'), tz = 'Asia/Tokyo')"
    )
    assert [t.timestamp() for t in lists] == [0.5, 1.7e9] and str(lists.tz) == "Asia/Tokyo"
    months = python("{x <- as.POSIXlt('2024-01-31', tz = 'UTC'); x$mon <- 13L; c(x, x)}")
    assert list(months) == [pd.Timestamp("2025-03-03", tz="UTC")] * 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1:3", np.array([1, 2, 3], "i4")),
        ("c(1.5, NaN)", np.array([1.5, math.nan])),
        ("c(TRUE, FALSE)", np.array([True, False])),
        ("c(1i, 2)", np.array([1j, 2])),
        ("integer()", np.array([], "i4")),
        (
            "matrix(1:6, 2, dimnames = list(c('a', 'b'), NULL))",
            np.array([[1, 3, 5], [2, 4, 6]], "i4"),
        ),
        ("array(1:8, c(2, 2, 2))", np.arange(1, 9, dtype="i4").reshape((2, 2, 2), order="F")),
        ("matrix(list(1, 'a'), 1)", None),
        ("ts(c(1, 2), start = 2000)", np.array([1.0, 2.0])),
        ("table(c('a', 'b', 'a'))", np.array([2, 1], "i4")),
        ("as.Date(c('2024-02-29', NA))", np.array(["2024-02-29", "NaT"], "M8[D]")),
        ("as.difftime(c(1.5, NA), units = 'secs')", np.array([1500000, "NaT"], "m8[us]")),
        ("structure(c(4.94065645841247e-324, 0), class = 'integer64')", np.array([1, 0])),
    ],
)
def test_arrays(code: str, expected: Any) -> None:
    found = python(code)
    if expected is None:
        assert found == [1.0, "a"]  # a list of lists has no shape in Python
        return
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    assert found.flags.writeable and found.flags.aligned


def test_missing_values() -> None:
    found = python("c(1L, NA)")
    assert found.dtype == "Int32" and found[0] == 1 and found[1] is pd.NA
    assert python("c(TRUE, NA)").dtype == "boolean"
    masked = python("matrix(c(1L, NA), 1)")
    assert masked.mask.tolist() == [[False, True]]
    assert math.isnan(python("NA_real_"))
    assert math.isnan(python("c(1, NA)")[1])


def test_names_make_a_series() -> None:
    pd.testing.assert_series_equal(python("c(a = 1, b = 2)"), pd.Series({"a": 1.0, "b": 2.0}))
    assert python("c(a = 'x')").to_dict() == {"a": "x"}
    assert python("factor(c(u = 'x', v = 'y'))")["v"] == "y"


@pytest.mark.parametrize(
    "code",
    [
        "as.POSIXct(1e15, origin = '1970-01-01')",
        "as.POSIXct(c(0, 1e15), origin = '1970-01-01')",
        "as.POSIXct(9e11, origin = '1970-01-01')",
        "as.POSIXlt(1e15, origin = '1970-01-01', tz = 'UTC')",
        "as.difftime(1e9, units = 'days')",
        "structure(c(NA, 1e15), units = 'secs', class = c('hms', 'difftime'))",
        "as.Date(Inf, origin = '1970-01-01')",
        "as.Date(c(0, -Inf), origin = '1970-01-01')",
        "as.POSIXct(Inf, origin = '1970-01-01')",
        "as.difftime(Inf, units = 'secs')",
    ],
)
def test_times_that_python_cannot_hold_are_no_missing_ones(code: str) -> None:
    engine = REngine.current()
    value = engine.decode(engine._runtime["encode"](engine._ri.evalr(f"({code})")))
    for convert in (value.to_python, value.to_builtins):
        if "POSIXlt" in code and convert == value.to_builtins:
            continue  # remains as it is
        with pytest.raises(ArtifactException, match="beyond what Python") as error:
            convert()
        assert "to_builtins()" in error.value.message
        number = r"1e\+15|9e\+11|8.64e\+13|3.1\d+e\+07|1e\+09|-?inf"
        assert re.search(f"of ({number})", error.value.message), error.value.message


def test_factors() -> None:
    found = python("factor(c('u', NA, 'v'), levels = c('v', 'u', 'w'))")
    assert list(found.categories) == ["v", "u", "w"] and found.codes.tolist() == [1, -1, 0]
    assert not found.ordered
    assert python("ordered('lo', levels = c('lo', 'hi'))").ordered
    assert python("addNA(factor(c('a', NA, 'b')))").codes.tolist() == [0, -1, 1]


def test_data_frames() -> None:
    frame = python(
        "{x <- data.frame(i = c(1L, NA), s = c('x', NA), d = as.Date('2024-01-01') + 0:1,"
        " f = factor(c('u', 'v')), row.names = c('first', 'second')); x$l <- list(NULL, 1:2);"
        " x$m <- matrix(1:4, 2, dimnames = list(NULL, c('p', 'q'))); x}"
    )
    assert list(frame.columns) == ["i", "s", "d", "f", "l", "m[,p]", "m[,q]"]
    assert list(frame.index) == ["first", "second"]
    assert frame["i"].dtype == "Int32" and pd.isna(frame["s"]["second"])
    assert frame["d"].dt.day.tolist() == [1, 2]
    assert frame["f"].cat.categories.tolist() == ["u", "v"]
    assert frame["l"]["first"] is None and frame["l"]["second"].tolist() == [1, 2]
    assert frame["m[,q]"].tolist() == [3, 4]
    deep = python(
        "{x <- data.frame(i = 1:2); x$l <- matrix(list(1, 2, 3, 'a'), 2);"
        " x$a <- array(1:8, c(2, 2, 2)); x}"
    )
    assert list(deep.columns) == ["i", "l[,1]", "l[,2]", "a"]
    assert deep["l[,2]"].tolist() == [3.0, "a"] and deep["a"][1].tolist() == [[2, 6], [4, 8]]
    assert python("data.frame(a = 1:3)[0, , drop = FALSE]").shape == (0, 1)
    assert python("data.frame(row.names = c('a', 'b'))").shape == (2, 0)
    assert python("data.frame(a = 1:4)[c(1, 3), , drop = FALSE]").index.tolist() == [1, 3]
    assert python("data.frame(a = 1L)")["a"].tolist() == [1]
    assert python("data.frame(a = 1, a = 2, check.names = FALSE)").columns.tolist() == ["a", "a"]


def test_what_is_no_data_stays_an_r_object() -> None:
    for code in ("mean", "quote(a + b)", "y ~ x", "new.env()", "globalenv()"):
        assert isinstance(python(f"list({code})")[0], RObject), code
    fit = python("lm(mpg ~ wt, mtcars)")
    assert fit["coefficients"]["wt"] == pytest.approx(-5.344472)
    assert isinstance(fit["call"], RObject) and "call" in repr(fit["call"])


def test_depth_and_size_have_limits_that_are_named() -> None:
    with pytest.raises(ArtifactException, match="nested too deeply"):
        python("{x <- NULL; for (i in 1:2000) x <- list(x); x}")
    assert isinstance(python("1:1e9"), RObject)


def test_without_pandas_and_numpy_the_message_says_what_to_install(tmp_path: Path) -> None:
    for name in ("numpy", "pandas"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text(f"raise ImportError('no {name} here')")
    frame = build.list_(
        [build.integer([1])], ["a"],
        {"class": build.character(["data.frame"]), "row.names": build.integer([None, -1])},
    )  # fmt: skip
    node = build.list_([build.character(["a", "b"]), build.integer([1])], ["s", "i"])
    code = (
        "import metaflow, sys; from metaflow_extensions.gangway.r.robject import RObject\n"
        "plain, frame = (bytes.fromhex(h) for h in sys.argv[1:])\n"
        "assert RObject(plain).to_python() == {'s': ['a', 'b'], 'i': 1}\n"
        "RObject(frame).to_python()"
    )
    blobs = [add_trailer(write(n), describe(n, "4.2.2")).hex() for n in (node, frame)]
    for name in ("numpy", "pandas"):
        path = f"{tmp_path / name}:{Path(__file__).resolve().parents[2] / 'python'}"
        done = subprocess.run(
            [sys.executable, "-c", code, *blobs],
            env={"PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert f"pandas cannot be imported (no {name} here)" in done.stderr, done.stderr
        assert "python -m pip install numpy pandas" in done.stderr


BUILTINS = {
    "c(TRUE, NA)": [True, None],
    "c(1L, NA)": [1, None],
    "c(1.5, NA, NaN)": [1.5, None, math.nan],
    "c(a = 1, b = NA)": {"a": 1.0, "b": None},
    "c(a = 1, a = 2)": [("a", 1.0), ("a", 2.0)],
    "c(1i, NA)": [1j, None],
    "as.raw(1:3)": b"\1\2\3",
    "as.raw(1)": b"\1",
    "factor(c('u', NA, 'v'))": ["u", None, "v"],
    "ordered('lo', levels = c('lo', 'hi'))": "lo",
    "as.Date(c('2024-02-29', NA))": [datetime.date(2024, 2, 29), None],
    "structure(-0.5, class = 'Date')": datetime.date(1969, 12, 31),
    "as.POSIXct(c(0.25, NA), origin = '1970-01-01', tz = 'Europe/Berlin')": [
        datetime.datetime(1970, 1, 1, 0, 0, 0, 250000, UTC),
        None,
    ],
    "as.difftime(90, units = 'mins')": datetime.timedelta(minutes=90),
    "matrix(1:6, 2)": [[1, 3, 5], [2, 4, 6]],
    "array(1:8, c(2, 2, 2))": [[[1, 5], [3, 7]], [[2, 6], [4, 8]]],
    "table(c('a', 'b', 'a'))": {"a": 2, "b": 1},
    "structure(c(4.94065645841247e-324, 0), class = 'integer64')": [1, 0],
    "data.frame(i = c(1L, NA), s = c('x', NA), f = factor('u'))": {
        "i": [1, None],
        "s": ["x", None],
        "f": ["u", "u"],
    },
    "data.frame(i = 1L)": {"i": [1]},
    "{x <- data.frame(i = 1:2); x$l <- list(NULL, 1:2); x$m <- matrix(1:4, 2); x}": {
        "i": [1, 2],
        "l": [None, [1, 2]],
        "m": [[1, 3], [2, 4]],
    },
    "{x <- data.frame(i = 1:2); x$l <- matrix(list(1, 2, 3, 'a'), 2); x}": {
        "i": [1, 2],
        "l": [[1.0, 3.0], [2.0, "a"]],
    },
    "list(a = 1L, b = list(TRUE, NULL))": {"a": 1, "b": [True, None]},
    "integer()": [],
}


@pytest.mark.parametrize("code", BUILTINS)
def test_builtin_types_alone(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = REngine.current()
    value = engine.decode(engine._runtime["encode"](engine._ri.evalr(f"({code})")))
    for name in ("numpy", "pandas"):
        monkeypatch.setitem(sys.modules, name, None)
    found = value.to_builtins()
    assert _same(found, BUILTINS[code]), found


def _same(x: Any, y: Any) -> bool:
    """Equal, and of equal types; NaN is itself."""
    if isinstance(x, list) and isinstance(y, list):
        return len(x) == len(y) and all(map(_same, x, y))
    return type(x) is type(y) and (x == y or x != x)


def test_a_missing_pandas_is_said_once_with_what_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = REngine.current()
    frame = engine.decode(engine._runtime["encode"](engine._ri.evalr("mtcars")))
    for missing in (["pandas"], ["numpy", "pandas"]):  # and not one after the other
        with monkeypatch.context() as without:
            for name in missing:
                without.setitem(sys.modules, name, None)
            arrays.module.cache_clear()
            with pytest.raises(ArtifactException) as error:
                frame.to_python()
            assert "to_builtins()" in error.value.message
            assert error.value.message.count("not installed") == 1
            assert "pip install numpy pandas" in error.value.message
            assert f"{missing[0]} is not installed" in error.value.message
            assert frame.to_builtins()["cyl"][:2] == [6.0, 6.0]
    assert isinstance(frame.to_python(), pd.DataFrame)
