# Pi by Monte Carlo, each rank its share; with the argument "spawn", the first rank starts two more.
suppressPackageStartupMessages(library(Rmpi))
rank <- mpi.comm.rank(0)
set.seed(rank)
hits <- mean(rowSums(matrix(runif(2e5), ncol = 2)^2) <= 1)
pi_hat <- mpi.allreduce(4 * hits, type = 2, op = "sum", comm = 0) / mpi.comm.size(0)
cat(sprintf("rank %d of %d: pi is about %.1f\n", rank, mpi.comm.size(0), pi_hat))
if ("fail" %in% commandArgs(TRUE) && rank == 1) stop("rank 1 cannot go on")
invisible(mpi.barrier(0))
if ("spawn" %in% commandArgs(TRUE) && rank == 0) {
  mpi.spawn.Rslaves(nslaves = 2, quiet = TRUE)
  cat("spawned:", unlist(mpi.remote.exec(mpi.comm.rank() * 10)), "\n")
  mpi.close.Rslaves()
}
mpi.quit()
