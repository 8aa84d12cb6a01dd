"""A rank that works, or sleeps if it is the first, and tells NVML's stub what it uses of a GPU."""

import os
import time
from pathlib import Path

rank = int(os.environ["OMPI_COMM_WORLD_RANK"])
device = os.environ["CUDA_VISIBLE_DEVICES"]
file = Path(os.environ["NVML_STUB"], f"{device}.{os.getpid()}.{10 + rank}.{30 + rank}")
file.touch()
memory = bytearray(50_000_000 * (rank + 1))
end = time.time() + float(os.environ.get("SECONDS", "3"))
while time.time() < end:
    if rank == 0:
        time.sleep(0.1)
file.unlink()
