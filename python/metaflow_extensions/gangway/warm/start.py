"""The run's side: starts the server, and has Metaflow launch clients."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from metaflow.decorators import StepDecorator

from .server import VARIABLE

OPTION = "GANGWAY_WARM_START"
_CLIENT = str(Path(__file__).with_name("client.py"))
# Step decorators that start nothing before a task, change no environment, and run no user's code.
_HARMLESS = {"retry", "catch", "timeout", "card", "resources"}
# Seconds for the server to end, after all its tasks.
_END = 2.0


class WarmServer:
    """The server of a run.

    Parameters
    ----------
    flow_file : str
        The flow, which the server loads.
    """

    def __init__(self, flow_file: str) -> None:
        self.address = f"gangway-{secrets.token_hex(16)}"
        ends: list[int] = []
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("\0" + self.address)  # in no folder, so that nothing is left
                listener.listen(1024)
                for _ in range(2):
                    ends.extend(os.pipe())
                alive, self._lifeline, heard, said = ends
                handed = (listener.fileno(), alive, heard)
                self._process = subprocess.Popen(
                    [sys.executable, flow_file],
                    env={
                        **os.environ,
                        "PYTHONUNBUFFERED": "x",  # as Metaflow has it for tasks
                        VARIABLE: ",".join(map(str, handed)),
                    },
                    # Pipes, as a task's: Python's streams ask at their start what they are.
                    stdin=subprocess.PIPE,
                    stdout=said,
                    stderr=said,
                    pass_fds=handed,
                    start_new_session=True,
                )
        except OSError:
            for end in ends:
                os.close(end)
            raise
        for end in (alive, heard, said):
            os.close(end)
        self._environment = dict(os.environ)

    def serves(self, environment: dict[str, str]) -> bool:
        """Whether it runs, and what it has from its start holds for a task.

        Parameters
        ----------
        environment : dict
            What the task has more than this process.
        """
        unchanged = not environment and dict(os.environ) == self._environment
        return unchanged and self._process.poll() is None

    def end(self) -> None:
        """End it, and what it may still have forked."""
        os.close(self._lifeline)
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


class WarmStart(StepDecorator):
    """Launches a step's tasks by the client, where nothing else has a say in how they start."""

    name = "_gangway_warm"

    def __init__(self, server: WarmServer) -> None:
        super().__init__(statically_defined=True)
        self._server = server
        self._decorators: Sequence[Any] = ()

    def step_init(
        self,
        flow: Any,
        graph: Any,
        step_name: str,
        decorators: Sequence[Any],
        environment: Any,
        flow_datastore: Any,
        logger: Any,
    ) -> None:
        """Keep the step's decorators, which may become more."""
        self._decorators = decorators

    def runtime_step_cli(
        self, cli_args: Any, retry_count: int, max_user_code_retries: int, ubf_context: Any
    ) -> None:
        """Put the client before the command."""
        plain = [sys.executable, sys.argv[0]]
        if (
            ubf_context is None
            and cli_args.commands == ["step"]
            and cli_args.entrypoint == plain
            and "config-value" not in cli_args.top_level_options
            and _are_harmless(self._decorators)
            and self._server.serves(cli_args.env)
        ):
            client = [sys.executable, "-I", "-S", _CLIENT, self._server.address]
            cli_args.entrypoint = [*client, *plain]


@contextlib.contextmanager
def warm_starts(flow_class: Any, is_plain: Callable[[Any], bool]) -> Iterator[None]:
    """Start tasks warm meanwhile, where this is a run on Linux and `OPTION` is not 0.

    Parameters
    ----------
    flow_class : type
        The flow.
    is_plain : callable
        Whether a step does no more than call R.
    """
    server = None
    steps = [step for step in _steps(flow_class) if is_plain(step)] if _is_wanted() else []
    if any(_are_harmless(step.decorators) for step in steps):
        with contextlib.suppress(OSError):
            server = WarmServer(sys.argv[0])
    if server is None:
        yield
        return
    for step in steps:
        step.decorators.append(WarmStart(server))
    try:
        yield
    finally:
        server.end()


def _is_wanted() -> bool:
    words = sys.argv[1:]
    everywhere = [w.removeprefix("--with=") for w in words if w.startswith("--with=")]
    everywhere += [after for w, after in itertools.pairwise(words) if w == "--with"]
    return (
        sys.platform == "linux"
        and os.environ.get(OPTION, "1") != "0"
        and bool({"run", "resume"} & set(words))
        and {spec.partition(":")[0] for spec in everywhere} <= _HARMLESS
    )


def _steps(flow_class: Any) -> Iterator[Any]:
    for name in dir(flow_class):
        step = getattr(flow_class, name, None)
        if hasattr(step, "is_step"):
            yield step


def _are_harmless(decorators: Sequence[Any]) -> bool:
    return {d.name for d in decorators} <= _HARMLESS | {WarmStart.name}
