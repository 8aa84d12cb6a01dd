"""What a foreach goes over, through the datastore: every kind of value, nested, R's, Python's."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rflow import log_of, run_flow, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

from metaflow_extensions.gangway.exceptions import ArtifactException
from metaflow_extensions.gangway.r import foreach
from metaflow_extensions.gangway.r.robject import RObject

# Of each kind, R code and the package that it needs.
KINDS = {
    "one_string": ("'data.csv'", "base"),
    "one_number": ("0.1", "base"),
    "one_whole": ("7L", "base"),
    "one_flag": ("FALSE", "base"),
    "one_missing": ("NA_character_", "base"),
    "one_empty_string": ("''", "base"),
    "one_in_list": ("list('data.csv')", "base"),
    "named": ("c(a = 1, b = 2)", "base"),
    "named_list": ("list(a = 1:3, b = NULL, c = list(NA))", "base"),
    "factor": ("factor(c('u', 'v', NA), levels = c('v', 'u'))", "base"),
    "ordered": ("factor('u', levels = c('v', 'u'), ordered = TRUE)", "base"),
    "date": ("as.Date('2024-02-29') + 0:1", "base"),
    "one_date": ("as.Date('2024-02-29')", "base"),
    "time": (
        "as.POSIXct(c(0.5, NA), origin = '1970-01-01', tz = 'Europe/Berlin')",
        "base",
    ),
    "broken_down": (
        "as.POSIXlt(c('2024-01-01', '2024-06-01'), tz = 'Europe/Berlin')",
        "base",
    ),
    "span": ("as.difftime(c(1, 2), units = 'hours')", "base"),
    "raw": ("as.raw(1:2)", "base"),
    "complex": ("c(1+2i, NA)", "base"),
    "version": ("numeric_version(c('1.2', '3.4.5'))", "base"),
    "expressions": ("expression(a + b, 2)", "base"),
    "call": ("quote(f(x, 1))", "base"),
    "pairs": ("pairlist(a = 1, b = 'x')", "base"),
    "matrix": ("matrix(1:4, 2, dimnames = list(c('a', 'b'), NULL))", "base"),
    "array": ("array(c(1.5, 2), c(1, 1, 2))", "base"),
    "table": ("table(c('x', 'y', 'x'))", "base"),
    "series": ("ts(c(3, 4), start = 2000)", "base"),
    "frame": ("data.frame(a = 1:2, b = c('x', NA), row.names = c('p', 'q'))", "base"),
    "no_columns": ("data.frame(row.names = 1:2)", "base"),
    "environment": (
        "list2env(list(b = 2, a = 1:3, .hidden = 1), parent = emptyenv())",
        "base",
    ),
    "tibble": ("tibble::tibble(a = 1:2, l = list(NULL, 1:3))", "tibble"),
    "one_row": ("tibble::tibble(a = 1)", "tibble"),
    "grouped": ("dplyr::group_by(tibble::tibble(a = c(1, 1, 2), b = 1:3), a)", "dplyr"),
    "rowwise": ("dplyr::rowwise(tibble::tibble(a = 1:2))", "dplyr"),
    "data_table": (
        "data.table::data.table(a = 1:2, b = c('x', 'y'), key = 'a')",
        "data.table",
    ),
    "rset": (
        "(function() { set.seed(1); rsample::vfold_cv(mtcars, v = 2) })()",
        "rsample",
    ),
    "record": (
        "vctrs::new_rcrd(list(x = 1:2, y = c('a', NA)), class = 'rec')",
        "vctrs",
    ),
    "list_of": ("vctrs::list_of(1:2, integer())", "vctrs"),
    "integer64": ("bit64::as.integer64(c(1, NA))", "bit64"),
    "hms": ("hms::hms(1:2)", "hms"),
    "s4": (
        "lubridate::interval(as.Date('2024-01-01'), as.Date('2024-01-01') + 1:2)",
        "lubridate",
    ),
}
# What has no elements, and what is said of it.
REFUSED = {
    "a_function": ("function(x) x", "closure"),
    "a_symbol": ("quote(x)", "symbol"),
    "an_object": (
        "R6::R6Class('A', list(x = 1), parent_env = globalenv())$new()",
        "environment",
    ),
    "nothing": ("NULL", "zero splits"),
    "empty": ("character()", "zero splits"),
    "no_rows": ("data.frame(a = 1)[0, , drop = FALSE]", "zero splits"),
}

# What R goes over. Of an environment lapply() says it.
HEAD = f"""
kinds <- function() list({", ".join(f"{k} = quote({code})" for k, (code, _) in KINDS.items())})
packages <- c({", ".join(f"{k} = '{package}'" for k, (_, package) in KINDS.items())})
is_here <- function(k) requireNamespace(packages[[k]], quietly = TRUE)
available <- function() Filter(is_here, names(packages))
one_by_one <- function(x) {{
  if (is.environment(x)) return(lapply(mget(sort(ls(x)), x), identity))
  lapply(seq_len(if (is.data.frame(x)) nrow(x) else length(x)), function(i) {{
    if (is.data.frame(x)) x[i, , drop = FALSE] else x[[i]]
  }})
}}
same <- function(x, y) identical(x, y) || is.environment(x) && identical(as.list(x), as.list(y)) ||
  inherits(x, 'data.table') && identical(all.equal(x, y), TRUE)
refused <- list({", ".join(f"{k} = quote({code})" for k, (code, _) in REFUSED.items())})
"""

FUNCTIONS = """
start = function(self) {
  sys.source('kinds.R', globalenv())
  for (k in available()) self[[k]] <- eval(kinds()[[k]])
  for (k in names(refused)) self[[k]] <- eval(refused[[k]])
  self$known <- as.list(available())
},
check = function(self) {
  if (!exists('kinds')) sys.source('kinds.R', globalenv())
  stack <- self$foreach_stack()
  k <- self$kind
  whole <- eval(kinds()[[k]])
  expected <- unname(one_by_one(whole))
  told <- c(
    count = length(expected) == self$count,
    element = same(self$input, expected[[self$index + 1L]]),
    whole = same(self[[k]], whole),
    index = identical(self$index, stack[[2]][[1]]),
    stack = length(stack) == 2L && identical(stack[[1]], list(1L, 2L, 20L)) &&
      identical(stack[[2]][1:2], list(self$at, self$count)) && same(stack[[2]][[3]], self$input),
    name = !is.vector(whole) || is.null(names(whole)) ||
      identical(whole[[names(whole)[self$index + 1L]]], self$input)
  )
  self$wrong <- if (!all(told)) paste(k, self$at, paste(names(told)[!told], collapse = ' ')) else ''
}
"""

# Each kind is split as at the end of a step and stored, and read as by its task.
STEPS = """
    @step
    def start(self):
        from metaflow_extensions.gangway.r import foreach
        self.outer = [10, 20]
        R.call("start", self)
        node = self._graph["start"]
        self.counts, self.refused = {}, {}
        known = list(self.known)
        for name in [*known, *REFUSED]:
            node.foreach_param = name
            try:
                foreach.prepare(self)
                self.counts[name] = sum(1 for _ in getattr(self, name))
                if not self.counts[name]:
                    self.next(self.check, foreach=name)
            except Exception as error:
                self.refused[name] = str(error)
        node.foreach_param = None
        self.next(self.check)

    @step
    def check(self):
        from metaflow.task import ForeachFrame
        outer = ForeachFrame("check", "outer", 2, 1, None)
        self.failed = []
        for name in list(self.known):
            for i in range(self.counts[name]):
                self.kind, self.count, self.at = name, self.counts[name], i
                self._foreach_stack = [outer, ForeachFrame("check", name, self.count, i, None)]
                R.call("check", self)
                self.failed += [self.wrong] if self.wrong else []
        self._foreach_stack = []
        print("CHECKED", len(self.counts), self.failed)
        import json
        print("REFUSED", json.dumps(self.refused))
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_each_kind_is_gone_over_as_r_does(tmp_path: Path) -> None:
    steps = STEPS.replace("REFUSED]", f"{list(REFUSED)}]")
    (tmp_path / "kinds.R").write_text(HEAD)
    result = run_flow(write_flow(tmp_path, FUNCTIONS, steps), timeout=280)
    assert result.returncode == 0, result.stdout
    log = log_of(result.stdout, "check")
    checked = next(line for line in log if line.startswith("CHECKED "))
    assert checked.endswith("[]"), checked
    assert int(checked.split()[1]) >= sum(package == "base" for _, package in KINDS.values())
    refused = json.loads(next(line for line in log if line.startswith("REFUSED "))[8:])
    for name, (_, reason) in REFUSED.items():
        assert reason in refused[name] and name in refused[name], refused


NESTED = """
start = function(self) NULL,
outer = function(self) self$x <- c('data.csv', 'more.csv'),
given = function(self) NULL,
each = function(self) cat('IN R', self$input, '\\n'),
inner = function(self) self$y <- if (self$index == 0) 0.1 else c(10, 20),
leaf = function(self) {
  stack <- self$foreach_stack()
  cat('LEAF', self$index, self$input, '|', length(stack), unlist(stack), '\\n')
  if (stack[[1]][[1]] == 1) self$y <- c(5, 6)
},
over = function(self) {
  cat('OVER', tryCatch(as.character(self$input), error = conditionMessage), '\\n')
},
join_y = function(self, inputs) {
  cat('JOIN', self$index, length(self$foreach_stack()), inputs[[1]]$index,
    tryCatch(unlist(inputs[[1]]$foreach_stack()), error = conditionMessage), '\\n')
}
"""
NESTED_STEPS = """
    files = Parameter("files", default="one.csv")

    @step
    def start(self):
        R.call("start", self)
        self.next(self.outer, self.given)

    @step
    def outer(self):
        R.call("outer", self)
        self.next(self.inner, foreach="x")

    @step
    def inner(self):
        R.call("inner", self)
        self.next(self.leaf, foreach="y")

    @step
    def leaf(self):
        self.before = self.input
        R.call("leaf", self)
        self.next(self.over)

    @step
    def over(self):
        R.call_python("givenfiles:over", self)
        R.call("over", self)
        self.next(self.join_y)

    @step
    def join_y(self, inputs):
        print("IN PYTHON", [i.before for i in inputs])
        R.call("join_y", self, inputs)
        self.next(self.join_x)

    @step
    def join_x(self, inputs):
        self.next(self.end)

    @step
    def given(self):
        R.call("given", self)
        self.next(self.each, foreach="files")

    @step
    def each(self):
        R.call_python("givenfiles:each", self)
        R.call("each", self)
        self.next(self.join_given)

    @step
    def join_given(self, inputs):
        self.next(self.both)

    @step
    def both(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print("FILES", self.files)
"""


WIDE_STEPS = """
    @step
    def start(self):
        R.call("start", self)
        self.next(self.each, foreach="x")

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_nested_foreaches_know_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "givenfiles.py").write_text(
        "def each(self):\n    print('GIVEN', self.input)\n"
        "def over(self):\n    self.y = self.x = []\n"
        "    print('PYTHON', self.input, [frame[2] for frame in self.foreach_stack()])\n"
    )
    steps = NESTED_STEPS.replace("self.next(self.end)", "self.next(self.both)", 1)
    result = run_flow(write_flow(tmp_path, NESTED, steps), timeout=280)
    assert result.returncode == 0, result.stdout

    def told(step: str, mark: str) -> list[str]:
        log = log_of(result.stdout, step)
        return sorted(line.strip() for line in log if line.startswith(mark))

    assert told("leaf", "LEAF") == [
        "LEAF 0 0.1 | 2 0 2 data.csv 0 1 0.1",
        "LEAF 0 10 | 2 1 2 more.csv 0 2 10",
        "LEAF 1 20 | 2 1 2 more.csv 1 2 20",
    ]
    # The second branch has another `y` by then; the element stays the split's.
    assert told("over", "OVER") == ["OVER 0.1", "OVER 10", "OVER 20"]
    assert told("over", "PYTHON") == [
        "PYTHON 0.1 ['data.csv', 0.1]",
        "PYTHON 10.0 ['more.csv', 10.0]",
        "PYTHON 20.0 ['more.csv', 20.0]",
    ]
    assert told("join_y", "JOIN") == [
        "JOIN 0 1 0 0 2 data.csv 0 1 0.1",
        "JOIN 1 1 0 1 2 more.csv 0 2 10",
    ]
    assert told("join_y", "IN") == ["IN PYTHON [0.1]", "IN PYTHON [10.0, 20.0]"]
    # A parameter of one string is one task, and stays a string.
    assert told("each", "GIVEN") == ["GIVEN one.csv"] and told("each", "IN R") == ["IN R one.csv"]
    assert "FILES one.csv" in told("end", "FILES")


# Steps that assign what they are elements of, and joins that have it from a branch, or not at all.
ANEW = """
merged = function(self) self$x <- list('p', 'q'),
join_y = function(self, inputs) {
  merge_artifacts(self, inputs, exclude = 'y')
  cat('JOIN', self$input, '\\n')
},
lost = function(self, inputs) cat('LOST', self$input, self$foreach_stack()[[1]][[3]], '\\n'),
late = function(self) self$x <- list('r', 's'),
told = function(self) cat('TOLD', self$input, '\\n'),
containers = function(self) {
  self$z <- list(list(a = 8), list(a = 9))
  cat('OWN', self$input$a, '\\n')
},
looked = function(self) cat('LOOKED', self$input$a, '\\n'),
join_z = function(self, inputs) cat('INPUT', inputs[[1]]$input$a, '\\n')
"""
ANEW_STEPS = """
    @step
    def start(self):
        self.x, self.z = ["a", "b"], [{"a": 1}, {"a": 2}]
        self.next(self.outer, self.begin_z)

    @step
    def outer(self):
        self.next(self.inner, foreach="x")

    @step
    def inner(self):
        self.y = [1, 2]
        self.next(self.merged, foreach="y")

    @step
    def merged(self):
        R.call("merged", self)
        self.next(self.join_y)

    @step
    def join_y(self, inputs):
        R.call("join_y", self, inputs)
        self.next(self.between)

    @step
    def between(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.lost)

    @step
    def right(self):
        self.next(self.lost)

    @step
    def lost(self, inputs):
        R.call("lost", self, inputs)
        self.next(self.late)

    @step
    def late(self):
        R.call("late", self)
        self.next(self.told)

    @step
    def told(self):
        R.call("told", self)
        R.call_python("anew:told", self)
        self.next(self.join_x)

    @step
    def join_x(self, inputs):
        R.call_python("anew:join_x", self, inputs)
        self.next(self.both)

    @step
    def begin_z(self):
        self.next(self.containers, foreach="z")

    @step
    def containers(self):
        R.call("containers", self)
        self.next(self.looked)

    @step
    def looked(self):
        R.call("looked", self)
        R.call_python("anew:told", self)
        self.next(self.join_z)

    @step
    def join_z(self, inputs):
        R.call("join_z", self, inputs)
        self.next(self.both)

    @step
    def both(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_an_element_outlives_its_list(tmp_path: Path) -> None:
    (tmp_path / "anew.py").write_text(
        "def told(self):\n    print('PYTHON', self.input)\n"
        "def join_x(self, inputs):\n    print('INPUTS', *[one.input for one in inputs])\n"
    )
    result = run_flow(write_flow(tmp_path, ANEW, ANEW_STEPS), timeout=280)
    assert result.returncode == 0, result.stdout

    def said(step: str, mark: str) -> list[str]:
        log = log_of(result.stdout, step)
        return sorted(line.strip() for line in log if line.startswith(mark))

    assert said("join_y", "JOIN") == ["JOIN a", "JOIN b"]
    assert said("lost", "LOST") == ["LOST a a", "LOST b b"]
    assert said("told", "TOLD") == ["TOLD a", "TOLD b"]
    assert said("told", "PYTHON") == ["PYTHON a", "PYTHON b"]
    assert said("join_x", "INPUTS") == ["INPUTS a b"]
    assert said("containers", "OWN") == ["OWN 1", "OWN 2"]
    assert said("looked", "LOOKED") == ["LOOKED 1", "LOOKED 2"]
    assert said("looked", "PYTHON") == ["PYTHON {'a': 1}", "PYTHON {'a': 2}"]
    assert said("join_z", "INPUT") == ["INPUT 1"]


def test_too_many_tasks_are_told_with_their_number_and_the_argument(
    tmp_path: Path,
) -> None:
    flow = write_flow(tmp_path, "start = function(self) self$x <- 1:3", WIDE_STEPS)
    result = run_flow(flow, "run", "--max-num-splits", "2")
    assert result.returncode == 1, result.stdout
    (failure,) = json.loads((tmp_path / "report.json").read_text())["failed"]
    assert failure["step"] == "start"
    assert "3 child steps" in failure["message"] and "maximum of 2" in failure["message"]
    assert "run(flow, max_num_splits = )" in failure["message"]
    assert failure["class"] == ["gangway_error_max_num_splits"]


class _Flow:
    """As much of a flow as the end of a step looks at."""

    _current_step = "start"

    def __init__(self, value: Any) -> None:
        self._graph = {"start": SimpleNamespace(foreach_param="x")}
        self._foreach_stack: list[Any] = []
        self.x = value


@dataclass
class Settings:
    alpha: float
    names: list[str]


PYTHON = [
    ("data.csv", ["data.csv"]),
    ("", [""]),
    (0.5, [0.5]),
    (True, [True]),
    (2, [2]),
    (None, []),
    ({"a": 1, "b": "v"}, [1, "v"]),
    (Settings(0.5, ["u", "v"]), [0.5, ["u", "v"]]),
    (Path("a/b"), ["a/b"]),
]


@pytest.mark.parametrize(("value", "elements"), PYTHON, ids=lambda v: repr(v)[:20])
def test_what_python_cannot_go_over_is_what_r_sees(value: Any, elements: list[Any]) -> None:
    flow = _Flow(value)
    foreach.prepare(flow)
    assert isinstance(flow.x, RObject) and len(flow.x) == len(elements)
    got = [x.to_python() if isinstance(x, RObject) else x for x in flow.x]
    assert got == elements and list(map(type, got)) == list(map(type, elements))


def test_numpy_and_times_of_one_element_are_one_task() -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("pandas")
    day = dt.date(2024, 2, 29)
    for value in (np.float64(0.5), np.int64(3), np.array(2.5), np.str_("word"), day):
        flow = _Flow(value)
        foreach.prepare(flow)
        (one,) = flow.x
        one = one.to_python() if isinstance(one, RObject) else one
        assert one == value


def test_what_python_goes_over_as_r_does_stays_as_it_is() -> None:
    for value in (
        [1, 2.5],
        ("a",),
        b"ab",
        range(2),
        deque(["a"]),
        {"a"},
        [{"k": 1}, None],
        [],
    ):
        flow = _Flow(value)
        foreach.prepare(flow)
        assert flow.x is value


def test_what_r_has_no_counterpart_of_is_refused_with_its_name() -> None:
    with pytest.raises(ArtifactException, match="'x': R has no counterpart of this Decimal"):
        foreach.prepare(_Flow(Decimal("1.5")))
