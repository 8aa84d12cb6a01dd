"""The sum of all ranks by mpi4py; with an argument, rank 1 raises an exception."""

import sys

from mpi4py import MPI

comm = MPI.COMM_WORLD
total = comm.allreduce(comm.Get_rank())
print(f"rank {comm.Get_rank()} of {comm.Get_size()}: sum {total} {sys.argv[1:]}", flush=True)
if "fail" in sys.argv and comm.Get_rank() == 1:
    raise ValueError("rank 1 cannot go on")
comm.Barrier()
