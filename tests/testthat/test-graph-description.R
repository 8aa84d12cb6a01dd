# A flow as a script has it: R keeps the source (or not, as in Rscript).
script_lines <- c(
  "#' Not this", "x <- 1",
  "#' Split the data", "#'", "#' Half is kept for \"tests\".", "#' @param self The step.", "#' @export",
  "split_data <- function(self) {", "  # not this", "  self$x <- 1:3", "}",
  "#' Doubles, \u00fcberall", "flow <- metaflow(\"DocFlow\") |>",
  "  step(step = \"start\", r_function = split_data, next_step = \"mid\") |>",
  "  step(step = \"mid\", r_function = function(self) {", "    # Double", "    #   what comes in", "", "    # not this",
  "    self$y <- 2 * self$x", "  }, next_step = \"end\") |>",
  "  step(step = \"end\", r_function = function(self) lapply(1, function(i) { # not this", "    i", "  }))"
)

test_that("roxygen above a function, or the first comment in it, describes its step", {
  e <- new.env()
  eval(parse(text = script_lines, keep.source = TRUE), e)
  expect_equal(e$flow$steps$start$description, "Split the data\n\nHalf is kept for \"tests\".")
  expect_equal(e$flow$steps$mid$description, "Double\n  what comes in")
  expect_null(e$flow$steps$end$description)
  expect_match(flow_code(e$flow), "def start(self):\n        \"Split the data\\n\\nHalf", fixed = TRUE)
})

test_that("so it is in Rscript, which keeps no source; roxygen above the flow describes it", {
  file <- withr::local_tempfile(lines = enc2utf8(script_lines), fileext = ".R")
  withr::defer(session$script <- NULL)
  session$script <- script_code(file, keep_source = TRUE)
  e <- new.env()
  eval(parse(file, keep.source = FALSE, encoding = "UTF-8"), e)
  expect_equal(e$flow$steps$start$description, "Split the data\n\nHalf is kept for \"tests\".")
  expect_equal(e$flow$steps$mid$description, "Double\n  what comes in")
  expect_null(e$flow$steps$end$description)
  expect_match(flow_code(e$flow), "class DocFlow(FlowSpec):\n    \"Doubles, \u00fcberall\"\n\n    @step", fixed = TRUE)
  # The same code in two places with other comments: neither.
  session$script <- c(session$script, list(parse(text = sub("Split", "Cut", script_lines), keep.source = TRUE)))
  expect_null(step_description(e$split_data))
})
