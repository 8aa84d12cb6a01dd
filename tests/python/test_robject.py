"""R objects as Python holds them: their elements without R are R's own, by identical()."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import metaflow  # noqa: F401  (before an extension's module)
import pytest

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine import vectors
from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.exceptions import ArtifactException, RStartException
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.rds.trailer import add_trailer
from metaflow_extensions.gangway.values import asking, elements


def r(code: str) -> Any:
    """Evaluate R code and return what `self$x <- value` would store."""
    engine = REngine.current()
    return engine.decode(engine._runtime["encode"](engine._ri.evalr(f"({code})")))


@pytest.fixture
def no_r(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let elements be taken without R."""

    def refuse() -> Any:
        raise RStartException("no R")

    monkeypatch.setattr(asking, "running", None)
    monkeypatch.setattr(asking, "start", refuse)


INDEXED = [
    "c(TRUE, NA, FALSE)",
    "c(1.5, NA, NaN, -0)",
    "c(a = 1L, b = NA)",
    "1:5",
    "as.character(1:3)",
    "sort(c(3, 1))",
    "c('a', NA, 'gr\\u00fcn')",
    "c(1i, NA)",
    "as.raw(1:3)",
    "list(1, NULL, NA, list(2), quote(x + y), mean, y ~ x)",
    "list(a = 1:3, b = factor('u'))",
    "expression(a, b + 1)",
    "pairlist(a = 1, 2)",
    "factor(c(x = 'u', y = 'v', z = NA))",
    "ordered(c('lo', 'hi'))",
    "as.Date('2024-02-29') + 0:1",
    "as.POSIXct(c(0.5, NA), origin = '1970-01-01', tz = 'Asia/Tokyo')",
    "as.difftime(c(1.5, NA), units = 'mins')",
    "data.frame(a = 1:3, b = c('x', NA, 'z'), f = factor(c('u', 'v', 'u')))",
    "data.frame(d = Sys.Date() + 0:1, row.names = c('first', 'second'))",
    "data.frame(a = 1:4)[c(1, 3), , drop = FALSE]",
    "data.frame(a = 1:2, l = I(list(1:2, NULL)))",
    "matrix(1:4, 2)",
]


@pytest.mark.parametrize("code", INDEXED)
def test_elements_without_r_are_rs(code: str, no_r: None) -> None:
    value, engine = r(code), REngine.current()
    identical = engine._ri.evalr("function(x, y) identical(unserialize(x), unserialize(y))")
    assert len(value) > 1
    for i, ours in enumerate(value):
        theirs = engine.element(value, i)
        if not isinstance(theirs, RObject):
            same = ours == theirs or (ours != ours and theirs != theirs)
            assert same and type(ours) is type(theirs), (code, i, ours)
            continue
        pair = [vectors.bytes_to_raw(v.data) for v in (ours, theirs)]
        assert identical(*pair)[0], (code, i)
        assert {**ours.info, "bytes": 0} == {**theirs.info, "bytes": 0}


def test_elements_of_tibbles_without_r_are_rs(no_r: None) -> None:
    if not REngine.current()._ri.evalr("requireNamespace('tibble', quietly = TRUE)")[0]:
        pytest.skip("the R package tibble is not installed")
    test_elements_without_r_are_rs("tibble::tibble(a = 1:2, l = list(NULL, 1:2))", None)


def test_what_only_r_can_index_says_so(no_r: None) -> None:
    for code in ("structure(list(1, 2), class = 'mine')", "as.POSIXlt(Sys.time())"):
        with pytest.raises(RStartException):
            r(code)[0]


def test_a_packed_model_is_not_taken_apart(no_r: None) -> None:
    stored = r("list(a = 1, b = 'two')")
    description = {**stored.info, "restore": ["bundle"]}
    model = RObject(add_trailer(stored.data[: stored.info["bytes"]], description))
    assert model.packed_by == ["bundle"] and model.to_python() is model
    with pytest.raises(ArtifactException, match="packed by the R package bundle"):
        model["a"]
    with pytest.raises(ArtifactException, match="packed by the R package bundle"):
        _ = model.names
    with pytest.raises(RStartException):
        model[0]


def test_names_and_negative_positions(no_r: None) -> None:
    fit = r("lm(mpg ~ wt, mtcars)")
    assert "coefficients" in fit.names
    assert fit["coefficients"]["wt"] == pytest.approx(-5.344472)
    assert fit["rank"] == 2
    frame = r("data.frame(a = 1:3, b = letters[1:3])")
    assert frame.names == ["a", "b"] and len(frame) == 3
    assert frame["b"][-1] == "c" and frame[-1]["a"] == 3
    assert r("c(1, 2)").names is None
    with pytest.raises(KeyError, match="coefficients"):
        fit["coeficients"]
    with pytest.raises(IndexError):
        frame[3]


def test_repr_says_class_shape_and_size() -> None:
    assert repr(r("factor(c('a', 'b', 'a'))")).startswith("<R factor, length 3, 1")
    assert repr(r("mtcars")).startswith("<R data.frame, 32 x 11, 3.")
    assert repr(r("matrix(0, 1000, 100)")) == "<R matrix/array, 1000 x 100, 800.1 kB>"
    assert repr(r("NA")).endswith(" bytes>")


# What has no elements, and no length, in Python's words.
ONE_THING = [
    "mean",
    "sum",
    "as.name('x')",
    "structure(function(x) x, class = 'mine')",
    "{setClass('Point', representation(x = 'numeric'), where = globalenv()); new('Point', x = 1)}",
]


def stored(code: str) -> Any:
    """What `self$x <- value` would store, also of calls and names, which R would evaluate."""
    engine = REngine.current()
    engine._ri.globalenv["stored_expr"] = engine._ri.StrSexpVector([code])
    call = "encode(eval(parse(text = get('stored_expr', globalenv())), globalenv()))"
    base = engine._ri.baseenv
    return engine.decode(base["eval"](base["parse"](text=call), engine._runtime))


@pytest.mark.parametrize("code", ONE_THING)
def test_what_is_one_thing_raises_type_errors(
    code: str, no_r: None, capfd: pytest.CaptureFixture[str]
) -> None:
    value = stored(code)
    assert value and value.names is None and value.classes and "length" not in repr(value)
    with pytest.raises(TypeError, match=r"has no len"):
        len(value)
    for index in (0, 99, "a", 1.5, slice(1)):
        with pytest.raises(TypeError, match="not subscriptable"):
            value[index]
    with pytest.raises(TypeError, match="not iterable"):
        iter(value)
    assert capfd.readouterr() == ("", "")


def test_calls_have_parts_and_argument_names(no_r: None) -> None:
    call = stored("quote(f(a, b = 2))")
    assert len(call) == 3 and call.names == ["", "", "b"] and call["b"] == 2.0 and call[2] == 2.0
    assert call.classes == ["call"] and stored("quote(f(a))").names is None
    formula = stored("y ~ x")
    assert [part.classes for part in formula] == [["name"]] * 3
    with pytest.raises(IndexError):
        call[3]
    with pytest.raises(KeyError):
        call["a"]


def test_environments_are_taken_by_name(no_r: None) -> None:
    value = stored("list2env(list(a = 1, b = 'two', .c = NULL))")
    assert sorted(value.names) == [".c", "a", "b"] and len(value) == 3 and value["b"] == "two"
    assert value[".c"] is None and not stored("new.env()")
    for index in (0, "d"):
        with pytest.raises(KeyError):
            value[index]
    with pytest.raises(TypeError, match="whole numbers or names, not slice"):
        value[0:1]
    with pytest.raises(TypeError, match="not iterable"):
        iter(value)


def test_r_gives_what_runs_code_and_has_methods(capfd: pytest.CaptureFixture[str]) -> None:
    lazy = (
        "local({delayedAssign('p', 2 + 0); makeActiveBinding('act', function() 7, environment());"
    )
    value = stored(f"{lazy} environment()}})")
    assert value["p"] == 2.0 and value["act"] == 7.0
    stack = (
        "{setClass('Stack', representation(x = 'list'), where = globalenv());"
        " setMethod('length', 'Stack', function(x) length(x@x), where = globalenv());"
        " setMethod('[[', 'Stack', function(x, i, ...) x@x[[i]], where = globalenv());"
        " new('Stack', x = list(a = 5, b = 'u'))}"
    )
    value = stored(stack)
    assert len(value) == 2 and list(value) == [5.0, "u"] and value["a"] == 5.0
    inside = stored(f"list({stack}, 1)")
    element = elements.plain(inside.node.value[0], inside)  # read without R, which alone knows
    assert "length" not in repr(element) and len(element) == 2 and element[1] == "u"
    with pytest.raises(IndexError):
        value[2]
    broken = stored(
        "{`[[.broken` <<- function(x, i) stop('boom'); structure(list(1), class = 'broken')}"
    )
    with pytest.raises(ArtifactException, match="boom"):
        broken[0]
    with pytest.raises(IndexError):
        stored("structure(list(1), class = 'unknown')")[1]
    assert capfd.readouterr() == ("", "")


def test_names_of_vectors_with_a_class_are_found(no_r: None) -> None:
    assert r("table(c('a', 'b', 'a'))")["a"] == 2
    assert r("factor(c(u = 'x', v = 'y'))")["v"].to_python()[0] == "y"
    assert r("array(1:2, 2, list(c('p', 'q')))").names == ["p", "q"]


def test_equal_by_bytes_hashed_and_pickled() -> None:
    value, other = r("c(1, 2)"), r("c(1, 3)")
    again = pickle.loads(pickle.dumps(value))
    assert again == value and hash(again) == hash(value) and value != other
    assert again.info == value.info


def test_pickles_of_former_releases_are_read_and_later_ones_name_the_same_module() -> None:
    # {"kept": [RObject]}, pickled as a whole, from when the class itself was in r/robject.py
    pickled = (Path(__file__).parent / "robjects" / "pickled.pkl").read_bytes()
    (value,) = pickle.loads(pickled)["kept"]
    assert value.to_builtins() == [1, 2, 3] and type(value) is RObject
    assert pickle.dumps({"kept": [value]}, protocol=4) == pickled


def test_a_damaged_object_says_so() -> None:
    value = r("list(1, 2)")
    with pytest.raises(ArtifactException, match="truncated"):
        len(RObject(value.data[:50]))
    with pytest.raises(ArtifactException, match="0 bytes"):
        repr(RObject(b""))
