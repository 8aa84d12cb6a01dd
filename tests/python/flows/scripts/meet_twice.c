/* Ranks that meet, wait for as many seconds as the argument says, and meet again. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Barrier(MPI_COMM_WORLD);
    puts("HOLDING");
    fflush(stdout);
    sleep(atoi(argv[1]));
    MPI_Barrier(MPI_COMM_WORLD);
    puts("MET AGAIN");
    MPI_Finalize();
    return 0;
}
