"""What the flows of the fault matrix share: which fault is next, what surrounds a gang, leftovers.

FAULTS (a JSON list) has a fault for each attempt, as in ``raise@1`` for node 1; the attempt after
the last one succeeds.
"""

import contextlib
import ctypes
import glob
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from metaflow import current

MEETING = os.environ.get("GANGWAY_MEETING", "")  # in the tasks of workers alone
FAULTS = json.loads(os.environ.get("FAULTS", "[]"))
LOOK_SECONDS = 30
CLONE_NEWNS = 0x20000
PROJECT = str(Path(__file__).resolve().parents[3])


def fault_of_this_attempt():
    attempt = current.retry_count
    fault, _, node = (FAULTS[attempt] if attempt < len(FAULTS) else "").partition("@")
    return fault, int(node or 0)


def enter_namespace(name):
    """Use the network of a namespace from now on."""
    with open(f"/run/netns/{name}") as file:
        assert ctypes.CDLL(None).setns(file.fileno(), 0) == 0


def fill_folders():
    """Put a full disk where FULL says, for this process and its children only."""
    folders = os.environ.pop("FULL", "").split()
    if not folders:
        return
    assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
    here = os.getcwd()
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", "/mnt")
    # The run's folder stays as it is, and the project, if it lies in one of these.
    kept = {here: "/mnt/run", PROJECT: "/mnt/project"}
    for path, place in kept.items():
        os.mkdir(place)
        mount("--bind", path, place)
    for folder in folders:
        mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
    for path, place in kept.items():
        os.makedirs(path, exist_ok=True)
        mount("--bind", place, path)
    os.chdir(here)
    for folder in folders:
        with contextlib.suppress(OSError), open(f"{folder}/full", "wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
    del os.environ["TMPDIR"]
    tempfile.tempdir = None  # Python chooses again


def lose_names():
    """Let every look-up of a host's name fail, for this process and its children."""
    assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
    mount("--make-rprivate", "/")
    for file in ("/etc/hosts", "/etc/resolv.conf"):
        mount("--bind", "/dev/null", file)


def fill(folder):
    """Put a full disk over a folder, for this process alone."""
    assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "size=4k", "tmpfs", folder)
    Path(f"{folder}/full").write_bytes(bytes(4096))


def mount(*args):
    subprocess.run(["mount", *args], check=True)


if os.environ.pop("NO_NAMES", ""):
    lose_names()


def look_for_leftovers(gang):
    """Print what earlier attempts have left, once nothing is left or half a minute is over."""
    began = time.monotonic()
    while (left := leftovers(gang)) and time.monotonic() - began < LOOK_SECONDS:
        time.sleep(0.1)
    print(f"LEFT {json.dumps(left)} after {time.monotonic() - began:.1f} s", flush=True)


def leftovers(gang):
    tmp = tempfile.gettempdir()
    own = f"gw-{gang}."
    left = [x for x in glob.glob(f"{tmp}/gw-*") if not os.path.basename(x).startswith(own)]
    for process in psutil.process_iter():
        try:
            environment, command = process.environ(), process.cmdline()
            mark = environment.get("GANGWAY_GANG", gang)
            if environment.get("TMPDIR") == tmp and mark.partition(".")[0] != gang:
                left.append(f"{process.pid} {command[:6]}")
            elif process.cwd() == os.getcwd() and "--retry-count" in command:
                attempt = int(command[command.index("--retry-count") + 1])
                if attempt < current.retry_count and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(f"{process.pid} is a task of attempt {attempt}")
        except psutil.Error:
            continue
    return left
