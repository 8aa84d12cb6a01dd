test_that("functions of a task say so outside one", {
  expect_error(current("run_id"), "only while a step runs", class = "gangway_error_not_in_task")
  expect_error(gather_inputs(list(), "x"), "r_function", class = "gangway_error_not_in_task")
  expect_error(merge_artifacts(NULL, list()), class = "gangway_error_not_in_task")
})

test_that("in a task they are the task's own", {
  task <- new.env()
  task$current <- function(value) paste("current", value)
  task$gather_inputs <- function(inputs, input) list(inputs, input)
  task$merge_artifacts <- function(flow, inputs, exclude, include) {
    list(flow, inputs, exclude, include)
  }
  attach(task, name = "gangway:task", warn.conflicts = FALSE)
  withr::defer(detach("gangway:task", character.only = TRUE))

  expect_identical(gangway::current("run_id"), "current run_id")
  expect_identical(gangway::gather_inputs(1, "x"), list(1, "x"))
  expect_identical(gangway::merge_artifacts("f", "i", include = "a"), list("f", "i", list(), "a"))
})

# Functions that a file defines at its top level
defined_in <- function(file) {
  found <- list()
  for (expr in as.list(parse(file, keep.source = FALSE))) {
    is_function <- is.call(expr) && identical(expr[[1]], as.name("<-")) && is.call(expr[[3]]) &&
      identical(expr[[3]][[1]], as.name("function"))
    if (is_function) found[[as.character(expr[[2]])]] <- as.list(expr[[3]][[2]])
  }
  found
}

test_that("the stubs have the arguments of the task's functions", {
  core <- system.file("python/metaflow_extensions/gangway", package = "gangway")
  skip_if(!nzchar(core), "the Python core is not installed")
  files <- list.files(core, "[.]R$", recursive = TRUE, full.names = TRUE)
  task <- do.call(c, lapply(files, defined_in))
  for (name in c("current", "gather_inputs", "merge_artifacts")) {
    stub <- get(name, asNamespace("gangway"))
    expect_identical(names(task[[name]]), names(formals(stub)), info = name)
  }
})
