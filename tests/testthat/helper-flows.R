# A step function that fits any place but a join.
noop <- function(self) NULL

# The smallest flow: start, end.
hello_flow <- function(...) {
  metaflow("HelloFlow", ...) |>
    step(step = "start", r_function = noop, next_step = "end") |>
    step(step = "end")
}

# One flow with every transition that Metaflow has.
every_transition <- function() {
  metaflow("EveryFlow", decorator("schedule", daily = TRUE)) |>
    parameter("nodes", type = "integer", default = 2) |>
    step(step = "start", r_function = noop, next_step = c("left", "right")) |>
    step(step = "left", r_function = noop, next_step = "each", foreach = "rows") |>
    step(retry(times = 2), step = "each", r_function = noop, next_step = "inner", foreach = "cells") |>
    step(step = "inner", next_step = "inner_join") |>
    step(step = "inner_join", join = TRUE, next_step = "each_join") |>
    step(step = "each_join", join = TRUE, r_function = function(self, inputs) NULL, next_step = "both") |>
    step(step = "right", next_step = "gang", num_parallel = "nodes") |>
    step(decorator("parallel"), step = "gang", r_function = noop, next_step = "gang_join") |>
    step(step = "gang_join", join = TRUE, next_step = "both") |>
    step(step = "both", join = TRUE, next_step = "choose") |>
    step(step = "choose", r_function = noop, next_step = c(big = "a", small = "b", again = "choose"),
      condition = "size") |>
    step(step = "a", py_function = "features.clean:run", next_step = "end") |>
    step(step = "b", r_function = noop, next_step = "end") |>
    step(step = "end")
}

skip_without_python <- function() {
  testthat::skip_if_not(nzchar(Sys.which("python3")), "python3 is installed")
}

# Run Python source and return what it prints.
python_says <- function(source, python = Sys.which("python3")) {
  file <- withr::local_tempfile(fileext = ".py")
  writeLines(enc2utf8(source), file, useBytes = TRUE)
  processx::run(python, file, env = c("current", PYTHONIOENCODING = "utf-8"))$stdout
}

flow_class <- "gangway_error_flow"
