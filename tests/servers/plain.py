"""A server in this process that answers every request with one function and keeps what it was sent; also over TLS."""

from __future__ import annotations

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from tests.servers.faults import completion

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

Answer = tuple[int, bytes, dict[str, str]]


def answer_well(_path: str) -> Answer:
    return 200, json.dumps(completion("Hello there, friend.")).encode(), {}


class PlainServer:
    """A running server; ``asked`` are the paths and headers (names in lower case) of its requests, ``bodies`` the JSON of those
    that have some, both in order. With ``reply`` a request that has a body is answered by what it asks for."""

    def __init__(
        self,
        answer: Callable[[str], Answer] = answer_well,
        trusted: ssl.SSLContext | None = None,
        reply: Callable[[dict[str, Any]], Answer] | None = None,
    ) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: of two, the second waits 40 ms until the client has the first

            def do_POST(self) -> None:
                server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = json.loads(sent) if sent else None
                if asked is not None:
                    server.bodies.append(asked)
                status, body, headers = answer(self.path) if asked is None or reply is None else reply(asked)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_CONNECT = do_POST  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Say nothing of clients that do not trust the certificate."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if trusted is not None:
            self._server.socket = trusted.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.origin = f"{'http' if trusted is None else 'https'}://127.0.0.1:{self.port}"
        self.base_url = f"{self.origin}/v1"

    @property
    def keys(self) -> list[str | None]:
        """The ``Authorization`` of each request."""
        return [headers.get("authorization") for _, headers in self.asked]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a self-signed certificate for 127.0.0.1 and what a server needs to show it."""
    import ssl

    pem, key = folder / "server.pem", folder / "server.key"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context
