"""What `self` refuses and warns of, what foreach and joins make of R objects, what is loaded."""

from __future__ import annotations

import collections
import datetime
import decimal
import pickle
import re
import shutil
import subprocess
import sys
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rflow import environment, log_of, steps, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.r.same_contents import same_contents

Run = Callable[..., subprocess.CompletedProcess[str]]

SPLIT = """
    @step
    def start(self):
        R.call("start", self)
        self.next(self.left, self.right)

    @step
    def left(self):
        R.call("left", self)
        self.next(self.join)

    @step
    def right(self):
        R.call("right", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        R.call("join", self, inputs)
        self.next(self.end)

    @step
    def end(self):
        R.call("end", self)
"""

FOREACH = """
    @step
    def start(self):
        R.call("start", self)
        self.next(self.each, foreach="items")

    @step
    def each(self):
        R.call("each", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        R.call("join", self, inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def run_r(tmp_path: Path) -> Run:
    def run(functions: str, steps: str, *args: str) -> subprocess.CompletedProcess[str]:
        flow = write_flow(tmp_path, functions, steps)
        return subprocess.run(
            [sys.executable, str(flow), *(args or ("run",))],
            cwd=tmp_path,
            env={**environment(tmp_path), "TZ": "UTC"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
        )

    return run


def has_r_package(name: str) -> bool:
    code = f"quit(status = !requireNamespace('{name}', quietly = TRUE))"
    return subprocess.run(["Rscript", "-e", code], capture_output=True).returncode == 0


REFUSED = """
start = function(self) {
  refused <- function(code) {
    message('REFUSED ', tryCatch({ eval(code); 'nothing' }, error = conditionMessage))
  }
  con <- file(tempfile(), 'w')
  pointer <- attr(con, 'conn_id')
  refused(quote(self$con <- con))
  refused(quote(self$fit <- list(a = 1, fit = list(ptr = pointer))))
  refused(quote(self$f <- local({ handle <- pointer; function() handle })))
  refused(quote(self$many <- c(as.list(1:1e6), list(list(con)))))
  # Attributes of a pointer are everyone's who has it: from here on it is a tensor.
  refused(quote(self$t <- structure(pointer, class = 'torch_tensor')))
  handle <- structure(pointer, class = 'xgb.Booster.handle')
  refused(quote(self$model <- structure(list(handle = handle), class = 'old_booster')))
  # A formula keeps all that was there when it was made; a model does not need the connection.
  self$lm <- local({ d <- data.frame(x = 1:9, y = c(1:8, 10)); used <- con; lm(y ~ x, d) })
  later <- new.env(parent = globalenv())
  self$later <- later
  self$kept <- 1
  rm(refused)
  close(con)
},
middle = function(self) {
  cat(class(self$lm), names(self)[1:3], '\\n')
  con <- file(tempfile(), 'w')
  on.exit(close(con))
  e <- self$later
  assign('con', con, e)
  self$again <- e
},
end = function(self) NULL
"""


def test_what_r_cannot_serialize_is_refused_where_it_is_assigned(run_r: Run) -> None:
    result = run_r(REFUSED, steps("start", "middle", "end"))
    found = re.findall(r"REFUSED (.*)", result.stdout)
    assert len(found) == 6, result.stdout
    expected = [
        ("`self$con` (file/connection)", "open it where it is used"),
        ("`self$fit$fit$ptr` (externalptr)", "make it again where it is used"),
        ("`environment(self$f)$handle` (externalptr)", "rm()"),
        ("`self$many[[1000001]][[1]]` (file/connection)", "open it where it is used"),
        ("`self$t` (torch_tensor)", "torch::torch_serialize"),
        ("`self$model$handle` (xgb.Booster.handle)", "bundle"),
    ]
    for text, (path, advice) in zip(found, expected, strict=True):
        assert text.startswith(path) and advice in text, text
    assert any(line.split()[0] == "lm" for line in log_of(result.stdout, "middle")), result.stdout
    # What was put into an environment is found at the assignment, or at the step's end.
    assert result.returncode == 1 and "`self$again$con` (file/connection)" in result.stdout


def test_a_large_list_is_assigned_quickly(run_r: Run) -> None:
    result = run_r(
        """start = function(self) {
          frame <- data.frame(i = seq_len(1e6))
          frame$l <- lapply(seq_len(1e6), function(i) list(i))
          plain <- system.time(serialize(frame, NULL))[['elapsed']]
          took <- system.time(self$frame <- frame)[['elapsed']]
          cat('ASSIGNED', took, plain, took < 5 * plain + 5, '\\n')
          rm(frame)
          self$frame <- NULL
          self$grown <- list()
          took <- system.time(for (i in 1:3000) self$grown[[i]] <- list(i, 'a'))[['elapsed']]
          cat('GROWN', took, took < 30, length(self$grown), '\\n')
        }, end = function(self) stopifnot(length(self$grown) == 3000)""",
        steps("start", "end"),
    )
    assert result.returncode == 0, result.stdout
    log = " ".join(log_of(result.stdout, "start"))
    assert re.search(r"ASSIGNED \S+ \S+ TRUE", log) and re.search(r"GROWN \S+ TRUE 3000", log), log


@pytest.mark.skipif(not has_r_package("marshal"), reason="the R package marshal is not installed")
@pytest.mark.skipif(not has_r_package("xml2"), reason="the R package xml2 is not installed")
def test_what_marshal_knows_is_kept(run_r: Run) -> None:
    result = run_r(
        """start = function(self) {
          self$doc <- xml2::read_xml('<a><b/></a>')
          self$docs <- list(list(xml2::read_xml('<c/>')), 2)
        }, end = function(self) {
          deep <- xml2::xml_name(self$docs[[1]][[1]])
          cat('NAMES', xml2::xml_name(self$doc), deep, self$docs[[2]], '\\n')
        }""",
        steps("start", "end"),
    )
    assert "NAMES a c 2" in result.stdout, result.stdout


@pytest.mark.skipif(not has_r_package("bundle"), reason="the R package bundle is not installed")
def test_what_bundle_knows_is_kept(run_r: Run) -> None:
    # The package's own classes need other packages: this one has the methods that a package adds.
    method = """
      library(bundle)
      registerS3method('bundle', 'handle', function(x, ...) {
        bundle_constr(x$value, situate_constr(function(object) {
          structure(list(value = object, ptr = attr(stdin(), 'conn_id')), class = 'handle')
        }), desc_class = 'handle')
      }, envir = asNamespace('bundle'))
    """
    result = run_r(
        f"""start = function(self) {{
          {method}
          con <- file(tempfile(), 'w')
          made <- structure(list(value = 7, ptr = attr(con, 'conn_id')), class = 'handle')
          self$one <- made
          self$deep <- list(a = list(made), b = 1)
          close(con)
        }}, end = function(self) {{
          {method}
          cat('KEPT', class(self$one), self$one$value, class(self$deep$a[[1]]), self$deep$b, '\\n')
        }}""",
        steps("start", "end"),
    )
    assert "KEPT handle 7 handle 1" in result.stdout, result.stdout


DRAGGED = """
start = function(self) {
  big <- runif(3e6)
  d <- data.frame(x = big[1:1000], y = big[1:1000])
  self$closure <- function(x) x + 1
  self$nested <- list(models = list(lm(y ~ x, d)))
  self$counter <- local({ big <- NULL; d <- NULL; function() 1 }, new.env(parent = globalenv()))
},
middle = function(self) {
  assign('wide', as.data.frame(matrix(runif(2e6), ncol = 10)), globalenv())
  self$lm <- local(lm(V1 ~ V2 + V3, data = wide), new.env(parent = globalenv()))
  local_lm <- function() { d <- wide[, 1:3]; lm(V1 ~ V2 + V3, data = d) }
  self$own <- local_lm()
  if (requireNamespace('ggplot2', quietly = TRUE)) {
    library(ggplot2)
    plot_it <- function(data) ggplot(data, aes(V1, V2)) + geom_point()
    self$plot <- plot_it(wide)
  }
  if (requireNamespace('recipes', quietly = TRUE)) {
    self$recipe <- (function(data) recipes::prep(recipes::recipe(V1 ~ ., data = data)))(wide)
  }
  fields <- list(x = NULL, get = function() self$x)
  store <- R6::R6Class('Store', public = fields, parent_env = globalenv())$new()
  store$x <- runif(3e6)
  self$store <- store
  self$hoard <- list2env(list(x = runif(3e6)), parent = globalenv())
  self$vector <- runif(3e6)
},
end = function(self) NULL
"""


def test_a_dragged_environment_is_named_and_ordinary_models_are_not(run_r: Run) -> None:
    result = run_r(DRAGGED, steps("start", "middle", "end"))
    assert result.returncode == 0, result.stdout
    warned = re.findall(r"Warning: Artifact `self\$(\w+)` takes (\S+) MB(.*)", result.stdout)
    assert [name for name, _, _ in warned] == ["closure", "nested"], result.stdout
    for _, size, text in warned:
        assert float(size) > 20 and "big (24.0 MB)" in text and "rm()" in text
    assert "environment(self$closure) <- globalenv()" in warned[0][2]
    assert "self$nested$models[[1]]" in warned[1][2]


KINDS = {
    "vector": ("c(a = 1.5, b = 2.5)", ""),
    "list": ("list(1L, NULL, list(NA))", ""),
    "factor": ("factor(c('u', 'v'), levels = c('v', 'u'))", ""),
    "date": ("as.Date('2024-02-29') + 0:1", ""),
    "time": ("as.POSIXct(c(0.5, 1.25), origin = '1970-01-01', tz = 'Europe/Berlin')", ""),
    "frame": ("data.frame(a = 1:2, b = c('x', NA), row.names = c('p', 'q'))", ""),
    "tibble": ("tibble::tibble(a = 1:2, l = list(NULL, 1:3))", "tibble"),
    "grouped": ("dplyr::group_by(tibble::tibble(a = c(1, 1, 2), b = 1:3), a)", "dplyr"),
    "nested": ("tibble::tibble(g = 1:2, d = list(tibble::tibble(x = 1), NULL))", "tibble"),
    "record": ("vctrs::new_rcrd(list(x = 1:2, y = c('a', NA)), class = 'rec')", "vctrs"),
    "list_of": ("vctrs::list_of(1:2, integer())", "vctrs"),
    "data_table": ("data.table::data.table(a = 1:2, b = c('x', 'y'))", "data.table"),
    "array": ("array(1:4, c(2, 2))", ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_python_iterates_by_the_elements_that_r_gives(kind: str) -> None:
    code, package = KINDS[kind]
    if package and not has_r_package(package):
        pytest.skip(f"the R package {package} is not installed")
    engine = REngine.current()
    engine._ri.evalr(f"items <- {code}")
    items = engine.decode(engine._runtime["encode"](engine._ri.globalenv["items"]))
    assert len(items) == int(
        engine._ri.evalr("if (is.data.frame(items)) nrow(items) else length(items)")[0]
    )
    assert isinstance(items, RObject)
    for i, value in enumerate(items):
        engine._ri.globalenv["got"] = engine._runtime["decode"](engine.encode(value))
        expected = (
            f"(if (is.data.frame(items)) items[{i + 1}, , drop = FALSE] else items[[{i + 1}]])"
        )
        assert engine._ri.evalr(f"identical(got, {expected})")[0], (kind, i)


@pytest.mark.parametrize(
    "kind",
    ["grouped", *(pytest.param(k, marks=pytest.mark.faults) for k in ("list", "data_table"))],
)
def test_foreach_gives_each_task_its_element(run_r: Run, kind: str) -> None:
    code, package = KINDS[kind]
    if package and not has_r_package(package):
        pytest.skip(f"the R package {package} is not installed")
    result = run_r(
        f"""start = function(self) self$items <- {code},
        each = function(self) {{
          items <- {code}
          i <- self$index + 1L
          expected <- if (is.data.frame(items)) items[i, , drop = FALSE] else items[[i]]
          cat('SAME', identical(self$input, expected), '\\n')
          self$got <- self$input
        }}, join = function(self, inputs) {{
          got <- gather_inputs(inputs, 'got')
          cat('COUNT', length(got), is.null(names(got)), '\\n')
          cat('UNNAMED', tryCatch(inputs$got, error = conditionMessage), '\\n')
        }}""",
        FOREACH,
    )
    assert result.returncode == 0, result.stdout
    told = [line.strip() for line in log_of(result.stdout, "each") if line.startswith("SAME")]
    assert told and all(line == "SAME TRUE" for line in told), result.stdout
    assert f"COUNT {len(told)} TRUE" in result.stdout
    assert "UNNAMED There is no input 'got'" in result.stdout


MERGE = """
start = function(self) { self$common <- list(1, 'a'); self$parameterlike <- 3 },
left = function(self) {
  self$seq <- 1:3
  self$f <- local({ k <- 2; function(x) x * k })
  self$e <- list2env(list(a = 1), parent = globalenv())
  self$zero <- c(0, 1)
  self$differs <- c(1, 2); self$mine <- 'left'
  self$call <- y ~ s(x, k = 3)
  self$locked <- new.env(parent = globalenv())
  self$binding <- list2env(list(a = 1), parent = globalenv())
  self$twice <- (function(e) list(e, e))(new.env(parent = globalenv()))
  self$shared <- self$twice
},
right = function(self) {
  self$seq <- c(1L, 2L, 3L)
  self$f <- local({ k <- 2; function(x) x * k })
  self$e <- list2env(list(a = 1), parent = globalenv())
  self$zero <- c(-0, 1)
  self$differs <- c(1, 3)
  self$call <- y ~ s(x, m = 3)
  self$locked <- new.env(parent = globalenv())
  lockEnvironment(self$locked)
  self$binding <- list2env(list(a = 1), parent = globalenv())
  lockBinding('a', self$binding)
  self$twice <- (function(e) list(e, e))(new.env(parent = globalenv()))
  self$shared <- list(new.env(parent = globalenv()), new.env(parent = globalenv()))
},
join = function(self, inputs) {
  try_merge <- function(...) tryCatch({ merge_artifacts(self, inputs, ...); 'merged' },
    error = function(e) gsub('\\n', ' ', conditionMessage(e)))
  message('A ', try_merge())
  message('B ', try_merge(exclude = 'zero', include = 'seq'))
  message('C ', try_merge(include = list('seq', 'nope')))
  message('D ', try_merge(include = 'seq'))
  message('E ', try_merge(exclude = c('zero', 'differs', 'call', 'locked', 'binding', 'shared')))
  message('F ', tryCatch(gather_inputs(inputs, 'mine'), error = conditionMessage))
  message('G ', tryCatch(inputs$lefd, error = conditionMessage))
  message('H ', tryCatch(inputs[['le']], error = conditionMessage))
  message('I ', tryCatch(assign('x', 1, envir = inputs$left), error = conditionMessage))
  stopifnot(inputs$left$mine == 'left', 'mine' %in% names(inputs[[match('left', names(inputs))]]))
  stopifnot(length(lapply(inputs, function(i) i$seq)) == 2)
},
end = function(self) {
  stopifnot(identical(self$seq, 1:3), self$f(3) == 6, self$e$a == 1, self$mine == 'left',
    identical(self$common, list(1, 'a')), !'differs' %in% names(self))
}
"""


def test_merge_artifacts_compares_contents(run_r: Run) -> None:
    result = run_r(MERGE, SPLIT)
    assert result.returncode == 0, result.stdout
    told = dict(line.split(" ", 1) for line in log_of(result.stdout, "join") if line[1:2] == " ")
    assert "'differs'" in told["A"] and "'zero'" in told["A"] and "/left/" in told["A"]
    assert all(f"'{n}'" in told["A"] for n in ("call", "locked", "binding", "shared")), told["A"]
    assert not any(f"'{n}'" in told["A"] for n in ("seq", "f", "e", "twice")), told["A"]
    assert "not both" in told["B"] and "nope" in told["C"]
    assert told["D"] == "merged" and told["E"] == "merged"
    assert "no artifact 'mine'" in told["F"] and "/right/" in told["F"]
    assert "no input 'lefd'" in told["G"] and "Did you mean 'left'?" in told["G"]
    assert "no input 'le'" in told["H"] and "locked environment" in told["I"]


COUNTED = """
    @step
    def start(self):
        R.call("start", self)
        self.next(self.end)

    @step
    def end(self):
        from metaflow.datastore.content_addressed_store import ContentAddressedStore

        loaded = []
        load = ContentAddressedStore.load_blobs

        def counted(store, keys, **more):
            keys = list(keys)
            loaded.extend(keys)
            return load(store, keys, **more)

        ContentAddressedStore.load_blobs = counted
        names = {sha: name for name, sha in self._datastore.items()}
        R.call("end", self)
        print("LOADED", sorted(names[sha] for sha in loaded))
"""


def test_an_artifact_is_loaded_once_and_only_where_it_is_used(run_r: Run) -> None:
    result = run_r(
        """start = function(self) { self$a <- 1:3; self$b <- list(2); self$c <- letters },
        end = function(self) {
          for (i in 1:3) self$a
          self[['b']]
          f <- function() self$b
          f()
          print(names(self))
        }""",
        COUNTED,
    )
    assert "LOADED ['a', 'b']" in result.stdout, result.stdout


IN_PLACE = """
start = function(self) {
  counter <- function() { n <- 0; list(up = function() n <<- n + 1, get = function() n) }
  self$closure <- (function() { n <- 0; function() n <<- n + 1 })()
  self$closures <- counter()
  self$hung <- structure(1, state = new.env(parent = globalenv()))
  self$deep <- list(list(new.env(parent = globalenv())))
  self$formula <- local({ k <- 1; y ~ x + k }, new.env(parent = globalenv()))
  self$of_class <- structure(list(e = list(new.env(parent = globalenv()))), class = 'held')
  self$later <- local({ delayedAssign('v', stop('run')); function() missing(v) })
  self$read <- counter()
},
left = function(self) {
  self$closure()
  self$closures$up()
  attr(self$hung, 'state')$v <- 1
  self$deep[[1]][[1]]$v <- 1
  assign('k', 2, environment(self$formula))
  assign('v', 1, self$of_class$e[[1]])
  self$later
  self$read$get()
},
right = function(self) stopifnot(self$closures$get() == 0, self$read$get() == 0),
join = function(self, inputs) {
  merge_artifacts(self, list(inputs$left))
  self$mine <- new.env(parent = globalenv())
  merge_artifacts(self, list(inputs$left))
  self$closure()
  self$mine$v <- 1
},
end = function(self) {
  stopifnot(self$closure() == 3, self$closures$get() == 1, attr(self$hung, 'state')$v == 1,
    self$deep[[1]][[1]]$v == 1, environment(self$formula)$k == 2, self$of_class$e[[1]]$v == 1,
    self$mine$v == 1)
  self$deep[[1]][[1]]$v <- 2
}
"""
# What the step has stored of its own, as it was after the step before.
HANDED_ON = SPLIT.replace(
    'R.call("left", self)',
    """R.call("left", self)
        print("NEW", sorted(set(vars(self)) & {"later", "read", "closure", "deep"}))""",
)


def test_what_changes_in_place_in_a_later_step_is_kept(run_r: Run) -> None:
    result = run_r(IN_PLACE, HANDED_ON)
    assert result.returncode == 0, result.stdout
    assert "NEW ['closure', 'deep']" in result.stdout, result.stdout


BESIDE = """
start = function(self) {
  said <- function(what, expr) message(what, ' ', tryCatch(expr, error = conditionMessage))
  assign('a', 1, envir = self)
  list2env(list(b = 2), self)
  delayedAssign('c', 3, assign.env = self)
  makeActiveBinding('d', function() 4, self)
  stopifnot(identical(names(self), letters[1:4]), self$a == 1, !length(ls(self)))
  said('NAME', self$name <- 'bob')
  assign('_e', 5, envir = self)
  said('BAD', self$a)
  con <- file(tempfile(), 'w')
  on.exit(close(con))
  assign('con', con, envir = self)
  said('CON', self$a)
  assign('length.stack', function(x) stop('nothing has a size yet'), globalenv())
  assign('length.negative', function(x) -1L, globalenv())
  self$stack <- structure(new.env(parent = globalenv()), class = 'stack')
  self$negative <- structure(list(1), class = 'negative')
  self$unknown <- structure(list(1), class = NA_character_)
  self$restored <- list2env(list(v = 1, ptr = NULL), parent = globalenv())
  self$log <- list2env(list(v = 1, con = NULL), parent = globalenv())
  assign('last', 6, envir = self)
},
middle = function(self) {
  stopifnot(self$a == 1, self$b == 2, self$c == 3, self$d == 4, self$last == 6)
  stopifnot(inherits(self$stack, 'stack'), inherits(self$negative, 'negative'))
  stopifnot(is.na(class(self$unknown)))
  # As a package does that makes its pointer anew.
  assign('ptr', attr(file(tempfile(), 'w'), 'conn_id'), self$restored)
},
end = function(self) {
  stopifnot(is.null(self$restored$ptr), self$restored$v == 1)
  assign('v', 2, self$log)
  assign('con', file(tempfile(), 'w'), self$log)
}
"""


def test_what_is_put_beside_the_artifacts_is_assigned_and_nothing_is_lost_unsaid(
    run_r: Run,
) -> None:
    result = run_r(BESIDE, steps("start", "middle", "end"))
    told = dict(re.findall(r"\] (NAME|BAD|CON) (.*)", result.stdout))
    assert "the flow's own name" in told["NAME"], result.stdout
    assert "`_e` cannot be an artifact's name" in told["BAD"]
    assert told["CON"].startswith("`self$con` (file/connection)")
    # What was changed and could have been stored is named, where a connection keeps it from that.
    assert "`self$log` was changed in place" in result.stdout, result.stdout
    assert "`self$log$con` (file/connection)" in result.stdout, result.stdout


TABLES = """
start = function(self) {
  library(data.table)
  self$deep <- list(fit = list(dt = data.table(a = 1:3)))
  self$f <- local({
    d <- data.table(a = 1:3)
    list(add = function() d[, a := a * 10L], get = function() d$a)
  }, new.env(parent = globalenv()))
  self$hung <- structure(1, table = data.table(a = 1L))
  self$df <- data.frame(a = 1:2)
  self$wide <- data.table(a = 1:2)
  self$wide[, paste0('c', 1:3000) := 1L]
  setDT(self$df)
  self$around <- function() self
  stopifnot(ncol(self$wide) == 3001, is.data.table(self$df))
},
middle = function(self) {
  self$deep$fit$dt[, b := 1L]
  self$f$add()
  attr(self$hung, 'table')[, a := 2L]
  self$wide[, paste0('d', 1:3000) := 1L]
},
end = function(self) {
  stopifnot(identical(names(self$deep$fit$dt), c('a', 'b')), identical(self$f$get(), 1:3 * 10L),
    attr(self$hung, 'table')$a == 2L, ncol(self$wide) == 6001, inherits(self$df, 'data.table'))
}
"""


@pytest.mark.skipif(not has_r_package("data.table"), reason="the R package data.table is missing")
def test_what_data_table_changes_by_reference_is_kept(run_r: Run) -> None:
    result = run_r(TABLES, steps("start", "middle", "end"))
    assert result.returncode == 0, result.stdout


HOLDING = """
    @step
    def start(self):
        R.call("start", self)
        self.next(self.make)

    @step
    def make(self):
        from decimal import Decimal

        self.read, self.changed = ({"e": self.e, "n": (1, 2)} for _ in range(2))
        self.lost = {"e": self.e, "price": Decimal("1.5")}
        self.next(self.use)

    @step
    def use(self):
        R.call("use", self)
        self.next(self.end)

    @step
    def end(self):
        print("READ", type(self.read).__name__, type(self.lost).__name__)
        R.call("end", self)
"""


def test_a_python_container_of_r_environments_is_stored_anew_only_when_they_change(
    run_r: Run,
) -> None:
    result = run_r(
        """start = function(self) self$e <- list2env(list(v = 1), parent = globalenv()),
        use = function(self) {
          stopifnot(self$read$n[2] == 2, self$lost$e$v == 1)
          assign('v', 2, self$changed$e)
        },
        end = function(self) {
          stopifnot(self$changed$e$v == 2, self$read$e$v == 1)
          assign('v', 3, self$lost$e)
        }""",
        HOLDING,
    )
    assert "READ dict dict" in result.stdout, result.stdout
    assert "`self$lost` was changed in place" in result.stdout, result.stdout
    assert "`self$lost$price` (gangway_python)" in result.stdout, result.stdout


SWITCH = """
    @step
    def start(self):
        R.call("start", self)
        self.next({"x": self.one, "y": self.end}, condition="mode")

    @step
    def one(self):
        R.call("one", self)
        self.next({"x": self.two, "y": self.end}, condition="mode")

    @step
    def two(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_string_with_attributes_chooses_the_next_step(run_r: Run) -> None:
    result = run_r(
        """start = function(self) self$mode <- structure(c(n = 'x'), class = 'glue'),
        one = function(self) {
          stopifnot(identical(self$mode, structure(c(n = 'x'), class = 'glue')))
          self$mode <- factor('x')
        }""",
        SWITCH,
    )
    assert "chosen by 'mode', which is <R factor, length 1" in result.stdout, result.stdout
    assert "('x'): it takes one string, of 'x', 'y'." in result.stdout, result.stdout


class Holder:
    def __init__(self, held: Any) -> None:
        self.held = held


def _alike_but_different() -> list[tuple[Any, Any]]:
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    twice = datetime.datetime(2024, 10, 27, 2, 30, tzinfo=berlin)
    noon = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone.utc)
    one = pd.DataFrame({"v": [1]}, index=pd.Index(["q"], name="k"))
    return [
        (1, True),
        (0.0, -0.0),
        (complex(0, 0.0), complex(0, -0.0)),
        ([0.0], [-0.0]),
        ({1}, {True}),
        ({1: 0}, {True: 0}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (collections.deque([1], 3), collections.deque([1], 4)),
        (collections.deque([1]), collections.deque([True])),
        (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
        (Holder(1), Holder(True)),
        (lambda: 1, lambda: 1),
        (twice, twice.replace(fold=1)),
        (noon, noon.astimezone(berlin)),
        (np.array([0.0]), np.array([-0.0])),
        (np.float64(0.0), np.float64(-0.0)),
        (np.array([1], "i4"), np.array([1], "i8")),
        (np.array([(0.0,)], [("a", "f8")]), np.array([(-0.0,)], [("a", "f8")])),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
        (one, one.rename_axis("l")),
        (one, one.rename(columns={"v": "w"})),
        (pd.Series([1, 2]), pd.Series([1, 2], index=[0.0, 1.0])),
        (pd.Series([1], name="a"), pd.Series([1], name="b")),
        (pd.Categorical(["a"], ["a", "b"]), pd.Categorical(["a"], ["b", "a"])),
        (pd.Series([1, True], dtype=object), pd.Series([1, 1], dtype=object)),
        (pd.array([0.0, None], "Float64"), pd.array([-0.0, None], "Float64")),
    ]


def _anything() -> list[Any]:
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    nan = float("nan")
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "d": [0.5, nan],
            "s": ["x", None],
            "f": pd.Categorical(["v", "u"]),
            "t": pd.to_datetime(["2024-01-01", None]).tz_localize("UTC"),
            "i": pd.array([1, None], "Int64"),
            "q": pd.array(["y", None], "string"),
            "l": [[1, nan], None],
            "v": pd.interval_range(0, 2),
        }
    )
    frame.attrs = {"a": np.arange(3)}
    circle: list[Any] = [1]
    circle.append(circle)
    return [
        *(left for left, _ in _alike_but_different() if not callable(left)),
        *(frame, frame.set_index(["n", "s"]), pd.date_range("2024", periods=3)),
        *(nan, [nan, complex(nan, 1)], circle, range(3), {1, "a"}, ValueError("x")),
        *(np.array([nan, 1]), np.array([None, [1]], object), np.datetime64("NaT"), np.str_("a")),
        *(collections.OrderedDict(a=1), collections.Counter("aab"), Holder([Holder(nan)])),
    ]


def test_merge_artifacts_takes_no_different_values_of_python_for_the_same() -> None:
    for first, second in _alike_but_different():
        assert not same_contents(first, second), (first, second)
    for value in _anything():
        assert same_contents(value, pickle.loads(pickle.dumps(value))), value
