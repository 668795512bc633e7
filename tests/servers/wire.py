"""Just enough HTTP/1.1 to play a model's server fast, and to break the protocol on purpose. No fault is described here."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REASONS = {200: "OK", 302: "Found", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


class Exchange:
    """One request and the means to answer it, properly or not."""

    def __init__(self, connection: Connection, headers: dict[str, str], body: dict[str, Any]) -> None:
        self._connection = connection
        self.headers = headers
        self.body = body

    @property
    def prompt(self) -> str:
        return str(self.body["messages"][-1]["content"])

    def reply(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.raw(head(status, {"Content-Type": content_type, "Content-Length": str(len(body)), **named(headers)}) + body)

    def json(self, status: int, value: object, **headers: str) -> None:
        self.reply(status, json.dumps(value).encode(), **headers)

    def begin_stream(self) -> None:
        self.raw(head(200, {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"}))

    def piece(self, data: bytes) -> None:
        self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    def end_stream(self) -> None:
        self.raw(b"0\r\n\r\n")

    def raw(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def reset(self) -> None:
        """Cut the connection without a goodbye (TCP RST)."""
        self._connection.transport.abort()

    def close(self) -> None:
        self._connection.transport.close()


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class Desk:
    """What the connections of one server share: what to play, how fast, and what has been counted."""

    def __init__(self, play: Callable[[Exchange, int], tuple[str, Awaitable[None]]], latency_s: float, fast: bytes) -> None:
        self.play = play
        self.latency_s = latency_s
        self.fast = head(200, {"Content-Type": "application/json", "Content-Length": str(len(fast))}) + fast
        self.requests = 0
        self.connections = 0
        self.by_step: Counter[str] = Counter()
        self.asked: Counter[tuple[str, str]] = Counter()
        self.seen: deque[dict[str, Any]] = deque(maxlen=3000)

    def about(self, path: str) -> bytes:
        if path == "/seen":
            return json.dumps(list(self.seen)).encode()
        counts = {"requests": self.requests, "connections": self.connections, "by_step": self.by_step}
        return json.dumps(counts).encode()


class Connection(asyncio.Protocol):
    """One client connection: requests one after the other, kept alive."""

    transport: asyncio.Transport

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._buffer = b""
        self._task: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.desk.connections += 1

    def connection_lost(self, _: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            top = self._buffer[:end]
            at = top.lower().find(b"content-length:")
            size = int(top[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + size:
                return
            body = self._buffer[end + 4 : end + 4 + size]
            self._buffer = self._buffer[end + 4 + size :]
            self._answer(top, body)

    def _answer(self, top: bytes, body: bytes) -> None:
        desk = self.desk
        if top.startswith(b"GET"):
            answer = desk.about(top.split(b" ", 2)[1].decode())
            self.transport.write(head(200, {"Content-Length": str(len(answer)), "Connection": "close"}) + answer)
            self.transport.close()
            return
        desk.requests += 1
        if b'"model":"fast"' in body and b'"stream":true' not in body:
            asyncio.get_running_loop().call_later(desk.latency_s, self.transport.write, desk.fast)
            return
        lines = top.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        exchange = Exchange(self, headers, json.loads(body))
        key = (exchange.body["model"], exchange.prompt)
        step, playing = desk.play(exchange, desk.asked[key])
        desk.asked[key] += 1
        desk.by_step[step] += 1
        desk.seen.append({"prompt": exchange.prompt, "step": step, "headers": headers, "body": exchange.body})
        self._task = asyncio.ensure_future(playing)
