"""The run's side: starts the server, and has Metaflow launch clients."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from metaflow.decorators import StepDecorator

VARIABLE = "GANGWAY_WARM_SERVER"
OPTION = "GANGWAY_WARM_START"
_CLIENT = str(Path(__file__).with_name("client.py"))


class WarmStart(StepDecorator):
    """Launches a step's local tasks by the client, where nothing else has changed their command."""

    name = "warm_start"
    address = ""

    def runtime_step_cli(
        self, cli_args: Any, retry_count: int, max_user_code_retries: int, ubf_context: Any
    ) -> None:
        """Put the client before the command."""
        plain = [sys.executable, sys.argv[0]]
        if (
            ubf_context is None
            and cli_args.commands == ["step"]
            and cli_args.entrypoint == plain
            and not cli_args.env
        ):
            cli_args.entrypoint = [sys.executable, "-I", "-S", _CLIENT, self.address, *plain]


@contextlib.contextmanager
def warm_starts(flow_class: Any) -> Iterator[None]:
    """Start tasks warm meanwhile, if this is a run on Linux and `OPTION` is not 0."""
    wanted = os.environ.get(OPTION, "1") != "0" and {"run", "resume"} & set(sys.argv[1:])
    if not wanted or sys.platform != "linux":
        yield
        return
    address = f"gangway-{secrets.token_hex(16)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + address)
        listener.listen(1024)
        ours, theirs = os.pipe()
        os.set_inheritable(ours, True)
        server = subprocess.Popen(
            [sys.executable, sys.argv[0]],
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "x",
                VARIABLE: f"{listener.fileno()},{ours}",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(os.environ["WARM_LOG"], "a") if "WARM_LOG" in os.environ else subprocess.DEVNULL,
            pass_fds=(listener.fileno(), ours),
            start_new_session=True,
        )
        os.close(ours)
    for name in dir(flow_class):
        step = getattr(flow_class, name, None)
        if hasattr(step, "is_step"):
            decorator = WarmStart(statically_defined=True)
            decorator.address = address
            step.decorators.append(decorator)
    try:
        yield
    finally:
        os.close(theirs)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(2)
