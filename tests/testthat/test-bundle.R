flow_of <- function(...) {
  functions <- list(...)
  flow <- metaflow("BundleFlow")
  names <- names(functions)
  for (i in seq_along(functions)) {
    flow <- step(flow, step = names[i], r_function = functions[[i]], next_step = c(names, "end")[i + 1])
  }
  step(flow, step = "end")
}

# What a task has: only what the bundle holds, read back in another R.
in_task <- function(flow, step = "start", self = new.env()) {
  bytes <- flow_bundle_bytes(flow)
  callr::r(function(bytes, step, self) {
    home <- asNamespace("gangway")
    bundle <- home$open_parcel(bytes)
    home$arrive()
    for (entry in bundle$search) library(entry$package, character.only = TRUE)
    f <- bundle$functions[[step]]
    if (length(formals(f))) f(self) else f()
  }, list(bytes = bytes, step = step, self = self))
}

# A script: what it defines is in the global environment. Gives what the function `start` returns in a task.
script_result <- function(code, packages = NULL) {
  code <- substitute(code)
  callr::r(function(code, in_task, flow_of) {
    library(gangway)
    eval(code, globalenv())
    environment(flow_of) <- globalenv()
    in_task_env <- new.env(parent = asNamespace("gangway"))
    environment(in_task) <- in_task_env
    in_task(flow_of(start = get("start", globalenv())))
  }, list(code, in_task, flow_of))
}

test_that("the bundle has the parts that the runtime reads", {
  flow <- flow_of(start = function(self) 1) |> parameter("grid", default = function() 1, type = "json")
  bundle <- open_parcel(flow_bundle_bytes(flow))
  expect_named(bundle, c(
    "format", "flow", "gangway", "r_version", "functions", "defaults", "parsers", "hooks", "everywhere", "search",
    "settings", "seed", "seeded", "exports"
  ))
  expect_named(bundle$functions, "start")
  expect_named(bundle$defaults, "grid")
  expect_identical(bundle$flow, "BundleFlow")
  expect_true("metaflow" %in% bundle$exports)
  expect_false(any(c("gangway", "testthat", "stats") %in% unlist(bundle$search)))
  file <- withr::local_tempfile()
  writeBin(flow_bundle_bytes(flow), file)
  expect_named(open_parcel(read = function(hook) readRDS(file, refhook = hook)), names(bundle))
})

test_that("helpers and data of local environments travel, and nothing else of them", {
  ballast <- rnorm(1e6)
  offset <- 10
  deeper <- function(x) x + offset
  helper <- function(x) deeper(x) * 2
  flow <- flow_of(start = function(self) helper(1))
  expect_identical(in_task(flow), 22)
  expect_lt(length(flow_bundle_bytes(flow)), 50000)
})

test_that("closures share their state, and call themselves and each other", {
  counter <- function() {
    n <- 0
    big <- rnorm(1e6)
    list(add = function() n <<- n + 1, get = function() n)
  }
  one <- counter()
  even <- function(k) if (k == 0) TRUE else odd(k - 1)
  odd <- function(k) if (k == 0) FALSE else even(k - 1)
  flow <- flow_of(start = function(self) {
    one$add()
    one$add()
    list(one$get(), even(10))
  })
  expect_identical(in_task(flow), list(2, TRUE))
  expect_lt(length(flow_bundle_bytes(flow)), 50000)
})

test_that("a factory's function keeps what it was made with, forced or not", {
  power <- function(e) function(x) x^e
  cube <- power(3)
  expect_identical(in_task(flow_of(start = function(self) cube(2))), 8)
})

test_that("packages' own closures stay whole", {
  f <- stats::ecdf(c(1, 2, 3))
  g <- Vectorize(function(a, b) a + b)
  expect_equal(in_task(flow_of(start = function(self) list(f(2), g(1:2, 3:4)))), list(2 / 3, c(4L, 6L)))
})

# nolint start: object_name_linter. Classes.
test_that("formulas, R6 classes, S3 and S4 of a script travel", {
  expect_equal(script_result({
    area <- function(shape) UseMethod("area")
    area.square <- function(shape) shape$side^2
    print.square <- function(x, ...) cat("square", area(x), "\n")
    start <- function(self) {
      s <- structure(list(side = 3), class = "square")
      c(capture.output(print(s)), area(s))
    }
  }), c("square 9 ", "9"))
  expect_equal(script_result({
    setClass("Circle", representation(r = "numeric"))
    setGeneric("size", function(x, ...) standardGeneric("size"))
    setMethod("size", "Circle", function(x, ...) x@r * factor_of_it)
    setMethod("show", "Circle", function(object) cat("<circle>\n"))
    factor_of_it <- 2
    start <- function(self) {
      circle <- new("Circle", r = 4)
      list(size(circle), capture.output(circle), capture.output(print(circle)))
    }
  }), list(8, "<circle>", "<circle>"))
  skip_if_not_installed("R6")
  expect_equal(script_result({
    Base <- R6::R6Class("Base", public = list(hello = function() greeting))
    Child <- R6::R6Class("Child", inherit = Base, public = list(twice = function() rep(self$hello(), 2)))
    greeting <- "hi"
    start <- function(self) Child$new()$twice()
  }), c("hi", "hi"))
})

# nolint end

test_that("names in strings travel: do.call, match.fun, get, glue", {
  expect_equal(script_result({
    helper <- function(x) x + shift
    shift <- 1
    table_a <- 5
    start <- function(self) {
      i <- "a"
      list(do.call("helper", list(1)), sapply(1:2, "helper"), get("table_a"), do.call(paste0("spare_", i), list()))
    }
    spare_a <- function() "spare"
    unused <- rnorm(10)
  }), list(2, c(2, 3), 5, "spare"))
})

test_that("what is small travels, what is large or cannot travel is told; what is stored holds what code names", {
  globals <- callr::r(function() {
    library(gangway)
    eval(quote({
      spare <- function() small
      small <- 1:3
      huge_unused <- rnorm(1e6)
      fetch <- function() readLines(con)
      con <- file(tempfile(), "w")
      noop <- function(self) NULL
      heals.engine <- function(x, ...) "handle" # nolint: object_name_linter.
    }), globalenv())
    flow <- metaflow("F") |> step(step = "start", r_function = noop, next_step = "end") |> step(step = "end")
    home <- asNamespace("gangway")
    lapply(list(here = FALSE, stored = TRUE), function(stored) {
      home$open_parcel(home$flow_bundle_bytes(flow, stored))
      around <- home$arrived$around[[1L]]
      rm("around", envir = home$arrived)
      list(globals = names(around$globals), left = vapply(around$left, function(left) left$reason, ""))
    })
  })
  expect_setequal(globals$here$globals, c("spare", "small", "fetch", "noop", "heals.engine"))
  expect_identical(globals$here$left[c("huge_unused", "con")], c(huge_unused = "large", con = "lost"))
  expect_identical(globals$stored$globals, "heals.engine") # what a step keeps asks for it
  expect_identical(unique(unname(globals$stored$left)), "named")
})

test_that("of options what is stored holds those of R and of packages, unless they may be secret, and those named", {
  withr::local_options(
    jsonlite.x = 1, digits = 5, jsonlite.key = "k", jsonlite.db_pwd = "p", jsonlite.auth = "a", base.url = "u",
    mine.y = 2
  )
  loadNamespace("jsonlite")
  stored <- function(strings = character()) names(session_settings(TRUE, strings)$options)
  mine <- c("jsonlite.x", "digits", "jsonlite.key", "jsonlite.db_pwd", "jsonlite.auth", "base.url", "mine.y")
  expect_setequal(intersect(mine, stored()), c("jsonlite.x", "digits"))
  named <- c("jsonlite.key", "mine.y")
  expect_setequal(intersect(mine, stored(named)), c("jsonlite.x", "digits", named))
})

test_that("attached packages travel in the order of attachment", {
  packages <- callr::r(function() {
    library(R6)
    library(gangway)
    library(jsonlite)
    home <- asNamespace("gangway")
    home$search_plan(home$new_bag(home$step_policy), home$not_attached)
  })
  expect_identical(unlist(packages), c(package = "R6", package = "jsonlite"))
})

test_that("a missing name is an error with function, step and variable", {
  helper <- function(x) x + lerning_rate
  learning_rate <- 1
  flow <- flow_of(start = function(self) helper(learning_rate))
  cnd <- expect_error(flow_bundle_bytes(flow), class = "gangway_error_bundle")
  text <- conditionMessage(cnd)
  expect_match(text, "Step \"start\"")
  expect_match(text, "BundleFlow")
  expect_match(text, "helper()", fixed = TRUE)
  expect_match(text, "lerning_rate")
  flow <- flow_of(start = function(self) no_such_function(1))
  cnd <- expect_error(flow_bundle_bytes(flow), class = "gangway_error_bundle")
  expect_match(conditionMessage(cnd), "no_such_function()", fixed = TRUE)
})

test_that("an object that cannot travel is an error with its path", {
  con <- file(tempfile(), "w")
  withr::defer(close(con))
  cfg <- list(db = list(ptr = attr(con, "conn_id")))
  cnd <- expect_error(flow_bundle_bytes(flow_of(start = function(self) readLines(con))), class = "gangway_error_bundle")
  expect_match(conditionMessage(cnd), "uses `con` (file/connection)", fixed = TRUE)
  expect_match(conditionMessage(cnd), "Step \"start\"")
  query <- function() cfg$db$ptr
  cnd <- expect_error(flow_bundle_bytes(flow_of(start = function(self) query())), class = "gangway_error_bundle")
  expect_match(conditionMessage(cnd), "`query()` uses `cfg$db$ptr`", fixed = TRUE)
  cnd <- expect_error(
    flow_bundle_bytes(flow_of(start = function(self) 1, middle = function(self) con)), class = "gangway_error_bundle"
  )
  expect_match(conditionMessage(cnd), "Step \"middle\"")
  expect_silent(flow_bundle_bytes(flow_of(start = function(self) 1)))
})

test_that("a large captured object is named in a warning", {
  skip_on_cran()
  big <- raw(1.1e8)
  flow <- flow_of(start = function(self) length(big))
  expect_warning(flow_bundle_bytes(flow), "`big`", class = "gangway_warning_large")
})

test_that("a parameter's default takes its helpers along", {
  base <- 5
  flow <- flow_of(start = function(self) 1) |> parameter("n", type = "integer", default = function() base + 1L)
  default <- open_parcel(flow_bundle_bytes(flow))$defaults$n
  arrived$around <- NULL
  expect_identical(default(), 6)
})
