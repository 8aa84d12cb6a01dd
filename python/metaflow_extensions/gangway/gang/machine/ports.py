"""TCP ports: free ones, and those that somebody has taken."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a TCP port that nobody uses, and that nobody else is given for a minute.

    A connection that it has had keeps the system from handing it out (TIME_WAIT), also to another
    run at the same moment; who asks for it by number with SO_REUSEADDR, as servers do, gets it.
    """
    with socket.create_server(("", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # who closes first is the one to wait
    return port


def port_is_free(port: int) -> bool:
    """Whether a TCP port can be listened on."""
    try:
        with socket.create_server(("", port)):
            return True
    except OSError:
        return False


def check_port(attribute: str, port: int | None, where: str) -> None:
    """Raise if a port that was asked for by number is taken."""
    if port is not None and not port_is_free(port):
        # It imports Metaflow, which Ray in a user's own R session does without.
        from ...exceptions import PortTakenException

        raise PortTakenException(
            f"{where}: port {port} is taken by another process on this machine. "
            f"Choose another {attribute}=, or leave it out."
        )
