test_that("lines of a script that need Netflix's package are named with what mends them", {
  skip_if(is_installed("metaflow"))
  file <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(gangway)", "library(metaflow)", "# metaflow::no()", "x %>% metaflow::step() %>% metaflow:::run()",
    "path <- 'http://metaflow:8080'"
  ))
  warning <- expect_warning(warn_netflix_prefixes(file), class = "gangway_warning_prefix")
  said <- gsub("[[:space:]]+", " ", conditionMessage(warning))
  expect_match(said, "Line 2: write library(gangway)", fixed = TRUE)
  expect_match(said, "Line 4: write x %>% gangway::step() %>% gangway::run()", fixed = TRUE)
  expect_no_match(said, "Line [35]")
  writeLines("library(gangway)", file)
  expect_no_warning(warn_netflix_prefixes(file))
})

test_that("a step's code that needs Netflix's package fails before anything starts", {
  skip_if(is_installed("metaflow"))
  helper <- function() metaflow::current("run_id")
  flow <- metaflow("F") |>
    step(step = "start", r_function = function(self) helper(), next_step = "end") |>
    step(step = "end")
  expect_error(flow_bundle_bytes(flow), "metaflow::current.*gangway::current", class = "gangway_error_bundle")
  asks <- function(self) if (requireNamespace("metaflow", quietly = TRUE)) metaflow::current("run_id")
  flow <- metaflow("F") |> step(step = "start", r_function = asks, next_step = "end") |> step(step = "end")
  expect_type(flow_bundle_bytes(flow), "raw")
})
