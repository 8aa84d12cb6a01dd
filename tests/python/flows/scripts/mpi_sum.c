/* The sum of all ranks; with two arguments, a rank that fails and how: exit, kill, abort, or hang. */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int rank, size, sum;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("rank %d of %d: sum %d, node %s\n", rank, size, sum, getenv("OMPI_MCA_orte_tmpdir_base"));
    fflush(stdout);
    if (argc > 2) {
        if (rank == atoi(argv[1])) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            fprintf(stderr, "FAULT %ld.%02ld\n", (long)now.tv_sec, now.tv_nsec / 10000000);
            fprintf(stderr, "rank %d cannot go on\n", rank);
            if (!strcmp(argv[2], "exit")) exit(3);
            if (!strcmp(argv[2], "kill")) raise(SIGKILL);
            if (!strcmp(argv[2], "segfault")) raise(SIGSEGV);
            if (!strcmp(argv[2], "abort")) MPI_Abort(MPI_COMM_WORLD, 5);
        }
        for (int i = 0; i < 600; i++) {
            sleep(1);
            printf("waiting\n");
            fflush(stdout);
        }
    }
    MPI_Finalize();
    return 0;
}
