"""Fail if the tests left a process, a temporary file or a folder behind.

scripts/test.sh gives all its children one mark (``CHECKS_MARK``) in their environment and one
folder for temporary files (``TMPDIR``), so that nothing else on the machine is taken for theirs.
"""

import os
import sys
import time
from pathlib import Path

import psutil

GRACE = 3.0  # seconds that a process which was just told to end may take


def marked(process: psutil.Process, mark: str, folder: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get("CHECKS_MARK") == mark:
            return True
        return any(folder in part for part in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def processes_left(mark: str, folder: str) -> list[psutil.Process]:
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = (p for p in psutil.process_iter() if p.pid not in own)
    return [process for process in found if marked(process, mark, folder)]


def describe(process: psutil.Process) -> str:
    try:
        return f"process {process.pid}: {' '.join(process.cmdline())[:160]}"
    except psutil.Error:
        return f"process {process.pid}: gone meanwhile"


def describe_path(path: Path) -> str:
    held = sorted(str(below.relative_to(path)) for below in path.rglob("*"))[:5]
    return f"temporary {path}" + (f", which holds {', '.join(held)}" if held else "")


def main() -> int:
    mark, folder = os.environ["CHECKS_MARK"], os.environ["TMPDIR"]
    deadline = time.monotonic() + GRACE
    while (left := processes_left(mark, folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    lines = [describe(process) for process in left]
    lines += [describe_path(path) for path in sorted(Path(folder).iterdir())]
    for process in left:
        process.kill()
    print("\n".join(lines) or "no process, no temporary file or folder")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
