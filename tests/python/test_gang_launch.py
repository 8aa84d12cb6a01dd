"""Programs that a gang starts, their arguments, and what nodes tell each other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from metaflow_extensions.gangway.exceptions import GangLostException, ScriptNotFoundException
from metaflow_extensions.gangway.gang.link.board import Board
from metaflow_extensions.gangway.gang.output.output import Output
from metaflow_extensions.gangway.gang.programs.arguments import command_line, option_line, options
from metaflow_extensions.gangway.gang.programs.launch import Launch, how_it_ended
from metaflow_extensions.gangway.gang.programs.scripts import find_script

MARK = "test.0"


def shell(text: str, **given: Any) -> Launch:
    return Launch(MARK, 0, ["sh", "-c", text], **given)


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("exit 0", 0, "ended with status 0"),
        ("exit 3", 3, "ended with status 3"),
        ("kill -9 $$", 137, "was killed by SIGKILL (out of memory?)"),
        ("kill -TERM $$", 143, "was killed by SIGTERM"),
    ],
)
def test_how_a_command_ends(text: str, status: int, words: str) -> None:
    assert shell(text).run() == status
    assert how_it_ended(status) == words


def test_a_program_that_is_not_there_is_named() -> None:
    launch = Launch(MARK, 0, ["no-such-program"])
    assert launch.run() == 127
    assert "no-such-program cannot be started" in launch.output.last_lines()[0]


def test_output_is_live_and_has_the_node_and_rank(capfd: pytest.CaptureFixture[str]) -> None:
    def rank_of(line: str) -> tuple[str, str]:
        return ("7", line[2:]) if line.startswith("7:") else ("", line)

    launch = Launch(
        MARK, 3, ["sh", "-c", "echo 7:one; echo two >&2; printf three; sleep 60"], rank_of=rank_of
    )
    deadline = time.monotonic() + 120
    while len(launch.output.last_lines()) < 1 or not launch.output.ranks():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    launch.stop()
    out, err = capfd.readouterr()
    assert out == "[node 3] [rank 7] one\n[node 3] three\n" and err == "[node 3] two\n"


def test_what_a_command_leaves_running_is_ended() -> None:
    launch = shell("setsid sleep 61 & sleep 62 & echo $! & exit 4")
    assert launch.run() == 4
    for seconds in ("61", "62"):
        assert not [
            p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", seconds]
        ]


def test_a_killed_supervisor_leaves_nothing() -> None:
    launch = shell("echo up; sleep 63")
    while not launch.output.last_lines():
        time.sleep(0.01)
    launch._process.kill()
    assert launch.run() == -9
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "63"]]


def test_a_killed_task_takes_its_command_and_folder_along(tmp_path: Path) -> None:
    code = (
        "import metaflow, time\n"
        "from metaflow_extensions.gangway.gang.machine import processes\n"
        "from metaflow_extensions.gangway.gang.programs.launch import Launch\n"
        "print(processes.make_folder('gone.0'), flush=True)\n"
        "Launch('gone.0', 0, ['sh', '-c', 'echo up; sleep 64']).run()\n"
    )
    task = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert task.stdout is not None
    folder = task.stdout.readline().strip()
    assert task.stdout.readline() == "[node 0] up\n" and os.path.isdir(folder)
    task.kill()
    task.communicate()
    deadline = time.monotonic() + 60
    while os.path.isdir(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "64"]]


def test_only_the_last_lines_are_kept_and_files_are_followed(tmp_path: Path) -> None:
    output = Output(0)
    for i in range(100):
        output.take("", f"line {i}")
    assert output.last_lines()[-1] == "line 99" and len(output.last_lines()) < 100
    output.follow_files(str(tmp_path / "*.log"), lambda path: Path(path).stem)
    (tmp_path / "5.log").write_text("first\nlast, without an end")
    output.join(1)
    assert output.last_lines("5") == ["first", "last, without an end"]


def test_the_board_reaches_those_who_wait_and_those_who_listen() -> None:
    sent: list[Any] = []
    heard: list[Any] = []
    board = Board(lambda *message: sent.append(message))
    board.post("a/1", 1)
    board.listen("a/", lambda *message: heard.append(message))
    threading.Timer(0.1, board.take, ("a/2", 2)).start()
    assert board.wait("a/1", "a/2") == [1, 2]
    assert sent == [("a/1", 1)] and heard == [("a/1", 1), ("a/2", 2)]
    assert board.read("a/") == {"a/1": 1, "a/2": 2}
    with pytest.raises(TimeoutError):
        board.wait("b", seconds=0.01)
    threading.Timer(0.1, board.close, (GangLostException("gone"),)).start()
    with pytest.raises(GangLostException, match="gone"):
        board.wait("b")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, ""),
        ({}, ""),
        ({"epochs": 2, "lr": 0.5, "note": "a b", "-v": None, "resume": ""}, None),
        (["--x", 1, True], "--x 1 true"),
        ({"on": True, "list": [1, "a"]}, '--on true --list [1, "a"]'),
        ("one", "one"),
    ],
)
def test_arguments_of_a_script(given: Any, wanted: str | None) -> None:
    words = command_line(given)
    if wanted is None:
        assert words == ["--epochs", "2", "--lr", "0.5", "--note", "a b", "-v", "--resume"]
    else:
        assert " ".join(words) == wanted


@pytest.mark.parametrize(
    "given",
    [
        {"max-restarts": 3, "quiet": None},
        ["max_restarts", 3, "quiet"],
        ["--max-restarts", "3", "--quiet"],
        ["--max_restarts=3", "--quiet"],
    ],
)
def test_options_of_a_launcher(given: Any) -> None:
    assert options(given) == {"max_restarts": "3", "quiet": None}
    assert option_line({"t": "3", **options(given)}) == ["-t=3", "--max_restarts=3", "--quiet"]


def test_scripts_are_found_here_and_beside_the_flow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "train.py").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "flow" / "flow.py"), "run"])
    assert find_script("train.py", "run") == str(tmp_path / "flow" / "train.py")
    (tmp_path / "here" / "train.py").touch()
    assert find_script("train.py", "run") == "train.py"
    for entrypoint in ("nowhere.py", None):
        with pytest.raises(ScriptNotFoundException, match="run"):
            find_script(entrypoint, "run")
