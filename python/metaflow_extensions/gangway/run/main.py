"""The run process: it ends with its R parent, stops its tasks, and reports failures to R."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from ..mf import console, deployed, spin
from ..mf.command import SCHEDULERS
from ..mf.script_name import name_script
from ..signals.run_end import end_run_on_termination, end_run_with_parent
from ..warm.start import Start, Warmth
from . import export_parameters
from .check_deployment import check_deployment
from .code_record import CODE_VARIABLE, record_code
from .life import record_life
from .stderr_copy import copy_stderr
from .user_files import FOLDER_VARIABLE


def run_command_line(
    flow_class: Callable[[], Any], adapt: Callable[[], None], warmth: Warmth
) -> None:
    """Run the command line of a flow class.

    A task's process only runs its command. The process that R started (``GANGWAY_PARENT_PID``) also
    ends when R is gone, takes SIGTERM and SIGHUP for Ctrl-C, gives tasks a temporary folder that is
    removed after them, writes ``GANGWAY_REPORT``, and calls the program ``GANGWAY_SCRIPT``. With a
    file ``GANGWAY_DETACHED`` it goes on when R is gone, and leaves its log.

    Parameters
    ----------
    flow_class : callable
        The flow.
    adapt : callable
        Adds to the flow what is gangway's.
    warmth : Warmth
        What its tasks need to be forks of a process.
    """
    parent = os.environ.pop("GANGWAY_PARENT_PID", None)
    report = os.environ.pop("GANGWAY_REPORT", None)
    detached = os.environ.pop("GANGWAY_DETACHED", "")
    stderr = os.environ.pop("GANGWAY_STDERR", "")
    script = os.environ.pop("GANGWAY_SCRIPT", None)
    if "step" in sys.argv and parent is None:
        adapt()
        flow_class()
        return
    # R has made this folder, and removes it; unless R is gone.
    folder = os.path.dirname(os.path.abspath(sys.argv[0])) if parent else None
    _put_python_first()
    tmp = os.environ["GANGWAY_TMP"] = tempfile.mkdtemp(prefix="gangway-", dir=folder)
    start = Start(flow_class, warmth, dropped=(FOLDER_VARIABLE, CODE_VARIABLE))
    if start.is_task:
        adapt()
        flow_class()
        return
    if stderr:
        copy_stderr(stderr)
    if {"run", "resume"} & set(sys.argv):
        tempfile.tempdir = tmp  # R removes it where this process is killed
    try:
        adapt()
        record_code(flow_class, folder)
        if SCHEDULERS.keys() & set(sys.argv):
            check_deployment(flow_class)
        life = record_life(flow_class)
        console.enable()
        deployed.enable(sys.argv, export_parameters.__name__)
        if script:
            name_script(script, flow_class)
        spin.set_right(sys.argv)
        end_run_on_termination()
        if parent is not None:
            end_run_with_parent(int(parent), unless=detached)
        with start.used():
            status = _exit_status(flow_class)
        life.end(status)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    if report:
        from .report import write_report

        write_report(report, status)
    gone = os.getppid() != int(parent or 0)
    if folder and os.path.exists(detached):
        _remove_but(folder, [".txt"] if gone else [".txt", ".json"])
    elif folder and gone:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_session(os.path.dirname(folder))
    sys.exit(status)


def _remove_session(folder: str) -> None:
    """Remove the temporary folder of an R session that is gone, if all in it was ours."""
    cache = os.environ.get("METAFLOW_CLIENT_CACHE_PATH", "")
    if cache.startswith(os.path.join(folder, "")):
        shutil.rmtree(cache, ignore_errors=True)
    if os.path.basename(folder).startswith("Rtmp"):
        with contextlib.suppress(OSError):  # the session's own files
            os.rmdir(folder)


def _remove_but(folder: str, suffixes: list[str]) -> None:
    for entry in list(os.scandir(folder)):
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif os.path.splitext(entry.name)[1] not in suffixes:
            os.unlink(entry)


def _exit_status(flow_class: Callable[[], Any]) -> int:
    try:
        flow_class()
    except SystemExit as leave:
        if leave.__context__ is not None:
            from .report import note_scheduler

            note_scheduler(leave.__context__)
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except KeyboardInterrupt:
        return 130
    return 0


def _put_python_first() -> None:
    # Metaflow's @parallel starts a gang's workers with whatever `python` comes first, which in a
    # user's R session is not the one that R has chosen.
    here = os.path.dirname(sys.executable)
    os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", os.defpath)])
