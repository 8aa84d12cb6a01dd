"""Random Python values into R and back: equal up to what vignettes/artifacts.Rmd says is lost."""

from __future__ import annotations

import datetime as dt
import math
import shutil
from typing import Any
from zoneinfo import ZoneInfo

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.values.from_python.convert import to_blob

np = pytest.importorskip("numpy", reason="numpy is not installed")
pd = pytest.importorskip("pandas", reason="pandas is not installed")

patiently = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
names = texts.filter(bool)
moments = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(),
    st.complex_numbers(allow_nan=False),
    texts,
    st.binary(max_size=8),
    st.dates(dt.date(1700, 1, 1)),
    moments,
    moments.map(lambda m: m.replace(tzinfo=ZoneInfo("Europe/Berlin"))),
    st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999)),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(names, inner, min_size=1, max_size=4)
        | st.lists(st.integers(-(2**33), 2**33), max_size=4)
        | st.lists(st.floats(), max_size=4)
        | st.lists(texts, max_size=4)
    ),
    max_leaves=12,
)


def through_r(value: Any) -> Any:
    """What Python gets back of a value that an R step read and assigned."""
    engine = REngine.current()
    back = engine.decode(engine._runtime["encode"](engine._runtime["decode"](engine.encode(value))))
    return back.to_python() if isinstance(back, RObject) else back


def same(value: Any, back: Any) -> bool:
    if isinstance(value, dict):
        return list(value) == list(back) and all(same(value[k], back[k]) for k in value)
    if isinstance(value, list):
        back = back.tolist() if hasattr(back, "tolist") else back
        if len(value) == 1 and not isinstance(back, list):
            return same(value[0], back)  # R has no scalars
        return len(value) == len(back) and all(map(same, value, back))
    if isinstance(value, dt.datetime):
        back = pd.Timestamp(back).to_pydatetime(warn=False)
        value = value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)
        return abs(value - back) <= dt.timedelta(microseconds=1)
    if isinstance(value, dt.date):
        return bool(pd.Timestamp(back).date() == value) if not isinstance(back, int) else False
    if isinstance(value, dt.timedelta):
        return abs(value - pd.Timedelta(back)) <= dt.timedelta(microseconds=1)
    if isinstance(value, float) and math.isnan(value):
        return isinstance(back, float) and math.isnan(back)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return not isinstance(back, bool) and bool(value == back)  # R has few integers
    return bool(value == back) and type(value) is type(back)


@patiently
@given(values)
def test_values(value: Any) -> None:
    back = through_r(value)
    assert same(value, back), f"{value!r} came back as {back!r}"


columns = st.sampled_from(
    [
        ("int64", st.integers(-(2**31) + 1, 2**31 - 1)),
        ("int64", st.integers(-(2**53), 2**53)),
        ("float64", st.floats()),
        ("float32", st.floats(width=32)),
        ("bool", st.booleans()),
        ("Int64", st.none() | st.integers(-(2**40), 2**40)),
        ("boolean", st.none() | st.booleans()),
        ("string", st.none() | texts),
        ("object", st.none() | texts),
        ("category", st.none() | st.sampled_from(["u", "v", "grün"])),
        ("datetime64[ns]", st.none() | moments),
        ("datetime64[ns, America/New_York]", st.none() | moments),
        ("timedelta64[ns]", st.none() | st.timedeltas(dt.timedelta(0), dt.timedelta(days=99))),
    ]
)


@st.composite
def frames(draw: Any) -> Any:
    rows = draw(st.integers(0, 5))
    labels = draw(st.lists(names, max_size=4, unique=True))
    data = {}
    for label in labels:
        dtype, elements = draw(columns)
        cells = draw(st.lists(elements, min_size=rows, max_size=rows))
        data[label] = pd.Series(cells, dtype="datetime64[ns]" if "," in dtype else dtype)
        if "," in dtype:
            data[label] = data[label].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    return pd.DataFrame(data, index=range(rows))


def plain(column: Any) -> list[Any]:
    """Cells for a comparison: missing ones as None, moments and spans in microseconds."""
    cells: list[Any] = []
    for cell, missing in zip(column.tolist(), column.isna(), strict=True):
        if missing:
            cell = None
        elif isinstance(cell, dt.datetime):
            cell = round(pd.Timestamp(cell).timestamp() * 1e6)
        elif isinstance(cell, dt.timedelta):
            cell = round(pd.Timedelta(cell).total_seconds() * 1e6)
        cells.append(cell)
    return cells


def close(a: Any, b: Any) -> bool:
    return a == b or (isinstance(a, int) and a is not True and abs(a - b) <= 1)


@patiently
@given(frames())
def test_frames(frame: Any) -> None:
    back = through_r(frame)
    assert list(back.columns) == list(frame.columns) and len(back) == len(frame)
    for label in frame.columns:
        before, after = plain(frame[label]), plain(back[label])
        assert all(map(close, before, after)), f"{label}: {before} came back as {after}"
        if isinstance(frame[label].dtype, pd.CategoricalDtype):
            assert back[label].cat.categories.tolist() == frame[label].cat.categories.tolist()


shapes = st.lists(st.integers(0, 3), min_size=1, max_size=3)
kinds = st.sampled_from(["bool", "int8", "uint16", "int32", "float16", "float64", "complex64"])


@patiently
@given(shapes, kinds, st.booleans(), st.integers(0, 2**32 - 1))
def test_arrays(shape: list[int], kind: str, fortran: bool, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 100, shape)
    array = np.array(numbers, dtype=kind, order="F" if fortran else "C")
    blob = to_blob(array)
    assert blob is not None
    back = through_r(array)
    assert np.array_equal(np.asarray(back).reshape(shape), array)
    assert np.array_equal(np.asarray(RObject(blob).to_python()).reshape(shape), array)
