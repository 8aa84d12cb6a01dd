# An R gang of two pods: a C program's ranks on both add up; what they have printed, and a parameter, in the end.
library(gangway)

source <- r"(
#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv) {
    int rank, sum;
    char name[MPI_MAX_PROCESSOR_NAME];
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Get_processor_name(name, &argc);
    rank += 1;
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("RANK %d of %s: sum %d\n", rank - 1, name, sum);
    MPI_Finalize();
    return 0;
}
)"

train <- function(self) {
  writeLines(source, "sum.c")
  mpi <- current("mpi")
  mpi$cc(list("-o", "sum", "sum.c"))
  mpi$broadcast_file("sum")
  mpi$exec(program = "./sum")
  self$host <- Sys.info()[["nodename"]]
}

join <- function(self, inputs) {
  merge_artifacts(self, inputs)
  cat("host:", self$host, "text:", self$text, "\n")
}

metaflow("KubeGangFlow") |>
  parameter("text", default = "none") |>
  step(step = "start", next_step = "train", num_parallel = 2) |>
  step(
    decorator("kubernetes", cpu = 1, memory = 500), decorator("mpi"), step = "train", r_function = train, next_step = "join"
  ) |>
  step(step = "join", join = TRUE, r_function = join, next_step = "end") |>
  step(step = "end") |>
  run()
