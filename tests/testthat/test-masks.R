# Names that gangway shares with the packages that R users attach most, which are attached in both orders.

# What gangway hides of them, or they of gangway. Packages of the list that are not named have no such names, or gangway
# would tell them here: see the last test.
shared_names <- list(
  stats = "step", recipes = "step", future = "run", callr = "run", processx = "run", promises = "catch",
  reticulate = "py_version", devtools = "test",
  rmarkdown = "run", quantmod = "test", mirai = "everywhere", httr = "config", plotly = "config"
)
often_attached <- c(
  "ggplot2", "dplyr", "tidyr", "readr", "purrr", "tibble", "stringr", "forcats", "lubridate", "data.table", "magrittr",
  "shiny", "knitr", "rmarkdown", "devtools", "testthat", "Rcpp", "reshape2", "plyr", "caret", "randomForest", "e1071",
  "glmnet", "xgboost", "lme4", "nlme", "MASS", "survival", "Matrix", "zoo", "xts", "forecast", "jsonlite", "httr",
  "xml2", "rvest", "scales", "gridExtra", "cowplot", "patchwork", "plotly", "DT", "sf", "sp", "raster", "terra",
  "igraph", "broom", "car", "psych", "Hmisc", "recipes", "rsample", "future", "furrr", "future.apply", "foreach",
  "doParallel", "doRNG", "promises", "rlang", "glue", "here", "R6", "reticulate", "DBI", "usethis", "roxygen2",
  "pkgload", "lattice", "mgcv", "rpart", "cluster", "boot", "nnet", "haven", "withr", "cli", "callr", "processx",
  "plumber", "optparse", "quantmod", "memoise", "bit64", "hms", "units", "ranger", "logger", "stats", "utils",
  "parallel", "mirai", "crew", "targets", "tune"
)
installed <- function(packages) Filter(function(p) nzchar(system.file(package = p)), packages)

# Lines of R code in a fresh R, and the lines that they print.
fresh_r <- function(...) {
  result <- rscript(c(
    "lib <- function(x) suppressWarnings(suppressPackageStartupMessages(library(x, character.only = TRUE)))",
    "one_line <- function(e) gsub('[[:space:]]+', ' ', conditionMessage(e))",
    "say <- function(x) tryCatch(cat(x, '\n'), error = function(e) cat('error:', one_line(e), '\n'))",
    ...
  ))
  if (result$status != 0L) stop(result$stderr)
  strsplit(result$stdout, "\n")[[1L]]
}

long_step <- c(
  "long <- eval(bquote(function(self) { .(strrep('many lines ', 200)); NULL }))",
  "pipe <- quote(metaflow('F') |> parameter('a', default = 1) |>",
  "  step(step = 'start', r_function = long, next_step = 'end') |> step(retry(1), catch('e'), step = 'end'))"
)

test_that("a flow is piped and run whichever of gangway and another package is attached last", {
  local_run_folder()
  packages <- installed(c("furrr", "future", "callr", "processx", "rmarkdown", "tidyr", "caret"))
  for (package in packages) {
    said <- fresh_r(sprintf("lib('%s')", package), long_step, "flow <- eval(pipe)", "x <- run(flow, show = TRUE)")
    expect_match(said, "Step start", all = FALSE, label = paste(package, "after gangway"))
  }
  said <- fresh_r(long_step, "flow <- eval(pipe)", "lib('future')", "x <- run(flow, show = TRUE)")
  expect_match(said, "Step start", all = FALSE, label = "future after the flow")
})

test_that("what hides a function of gangway's and takes no flow is named", {
  said <- fresh_r(
    long_step, "say(stats::step(metaflow('F'), trace = 0))",
    # As a package that gangway does not know: it is attached without its hooks.
    "attach(list(run = processx::run), name = 'package:unknown')",
    "say(metaflow('F') |> run())", "say(metaflow('F') %>% run())"
  )
  expect_match(said[1], "error: A flow was given to `step()` of the package stats", fixed = TRUE)
  expect_match(said[2], "Here `run()` is that of processx, not gangway's", fixed = TRUE)
  expect_match(said[3], "Here `run()` is that of processx", fixed = TRUE)
  for (package in installed("recipes")) {
    said <- fresh_r(sprintf("lib('%s')", package), long_step, "say(eval(pipe))", "flow <- metaflow('F')",
      "say(step(flow, step = 'start', r_function = long))", "say(run(step('x')))")
    expect_match(said[1], "Here `step()` is that of recipes", fixed = TRUE)
    expect_match(said[2], "Here `step()` is that of recipes", fixed = TRUE)
    expect_match(said[3], "Here `step()` is that of recipes", fixed = TRUE)
  }
  for (package in installed("promises")) {
    said <- fresh_r("lib('promises')", "say(metaflow('F') |> step(catch(var = 'e'), step = 'start'))")
    expect_match(said, "Here `catch()` is that of promises", fixed = TRUE)
  }
})

test_that("gangway's functions hand on what belongs to those that they hide", {
  local_run_folder()
  chosen <- function(self) self$n <- length(stats::coef(step(stats::lm(mpg ~ wt + qsec, mtcars), trace = 0)))
  flow <- metaflow("F") |> step(step = "start", r_function = chosen, next_step = "end") |> step(step = "end")
  expect_equal(quiet_run(flow)$n, 3L)
  expect_equal(attr(stats::terms(step(stats::lm(mpg ~ wt + qsec, mtcars), trace = 0)), "term.labels"), c("wt", "qsec"))
  said <- fresh_r(
    "detach('package:gangway')", "lib('processx')", "lib('gangway')", "say(trimws(run('echo', 'hi')$stdout))",
    "say(class(step(object = lm(mpg ~ wt, mtcars), trace = 0)))", "say(run(metaflow('F'), wrong = 1))",
    "say(step(1, step = 'start'))", "say(class(catch('x'))[1])"
  )
  expect_equal(trimws(said[c(1, 2, 5)]), c("hi", "lm", "gangway_decorator"))
  expect_match(said[3], "no parameter \"wrong\"")
  expect_match(said[4], "`step()` needs a flow, not 1", fixed = TRUE)
  for (package in installed("future")) {
    said <- fresh_r("detach('package:gangway')", "lib('future')", "lib('gangway')", "plan(sequential)",
      "f <- future(2, lazy = TRUE)", "say(value(run(f)))")
    expect_equal(trimws(said), "2")
  }
  for (package in installed("plotly")) {
    said <- fresh_r("detach('package:gangway')", "lib('plotly')", "lib('gangway')",
      "say((plot_ly({ cat('once '); mtcars }) |> config(displayModeBar = FALSE))$x$config$displayModeBar)")
    expect_equal(trimws(said), "once FALSE")
  }
  for (package in installed("promises")) {
    said <- fresh_r("detach('package:gangway')", "lib('promises')", "lib('gangway')", "p <- promise_resolve(1)",
      "say(class(p %>% catch(~ 3)))", "say(class(catch(p, onRejected = ~ 3)))")
    expect_match(said, "promise")
  }
})

test_that("everywhere() is gangway's for a flow and mirai's for its daemons, whichever is attached last", {
  skip_if_not_installed("mirai")
  for (first in list(c("detach('package:gangway')", "lib('mirai')", "lib('gangway')"), "lib('mirai')")) {
    said <- fresh_r(first, "x <- daemons(1)", "x <- everywhere(options(gwr = 3), .min = 1)",
      "say(mirai(getOption('gwr'))[])", "x <- daemons(0)", "say(class(metaflow('F') |> everywhere(function() 1)))",
      "say(everywhere(metaflow('F'), mean, 1))")
    expect_identical(trimws(said[1:2]), c("3", "gangway_flow"))
    expect_match(said[3], "takes a flow and one function")
  }
})

test_that("no other name is shared with what R users attach most", {
  said <- fresh_r(
    "exports <- setdiff(getNamespaceExports('gangway'), '%>%')",
    sprintf("for (p in %s) {", paste(deparse(installed(often_attached)), collapse = "")),
    "  shared <- intersect(exports, suppressWarnings(getNamespaceExports(p)))",
    "  if (length(shared)) cat('shared', p, shared, '\\n')",
    "}"
  )
  said <- strsplit(trimws(grep("^shared", said, value = TRUE)), " ")
  found <- stats::setNames(lapply(said, `[`, -(1:2)), vapply(said, `[`, "", 2L))
  expect_mapequal(found, shared_names[names(found)])
})

test_that("a trailing comma is named", {
  comma <- function(expr, name) {
    error <- expect_error(expr, class = "gangway_error_argument")
    expect_match(conditionMessage(error), paste0(name, "()` has a trailing comma"), fixed = TRUE)
  }
  flow <- metaflow("F")
  comma(step(flow, step = "start", ), "step")
  comma(flow %>% step(retry(), step = "start", ), "step")
  comma(parameter(flow, "a", ), "parameter")
  comma(metaflow("F", ), "metaflow")
  comma(metaflow("F", decorator("schedule", ), ), "metaflow")
  comma(decorator("retry", times = 1, ), "decorator")
  comma(resources(cpu = 1, ), "resources")
  comma(batch(cpu = 1, ), "batch")
  comma(retry(1, ), "retry")
  comma(catch("x", ), "catch")
  comma(environment_variables(A = 1, ), "environment_variables")
  comma(secrets("a", ), "secrets")
  comma(run(flow, ), "run")
  expect_error(step(flow, , step = "start"), "two commas with nothing between them", class = "gangway_error_argument")
})
