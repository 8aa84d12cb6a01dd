"""A C program on two nodes: compiled on control, brought to the other node, run by Open MPI."""

from pathlib import Path

from metaflow import FlowSpec, batch, current, mpi, step

SOURCE = r"""
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
"""


class MpiGangFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @batch(cpu=2, memory=500)
    @mpi
    @step
    def train(self):
        Path("sum.c").write_text(SOURCE)
        current.mpi.cc(["-o", "sum", "sum.c"])
        current.mpi.broadcast_file("sum")
        current.mpi.exec(program="./sum")  # as many ranks as both containers have CPUs
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MpiGangFlow()
