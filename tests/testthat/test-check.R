# Steps are given as arguments of step(), so that a test shows little but the graph.
flow_of <- function(...) {
  Reduce(function(flow, s) do.call(step, c(list(flow), s)), list(...), metaflow("F"))
}

test_that("every graph that Metaflow has passes", {
  expect_no_error(check_flow(every_transition()))
  expect_no_error(check_flow(hello_flow()))
})

test_that("a wrong graph is an error that names flow and step", {
  end <- list(step = "end")
  gang <- function(...) list(decorator("ray_parallel"), step = "gang", ...)
  start <- function(...) list(step = "start", ...)
  withr::local_options(cli.unicode = FALSE)
  expect_snapshot(error = TRUE, {
    check_flow(metaflow("F"))
    check_flow(flow_of(start(next_step = "a"), list(step = "a")))
    check_flow(flow_of(start(join = TRUE, next_step = "end"), end))
    check_flow(flow_of(start(next_step = "end"), list(step = "end", join = TRUE)))
    check_flow(flow_of(start(next_step = "end"), list(step = "end", next_step = "start")))
    check_flow(flow_of(start(), end))
    check_flow(flow_of(start(next_step = "trian"), list(step = "train", next_step = "end"), end))
    check_flow(flow_of(start(next_step = "a"), list(step = "a", next_step = "start"), end))
    check_flow(flow_of(start(next_step = "end"), list(step = "lost", next_step = "end"), end))
    check_flow(flow_of(start(next_step = "a"), list(step = "a", next_step = "b"),
      list(step = "b", next_step = "a"), end))
    check_flow(flow_of(start(next_step = "a", num_parallel = 2), list(step = "a", next_step = "end"), end))
    check_flow(flow_of(start(next_step = "gang"), gang(next_step = "end"), end))
    check_flow(flow_of(start(next_step = "gang", num_parallel = 2), gang(next_step = "end"), end))
    check_flow(flow_of(start(next_step = "end", num_parallel = 2), list(decorator("ray_parallel"), step = "end")))
    check_flow(flow_of(start(next_step = "gang", num_parallel = "two"), gang(next_step = "j"),
      list(step = "j", join = TRUE, next_step = "end"), end))
    check_flow(flow_of(start(next_step = "a", foreach = "x"), list(step = "a", next_step = "end"), end))
    check_flow(flow_of(start(next_step = c("a", "b")), list(step = "a", next_step = "end"),
      list(step = "b", next_step = "end"), end))
    check_flow(flow_of(start(next_step = c("a", "b")), list(step = "a", next_step = "c"),
      list(step = "b", next_step = "c"), list(step = "c", next_step = "end"), end))
    check_flow(flow_of(start(next_step = "a"), list(step = "a", join = TRUE, next_step = "end"), end))
    check_flow(flow_of(start(next_step = c("a", "b", "c")), list(step = "a", next_step = "j"),
      list(step = "b", next_step = "j"), list(step = "c", next_step = "end"),
      list(step = "j", join = TRUE, next_step = "end"), end))
    check_flow(flow_of(start(next_step = c("a", "b")), list(step = "a", next_step = c("c", "d")),
      list(step = "c", next_step = "j"), list(step = "d", next_step = "j"), list(step = "b", next_step = "j"),
      list(step = "j", join = TRUE, next_step = "end"), end))
    check_flow(flow_of(start(next_step = "j", foreach = "x"), list(step = "j", join = TRUE, next_step = "end"), end))
    check_flow(flow_of(start(next_step = c("a", "b")), list(step = "b", next_step = "j"),
      list(step = "a", next_step = c(x = "c", y = "j"), condition = "k"), list(step = "c", next_step = "j"),
      list(step = "j", join = TRUE, next_step = "end"), end))
    check_flow("F")
  })
})

test_that("the parameter of num_parallel has to be an integer", {
  gang <- function(flow) {
    flow |>
      step(step = "start", next_step = "gang", num_parallel = "nodes") |>
      step(decorator("ray_parallel"), step = "gang", next_step = "j") |>
      step(step = "j", join = TRUE, next_step = "end") |>
      step(step = "end")
  }
  expect_no_error(check_flow(gang(parameter(metaflow("F"), "nodes", default = 2L))))
  expect_error(check_flow(gang(parameter(metaflow("F"), "nodes", default = 2.5))), "float", class = flow_class)
  expect_error(check_flow(gang(parameter(metaflow("F"), "nodes"))), "no type", class = flow_class)
})

test_that("a decorator that gangway does not know is left to Metaflow", {
  flow <- flow_of(list(step = "start", next_step = "a", num_parallel = 2),
    list(decorator("my_parallel"), step = "a", next_step = "j"),
    list(step = "j", join = TRUE, next_step = "end"), list(step = "end"))
  expect_no_error(check_flow(flow))
})
