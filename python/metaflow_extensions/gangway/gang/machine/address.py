"""The address at which the other nodes of a gang reach this one."""

from __future__ import annotations

import contextlib
import socket

from ...exceptions import GangRuntimeException

_ANYWHERE = "192.0.2.1"  # an address for documentation: only the way there is looked up


def own_address() -> str:
    """Return this machine's address in its network, as its name says, or else as its routes do."""
    with contextlib.suppress(OSError):
        for address in socket.gethostbyname_ex(socket.gethostname())[2]:
            if not address.startswith("127."):
                return address
    return address_towards(_ANYWHERE)


def address_towards(host: str) -> str:
    """Return this machine's address on the way to another one; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((host, 9))
            return str(sock.getsockname()[0])
    except OSError as error:
        raise GangRuntimeException(
            f"This node has no address at which others could reach it: {error}"
        ) from error
