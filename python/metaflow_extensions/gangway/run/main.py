"""The run process: it ends with its R parent, stops its tasks, and reports failures to R."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..mf import deployed
from ..signals.run_end import end_run_on_termination, end_run_with_parent
from . import export_parameters
from .code_record import record_code


class Warmth(Protocol):
    """What a flow's tasks need to be forks of a process (the room ``warm``)."""

    def is_plain(self, step: Any) -> bool:
        """Whether a step does no more than call R."""

    def prepare(self) -> bool:
        """Load what tasks need; return whether they may be forks of this process."""

    def renew(self) -> None:
        """Make anew, in a task, what must not be shared."""


def run_command_line(flow_class: Callable[[], Any], warmth: Warmth) -> None:
    """Run the command line of a flow class.

    A task's process only runs its command. The process that R started (``GANGWAY_PARENT_PID``) also
    ends when R is gone, takes SIGTERM and SIGHUP for Ctrl-C, gives tasks a temporary folder that is
    removed after them, and writes ``GANGWAY_REPORT``.
    """
    if warm := os.environ.pop("GANGWAY_WARM_SERVER", None):
        from ..warm.server import run_server

        if not run_server(warm, warmth.prepare, warmth.renew):
            return
        # This is a task now, forked from the server.
    parent = os.environ.pop("GANGWAY_PARENT_PID", None)
    report = os.environ.pop("GANGWAY_REPORT", None)
    if "step" in sys.argv and parent is None:
        flow_class()
        return
    # R has made this folder, and removes it; unless R is gone.
    folder = os.path.dirname(os.path.abspath(sys.argv[0])) if parent else None
    _put_python_first()
    record_code(flow_class)
    deployed.enable(sys.argv, export_parameters.__name__)
    end_run_on_termination()
    if parent is not None:
        end_run_with_parent(int(parent))
    from ..warm.start import warm_starts

    with _run_tmp(folder), warm_starts(flow_class, warmth.is_plain):
        status = _exit_status(flow_class)
    if report:
        from .report import write_report

        write_report(report, status)
    if folder and os.getppid() != int(parent or 0):
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(status)


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


@contextlib.contextmanager
def _run_tmp(parent_folder: str | None) -> Iterator[None]:
    folder = tempfile.mkdtemp(prefix="gangway-", dir=parent_folder)
    os.environ["GANGWAY_TMP"] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
