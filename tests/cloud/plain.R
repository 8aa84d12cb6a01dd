# One step on AWS Batch, in the image that `make test-cloud` was given: values go there and come back as they were.
library(gangway)

start <- function(self) self$given <- list(text = "z\u00fcrich \u65e5\u672c", day = as.Date("2028-02-29"), none = NA_integer_)
there <- function(self) {
  self$back <- self$given
  self$r <- as.character(getRversion())
}
end <- function(self) {
  stopifnot(identical(self$back, self$given))
  cat("as it was, by R", self$r, "\n")
}

metaflow("CloudPlain") |>
  step(step = "start", r_function = start, next_step = "there") |>
  step(decorator("batch", cpu = 1, memory = 2000), step = "there", r_function = there, next_step = "end") |>
  step(step = "end", r_function = end) |>
  run()
