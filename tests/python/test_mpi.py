"""@mpi: real gangs that run real MPI programs with Open MPI, in C, Python and R."""

from __future__ import annotations

import glob
import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
import rflow
from conftest import FLOWS, SOON, Run, StartFlow, seconds_to_failure
from fault_table import task
from metaflow_extensions.gangway.exceptions import LibraryNotFoundException
from metaflow_extensions.gangway.mpi.broadcast import FileServer, fetch
from metaflow_extensions.gangway.mpi.command import mpirun_words
from metaflow_extensions.gangway.mpi.missing import missing_program
from metaflow_extensions.gangway.mpi.output import JobOutput
from metaflow_extensions.gangway.mpi.runtime import mpirun_options, version_of

SCRIPTS = FLOWS / "scripts"


def has_rmpi() -> bool:
    command = ["Rscript", "-e", "stopifnot(nzchar(system.file(package = 'Rmpi')))"]
    return (
        shutil.which("Rscript") is not None and not subprocess.run(command, check=False).returncode
    )


def has_open_mpi() -> bool:
    if shutil.which("mpirun") is None:
        return False
    try:
        version_of("mpirun", "here")
    except LibraryNotFoundException:
        return False
    return True


needs_mpi = pytest.mark.skipif(not has_open_mpi(), reason="Open MPI is not installed")
needs_cc = pytest.mark.skipif(not shutil.which("mpicc"), reason="mpicc is not installed")
needs_mpi4py = pytest.mark.skipif(find_spec("mpi4py") is None, reason="mpi4py is not installed")
needs_rmpi = pytest.mark.skipif(not has_rmpi(), reason="R's package Rmpi is not installed")

# What Open MPI's processes are called.
DAEMON, MPIEXEC = ("prted", "prterun") if shutil.which("prterun") else ("orted", "mpiexec")

COMPILE = ["cc", {"args": ["-o", "mpi_sum", "scripts/mpi_sum.c"]}]
SEND = ["broadcast_file", {"filename": "mpi_sum"}]


def test_who_has_said_what() -> None:
    job = JobOutput()
    lines = """ Data for JOB [9,1] offset 0 Total slots allocated 2

 ========================   JOB MAP   ========================

 Data for node: gang-node-0\tNum slots: 1\tMax slots: 0\tNum procs: 1
 \tProcess OMPI jobid: [9,1] App: 0 Process rank: 0 Bound: N/A

 Data for node: gang-node-1\tNum slots: 1\tMax slots: 0\tNum procs: 1
 \tProcess OMPI jobid: [9,1] App: 0 Process rank: 1 Bound: N/A

 =============================================================
[1,0]<stdout>:whole
[1,1]<stderr>:  be[1,0]<stdout>:of another[1,1]<stderr>:gun
[1,0]<stdout>:
[2,0]<stdout>:spawned

mpirun's own"""
    assert [said for line in lines.split("\n") if (said := job.rank_of(line))] == [
        ("0", "whole", 0),
        ("1", "  begun", 1),
        ("0", "of another", 0),
        ("2.0", "spawned", None),
        ("", "", None),
        ("", "mpirun's own", None),
    ]


def test_who_has_said_what_to_open_mpi_5() -> None:
    job = JobOutput(5)
    lines = """
=================================   JOB MAP   =================================
Data for JOB prterun-vm-9@1 offset 0 Total slots allocated 2
Mapper requested: NULL  Last mapper: round_robin  Mapping policy: SLOT:OVERSUBSCRIBE
Num nodes: 2

Data for node: vm\tState: 3\tFlags: DAEMON_LAUNCHED:LOCATION_VERIFIED:MAPPED:SLOTS_GIVEN
                resolved from gang-node-0
                resolved from 192.0.2.2
        Daemon: [prterun-vm-9@0,1]\tDaemon launched: True
            Num slots: 1\tSlots in use: 1\tOversubscribed: FALSE
        Data for proc: [prterun-vm-9@1,0]
                Pid: 0\tLocal rank: 0\tNode rank: 0\tApp rank: 0

Data for node: gang-node-1\tState: 3\tFlags: DAEMON_LAUNCHED
        Data for proc: [prterun-vm-9@1,1]
                Pid: 0\tLocal rank: 0\tNode rank: 0\tApp rank: 1
=============================================================
[1,0]<stdout>: whole
[1,1]<stderr>:   indented
[1,0]<stdout>: 
mpirun's own"""
    assert [said for line in lines.split("\n") if (said := job.rank_of(line))] == [
        ("", "", None),
        ("0", "whole", 0),
        ("1", "  indented", 1),
        ("0", "", 0),
        ("", "mpirun's own", None),
    ]


def test_the_options_of_open_mpi_5() -> None:
    assert mpirun_options(4, ["-n", "2", "a"]) == ["-n", "2", "a"]
    ours = ["--leave-session-attached", "--output"]
    assert mpirun_options(5, ["-n", "2", "a"]) == [*ours, "tag", "-n", "2", "a"]
    words = mpirun_options(5, ["--output", "dir=x", "-n", "2", "a"])
    assert words == [*ours, "tag,dir=x", "-n", "2", "a"]


@pytest.mark.parametrize(
    ("args", "program", "words"),
    [
        (["-n", 2], "./a 'b c'", ["-n", "2", "./a", "b c", "--x", "1"]),
        ("-n 2", ["./a"], ["-n", "2", "./a", "--x", "1"]),
        (["--hostfile", "/nowhere/hostfile.txt", "-n", 2], "./a", ["-n", "2", "./a", "--x", "1"]),
        (
            ["--hostfile", "/nowhere/mine"],
            "./a",
            ["--hostfile", "/nowhere/mine", "./a", "--x", "1"],
        ),
    ],
)
def test_the_words_of_mpirun(args: Any, program: Any, words: list[str]) -> None:
    assert mpirun_words(args, program, ["--x", 1]) == words


def test_a_file_reaches_another_folder(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(bytes(range(256)) * 10_000)
    file.chmod(0o750)
    with FileServer(str(file), b"secret", "127.0.0.1") as server:
        assert fetch(server.offer, b"none needed, it is there") == ""
        copy = tmp_path / "elsewhere" / "program"
        offer = {**server.offer, "path": str(copy)}
        assert "authentication" in fetch(offer, b"wrong")
        assert fetch(offer, b"secret") == ""
        assert copy.read_bytes() == file.read_bytes() and copy.stat().st_mode & 0o777 == 0o750
        file.write_bytes(b"changed")
        copy.unlink()
        assert "changed while" in fetch(offer, b"secret")
    assert "cannot connect" in fetch(offer, b"secret")
    assert list(copy.parent.iterdir()) == [], "nothing half is left"


def calling(*calls: list[Any], number: int = 2, **env: str) -> dict[str, str]:
    return {"CALLS": json.dumps(calls), "NUM_PARALLEL": str(number), **env}


def exec_c(*program_args: str, n: int = 2) -> list[Any]:
    given = {"args": ["-n", str(n)], "program": "mpi_sum", "program_args": program_args}
    return ["exec", given]


@pytest.fixture(autouse=True)
def no_session_folders() -> Any:
    """Fail a test that leaves one of Open MPI's own folders or segments."""
    patterns = ("/tmp/ompi.*", "/dev/shm/vader_segment.*", "/dev/shm/gw-*")
    before = {path for pattern in patterns for path in glob.glob(pattern)}
    yield
    assert {path for pattern in patterns for path in glob.glob(pattern)} <= before


@needs_mpi
@needs_cc
@pytest.mark.parametrize("number", [pytest.param(2, marks=pytest.mark.faults), 3])
def test_a_c_program_is_compiled_sent_and_run(run_flow: StartFlow, number: int) -> None:
    calls = [COMPILE, SEND, exec_c(n=number), ["run", {"args": [], "program": "./mpi_sum"}]]
    run = run_flow("mpi_gang.py", **calling(*calls, number=number))
    assert run.status == 0, run.output
    total = sum(range(number))
    folders = set()
    for rank in range(number):
        said = f"[node {rank}] [rank {rank}] rank {rank} of {number}: sum {total}, node "
        assert said in run.output, run.output
        folders |= {run.output.partition(said)[2].split()[0]}
    assert len(folders) == number, "each node has files of its own"
    assert "JOB MAP" not in run.output and "Process OMPI jobid" not in run.output


@needs_mpi
@needs_mpi4py
def test_mpi4py_and_a_script_beside_the_flow(run_flow: StartFlow) -> None:
    given = {
        "args": ["-n", 4, "--hostfile", "/metaflow/hostfile.txt"],
        "program": "python scripts/mpi_sum.py 'a b'",
        "program_args": ["--x", "c d"],
    }
    run = run_flow("mpi_gang.py", **calling(["exec", given]))
    assert run.status == 0, run.output
    for rank in range(4):
        said = f"[rank {rank}] rank {rank} of 4: sum 6 ['a b', '--x', 'c d']"
        assert said in run.output, run.output
    assert "[node 0] [rank 0]" in run.output and "[node 1] [rank 3]" in run.output


def failing(run: Run) -> str:
    assert run.status != 0, run.output
    return run.output.rpartition("A program of the gang failed:")[2]


@needs_mpi
@needs_cc
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", "node 1: rank 1 ended with status 3; its last lines:"),
        pytest.param("kill", "node 1: rank 1 was killed by SIGKILL", marks=pytest.mark.faults),
        pytest.param("segfault", "node 1: rank 1 was killed by SIGSEGV", marks=pytest.mark.faults),
        pytest.param(
            "abort", "node 1: rank 1 ended with status 5; its last lines:", marks=pytest.mark.faults
        ),
    ],
)
def test_a_rank_that_fails_is_told_with_its_last_lines(
    run_flow: StartFlow, how: str, message: str
) -> None:
    run = run_flow("mpi_gang.py", **calling(COMPILE, exec_c("1", how)))
    said = failing(run)
    assert "current.mpi.exec:" in said and message in said, run.output
    assert "rank 1 cannot go on" in said.partition("last lines:")[2]
    assert seconds_to_failure(run) < SOON, run.output


@pytest.mark.faults
@needs_mpi
@needs_mpi4py
def test_a_python_exception_in_one_rank_of_three(run_flow: StartFlow) -> None:
    given = {"args": "-n 3", "program": ["python", "scripts/mpi_sum.py", "fail"]}
    said = failing(run_flow("mpi_gang.py", **calling(["run", given], number=3)))
    assert "current.mpi.run:" in said and "node 1: rank 1 ended with status 1" in said
    assert "ValueError: rank 1 cannot go on" in said


@needs_mpi
def test_a_program_that_is_not_there(run_flow: StartFlow) -> None:
    given = {"args": ["-n", "2"], "program": "no-such-program"}
    said = failing(run_flow("mpi_gang.py", **calling(["exec", given])))
    assert re.search(r"node [01]: there is no program 'no-such-program'\. Each node", said), said
    assert "broadcast_file()" in said and "SIGABRT" not in said


def test_mpirun_s_complaints_about_a_program() -> None:
    not_found = [
        "mpiexec was unable to find the specified executable file, and therefore",
        "did not launch the job.  This error was first reported for process",
        "rank 1; it may have occurred for other processes as well.",
        "Node:       gang-node-1",
        "Executable: a b",
    ]
    said = missing_program(not_found, {})
    assert said is not None and said.startswith("node 1: there is no program 'a b'. ")
    not_found[-2] = "Node:       a-real-host"  # Open MPI 5
    said = missing_program(not_found, {"1": 2})
    assert said is not None and said.startswith("node 2: there is no program 'a b'. ")
    not_run = [
        "mpiexec was unable to launch the specified application as it could not access",
        "or execute an executable:",
        "Executable: ./notes",
        "Node: gang-node-0",
        "while attempting to start process rank 0.",
    ]
    said = missing_program(not_run, {})
    assert said is not None and said.startswith("node 0: './notes' cannot be run; ")
    assert missing_program(["Executable: x", "Node: gang-node-0"], {}) is None


@needs_mpi
@needs_cc
def test_what_the_compiler_says(run_flow: StartFlow, tmp_path: Path) -> None:
    (tmp_path / "broken.c").write_text("int main(void) { return nonsense; }\n")
    said = failing(run_flow("mpi_gang.py", **calling(["cc", {"args": ["broken.c"]}])))
    assert "current.mpi.cc: the command ended with status 1" in said and "nonsense" in said


def processes_of(run: Run, name: str) -> list[psutil.Process]:
    tmp = psutil.Process(run.process.pid).environ()["TMPDIR"]
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == name and tmp in (process.environ().get("GW_TMP") or ""):
                found.append(process)
        except psutil.Error:
            continue
    return found


@needs_mpi
@needs_cc
@pytest.mark.parametrize("victim", [DAEMON, pytest.param(MPIEXEC, marks=pytest.mark.faults)])
def test_a_killed_part_of_open_mpi_ends_the_step_and_a_retry_starts_clean(
    start_flow: StartFlow, short_tmp: str, victim: str
) -> None:
    env = calling(COMPILE, exec_c("9", "hang"), TIMES="1", GW_TMP=short_tmp)
    run = start_flow("mpi_gang.py", **env)
    who = "Open MPI's daemon" if victim == DAEMON else "node 0: mpiexec"
    for _ in range(2):
        run.output = ""
        run.wait_for("[rank 1] waiting")
        processes_of(run, victim)[-1].kill()
        run.wait_for("] Task failed.")
        told = run.output.rpartition("A program of the gang failed:")[2]
        assert f"{who} was killed by SIGKILL" in told, run.output
    assert run.wait().status != 0


@pytest.mark.faults  # test_fault_matrix.py has it for every gang
@needs_mpi
@needs_cc
def test_a_killed_worker_task_ends_the_step(start_flow: StartFlow) -> None:
    run = start_flow("mpi_gang.py", **calling(COMPILE, exec_c("9", "hang")))
    run.wait_for("[rank 1] waiting")
    task(run, 1).kill()
    run.wait()
    assert run.status != 0 and "the task of node 1 was killed by SIGKILL" in run.output


@needs_mpi
@needs_rmpi
def test_rmpi_from_an_r_flow(tmp_path: Path) -> None:
    shutil.copy(SCRIPTS / "mpi_pi.R", tmp_path)
    functions = """compute = function(self) {
      mpi <- current("mpi")
      mpi$exec(args = c("-n", "2"), program = "Rscript mpi_pi.R", program_args = list("spawn"))
      failed <- tryCatch(mpi$exec(c("-n", 2L), "Rscript mpi_pi.R fail"), error = conditionMessage)
      cat("FAILED", gsub("\\n", "|", failed), "\\n")
    }"""
    flow = rflow.write_flow(tmp_path, functions, MPI_STEPS)
    flow.write_text(flow.read_text().replace("catch,", "catch, mpi,"))
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env=rflow.environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    log = rflow.log_of(run.stdout, "compute")
    for rank in range(2):
        assert f"[node {rank}] [rank {rank}] rank {rank} of 2: pi is about 3.1" in log, log
    assert "[node 0] [rank 0] spawned: 10 20" in log, log
    (failed,) = [line for line in log if line.startswith("FAILED")]
    assert "node 1: rank 1 ended with status 1" in failed and "rank 1 cannot go on" in failed


MPI_STEPS = """    @step
    def start(self):
        self.next(self.compute, num_parallel=2)

    @mpi
    @step
    def compute(self):
        R.call("compute", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize("what", ["nothing", "another"])
def test_without_open_mpi_nothing_starts(run_flow: StartFlow, tmp_path: Path, what: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "R", "Rscript", "env"):
        if path := shutil.which(name):
            (tools / name).symlink_to(path)
    if what == "another":
        (tools / "mpirun").write_text("#!/bin/sh\necho HYDRA build details:\n")
        (tools / "mpirun").chmod(0o755)
    run = run_flow("mpi_gang.py", **calling(["exec", {"args": []}], PATH=str(tools)))
    assert run.status != 0 and "CALLED" not in run.output
    if what == "nothing":
        assert "@mpi on step compute of flow MpiGang: there is no mpirun" in run.output
        assert "openmpi-bin" in run.output and "Task is starting" not in run.output
    else:
        assert "is not Open MPI 4 or 5 but says 'HYDRA build details:'" in run.output
        assert "came together" not in run.output


def test_a_wrong_attribute(run_flow: StartFlow) -> None:
    run = run_flow("mpi_gang.py", ATTRIBUTES='{"worker_polling_freq": -1}')
    assert run.status != 0 and "worker_polling_freq=-1" in run.output
