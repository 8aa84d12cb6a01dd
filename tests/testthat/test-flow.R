test_that("a flow is a value that can be piped on in two directions", {
  before <- ls(globalenv(), all.names = TRUE)
  base <- metaflow("F") |> step(step = "start", next_step = "end")
  one <- base |> step(step = "end")
  two <- base |> parameter("p", default = 1) |> step(retry(), step = "end", r_function = noop)
  expect_named(base$steps, "start")
  expect_named(one$steps, c("start", "end"))
  expect_length(one$parameters, 0)
  expect_named(two$parameters, "p")
  expect_null(one$steps$end$r_function)
  expect_identical(two$steps$end$r_function, noop)
  expect_identical(ls(globalenv(), all.names = TRUE), before)
})

test_that("both pipes make the same flow", {
  expect_identical(
    metaflow("F") %>% step(step = "start", r_function = noop, next_step = "end") %>% step(step = "end"),
    metaflow("F") |> step(step = "start", r_function = noop, next_step = "end") |> step(step = "end")
  )
})

test_that("a flow prints its graph", {
  withr::local_options(cli.unicode = FALSE)
  expect_snapshot({
    every_transition()
    metaflow("EmptyFlow")
    hello_flow() |>
      parameter("alpha", default = 0.3, help = "Learning\n rate") |>
      parameter("files", separator = ":", required = TRUE) |>
      parameter("grid", default = function() 1, type = "json") |>
      parameter("verbose", is_flag = TRUE)
  })
})

test_that("Netflix's methods of a flow work", {
  flow <- hello_flow() |> parameter("p", default = 1)
  expect_equal(flow$get_name(), "HelloFlow")
  expect_named(flow$get_parameters(), "p")
  expect_named(flow$get_steps(), c("start", "end"))
  expect_identical(flow$get_functions(), list(start = noop))
  expect_identical(flow$get_flow(), flow_code(flow))
  withr::local_dir(withr::local_tempdir())
  flow$get_flow(save = TRUE)
  expect_identical(paste0(paste(readLines("flow.py"), collapse = "\n"), "\n"), flow_code(flow))
})

test_that("python_code() prints the file", {
  expect_output(print(python_code(hello_flow())), "class HelloFlow(FlowSpec):", fixed = TRUE)
})

test_that("bad names and what is not a decorator are refused", {
  for (bad in list("my.flow", "1Flow", "_Flow", "class", NULL, 1, c("A", "B"), "M\u00fcller")) {
    expect_error(metaflow(bad), class = flow_class)
  }
  expect_error(metaflow("F", "schedule"), "decorators, not \"schedule\"", class = flow_class)
  expect_error(metaflow("F", daily = TRUE), "no argument `daily`", class = flow_class)
})
