"""Recordings: a file of calls and their outcomes, and the source that answers from it and asks the model for other calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pplab.errors import BadInput, Offline, PplabError
from pplab.files import lock, write_atomically
from pplab.forks import Guard
from pplab.ids import now
from pplab.inputs.paths import given_path
from pplab.models.recording_format import RecordedCall, RecordedRequest, from_line, nearest, to_line
from pplab.models.types import Reply
from pplab.plan.vocabulary import FINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from io import BufferedRandom
    from pathlib import Path

    from pplab.models.types import Attempt, Call, Place, Source

HEADER = '{"format":"pplab-recording","version":1}\n'
IDLE_S = 0.3  # how long a recording rests before the lines added at its end are sorted in
NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class StaleCall:
    """A recorded call that the model might answer differently today, with the reason."""

    request: RecordedRequest
    reason: str


@dataclass(frozen=True, slots=True)
class RecordingReport:
    """Counts of what a recording holds and of how it was used since it was opened.

    Attributes
    ----------
    calls
        Recorded calls, further attempts of one call counted once.
    answered, added
        Calls answered from it and added to it by this process.
    models
        ``(provider, model that answered)`` and how many calls each has.
    oldest : str or None
        When its oldest call was recorded, ISO 8601 UTC.
    stale : tuple of StaleCall
    """

    calls: int
    answered: int
    added: int
    models: dict[tuple[str, str], int]
    oldest: str | None
    stale: tuple[StaleCall, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        models = [{"provider": p, "model": m, "calls": n} for (p, m), n in self.models.items()]
        stale = [{"model": s.request.model, "replicate": s.request.replicate, "why": s.reason} for s in self.stale]
        counts = {"calls": self.calls, "answered": self.answered, "added": self.added}
        return {**counts, "models": models, "oldest": self.oldest, "stale": stale}


class Recording:
    """A file of recorded calls: one line of JSON a call, sorted, so that a difference between two versions can be read.

    Lines are appended one by one under a lock, so that several processes can record into one file and a crash loses nothing that
    was answered; when the recording rests the lines are sorted in.

    Parameters
    ----------
    path
        The file; made with the first call that is added.
    scrub
        Removes secrets from text; everything written has passed it.
    max_age_days
        Age above which a recorded call is reported as stale.

    Raises
    ------
    BadInput
        When the file is no recording, or one of its lines cannot be read.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, scrub: Callable[[str], str] = str, max_age_days: float | None = None
    ) -> None:
        self.path = given_path(path, "the recording", "name a .jsonl file")
        if self.path.is_dir():
            raise BadInput(f"the recording '{self.path.name}' is a folder", hint="name a .jsonl file")
        self._scrub = scrub
        self._max_age_days = max_age_days
        self._guard = Guard()
        self._attempts: dict[str, list[RecordedCall]] = {}
        self._positions: Counter[str] = Counter()
        self._answered = self._added = 0
        self._unsorted = False
        self._forgotten: set[str] = set()
        self._last_stamp: tuple[int, int, int] | None = None
        self._refresh()

    # -- recorded calls ------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @property
    def words(self) -> str:
        """What the recording does, the same on every run, and a warning when some of it may be stale."""
        text = (
            f"From here on, calls recorded in {self.name} are answered from it; all others go to the model and are added to it."
        )
        stale = self.report().stale
        if stale:
            count = f"{len(stale)} recorded {'call' if len(stale) == 1 else 'calls'}"
            text += f"\nWarning: {count} may be stale, the first {stale[0].reason}."
        return text

    def __repr__(self) -> str:
        return f"Recording({self.name})"

    def __deepcopy__(self, _memo: object) -> Self:
        return self  # it stands for one file, and two copies would each count the requests

    def __copy__(self) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise BadInput(
            f"the recording '{self.name}' cannot be sent to another process: it holds the keys that it masks",
            hint="send the lab that uses it, or call lab.use_recording(path) there",
        )

    def calls(self) -> list[RecordedRequest]:
        """Return every recorded call, once."""
        with self._guard:
            self._refresh()
            return [attempts[0].request for attempts in self._attempts.values()]

    def has(self, key: str) -> bool:
        """Return whether a call with this identity is recorded, by any process."""
        with self._guard:
            if key not in self._attempts:
                self._refresh()
            return key in self._attempts

    def next_attempt(self, key: str, *, offline: bool) -> RecordedCall | None:
        """Return the next recorded outcome of a call, or ``None`` when the model must be asked.

        A process gets the first outcome with its first request, the second with the next, and so on. After the last recorded
        outcome: final outcomes are repeated; failures are repeated only when ``offline``.
        """
        with self._guard:
            if key not in self._attempts:
                self._refresh()
            attempts, at = self._attempts.get(key), self._positions[key]
            if not attempts:
                return None
            if at >= len(attempts) and not offline and attempts[-1].reply.status not in FINAL:
                return None
            self._positions[key] += 1
            self._answered += 1
            return attempts[min(at, len(attempts) - 1)]

    def carried(self) -> tuple[str, bytes, dict[str, int]]:
        """Return the file's name, its content, and how many outcomes of each call were used, for a `CarriedRecording`."""
        with self._guard:
            content = self.path.read_bytes() if self.path.exists() else b""
            return self.name, content, dict(self._positions)

    def used(self, key: str) -> None:
        """Take note that the next outcome of a call was used, or added to the file, by another process for this one."""
        with self._guard:
            self._positions[key] += 1

    def report(self) -> RecordingReport:
        """Return counts of what is recorded (by any process) and of what was used here, and the calls that may be stale."""
        with self._guard:
            self._refresh()
            first = [attempts[0] for attempts in self._attempts.values()]
            models = Counter((r.request.provider, r.reply.model or r.request.model) for r in first)
            oldest = min((r.recorded_at for r in first), default=None)
            stale = tuple(self._stale_calls(first))
            return RecordingReport(len(first), self._answered, self._added, dict(sorted(models.items())), oldest, stale)

    def _stale_calls(self, recorded: list[RecordedCall]) -> Iterator[StaleCall]:
        latest: dict[tuple[str, str], tuple[str, str]] = {}
        for r in recorded:
            if r.reply.model:
                model = (r.request.provider, r.request.model)
                latest[model] = max(latest.get(model, ("", "")), (r.recorded_at, r.reply.model))
        before = None
        if self._max_age_days is not None:
            before = (datetime.now(UTC) - timedelta(days=self._max_age_days)).strftime("%Y-%m-%dT%H:%M:%S.%f")
        for r in recorded:
            newest = latest.get((r.request.provider, r.request.model), ("", ""))[1]
            if before is not None and r.recorded_at < before:
                yield StaleCall(r.request, f"recorded on {r.recorded_at[:10]}, more than {self._max_age_days:g} days ago")
            elif r.reply.model and r.reply.model != newest:
                yield StaleCall(r.request, f"answered by {r.reply.model}, later calls by {newest}")

    def missing_call_error(self, request: RecordedRequest, reason: str) -> Offline:
        """Return the error of a call that is not recorded while the model cannot be asked (``reason``)."""
        if request.key in self._forgotten:
            return Offline(
                f"the texts of a call were forgotten in the recording '{self.name}', and {reason}",
                hint="record this call anew where the model can be reached",
            )
        return Offline(
            f"a call is not in the recording '{self.name}', and {reason}: {nearest(request, self.calls())}",
            hint="use the recorded prompts and settings, or record this call where the model can be reached",
        )

    # -- the file -------------------------------------------------------------------------------------------------------------

    def add(self, recorded: RecordedCall) -> None:
        """Write one more outcome of a call; it is in the file when this returns."""
        key = recorded.request.key
        with self._guard:
            attempts = self._attempts.setdefault(key, [])
            recorded = replace(recorded, attempt=len(attempts))
            attempts.append(recorded)
            self._positions[key] = len(attempts)
            self._added += 1
            self._unsorted = True
            with self._locked_file() as file:
                alone = _stamp(os.fstat(file.fileno())) == self._last_stamp  # else another process has added to it
                end = file.seek(0, os.SEEK_END)
                start = b"" if end else HEADER.encode()
                if end:
                    file.seek(end - 1)
                    start = b"" if file.read(1) == b"\n" else b"\n"
                file.write(start + to_line(recorded, self._scrub).encode())
                file.flush()
                if alone or not end:
                    self._last_stamp = _stamp(os.fstat(file.fileno()))

    def sort_lines(self) -> None:
        """Sort what this process added into the file."""
        with self._guard:
            if not self._unsorted:
                return
            self._unsorted = False
            with self._locked_file() as file:
                write_recording(self.path, self._read(file.read()), self._scrub)
            self._refresh()

    def forget(self, keys: Collection[str], mark: Callable[[str], str]) -> None:
        """Put marks in the place of the texts of these calls, in every outcome that the file has of them."""
        with self._guard:
            with self._locked_file() as file:
                calls = [call.without_texts(mark) if call.request.key in keys else call for call in self._read(file.read())]
                write_recording(self.path, calls, self._scrub)
            self._refresh()

    @contextlib.contextmanager
    def _locked_file(self) -> Iterator[BufferedRandom]:
        """Open the file with its lock held; one that was replaced while we waited for the lock is opened again."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                with self.path.open("ab+") as file:
                    lock(file.fileno(), wait=True)
                    if self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                        file.seek(0)
                        yield file
                        return
        except OSError as error:
            raise PplabError(
                f"the recording '{self.name}' cannot be written: {error.strerror}",
                hint="choose a folder that you may write to",
                code="recording",
            ) from None

    def _refresh(self) -> None:
        """Read the file again when it is another than at the last reading."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return
        stamp = _stamp(stat)
        if stamp == self._last_stamp:
            return
        self._take(self.path.read_bytes())
        self._last_stamp = stamp

    def _take(self, content: bytes) -> None:
        """Take the calls of a file's content in place of those known so far."""
        self._attempts = {}
        read = self._read(content)
        self._forgotten = {recorded.forgotten for recorded in read if recorded.forgotten}
        for recorded in (recorded for recorded in read if not recorded.forgotten):
            attempts = self._attempts.setdefault(recorded.request.key, [])
            if recorded.attempt == len(
                attempts
            ):  # two processes may have recorded the same attempt: the first in the file counts
                attempts.append(recorded)

    def _read(self, data: bytes) -> list[RecordedCall]:
        calls: list[RecordedCall] = []
        lines = data.split(b"\n")
        torn = lines.pop()  # a line without an end: its process died before the call was reported as recorded
        if (lines and lines[0] + b"\n" != HEADER.encode()) or (torn and not lines):
            raise BadInput(f"'{self.name}' is not a recording", hint="name another file; pplab record makes recordings")
        for number, line in enumerate(lines[1:], 2):
            try:
                if line:
                    calls.append(from_line(line.decode("utf-8")))
            except (ValueError, TypeError, BadInput) as error:
                raise BadInput(
                    f"line {number} of the recording '{self.name}' cannot be read: {error}",
                    hint="delete the line, or restore the file",
                ) from None
        return sorted(calls, key=RecordedCall.sort_key)


class CarriedRecording(Recording):
    """A recording in a process that works for another one: answers as that one would, and hands back what it would add.

    Parameters
    ----------
    carried
        What `Recording.carried` returned there.
    scrub
        Removes secrets from text.
    hand_back
        Given each line that the other process is to add to its file.
    """

    def __init__(
        self, carried: tuple[str, bytes, dict[str, int]], *, scrub: Callable[[str], str], hand_back: Callable[[str], None]
    ) -> None:
        name, content, positions = carried
        self._content: bytes | None = content
        self._hand_back = hand_back
        super().__init__(name, scrub=scrub)
        self._positions.update(positions)

    def add(self, recorded: RecordedCall) -> None:
        """Hand back one more outcome of a call, and answer from it from here on."""
        key = recorded.request.key
        with self._guard:
            attempts = self._attempts.setdefault(key, [])
            attempts.append(recorded)
            self._positions[key] = len(attempts)
        self._hand_back(to_line(recorded, self._scrub))

    def _refresh(self) -> None:
        """Read what was carried, once; the file may not be here."""
        content, self._content = self._content, None
        if content:
            self._take(content)


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def write_recording(path: Path, recorded: Iterable[RecordedCall], scrub: Callable[[str], str]) -> None:
    """Write a whole recording in place of ``path``, sorted, each attempt of a call once, atomically."""
    lines: dict[tuple[Any, ...], str] = {}
    for call in sorted(recorded, key=RecordedCall.sort_key):
        lines.setdefault(call.sort_key(), to_line(call, scrub))
    write_atomically(path, (HEADER + "".join(lines.values())).encode())


class RecordedSource:
    """A source of replies: recorded calls are answered from a recording, others by ``model``, and recorded.

    Parameters
    ----------
    recording
    provider
        Host of the lab's own server, which would answer the calls that name none.
    model
        The source of replies that are not recorded; ``None``: such a call is an error.
    unreachable
        Why there is no such source; or, by `Call.place`, why those calls cannot be made.
    """

    def __init__(
        self, recording: Recording, provider: str, model: Source | None, unreachable: str | Mapping[Place, str] = ""
    ) -> None:
        self.recording = recording
        self.provider = provider
        self._model = model
        self._unreachable = unreachable
        self._calls_in_progress = 0

    def require_recorded(self, calls: Iterable[Call]) -> None:
        """Raise `Offline` for the first call that is not recorded, if its model cannot be asked."""
        if self._model is None or self._unreachable:
            for call in calls:
                if self._offline(call) and not self.recording.has(call.request_key):
                    raise self._missing(call)

    def _offline(self, call: Call) -> bool:
        return self._model is None or call.place in self._unreachable

    def _missing(self, call: Call) -> Offline:
        reason = self._unreachable if isinstance(self._unreachable, str) else self._unreachable[call.place]
        return self.recording.missing_call_error(self._request(call), reason)

    async def complete(
        self,
        call: Call,
        *,
        deadline: float,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the outcome of one call; a recorded one needs no connection."""
        offline = self._offline(call)
        recorded = self.recording.next_attempt(call.request_key, offline=offline)
        if recorded is not None:
            return self._replay(recorded, call, on_attempt, on_text)
        if self._model is None or offline:
            return Reply(status="failed", error=self._missing(call).message, error_code=NOT_RECORDED, stop_run=True)
        self._calls_in_progress += 1
        pieces: list[str] = []

        def collect(text: str) -> None:
            pieces.append(text)
            if on_text is not None:
                on_text(text)

        try:
            reply = await self._model.complete(call, deadline=deadline, on_attempt=on_attempt, on_text=collect)
        finally:
            self._calls_in_progress -= 1
        lengths = tuple(map(len, pieces)) if call.stream and "".join(pieces) == reply.text else ()
        self.recording.add(RecordedCall(request=self._request(call), reply=reply, recorded_at=now(), pieces=lengths))
        asyncio.get_running_loop().call_later(IDLE_S, self._sort_if_idle)
        return reply

    def _replay(
        self,
        recorded: RecordedCall,
        call: Call,
        on_attempt: Callable[[Attempt], None] | None,
        on_text: Callable[[str], None] | None,
    ) -> Reply:
        if on_attempt is not None:
            for attempt in recorded.reply.attempts:
                on_attempt(replace(attempt, replayed=True))
        if on_text is not None and call.stream:
            for piece in recorded.text_pieces():
                on_text(piece)
        return recorded.reply if call.stream else replace(recorded.reply, first_token_ms=None)

    def _request(self, call: Call) -> RecordedRequest:
        return RecordedRequest(
            provider=call.provider or self.provider,
            model=call.model,
            messages=call.messages,
            parameters=call.parameters,
            replicate=call.replicate,
        )

    def _sort_if_idle(self) -> None:
        if not self._calls_in_progress:
            self.recording.sort_lines()
