"""Labs and scripts for the tests of runs in shards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

import pplab
from pplab.ids import now
from pplab.models.recording import write_recording
from pplab.models.recording_format import RecordedCall, RecordedRequest
from pplab.models.types import Attempt, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMPT = "Say hello."
MODULE = "pplab.cluster.worker"


def recorded_lab(folder: Path, calls: int, replies: Callable[[int], list[Reply]] | None = None) -> pplab.Lab:
    """Return a lab whose recording has as many replicates of the prompt, each with the outcomes that ``replies`` gives."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recording.jsonl"
    made = [
        RecordedCall(
            request=RecordedRequest(
                provider="played", model="m", messages=({"role": "user", "content": PROMPT},), parameters={}, replicate=number
            ),
            reply=reply,
            recorded_at=now(),
            attempt=attempt,
        )
        for number in range(calls)
        for attempt, reply in enumerate(replies(number) if replies else [good(number)])
    ]
    write_recording(path, made, str)
    lab = pplab.Lab(store=folder / "lab", user="ada", model="m")
    lab.use_recording(path)
    return lab


def good(number: int) -> Reply:
    """Return an answer that says its number."""
    attempt = Attempt(attempt=1, started_at=now(), latency_ms=1.0, http_status=200)
    text = f"Answer {number}: the keeper climbed the stairs at dusk, and lit the lamp as on every evening."
    return Reply(status="ok", text=text, finish_reason="stop", model="m", input_tokens=9, output_tokens=20, attempts=(attempt,))


def workers(parent: int | None = None) -> list[psutil.Process]:
    """Return the worker processes of a process (default: this one)."""
    return [child for child in psutil.Process(parent).children(recursive=True) if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    """Return whether a process is a worker that runs."""
    try:
        return MODULE in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Return once something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
