"""Values between Python and R, in an R embedded in this process."""

from __future__ import annotations

import math
import re
import shutil
from collections import Counter
from typing import Any

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine import engine as r_engine
from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.r.robject import RObject


def r(code: str) -> Any:
    """Evaluate R code and return what `self$x <- value` would store."""
    engine = REngine.current()
    value = engine._ri.evalr(f"({code})")
    return engine.decode(engine._runtime["encode"](value))


def back(value: Any, test: str) -> bool:
    """Whether an R test of `x` holds for the value as R reads it from the datastore."""
    engine = REngine.current()
    engine._ri.globalenv["x"] = engine._runtime["decode"](engine.encode(value))
    return bool(engine._ri.evalr(test)[0])


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31) + 1, 2**31 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
)


@settings(max_examples=200, deadline=None)
@given(scalars)
def test_plain_scalars_survive_a_round_trip(value: Any) -> None:
    engine = REngine.current()
    again = engine.decode(
        engine._runtime["encode"](engine._runtime["decode"](engine.encode(value)))
    )
    assert again == value and type(again) is type(value)


def test_nan_is_plain_and_na_is_not() -> None:
    assert math.isnan(r("NaN"))
    for code in ("NA", "NA_integer_", "NA_real_", "NA_character_"):
        value = r(code)
        assert isinstance(value, RObject), code
        assert back(value, f"identical(x, {code})")


@pytest.mark.parametrize(
    "code",
    [
        "integer(0)",
        "c(a = 1)",
        "factor(c('u', 'v'), levels = c('v', 'u'))",
        "as.Date('2024-02-29') + 0:1",
        "data.frame(a = 1:2, b = c('x', NA))",
        "list(1, NULL, list(NA))",
        "matrix(1:4, 2, dimnames = list(NULL, c('p', 'q')))",
        "y ~ x + log(z)",
        "function(x) x + 1",
        "serialize(1:3, NULL)",
        "complex(real = 1, imaginary = NaN)",
        "-0.0 / c(1, 2)",
        "structure(list(), class = 'mine')",
    ],
)
def test_other_values_are_kept_identical(code: str) -> None:
    value = r(code)
    assert isinstance(value, RObject)
    assert back(value, f"identical(x, ({code}), ignore.srcref = TRUE, ignore.environment = TRUE)")


def test_an_r_object_can_be_measured_and_indexed() -> None:
    frame = r("data.frame(a = 1:3, b = c('x', 'y', 'z'))")
    assert len(frame) == 3 and "data.frame" in repr(frame) and "3 x 2" in repr(frame)
    assert back(frame[-1], "identical(x$b, 'z') && nrow(x) == 1L")
    assert list(r("c(p = 1.5, q = 2.5)")) == [1.5, 2.5]
    with pytest.raises(IndexError):
        frame[3]


def test_python_containers_arrive_as_vectors_and_lists() -> None:
    assert back([1, 2, 3], "identical(x, 1:3)")
    assert back([1, 2.5], "identical(x, c(1, 2.5))")
    assert back(["a", None], "identical(x, list('a', NULL))")
    assert back({"a": 1, "b": ["u"]}, "identical(x, list(a = 1L, b = 'u'))")
    assert back(2**40, "identical(x, 2^40)")
    assert back(b"\x00\x01", "identical(x, as.raw(0:1))")
    assert back([], "identical(x, list())")


def test_what_r_does_not_know_is_handed_on_unharmed() -> None:
    engine = REngine.current()
    value = object()
    pointer = engine._runtime["decode"](engine.encode(value))
    assert engine.decode(engine._runtime["encode"](pointer)) is value


def test_no_function_of_the_runtime_hides_another() -> None:
    """All its files share one environment, so that the last definition of a name would win."""
    names = Counter(
        name
        for source in r_engine._SOURCES
        for name in re.findall(r"^([\w.]+) <- ", source.read_text(), re.M)
    )
    assert [name for name, count in names.items() if count > 1] == []
