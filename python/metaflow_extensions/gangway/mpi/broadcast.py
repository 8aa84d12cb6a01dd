"""A file of control's, brought to the same path on the other nodes.

Nodes that have the file already, as all nodes on one machine do, take nothing. The others connect
to control with the gang's secret.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from typing import IO, Any

from ..gang.link import channel
from ..gang.link.channel import Channel, ChannelClosed
from ..signals.threads import start_thread

_PART = 512 * 1024


class FileServer:
    """Offers one file for as long as the ``with`` block takes.

    Parameters
    ----------
    path : str
        The file.
    secret : bytes
        The gang's secret.
    host : str
        Control's address.

    Attributes
    ----------
    offer : dict
        What `fetch` needs on another node.
    """

    def __init__(self, path: str, secret: bytes, host: str) -> None:
        self._path, self._secret = path, secret
        self._socket = channel.listen(host)
        self.offer = {
            "path": path,
            "digest": _digest(path),
            "mode": stat.S_IMODE(os.stat(path).st_mode),
            "host": host,
            "port": self._socket.getsockname()[1],
        }

    def __enter__(self) -> FileServer:
        start_thread(self._serve, name="gangway-file")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                start_thread(self._send, peer)

    def _send(self, sock: socket.socket) -> None:
        with contextlib.suppress(ChannelClosed, OSError):
            peer = channel.welcome(sock, self._secret)
            try:
                with open(self._path, "rb") as file:
                    while part := file.read(_PART):
                        peer.send("part", data=base64.b64encode(part).decode())
                peer.send("end")
            finally:
                peer.close()


def fetch(offer: dict[str, Any], secret: bytes) -> str:
    """Get a file that control offers, unless it is there; say what went wrong, or nothing."""
    path = offer["path"]
    try:
        if os.path.isfile(path) and _digest(path) == offer["digest"]:
            return ""
        folder = os.path.dirname(os.path.abspath(path))
        os.makedirs(folder, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".gangway-", delete=False) as file:
            try:
                _receive(offer, secret, file)
                os.chmod(file.name, offer["mode"])
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except (ChannelClosed, OSError) as error:
        return str(error) or repr(error)
    return ""


def _receive(offer: dict[str, Any], secret: bytes, file: IO[bytes]) -> None:
    peer: Channel = channel.connect(offer["host"], offer["port"], secret)
    try:
        while (message := peer.receive())["type"] == "part":
            file.write(base64.b64decode(message["data"]))
    finally:
        peer.close()
    file.flush()
    if _digest(file.name) != offer["digest"]:
        raise ChannelClosed("the file changed while it was sent")


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(_PART):
            digest.update(part)
    return digest.hexdigest()
