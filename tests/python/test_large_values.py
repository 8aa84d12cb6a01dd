"""Large vectors of what Ray hands a worker go from shared memory into R without a detour."""

from __future__ import annotations

import shutil

import metaflow  # noqa: F401  (before an extension's module)
import pytest

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine import vectors
from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.engine.large_vectors import assign, large_vectors, unserialize

# R code, and how many vectors of it are taken by themselves.
CASES = {
    "numbers": ("runif(3e5)", 1),
    "whole numbers, one missing": ("rep(c(1L, NA), 2e5)", 1),
    "logical": ("rep(c(TRUE, NA), 2e5)", 1),
    "raw": ("as.raw(rep(0:255, 6000))", 1),
    "matrix": ("matrix(runif(4e5), 2, dimnames = list(c('a', 'b'), NULL))", 1),
    "time series": ("ts(runif(2e5), start = 2000, frequency = 12)", 1),
    "times": ("structure(runif(2e5), class = c('POSIXct', 'POSIXt'), tzone = 'UTC')", 1),
    "factor": ("factor(rep(c('x', 'y'), 2e5))", 1),
    "names": ("stats::setNames(runif(2e5), paste0('n', 1:2e5))", 1),
    "data frame": ("data.frame(a = runif(2e5), b = rep(1:2, 2e5), c = 'text', d = runif(2e5))", 2),
    "lists in a list": ("list(1:3 + 0L, list(runif(2e5)), NA, runif(2e5), NULL, runif(2e5))", 3),
    "nothing after all": ("list(1, list(runif(2e5)), NULL)", 1),
    "a long chain": ("list(runif(2e5), Reduce(function(x, i) list(x), 1:1500, runif(2e5)))", 1),
    "short": ("list(1, 2)", 0),
    "a sequence, which is two numbers": ("1:1e6", 0),
    "text": ("list(paste('a', 1:2e5), runif(2e5))", 0),
    "S4": (
        "{setClass('Own', contains = 'numeric', where = environment()); new('Own', runif(2e5))}",
        0,
    ),
}


@pytest.mark.parametrize(("code", "number"), CASES.values(), ids=list(CASES))
def test_values_are_what_r_itself_makes_of_them(code: str, number: int) -> None:
    """Attributes, places in lists, and what follows the first item that is not numbers."""
    REngine.current()
    import rpy2.rinterface as ri

    base = ri.baseenv
    value = ri.evalr(f"local({code})")
    data = vectors.raw_to_bytes(base["serialize"](value, ri.NULL, xdr=ri.BoolSexpVector([False])))
    assert len(large_vectors(memoryview(data))) == number
    again = unserialize(memoryview(data), ri.baseenv["unserialize"])
    assert base["identical"](again, value)[0]
    assert base["identical"](base["is.object"](again), base["is.object"](value))[0]
    # Not two names of one object, of which a change would be seen by both.
    assert again.__sexp__._cdata != value.__sexp__._cdata


def test_a_value_is_bound_without_a_copy() -> None:
    REngine.current()
    import rpy2.rinterface as ri

    value = ri.evalr("runif(10)")
    environment = ri.evalr("new.env()")
    assign(environment, "x", value)
    assert environment["x"].__sexp__._cdata == value.__sexp__._cdata
