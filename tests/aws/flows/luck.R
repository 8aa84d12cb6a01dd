# A flow that needs luck on Batch; tells how it went. Arguments: resume, lucky, attached.
library(gangway)

options(gangway.command_line = FALSE)
arguments <- commandArgs(trailingOnly = TRUE)
if ("attached" %in% arguments) library(toy, lib.loc = "library")
lucky <- "lucky" %in% arguments

flow <- metaflow("LuckFlow") |>
  step(step = "start", r_function = function(self) self$x <- 21, next_step = "end") |>
  step(
    step = "end", decorator("batch", cpu = 1, memory = 2000),
    r_function = function(self) if (lucky) self$x <- 2 * self$x else stop("no luck")
  )

outcome <- tryCatch(
  run(flow, batch = "attached" %in% arguments, resume = if ("resume" %in% arguments) TRUE),
  gangway_error_run = function(e) e
)
if (inherits(outcome, "condition")) {
  failed <- outcome$failed[[1L]]
  cat("failed in", failed$step, "with:", failed$message, "\n")
} else {
  cat("x is", outcome$x, "\n")
}
