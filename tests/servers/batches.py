"""A server that plays OpenAI's files and batches on 127.0.0.1, in this process or, run as a program, in one of its own.

What goes wrong is said by a list of words, each played once and in order by what it is about; the answers depend on the request
alone, so that a batch and single calls get the same. `POST /v1/chat/completions` answers a single call.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOPICS = ("the sea", "a lamp", "the wind", "an old clock", "bread", "a letter", "the harbour", "rain on the roof")


def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return the status and the body that a request gets, alone or in a batch; some prompts say what goes wrong."""
    prompt = body["messages"][-1]["content"]
    for word, (status, message, code) in {
        "[429]": (429, "Rate limit reached", "rate_limit_exceeded"),
        "[500]": (500, "The server had an error", "server_error"),
        "[400]": (400, "Unsupported parameter: 'temperature'", "unsupported_parameter"),
        "[filter]": (400, "The response was filtered due to the prompt", "content_filter"),
    }.items():
        if word in prompt:
            param = "temperature" if word == "[400]" else None
            return status, {"error": {"message": message, "type": "error", "param": param, "code": code}}
    draw = random.Random(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest())
    said = ", ".join(draw.choice(TOPICS) for _ in range(3 + int(4 * body.get("temperature", 1))))
    choice = {"index": 0, "message": {"role": "assistant", "content": f"It is about {said}."}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    return 200, {"id": "c", "object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


class BatchServer:
    """A running server.

    Parameters
    ----------
    faults
        What goes wrong, each word once: ``upload_429``, ``upload_reset``, ``create_429``, ``create_reset`` (the batch is made and
        the connection lost), ``create_500``, ``no_such_file``, ``look_500``, ``torn`` (a download ends within a line),
        ``expire``, ``fail``, ``cancel``, ``duplicates``, ``unknown``, ``missing``; and as long as they are there ``no_list``,
        ``no_batches``, ``no_cancel``, ``silent`` (no batch can be looked at).
    looks
        How often a batch is looked at before it has ended.
    share
        The share of requests that a batch has finished when it expires or is cancelled.
    grows
        Whether results can be read before a batch has ended.
    """

    def __init__(self, *faults: str, looks: int = 1, share: float = 0.5, grows: bool = False, port: int = 0) -> None:
        self.faults = list(faults)
        self.looks = looks
        self.share = share
        self.grows = grows
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: Counter[str] = Counter()  # of each request, how often it was worked through
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.lock = threading.RLock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with server.lock:
                    server.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                    server.route(self, urlsplit(self.path), sent)

            do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def plays(self, fault: str) -> bool:
        if fault in self.faults:
            self.faults.remove(fault)
            return True
        return False

    def count(self, method: str, path: str) -> int:
        return sum(m == method and urlsplit(p).path == f"/v1{path}" for m, p, _ in self.requests)

    # -- routes -----------------------------------------------------------------------------------------------------------------

    def route(self, handler: BaseHTTPRequestHandler, url: Any, sent: bytes) -> None:
        parts = url.path.removeprefix("/v1/").split("/")
        post = handler.command == "POST"
        if post and parts == ["chat", "completions"]:
            return reply(handler, *answer(json.loads(sent)))
        if "no_batches" in self.faults:
            return reply(handler, 404, error("no such address"))
        if post and parts == ["files"]:
            return self.upload(handler, sent)
        if post and parts == ["batches"]:
            return self.create(handler, json.loads(sent))
        if parts == ["batches"]:
            return self.list(handler, parse_qs(url.query))
        if parts[0] == "batches" and parts[1] in self.batches:
            if "silent" in self.faults and not post:
                return reply(handler, 500, error("The server had an error"))
            if "no_cancel" in self.faults and post:
                return reply(handler, 501, error("not yet"))
            if post:
                return self.cancel(handler, self.batches[parts[1]])
            return self.look(handler, self.batches[parts[1]])
        if parts[0] == "files" and parts[1] in self.files:
            return self.content(handler, self.files[parts[1]])
        return reply(handler, 404, error(f"nothing at {url.path}"))

    def upload(self, handler: BaseHTTPRequestHandler, sent: bytes) -> None:
        if self.plays("upload_429"):
            return reply(handler, 429, error("too many requests", "rate_limit_exceeded"))
        if self.plays("upload_reset"):
            return reset(handler)
        top = f"Content-Type: {handler.headers['Content-Type']}\r\n\r\n".encode()
        parts = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                 for part in BytesParser().parsebytes(top + sent).get_payload()}  # fmt: skip
        assert parts["purpose"] == b"batch"
        name = f"file-{len(self.files)}"
        self.files[name] = parts["file"]
        return reply(handler, 200, {"id": name, "object": "file", "purpose": "batch", "bytes": len(parts["file"])})

    def create(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if self.plays("create_429"):
            return reply(handler, 429, error("Enqueued token limit reached", "rate_limit_exceeded"))
        if self.plays("create_500"):
            return reply(handler, 500, error("The server had an error"))
        assert body["endpoint"] == "/v1/chat/completions"
        assert body["completion_window"] == "24h"
        made = {"id": f"batch_{len(self.batches)}", "object": "batch", "status": "validating", "metadata": body["metadata"],
                "input_file_id": body["input_file_id"], "expires_at": int(time.time()) + 86_400, "looked": 0,
                "created_at": int(time.time()), "output_file_id": None, "error_file_id": None}  # fmt: skip
        self.batches[made["id"]] = made
        return reset(handler) if self.plays("create_reset") else reply(handler, 200, made)

    def list(self, handler: BaseHTTPRequestHandler, query: dict[str, list[str]]) -> None:
        if "no_list" in self.faults:
            return reply(handler, 405, error("no such method"))
        newest_first = list(reversed(self.batches.values()))
        ids = [batch["id"] for batch in newest_first]
        first = ids.index(query["after"][0]) + 1 if "after" in query else 0
        page = newest_first[first : first + 3]  # short pages, so that several are needed
        return reply(handler, 200, {"object": "list", "data": page, "has_more": first + 3 < len(ids)})

    def look(self, handler: BaseHTTPRequestHandler, batch: dict[str, Any]) -> None:
        if self.plays("look_500"):
            return reply(handler, 500, error("The server had an error"))
        batch["looked"] += 1
        if batch["status"] == "cancelling":
            self.finish(batch, "cancelled", self.share)
        elif batch["status"] in ("validating", "in_progress", "finalizing"):
            if batch["looked"] < self.looks:
                batch["status"] = "in_progress"
                done = batch["looked"] / self.looks
                self.finish(batch, "in_progress", done if self.grows else 0.0)
            elif self.plays("fail"):
                batch |= {"status": "failed", "errors": {"object": "list", "data": [{"code": "x", "message": "line 1 is bad"}]}}
            elif self.plays("expire"):
                self.finish(batch, "expired", self.share)
            elif self.plays("cancel"):
                self.finish(batch, "cancelled", self.share)
            else:
                self.finish(batch, "completed", 1.0)
        return reply(handler, 200, {name: value for name, value in batch.items() if name != "looked"})

    def cancel(self, handler: BaseHTTPRequestHandler, batch: dict[str, Any]) -> None:
        if batch["status"] in ("completed", "failed", "expired", "cancelled"):
            return reply(handler, 409, error("it has ended"))
        batch["status"] = "cancelling"
        return reply(handler, 200, {name: value for name, value in batch.items() if name != "looked"})

    def finish(self, batch: dict[str, Any], status: str, share: float) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        random.Random(7).shuffle(lines)  # results come in any order
        done = lines[: round(share * len(lines))]
        good, bad = [], []
        for line in done:
            code, body = answer(line["body"])
            result = {"id": "r", "custom_id": line["custom_id"], "error": None,
                      "response": {"status_code": code, "request_id": "q", "body": body}}  # fmt: skip
            (good if code == 200 else bad).append(result)
        if status != "in_progress":
            self.asked.update(line["custom_id"] for line in done)
            if self.plays("missing"):
                good = good[1:]
            if self.plays("duplicates"):
                good += good[: 1 + len(good) // 2]
            if self.plays("unknown"):
                good.append({"custom_id": "nobody", "response": {"status_code": 200, "body": answer(lines[0]["body"])[1]}})
            if status in ("expired", "cancelled"):
                code = f"batch_{status}"
                bad += [{"id": "r", "custom_id": line["custom_id"], "response": None,
                         "error": {"code": code, "message": f"This request was not executed: {status}."}}
                        for line in lines[len(done) :]]  # fmt: skip
        counts = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        batch |= {"status": status, "request_counts": counts}
        for name, results in (("output_file_id", good), ("error_file_id", bad)):
            if results:
                batch[name] = f"{batch['id']}-{name}"
                self.files[batch[name]] = b"".join(json.dumps(result).encode() + b"\n" for result in results)

    def content(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        if self.plays("no_such_file"):
            return reply(handler, 404, error("no such file"))
        if self.plays("torn"):
            content = content[: len(content) // 2]
        return reply(handler, 200, content)


def error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}


def reply(handler: BaseHTTPRequestHandler, status: int, value: object) -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/octet-stream" if isinstance(value, bytes) else "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Cut the connection without a goodbye (TCP RST)."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--looks", type=int, default=1)
    options = parser.parse_args()
    with BatchServer(looks=options.looks) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
