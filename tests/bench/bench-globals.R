# What a full global environment costs run(): from its call to the first task's first line, with 500 objects of 10 kB
# and one of 1 GB that no code names, and with none. Limit: 0.2 s more.
suppressPackageStartupMessages(library(gangway))
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))
limit <- 0.2
rounds <- 5L

started <- function(self) self$began <- as.numeric(Sys.time())
flow <- metaflow("GlobalsFlow") |>
  step(step = "start", r_function = started, next_step = "end") |>
  step(step = "end")

fill <- function() {
  for (i in 1:500) assign(paste0("object_", i), stats::rnorm(1250), envir = globalenv())
  assign("large_object", numeric(125e6), envir = globalenv())
}
clear <- function() rm(list = c(paste0("object_", 1:500), "large_object"), envir = globalenv())

to_first_task <- function() {
  began <- as.numeric(Sys.time())
  utils::capture.output(result <- run(flow))
  result$began - began
}

setwd(tempdir())
times <- vapply(seq_len(rounds), function(i) {
  empty <- to_first_task()
  fill()
  on.exit(clear())
  c(empty, to_first_task())
}, numeric(2))
later <- stats::median(times[2, ] - times[1, ])
cat(sprintf(
  "first task after %.2f s with nothing in the global environment, %.2f s with 1 GB: %.2f s later (limit %.1f)\n",
  stats::median(times[1, ]), stats::median(times[2, ]), later, limit
))
row("globals", "the first task's start, with 1 GB in the global environment: later by", later, most = limit)
quit(status = later > limit)
