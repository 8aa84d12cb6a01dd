"""The process that owns one node's Ray processes; it lives no longer than its task.

It imports Ray's command line (0.4 s and more) while the gang is still meeting, waits for the
command on its standard input, and runs ``ray start --block`` in its own process. When its input
ends or its parent is gone, or when Ray ends, it has every process of the node ended and its folder
removed. What it has to say goes to its standard output, a JSON object a line.

It must not import metaflow: it would only cost time and memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from typing import IO, Any

import psutil

from .. import times
from ..gang.machine import processes
from . import private
from .turns import take_turn

# What `ray start --block` prints at last, when all is well.
BLOCKS = "block forever"
_SERVERS = ("gcs_server", "raylet")
_END = (
    "import sys; mark, session, folder, *sys.path = sys.argv[1:]; "
    "from metaflow_extensions.gangway.gang.machine import processes; "
    "processes.stop(mark, [int(session)]); processes.remove_folder(folder)"
)


class Launcher:
    """Runs one Ray node.

    Parameters
    ----------
    mark, folder : str
        The node's mark and its temporary folder.
    turns : int
        How many nodes of the gang may start at a time on this machine; 0 for all.
    """

    def __init__(self, mark: str, folder: str, turns: int) -> None:
        self._mark, self._folder, self._turns = mark, folder, turns
        self._parent = os.getppid()
        self._input, self._output = self._take_streams()
        self._lock, self._ending = threading.Lock(), threading.Lock()
        self._ordered = threading.Event()
        self._head = ""  # the address of this node's gcs_server, once it has taken connections

    def _take_streams(self) -> tuple[int, IO[str]]:
        # Ray's processes inherit 0, 1 and 2: they get the log, and the streams are kept private.
        log = os.open(
            os.path.join(self._folder, processes.LOG), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600
        )
        null = os.open(os.devnull, os.O_RDONLY)
        streams = os.dup(0), os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        return streams

    def tell(self, event: str, **fields: Any) -> None:
        """Send an event to the task."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            print(json.dumps({"event": event, **fields}), file=self._output, flush=True)

    def run(self) -> None:
        """Wait for the command, run it, and clean up."""
        why = ""
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            if self._turns:
                self._take_turn()
            ray = private.command_line()
            line = self._read_command()
            if line:
                order = json.loads(line)
                self._ordered.set()
                if order["head"]:
                    self._watch_nodes(order["node_ip"], order["num_nodes"], order["enough"])
                ray.main(args=order["command"], prog_name="ray", standalone_mode=False)
        except SystemExit:
            pass
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):  # the disk may be full, and the log empty
            print(why, file=sys.stderr, flush=True)
            sys.stdout.flush()
        self.end(processes.last_words(self._folder) or why)

    def _read_command(self) -> str:
        data = b""
        while not data.endswith(b"\n"):
            received = os.read(self._input, 65536)
            if not received:
                return ""
            data += received
        return data.decode()

    def _watch(self) -> None:
        servers: dict[psutil.Process, str] = {}
        while os.getppid() == self._parent:
            if not self._ordered.wait(times.WATCH):
                continue  # the input is the main thread's
            ready, _, _ = select.select([self._input], [], [], times.WATCH)
            if ready and not os.read(self._input, 1):
                break
            # `ray start --block` notices too, once a second, and exits without a word to us.
            children = ((child, _name(child)) for child in psutil.Process().children())
            servers.update((child, name) for child, name in children if name in _SERVERS)
            for server, name in servers.items():
                if not processes.is_alive(server):
                    self.end(f"its {name} process ended or was killed")
            if self._head and not _takes_connections(self._head):
                # After SIGTERM it closes its port, and lives on for a minute.
                self.end("its gcs_server process takes no connections any more: it was told to end")
        self.end("its task is gone")

    def _watch_nodes(self, node_ip: str | None, num_nodes: int, enough: int) -> None:
        from .probe import watch_nodes

        def tell(event: str, **fields: Any) -> None:
            if event == "head":
                self._head = fields["address"]
            self.tell(event, **fields)

        args = (self._folder, node_ip, num_nodes, enough, tell)
        threading.Thread(target=watch_nodes, args=args, daemon=True).start()

    def _take_turn(self) -> None:
        is_up = threading.Event()
        take_turn(self._mark.rpartition(".")[0], self._turns, is_up)

        def watch_log() -> None:
            while BLOCKS not in processes.last_words(self._folder):
                time.sleep(times.WATCH)
            is_up.set()

        threading.Thread(target=watch_log, daemon=True).start()

    def end(self, why: str) -> None:
        """Say why, and have everything of the node ended, this process too, and its folder removed.

        Another process does so: here Ray's main thread goes on, makes folders anew, and waits for
        servers that have been ended, half a minute long without letting any other thread run.
        """
        self.tell("ended", why=why)
        if self._ending.acquire(blocking=False):
            path = [folder for folder in sys.path if folder]
            words = [self._mark, str(os.getsid(0)), self._folder, *path]
            subprocess.Popen(
                [sys.executable, *processes.ALONE, "-c", _END, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if k != processes.MARK},
                start_new_session=True,
            )
        threading.Event().wait()


def _takes_connections(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), times.WATCH).close()
    except ConnectionRefusedError:
        return False
    except OSError:  # busy
        pass
    return True


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return "gone"


def main() -> None:
    """Run the launcher of the node that the arguments name."""
    mark, folder, turns = sys.argv[1:]
    Launcher(mark, folder, int(turns)).run()
