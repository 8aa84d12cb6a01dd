"""A server that answers JSON over HTTP, each request in a thread."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Answer = tuple[int, Any]
Route = tuple[str, str, Callable[..., Answer]]


def serve(host: str, port: int, routes: list[Route], headers: dict[str, str]) -> None:
    """Answer in the background.

    Parameters
    ----------
    host, port : str, int
        Where to listen.
    routes : list
        Method, pattern of the whole path, and a function of the pattern's groups and of the
        request's data (its JSON, or the query of a GET); it gives the status and what to answer:
        text, or what becomes JSON.
    headers : dict
        For every answer.
    """
    patterns = [(method, re.compile(path), function) for method, path, function in routes]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            data = json.loads(body) if body else dict(parse_qsl(url.query))
            status, answer = self._call(unquote(url.path), data)
            said = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def _call(self, path: str, data: Any) -> Answer:
            for method, pattern, function in patterns:
                if method == self.command and (match := pattern.fullmatch(path)):
                    return function(*match.groups(), data)
            return 404, {"message": f"no {self.command} {path} here"}

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
