"""Servers that play a model's server, good and bad, on 127.0.0.1: `FaultServer` runs one in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

from pplab.models.types import Call

ROOT = Path(__file__).parents[2]


class FaultServer:
    """A running fault server; what it plays is chosen by the model's name, see `tests.servers.faults`.

    Parameters
    ----------
    latency_ms
        How long the model ``fast`` takes to answer.

    Examples
    --------
    >>> with FaultServer() as server:  # doctest: +SKIP
    ...     client = ModelClient("test", server.base_url, "key")
    """

    def __init__(self, *, latency_ms: float = 0) -> None:
        self.latency_ms = latency_ms

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.servers.faults", "--port", "0", "--latency-ms", str(self.latency_ms)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())
        self.origin = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.origin}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()  # the server ends when its input does, also when this process is killed
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def counts(self) -> dict[str, Any]:
        """Return the number of requests and connections, and of requests by what was played."""
        return self._get("/counts")

    def seen(self, prompt: str) -> list[dict[str, Any]]:
        """Return what arrived with this prompt, in order: ``step`` played, ``headers`` and ``body``."""
        return [request for request in self._get("/seen") if request["prompt"] == prompt]

    def _get(self, path: str) -> Any:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.origin + path, timeout=10) as answer:
            return json.load(answer)


def ask(model: str, prompt: str, *, stream: bool = False, replicate: int = 0, **parameters: Any) -> Call:
    """Return a call with one user message."""
    messages = ({"role": "user", "content": prompt},)
    key = f"{model}/{prompt}/{replicate}"
    return Call(model=model, messages=messages, parameters=parameters, replicate=replicate, request_key=key, stream=stream)
