"""What workers print: live at control with the node's index, bounded; whole in their own logs."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import FLOWS, ROOT, StartFlow
from metaflow_extensions.gangway.gang.output.shown import LONGEST_LINE, Bound, prefix
from metaflow_extensions.gangway.gang.output.tail import Tail
from metaflow_extensions.gangway.gang.output.task_output import TaskOutput, WorkerOutput
from rflow import environment, write_flow

READ = """
import json
from metaflow import Flow, namespace
namespace(None)
tasks = Flow("{flow}").latest_run["train"]
print(json.dumps({{t.id.partition("_")[2]: [t.stdout, t.stderr] for t in tasks}}))
"""


def logs(folder: Path, flow: str = "GangLogs", home: Path | None = None) -> dict[str, list[str]]:
    """Standard output and error of each task of the gang, as Metaflow's client reads them."""
    given = {**environment(folder), "METAFLOW_HOME": str(home or folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", READ.format(flow=flow)],
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def shown(output: str) -> list[str]:
    return re.findall(r"/train/\d+ \(pid \d+\)\] (.*)", output)


@pytest.mark.parametrize("number", [pytest.param(2, marks=pytest.mark.faults), 3])
def test_workers_are_heard_at_control_and_have_logs_of_their_own(
    run_flow: StartFlow, tmp_path: Path, number: int
) -> None:
    run = run_flow("gang_logs.py", NUM_PARALLEL=str(number))
    assert run.status == 0, run.output
    lines, kept = shown(run.output), logs(tmp_path)
    for node in range(1, number):
        for said in ("stdout of {}: nótė", "stderr of {}", "a child of {}"):
            assert lines.count(f"[node {node}] {said.format(node)}") == 1, run.output
        out, err = kept[f"node_{node}"]
        assert out == f"stdout of {node}: nótė\na child of {node}\n"
        assert err == f"stderr of {node}\n"
    assert "stdout of 0: nótė" in lines


def test_lines_come_while_control_still_works(start_flow: StartFlow) -> None:
    run = start_flow("gang_logs.py", MODE="live").wait_for("[node 1] stdout of 1")
    assert "CONTROL ENDS" not in run.output
    run.output = run.output.replace("stdout of 1", "")
    assert run.wait().status == 0
    assert "CONTROL ENDS" in run.output


def test_a_flood_is_bounded_at_control_and_whole_in_the_workers_log(
    run_flow: StartFlow, tmp_path: Path
) -> None:
    run = run_flow("gang_logs.py", MODE="many")
    assert run.status == 0, run.output[-3000:]
    lines = [line for line in shown(run.output) if line.startswith("[node 1] line")]
    notes = re.findall(
        r"\[node 1\] (\d+) lines are not shown here; the log of task (\S+)", run.output
    )
    assert 1000 < len(lines) < 25_000
    assert notes and all(task.endswith("_node_1") for _, task in notes)
    out = logs(tmp_path)["node_1"][0].splitlines()
    assert out[2:50_002] == [f"line {i} of 1" for i in range(50_000)]
    assert out[50_002:] == ["y" * 10_000, "no end of line"]
    # Lines, the long one, and what stands before and after them.
    assert len(lines) + sum(int(count) for count, _ in notes) in range(50_000, 50_005)


def test_the_last_words_of_a_killed_worker_are_kept(run_flow: StartFlow, tmp_path: Path) -> None:
    run = run_flow("gang_logs.py", MODE="kill")
    assert run.status != 0
    assert "[node 1] a child of 1" in run.output
    assert logs(tmp_path)["node_1"] == ["stdout of 1: nótė\na child of 1\n", "stderr of 1\n"]


def test_a_worker_that_outlives_control_and_must_be_killed_says_so_and_leaves_nothing(
    run_flow: StartFlow, short_tmp: str
) -> None:
    run = run_flow("gang_logs.py", MODE="stubborn")
    assert run.status != 0
    assert "Node 1 lost control" in run.output, run.output
    assert "did not end within 5 s after that: the task is killed" in run.output, run.output
    assert glob.glob(f"{short_tmp}/gw-*") == []


def test_a_workers_traceback_is_in_its_log(run_flow: StartFlow, tmp_path: Path) -> None:
    run = run_flow("gang_logs.py", MODE="fail", NUM_PARALLEL="3")
    assert run.status != 0
    assert "ValueError: node 2 cannot" in logs(tmp_path)["node_2"][1]


def test_rays_workers_speak_with_their_nodes_index(run_flow: StartFlow, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    run = run_flow("gang_logs.py", GANG="ray", NUM_PARALLEL="3")
    assert run.status == 0, run.output
    kept = logs(tmp_path)
    for node in range(3):
        # Once: Ray itself does not show it too.
        said = re.findall(rf"(\S* ?\S*) \[speak pid=\d+\] stdout of {node}: nótė", run.output)
        assert said == [f"[node {node}]"] or said[0].endswith(f"[node {node}]"), run.output
        assert run.output.count(f"stdout of {node}: nótė") == 1
        assert run.output.count(f"stderr of {node}") == 1
    for node in (1, 2):
        out, err = kept[f"node_{node}"]
        assert f"stdout of {node}: nótė" in out and f"a child of {node}" in out
        assert f"stderr of {node}" in err


def test_a_line_is_shown_with_its_node_and_who_speaks_there() -> None:
    assert prefix(1) == "[node 1] "
    assert prefix(1, "rank 3") == "[node 1] [rank 3] "


def test_a_file_is_followed_in_pieces_where_it_has_no_lines(tmp_path: Path) -> None:
    file, taken = tmp_path / "a.log", []
    tail = Tail(str(file), lambda path, line: taken.append(line), seconds=0.01)
    file.write_text("one\n" + "x" * (LONGEST_LINE + 10))
    with file.open("a") as more:
        more.write("\ntwo\nthree")
    tail.stop()
    assert "".join(taken) == "one" + "x" * (LONGEST_LINE + 10) + "twothree"
    assert taken[0] == "one" and taken[-2:] == ["two", "three"]
    assert max(map(len, taken)) <= LONGEST_LINE


def test_a_bound_lets_a_burst_through_and_then_a_rate() -> None:
    began = time.monotonic()
    bound = Bound(burst=10, rate=50)
    burst = sum(bound.lets_through() for _ in range(100))
    assert 10 <= burst <= 11 + 50 * (time.monotonic() - began)
    assert bound.dropped == 100 - burst
    time.sleep(0.2)
    later = sum(bound.lets_through() for _ in range(100))
    assert 5 <= later <= 11 + 50 * (time.monotonic() - began)


def test_a_worker_whose_control_is_gone_speaks_where_it_spoke_before(tmp_path: Path) -> None:
    kept: list[str] = []
    folder = tmp_path / "pipes"
    folder.mkdir()
    output = WorkerOutput(
        str(folder), 2, str, lambda node, streams: kept.append(streams["stdout"].read_text())
    )
    code = (
        "import os, sys, metaflow\n"
        "from metaflow_extensions.gangway.gang.output.task_output import TaskOutput\n"
        f"task = TaskOutput({str(folder)!r}, 1)\n"
        "print('into the pipe', flush=True)\n"
        "task.restore_if_control_is_gone()\n"
        "print('still into the pipe', flush=True)\n"
        "sys.stdin.read()\n"
        "task.restore_if_control_is_gone()\n"
        "print('back', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
    ) as process:
        deadline = time.monotonic() + 60
        sources = [key.data for key in output._selector.get_map().values() if key.data]
        pipe = next(source for source in sources if source.stream == "stdout")
        while pipe.kept.tell() == 0 or b"still" not in _content(pipe.kept):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        output.close()
        output.close()
        assert process.communicate(timeout=60)[0] == "back\n"
    assert [line.partition("]")[2] for line in kept[0].splitlines()] == [
        "into the pipe",
        "still into the pipe",
    ]
    assert not folder.exists()
    assert TaskOutput(str(folder), 1).restore_if_control_is_gone() is None


def _content(file: object) -> bytes:
    file.flush()  # type: ignore[attr-defined]
    return Path(f"/dev/fd/{file.fileno()}").read_bytes()  # type: ignore[attr-defined]


R_STEPS = """
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @gang_profile(interval=0.5)
    @everywhere
    @step
    def train(self):
        R.call("train", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_what_r_prints_on_a_worker_is_heard_and_kept(tmp_path: Path, short_tmp: str) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
    function = (
        "function(self) { node <- Sys.getenv('MF_PARALLEL_NODE_INDEX');"
        "cat('cat', node, fill = TRUE); message('message ', node); warning('hm ', node);"
        "print(node) }"
    )
    flow = write_flow(tmp_path, f"train = {function}", R_STEPS)
    names = "import everywhere\nfrom metaflow import gang_profile, "
    flow.write_text(flow.read_text().replace("from metaflow import ", f"from gang_profile {names}"))
    given = environment(tmp_path)
    given["PYTHONPATH"] += os.pathsep + str(FLOWS)
    done = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env={**given, "TMPDIR": short_tmp},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    kept = logs(tmp_path, "TaskFlow", home=tmp_path)["node_1"][0].splitlines()
    for said in ("cat 1", "message 1", '[1] "1"'):
        assert f"[node 1] {said}" in shown(done.stdout), done.stdout
        assert said in kept
    assert any("hm 1" in line for line in kept)
    assert len(list(tmp_path.glob(".metaflow/mf.cards/**/blank-gang_profile-*.html"))) == 1
