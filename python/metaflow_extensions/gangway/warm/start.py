"""The run's side: forks the server, and has Metaflow launch clients."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from metaflow.decorators import StepDecorator

from .server import run_server
from .surroundings import is_one_thread

OPTION = "GANGWAY_WARM_START"
_CLIENT = str(Path(__file__).with_name("client.py"))
# Step decorators that start nothing before a task, change no environment, and run no user's code.
_HARMLESS = {"retry", "catch", "timeout", "card", "resources", "_gangway_image_named"}
# Seconds for the server to end, after all its tasks.
_END = 2.0


class Warmth(Protocol):
    """What a flow's tasks need to be forks of a process."""

    def is_plain(self, step: Any) -> bool:
        """Whether a step does no more than call R."""

    def prepare(self) -> bool:
        """Load what tasks need; return whether they may be forks of this process."""

    def renew(self) -> None:
        """Make anew, in a task, what must not be shared."""

    def end(self) -> None:
        """Remove what `prepare` has made."""


class WarmServer:
    """The server of a run, as the run's process knows it.

    Parameters
    ----------
    process : int
        Its process.
    address : str
        Where it listens.
    environment : dict
        The environment that it has been started with.
    lifeline : int
        A pipe's end: the server ends when it is closed, and all tasks have ended.
    """

    def __init__(
        self, process: int, address: str, environment: dict[str, str], lifeline: int
    ) -> None:
        self._process, self.address = process, address
        self._environment, self._lifeline = environment, lifeline
        self._ended = False

    def serves(self, environment: dict[str, str]) -> bool:
        """Whether it runs, and what it has from its start holds for a task.

        Parameters
        ----------
        environment : dict
            What the task has more than this process.
        """
        unchanged = not environment and dict(os.environ) == self._environment
        return unchanged and not self._has_ended()

    def end(self) -> None:
        """End it, and what it may still have forked."""
        os.close(self._lifeline)
        deadline = time.monotonic() + _END
        while not self._has_ended():
            if time.monotonic() > deadline:
                os.kill(self._process, signal.SIGKILL)
            time.sleep(0.001)

    def _has_ended(self) -> bool:
        if not self._ended:
            try:
                self._ended = os.waitpid(self._process, os.WNOHANG)[0] != 0
            except ChildProcessError:  # who ignores SIGCHLD has no ended children
                self._ended = True
        return self._ended


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
            and _are_harmless(self._decorators)
            and self._server.serves(cli_args.env)
        ):
            client = [sys.executable, "-I", "-S", _CLIENT, self._server.address]
            cli_args.entrypoint = [*client, *plain]


class Start:
    """Forks a run's server, if its tasks may start warm.

    To be made before the run's process has threads or handlers of its own, but with the environment
    that tasks get.

    Parameters
    ----------
    flow_class : type
        The flow.
    warmth : Warmth
        What its tasks need.
    dropped : sequence of str
        What the run's process takes out of its environment after this, and tasks have not.

    Attributes
    ----------
    is_task : bool
        Whether this is not the run's process any more, but a task that the server has forked.
    """

    def __init__(self, flow_class: Any, warmth: Warmth, dropped: Sequence[str]) -> None:
        self.is_task = False
        self._server: WarmServer | None = None
        self._steps: list[Any] = []
        if not _is_wanted():
            return
        self._steps = [step for step in _steps(flow_class) if warmth.is_plain(step)]
        if any(_are_harmless(step.decorators) for step in self._steps) and is_one_thread():
            with contextlib.suppress(OSError):
                self._fork(warmth, dropped)

    def _fork(self, warmth: Warmth, dropped: Sequence[str]) -> None:
        address = f"gangway-{secrets.token_hex(16)}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("\0" + address)  # in no folder, so that nothing is left
            listener.listen(1024)
            alive, lifeline = os.pipe()
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()  # or the server would write it again
            try:
                process = os.fork()
            except OSError:
                os.close(lifeline)
                os.close(alive)
                raise
            if not process:
                os.close(lifeline)
                for name in dropped:
                    os.environ.pop(name, None)
                run_server(listener.detach(), alive, warmth.prepare, warmth.renew, warmth.end)
                self.is_task = True
                return
            os.close(alive)
        environment = {k: v for k, v in os.environ.items() if k not in dropped}
        self._server = WarmServer(process, address, environment, lifeline)

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Start tasks warm meanwhile."""
        if self._server is None:
            yield
            return
        for step in self._steps:
            step.decorators.append(WarmStart(self._server))
        try:
            yield
        finally:
            self._server.end()


def _is_wanted() -> bool:
    words = sys.argv[1:]
    everywhere = [w.removeprefix("--with=") for w in words if w.startswith("--with=")]
    everywhere += [after for w, after in itertools.pairwise(words) if w == "--with"]
    return (
        sys.platform == "linux"
        and os.environ.get(OPTION, "1") != "0"
        and bool({"run", "resume"} & set(words))
        and {spec.partition(":")[0] for spec in everywhere} <= _HARMLESS
        # Tasks get none of Python's own options that this process may have.
        and sys.orig_argv[1:] == sys.argv
        and sys.gettrace() is None
        and sys.getprofile() is None
    )


def _steps(flow_class: Any) -> Iterator[Any]:
    for name in dir(flow_class):
        step = getattr(flow_class, name, None)
        if hasattr(step, "is_step"):
            yield step


def _are_harmless(decorators: Sequence[Any]) -> bool:
    return {d.name for d in decorators} <= _HARMLESS | {WarmStart.name}
