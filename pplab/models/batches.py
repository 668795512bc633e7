"""Batches of a provider: files of requests that it works through in its own time. OpenAI's way, and what a second one must offer.

Limits of OpenAI: 50,000 requests and 200 MB a file, 24 hours a batch (the parameters of ``batches.create`` in openai 3.57, and
learn.microsoft.com/azure/foundry/reference/rest/batches-create-batch); what a batch that expires has finished is charged
(help.openai.com/en/articles/9197833-batch-api-faq). Read 2026-11-29. Other servers take the same requests.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote

from pplab.log import log_error
from pplab.models.batch_format import ENDPOINT, read_result, request_line
from pplab.models.completions import parse_json
from pplab.models.provider_errors import one_line
from pplab.models.queries import QueryError
from pplab.models.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import IO

    from pplab.models.batch_format import Result
    from pplab.models.client import ModelClient
    from pplab.models.types import Call, Reply

T = TypeVar("T")

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
"""The provider's words for a batch in which nothing happens any more."""
MARK = "pplab_batch"
"""The entry of a batch's metadata that holds our id."""
WINDOW = "24h"
LONGEST_WAIT_S = 24 * 3600
NO_LIST = frozenset({404, 405, 501})  # a server that takes batches and cannot list them
PAGES = 100  # of the list of batches that are looked through, of 100 each
RETRY_WAIT_S = 60.0  # a server that asks to wait longer than this while files are sent is left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What a provider takes and how it is treated.

    Attributes
    ----------
    requests, size : int
        The most requests and bytes of one file.
    first_look, longest_look : float
        Seconds until a batch is looked at for the first time, and the most between two looks; the pause doubles each time.
    retries : int
        How often a request that failed in passing is sent again.
    backoff : float
        Seconds: the most that is waited before the first of these; doubles with each.
    upload, patience : float
        Seconds that an upload, and any other request, may take.
    """

    requests: int = 50_000
    size: int = 200_000_000
    first_look: float = 4.0
    longest_look: float = 240.0
    retries: int = 4
    backoff: float = 0.5
    upload: float = 1_200.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """A batch as its provider sees it.

    ``done`` and ``failed`` count its requests; ``results`` are the ids of the files with their outcomes; ``error`` says why it
    failed as a whole. ``ends_at`` is ISO 8601 UTC, as in the tables.
    """

    id: str
    status: str
    file_id: str | None
    done: int
    failed: int
    results: tuple[str, ...]
    ends_at: str | None
    error: str

    @property
    def ended(self) -> bool:
        """Whether nothing happens in it any more."""
        return self.status in ENDED


class BatchProvider(Protocol):
    """A provider that works through files of requests. All of its methods raise `QueryError` in plain words."""

    limits: BatchLimits

    async def learn(self, call: Call) -> None:
        """Ask the server what it is, where a call cannot be written down without that."""

    def request(self, custom_id: str, call: Call) -> bytes:
        """Return the line that a call is in a file."""

    def result(self, line: bytes) -> Result | None:
        """Return what a line of results holds, ``None`` where it is no result."""

    def reply(self, call: Call, result: Result, *, started_at: str, latency_ms: float) -> Reply:
        """Return the reply to a call that a result is; see `pplab.models.client.ModelClient.read`."""

    async def submit(self, batch_id: str, content: bytes, uploaded: Callable[[str], Awaitable[None]]) -> BatchState:
        """Send a file under our id and have it worked through; ``uploaded`` is told the file's id as soon as it is known."""

    async def find(self, batch_id: str) -> BatchState | None:
        """Return the batch that was submitted under our id, ``None`` where there is none."""

    async def look(self, provider_batch_id: str) -> BatchState | None:
        """Return a batch as it is now, ``None`` where the provider does not know it any more."""

    async def results(self, file_id: str, file: IO[bytes], *, whole: bool) -> bool:
        """Write a file of results to ``file``; return whether it is there.

        ``whole``: the batch has ended, so a last line that is cut off means that the download broke off, and it is made again.
        """

    async def cancel(self, provider_batch_id: str) -> None:
        """Have a batch ended; what is finished by then can be read."""


class OpenAIBatches:
    """Batches in OpenAI's way, through the client of a model's server: its address, key, headers and proxy, and no other.

    Parameters
    ----------
    client
        The client of the server.
    """

    limits = BatchLimits()

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self._draw = random.Random()  # noqa: S311 - spreads retries in time, guards nothing

    async def learn(self, call: Call) -> None:
        """Ask the server what it is, where a parameter's name depends on that."""
        await self._client.learn(call)

    def request(self, custom_id: str, call: Call) -> bytes:
        """Return the line that a call is in a file: the body that the client sends for it alone."""
        return request_line(custom_id, self._client.body(call))

    def result(self, line: bytes) -> Result | None:
        """Return what a line of results holds, ``None`` where it is no result."""
        return read_result(line)

    def reply(self, call: Call, result: Result, *, started_at: str, latency_ms: float) -> Reply:
        """Return the reply to a call, read as the client reads the answer to it alone."""
        return self._client.read(call, result.http_status, result.body, started_at=started_at, latency_ms=latency_ms)

    async def submit(self, batch_id: str, content: bytes, uploaded: Callable[[str], Awaitable[None]]) -> BatchState:
        """Send a file under our id and have it worked through; see `BatchProvider.submit`."""
        file = (f"{MARK}-{batch_id}.jsonl", content, "application/jsonl")
        upload = await self._ask("/files", deadline=self.limits.upload, file=file, form={"purpose": "batch"})
        file_id = _text(upload.get("id"))
        if file_id is None:
            raise QueryError("the server took a file and gave no id for it")
        await uploaded(file_id)
        wanted = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": WINDOW, "metadata": {MARK: batch_id}}
        return await self._retrying(lambda: self._create(batch_id, wanted))

    async def _create(self, batch_id: str, wanted: Mapping[str, Any]) -> BatchState:
        try:
            return _state(parse_object(await self._client.queries.ask("/batches", body=wanted, deadline=self.limits.patience)))
        except QueryError as error:
            if error.unknown and (there := await self.find(batch_id)) is not None:
                return there
            raise

    async def find(self, batch_id: str) -> BatchState | None:
        """Return the batch that was submitted under our id; a server that keeps no list has none."""
        after = ""
        for _ in range(PAGES):
            try:
                page = await self._ask(f"/batches?limit=100{after}", limit=2**25)
            except QueryError as error:
                if error.http_status not in NO_LIST:
                    raise
                log_error("the server cannot list its batches, so nobody knows whether one was submitted", error)
                return None
            batches = [batch for batch in page.get("data") or () if isinstance(batch, dict)]
            for batch in batches:
                metadata = batch.get("metadata")
                if isinstance(metadata, dict) and metadata.get(MARK) == batch_id:
                    return _state(batch)
            last = _text(batches[-1].get("id")) if batches else None
            if not page.get("has_more") or last is None:
                return None
            after = f"&after={quote(last, safe='')}"
        return None

    async def look(self, provider_batch_id: str) -> BatchState | None:
        """Return a batch as it is now, ``None`` where the provider does not know it any more."""
        try:
            body = await self._client.queries.ask(f"/batches/{quote(provider_batch_id, safe='')}", deadline=self.limits.patience)
        except QueryError as error:
            if error.http_status == 404:
                return None
            raise
        return _state(parse_object(body))

    async def results(self, file_id: str, file: IO[bytes], *, whole: bool) -> bool:
        """Write a file of results to ``file``; see `BatchProvider.results`."""

        async def once() -> bool:
            file.seek(0)
            file.truncate()
            try:
                path = f"/files/{quote(file_id, safe='')}/content"
                await self._client.queries.download(path, file, patience=self.limits.patience)
            except QueryError as error:
                if error.http_status == 404:
                    return False
                raise
            if whole and not _ends_with_a_line(file):
                raise QueryError("the download of results broke off within a line", retry=True)
            return True

        return await self._retrying(once)

    async def cancel(self, provider_batch_id: str) -> None:
        """Have a batch ended; one that has ended already is left as it is."""
        try:
            await self._ask(f"/batches/{quote(provider_batch_id, safe='')}/cancel", body={})
        except QueryError as error:
            if error.http_status not in (400, 404, 409):
                raise

    async def _ask(self, path: str, *, deadline: float | None = None, **content: Any) -> dict[str, Any]:
        patience = self.limits.patience if deadline is None else deadline
        return await self._retrying(lambda: self._object(path, deadline=patience, **content))

    async def _object(self, path: str, **content: Any) -> dict[str, Any]:
        return parse_object(await self._client.queries.ask(path, **content))

    async def _retrying(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again, within limits, while what goes wrong may be gone at the next attempt."""
        retries = 0
        while True:
            try:
                return await ask()
            except QueryError as error:
                if not error.retry or retries >= self.limits.retries or (error.wait or 0.0) > RETRY_WAIT_S:
                    raise
                await asyncio.sleep((error.wait or 0.0) + backoff(retries, self.limits.backoff, self._draw))
                retries += 1


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is, or raise `QueryError`."""
    try:
        value = parse_json(body.decode("utf-8", "replace"))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise QueryError(f"unreadable reply: {one_line(body[:200].decode('utf-8', 'replace')) or 'empty'}")
    return value


def _state(batch: Mapping[str, Any]) -> BatchState:
    counts = batch.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    id_ = _text(batch.get("id"))
    if id_ is None:
        raise QueryError("the server answered with a batch that has no id")
    errors = batch.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else errors
    words = [str(e.get("message") or e.get("code")) for e in (listed if isinstance(listed, list) else []) if isinstance(e, dict)]
    ends = batch.get("expires_at")
    return BatchState(
        id=id_,
        status=_text(batch.get("status")) or "in_progress",
        file_id=_text(batch.get("input_file_id")),
        done=_count(counts.get("completed")),
        failed=_count(counts.get("failed")),
        results=tuple(id_ for name in ("output_file_id", "error_file_id") if (id_ := _text(batch.get(name)))),
        ends_at=_instant(ends) if isinstance(ends, int) else None,
        error=one_line("; ".join(dict.fromkeys(words[:3]))),
    )


def _instant(seconds: int) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):  # no time that a table could hold
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def _ends_with_a_line(file: IO[bytes]) -> bool:
    """Return whether a file is empty or its last line is whole: it has its end, or is JSON all the same."""
    size = file.seek(0, 2)
    if size == 0:
        return True
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return True
    file.seek(0)
    last = b""
    for line in file:
        last = line
    try:
        json.loads(last)
    except ValueError:
        return False
    return True
