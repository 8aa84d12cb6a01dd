# A run of 1,000 tasks: what its join takes to gather their results, and its failure to become R's error.
#
# In the join a Python function reads an artifact of all inputs as Python does, and then has R gather another one, with
# the function of the step `gather`; when that step's own turn comes, it fails. `Rscript bench-large-run.R 100` has
# fewer tasks.
#
# Limits: gather_inputs() at most 1.2 times [i.x for i in inputs]; R's error at most 2 s after Metaflow says that the
# run has failed.
suppressPackageStartupMessages(library(gangway))
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))

options(gangway.command_line = FALSE) # this script's arguments are no run's
tasks <- as.integer(c(commandArgs(TRUE), 1000L)[[1L]])
rounds <- 5L
ratio_limit <- 1.2
report_limit <- 2

setwd(tempdir())
writeLines(c(
  "import statistics, sys, time",
  "def join(self, inputs):",
  "    r = sys.modules['__main__'].R",
  sprintf("    for number in range(1, %d + 1):", rounds),
  "        began = time.perf_counter()",
  "        values = [getattr(one, f'x{number}') for one in inputs]",
  "        python = time.perf_counter() - began",
  "        self.number = number",
  "        r.call('gather', self, inputs)",
  "        print('GATHER', python, self.took, flush=True)",
  sprintf("        assert sum(values) == %d", sum(seq_len(tasks)))
), "joins.py")

each <- function(self) {
  for (number in seq_len(rounds)) {
    self[[paste0("x", number)]] <- self$input
    self[[paste0("y", number)]] <- self$input
  }
}
gather <- function(self, inputs = NULL) {
  if (is.null(inputs)) stop("this is how the run ends")
  name <- paste0("y", self$number)
  self$took <- system.time(values <- gather_inputs(inputs, name), gcFirst = FALSE)[["elapsed"]]
  stopifnot(sum(unlist(values)) == sum(seq_along(values)))
}

flow <- metaflow("LargeRun") |>
  step(step = "start", next_step = "each", foreach = "x", r_function = function(self) self$x <- seq_len(tasks)) |>
  step(step = "each", next_step = "join", r_function = each) |>
  step(step = "join", join = TRUE, next_step = "gather", py_function = "joins:join") |>
  step(step = "gather", next_step = "end", r_function = gather) |>
  step(step = "end")

log <- utils::capture.output({
  error <- tryCatch(run(flow, max_workers = 2, max_num_splits = tasks), error = identity)
  told <- Sys.time()
})
failed <- grep("Workflow failed", log, value = TRUE)
if (!inherits(error, "gangway_error_run") || !length(failed)) {
  stop(paste(c(log, conditionMessage(error)), collapse = "\n"))
}
stopifnot(grepl("this is how the run ends", paste(format(error), collapse = "\n")))
reported <- as.numeric(told) - as.numeric(as.POSIXct(substr(failed, 1, 23), format = "%Y-%m-%d %H:%M:%OS"))

times <- utils::read.table(text = sub(".*GATHER", "", grep("GATHER", log, value = TRUE)), col.names = c("python", "r"))
ratio <- stats::median(times$r / times$python)
cat(sprintf("a join of %d tasks, medians of %d: gather_inputs() %.2f s, Python's loop %.2f s: %.2f (limit %.1f)\n",
  tasks, rounds, stats::median(times$r), stats::median(times$python), ratio, ratio_limit))
cat(sprintf("R's error came %.2f s after Metaflow's word that the run had failed (limit %g)\n", reported, report_limit))
what <- format(tasks, big.mark = ",")
met <- c(
  row("gather", sprintf("`gather_inputs()` from %s tasks", what), stats::median(times$r), "s", "Python's loop",
    stats::median(times$python), ratio, most = ratio_limit),
  row("failure", sprintf("R's error, from Metaflow's word that a run of %s tasks has failed", what), reported,
    most = report_limit)
)
quit(status = !all(met))
