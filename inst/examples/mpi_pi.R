# MPI with pbdMPI: four ranks on a gang of two nodes share out an integral. There is no ssh and no host file.
#
#   Rscript mpi_pi.R
#   Rscript mpi_pi.R run --ranks 8
#
# Needs Open MPI and the package pbdMPI.

library(gangway)

# What each rank runs, an R script of its own.
ranks <- "
suppressMessages(library(pbdMPI))
init()
n <- 1e6
mine <- seq(comm.rank() + 1, n, by = comm.size())
pi <- allreduce(sum(4 / (1 + ((mine - 0.5) / n)^2)) / n)
if (comm.rank() == 0) saveRDS(list(pi = pi, ranks = comm.size()), commandArgs(TRUE))
finalize()
"

integrate_on_gang <- function(self) {
  script <- tempfile(fileext = ".R")
  writeLines(ranks, script)
  current("mpi")$broadcast_file(script) # to the same path on all nodes
  answer <- tempfile(fileext = ".rds")
  current("mpi")$exec(args = c("-n", as.character(self$ranks)), program = paste("Rscript", script, answer))
  self$answer <- readRDS(answer) # rank 0 runs here
}

result <- metaflow("MpiPi") |>
  parameter("ranks", help = "Ranks", default = 4L) |>
  step(step = "start", next_step = "integrate", num_parallel = 2) |>
  step(decorator("mpi"), step = "integrate", r_function = integrate_on_gang, next_step = "gather") |>
  step(
    step = "gather", join = TRUE, next_step = "end",
    r_function = function(self, inputs) merge_artifacts(self, inputs)
  ) |>
  step(step = "end", r_function = function(self) {
    cat(sprintf("%d ranks: pi is %.10f\n", self$answer$ranks, self$answer$pi))
  }) |>
  run()
