test_that("what is wrong with one step is said when it is added", {
  flow <- metaflow("F") |> parameter("alpha", default = 1) |> step(step = "start", next_step = "a")
  expect_snapshot(error = TRUE, {
    step(flow)
    step(flow, step = "2nd")
    step(flow, step = "fitModel")
    step(flow, step = "class")
    step(flow, step = "next")
    step(flow, step = "start")
    step(flow, step = "alpha")
    step(flow, step = "a", "retry")
    step(flow, step = "a", r_fun = noop)
    step(flow, step = "a", r_function = "noop")
    step(flow, step = "a", r_function = function(self, inputs) 1)
    step(flow, step = "a", r_function = function(self, x, y) 1)
    step(flow, step = "a", r_function = function(self) 1, join = TRUE)
    step(flow, step = "a", r_function = noop, py_function = "m:f")
    step(flow, step = "a", py_function = "f")
    step(flow, step = "a", join = NA)
    step(flow, step = "a", next_step = 2)
    step(flow, step = "a", next_step = c("b", "b"))
    step(flow, step = "a", next_step = "b", foreach = "my rows")
    step(flow, step = "a", foreach = "rows")
    step(flow, step = "a", next_step = "b", foreach = "rows", num_parallel = 2)
    step(flow, step = "a", next_step = c("b", "c"), num_parallel = 2)
    step(flow, step = "a", next_step = c("b", "c"), join = TRUE)
    step(flow, step = "a", next_step = c(x = "b", y = "c"))
    step(flow, step = "a", next_step = c("b", "c"), condition = "size")
    step(flow, step = "a", next_step = c(x = "b"), condition = "size")
    step(flow, step = "a", next_step = c(x = "b", x = "c"), condition = "size")
    step(list(), step = "a")
  })
})

test_that("num_parallel is a whole number of at least 1, or a name", {
  flow <- metaflow("F")
  for (bad in list(0, -1, 1.5, NA, NA_integer_, Inf, "2", "a b", TRUE, 1:2, list(2))) {
    expect_error(step(flow, step = "start", next_step = "a", num_parallel = bad), "whole number of nodes",
      class = flow_class)
  }
  for (good in list(1, 2L, 2, 64, "nodes")) {
    expect_no_error(step(flow, step = "start", next_step = "a", num_parallel = good))
  }
})

test_that("a gang with groups has as many nodes as they have together", {
  nodes <- function(groups, ..., name = "ray_parallel") {
    flow <- metaflow("F") |>
      step(step = "start", next_step = "a", ...) |>
      step(decorator(name, groups = groups), step = "a", next_step = "j") |>
      step(step = "j", join = TRUE, next_step = "end")
    flow$steps$start$num_parallel
  }
  groups <- list(control = list(cpu = 1), gpu = list(nodes = 2, gpu = 1), cpu = c(nodes = 4))
  expect_identical(nodes(groups), 7L)
  expect_identical(nodes(groups, num_parallel = 3), 3L)
  expect_identical(nodes(groups, name = "torchrun"), 7L)
  # Python says what is wrong with these.
  expect_identical(nodes(list(a = list(nodes = "two"), b = list())), 2L)
  expect_identical(nodes(list(a = list(nodes = 0))), 1L)
  expect_null(nodes(config_expr("c.groups")))
  expect_null(nodes(groups, name = "batch"))
  both <- decorator("mpi", groups = groups)
  expect_identical(format(both), paste0(
    "@mpi(groups={\"control\": {\"cpu\": 1}, \"gpu\": {\"nodes\": 2, \"gpu\": 1}, \"cpu\": {\"nodes\": 4}})"
  ))
})

test_that("functions that fit are taken", {
  flow <- metaflow("F")
  for (f in list(function() 1, function(self) 1, function(x, ...) 1, function(self, n = 2) 1, print, Sys.time, sum)) {
    expect_no_error(step(flow, step = "a", r_function = f))
  }
  for (f in list(function() 1, function(self, inputs) 1, function(...) 1, function(x, y, z = 1) 1)) {
    expect_no_error(step(flow, step = "a", r_function = f, join = TRUE))
  }
})

test_that("a list of next steps is taken, as in Netflix's package", {
  flow <- step(metaflow("F"), step = "start", next_step = list("a", "b"))
  expect_identical(flow$steps$start$next_step, c("a", "b"))
})
