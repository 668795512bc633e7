"""The file of a recording and the source that answers from it: found calls are answered, others are asked and added."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Self

from pplab.errors import BadInput, Offline, PplabError
from pplab.forks import Guard
from pplab.ids import now
from pplab.inputs.paths import given_path
from pplab.models.recording_format import SETTLED, Asked, Recorded, from_line, nearest, to_line
from pplab.models.types import Reply
from pplab.store.lease import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedRandom
    from pathlib import Path

    from pplab.models.types import Attempt, Call

HEADER = '{"format":"pplab-recording","version":1}\n'
IDLE_S = 0.3  # how long a recording rests before the lines added at its end are sorted in
MISSING_CODE = "not_recorded"


@dataclass(frozen=True, slots=True)
class Stale:
    """A recorded call that may no longer be what the model would say, and why."""

    asked: Asked
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a recording holds and what it did since it was opened.

    Attributes
    ----------
    calls
        Recorded calls, further takes of one call counted once.
    answered, added
        Calls answered from it and added to it by this process.
    models
        ``(provider, model that answered)`` and how many calls each has.
    oldest : str or None
        When its oldest call was recorded, ISO 8601 UTC.
    stale : tuple of Stale
    """

    calls: int
    answered: int
    added: int
    models: dict[tuple[str, str], int]
    oldest: str | None
    stale: tuple[Stale, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        models = [{"provider": p, "model": m, "calls": n} for (p, m), n in self.models.items()]
        stale = [{"model": s.asked.model, "replicate": s.asked.replicate, "why": s.why} for s in self.stale]
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
        Report calls recorded longer ago than this many days as stale.

    Raises
    ------
    BadInput
        When the file is something else than a recording, or one of its lines cannot be read.
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
        self._takes: dict[str, list[Recorded]] = {}
        self._asked: Counter[str] = Counter()
        self._answered = self._added = 0
        self._unsorted = False
        self._seen: tuple[int, int, int] | None = None
        self._refresh()

    # -- what is recorded -----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @property
    def words(self) -> str:
        """What the recording does, the same on every run, and a warning when some of it may be stale."""
        text = f"From here on, calls are answered from {self.name} where it has them; others are asked and added to it."
        stale = self.report().stale
        if stale:
            count = f"{len(stale)} recorded {'call' if len(stale) == 1 else 'calls'}"
            text += f"\nWarning: {count} may be stale, the first {stale[0].why}."
        return text

    def __repr__(self) -> str:
        return f"Recording({self.name})"

    def __deepcopy__(self, _memo: object) -> Self:
        return self  # it stands for one file, and two of it would each count what was asked

    def __copy__(self) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise BadInput(
            f"the recording '{self.name}' cannot be carried into another process, for it knows the keys to leave out",
            hint="carry the lab that uses it, or make it there: lab.use_recording(path)",
        )

    def calls(self) -> list[Asked]:
        """Return every recorded call, once."""
        with self._guard:
            self._refresh()
            return [takes[0].asked for takes in self._takes.values()]

    def has(self, key: str) -> bool:
        """Return whether a call with this identity is recorded, by any process."""
        with self._guard:
            if key not in self._takes:
                self._refresh()
            return key in self._takes

    def next_attempt(self, key: str, *, strict: bool) -> Recorded | None:
        """Return what this call is answered with now, or ``None`` when the model must be asked.

        The first time a process asks it gets the first take, and so on. Past the last take an outcome that would not change is
        given again; a fault is, too, when the model cannot be asked (``strict``).
        """
        with self._guard:
            if key not in self._takes:
                self._refresh()
            takes, at = self._takes.get(key), self._asked[key]
            if not takes:
                return None
            if at >= len(takes) and not strict and takes[-1].reply.status not in SETTLED:
                return None
            self._asked[key] += 1
            self._answered += 1
            return takes[min(at, len(takes) - 1)]

    def report(self) -> Report:
        """Say what is recorded, by whomever, what was used here, and which calls may be stale."""
        with self._guard:
            self._refresh()
            first = [takes[0] for takes in self._takes.values()]
            models = Counter((r.asked.provider, r.reply.model or r.asked.model) for r in first)
            oldest = min((r.recorded_at for r in first), default=None)
            stale = tuple(self._stale(first))
            return Report(len(first), self._answered, self._added, dict(sorted(models.items())), oldest, stale)

    def _stale(self, recorded: list[Recorded]) -> Iterator[Stale]:
        latest: dict[tuple[str, str], tuple[str, str]] = {}
        for r in recorded:
            if r.reply.model:
                asked = (r.asked.provider, r.asked.model)
                latest[asked] = max(latest.get(asked, ("", "")), (r.recorded_at, r.reply.model))
        before = None
        if self._max_age_days is not None:
            before = (datetime.now(UTC) - timedelta(days=self._max_age_days)).strftime("%Y-%m-%dT%H:%M:%S.%f")
        for r in recorded:
            newest = latest.get((r.asked.provider, r.asked.model), ("", ""))[1]
            if before is not None and r.recorded_at < before:
                yield Stale(r.asked, f"recorded on {r.recorded_at[:10]}, more than {self._max_age_days:g} days ago")
            elif r.reply.model and r.reply.model != newest:
                yield Stale(r.asked, f"answered by {r.reply.model}, later calls by {newest}")

    def miss(self, asked: Asked, why: str) -> Offline:
        """Return the error of a call that is not recorded and cannot be asked."""
        return Offline(
            f"a call is not in the recording '{self.name}', and {why}: {nearest(asked, self.calls())}",
            hint="ask for what is recorded, or record it where the model can be reached",
        )

    # -- the file -------------------------------------------------------------------------------------------------------------

    def add(self, recorded: Recorded) -> None:
        """Write one more outcome of a call; it is in the file when this returns."""
        key = recorded.asked.key
        with self._guard:
            takes = self._takes.setdefault(key, [])
            recorded = replace(recorded, take=len(takes))
            takes.append(recorded)
            self._asked[key] = len(takes)
            self._added += 1
            self._unsorted = True
            with self._opened() as file:
                alone = _stamp(os.fstat(file.fileno())) == self._seen  # else another process added what we have not read yet
                end = file.seek(0, os.SEEK_END)
                start = b"" if end else HEADER.encode()
                if end:
                    file.seek(end - 1)
                    start = b"" if file.read(1) == b"\n" else b"\n"
                file.write(start + to_line(recorded, self._scrub).encode())
                file.flush()
                if alone or not end:
                    self._seen = _stamp(os.fstat(file.fileno()))

    def settle(self) -> None:
        """Sort what this process added into the file."""
        with self._guard:
            if not self._unsorted:
                return
            self._unsorted = False
            with self._opened() as file:
                write_recording(self.path, self._read(file.read()), self._scrub)
            self._refresh()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BufferedRandom]:
        """Hold the file, locked; one that was replaced while we waited for its lock is opened again."""
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
                hint="choose a place that can be written",
                code="recording",
            ) from None

    def _refresh(self) -> None:
        """Read the file again when it is another than at the last reading."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return
        seen = _stamp(stat)
        if seen == self._seen:
            return
        self._takes = {}
        for recorded in self._read(self.path.read_bytes()):
            takes = self._takes.setdefault(recorded.asked.key, [])
            if recorded.take == len(takes):  # two processes may have recorded the same take: the first in the file counts
                takes.append(recorded)
        self._seen = seen

    def _read(self, data: bytes) -> list[Recorded]:
        out: list[Recorded] = []
        lines = data.split(b"\n")
        torn = lines.pop()  # what a dying process left without an end was acknowledged to nobody
        if (lines and lines[0] + b"\n" != HEADER.encode()) or (torn and not lines):
            raise BadInput(f"'{self.name}' is not a recording", hint="name another file; recordings are made with pplab record")
        for number, line in enumerate(lines[1:], 2):
            try:
                if line:
                    out.append(from_line(line.decode("utf-8")))
            except (ValueError, TypeError, BadInput) as error:
                raise BadInput(
                    f"line {number} of the recording '{self.name}' cannot be read: {error}", hint="take the line out"
                ) from None
        return sorted(out, key=Recorded.order)


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def write_recording(path: Path, recorded: Iterable[Recorded], scrub: Callable[[str], str]) -> None:
    """Write a whole recording in place of ``path``, sorted, each (call, take) once, atomically."""
    lines: dict[tuple[Any, ...], str] = {}
    for one in sorted(recorded, key=Recorded.order):
        lines.setdefault(one.order(), to_line(one, scrub))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_bytes((HEADER + "".join(lines.values())).encode())
    temporary.replace(path)


class RecordedSource:
    """Answers calls from a recording, and asks ``model`` for the others and records them.

    Parameters
    ----------
    recording
    provider
        Who would serve the model, part of a call's identity.
    model
        Who is asked for what is not recorded; ``None``: nobody, such a call is an error.
    why
        Why nobody is asked, in words.
    """

    def __init__(self, recording: Recording, provider: str, model: Any | None, why: str = "") -> None:
        self.recording = recording
        self.provider = provider
        self._model = model
        self._why = why
        self._under_way = 0

    def refuse_missing(self, calls: Iterable[Call]) -> None:
        """Raise `Offline` for the first call that can neither be answered from the recording nor asked."""
        if self._model is None:
            for call in calls:
                if not self.recording.has(call.request_key):
                    raise self.recording.miss(self._asked(call), self._why)

    async def complete(
        self,
        call: Call,
        *,
        deadline: float,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the outcome of one call; nothing is opened for one that is recorded."""
        found = self.recording.next_attempt(call.request_key, strict=self._model is None)
        if found is not None:
            return self._again(found, call, on_attempt, on_text)
        if self._model is None:
            error = self.recording.miss(self._asked(call), self._why)
            return Reply(status="failed", error=error.message, error_code=MISSING_CODE, stop_run=True)
        self._under_way += 1
        pieces: list[str] = []

        def hear(text: str) -> None:
            pieces.append(text)
            if on_text is not None:
                on_text(text)

        try:
            reply: Reply = await self._model.complete(call, deadline=deadline, on_attempt=on_attempt, on_text=hear)
        finally:
            self._under_way -= 1
        lengths = tuple(map(len, pieces)) if call.stream and "".join(pieces) == reply.text else ()
        self.recording.add(Recorded(asked=self._asked(call), reply=reply, recorded_at=now(), pieces=lengths))
        asyncio.get_running_loop().call_later(IDLE_S, self._settle_if_idle)
        return reply

    def _again(
        self,
        found: Recorded,
        call: Call,
        on_attempt: Callable[[Attempt], None] | None,
        on_text: Callable[[str], None] | None,
    ) -> Reply:
        if on_attempt is not None:
            for attempt in found.reply.attempts:
                on_attempt(replace(attempt, replayed=True))
        if on_text is not None and call.stream:
            for piece in found.heard():
                on_text(piece)
        return found.reply if call.stream else replace(found.reply, first_token_ms=None)

    def _asked(self, call: Call) -> Asked:
        return Asked(
            provider=self.provider,
            model=call.model,
            messages=call.messages,
            parameters=call.parameters,
            replicate=call.replicate,
        )

    def _settle_if_idle(self) -> None:
        if not self._under_way:
            self.recording.settle()
