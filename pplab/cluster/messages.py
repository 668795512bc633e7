"""The messages between a run and its workers, and how they go over a pipe."""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.context import LabAddress
    from pplab.models.types import Reply
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.store.rows import ResponseRow

LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker is told first: the run it works for.

    ``recording`` is what stands in front of the model, see `CarriedRecording`. ``offline``: nothing is sent. ``concurrency`` is
    the worker's share of the calls under way at once, ``workers`` how many workers there are.
    """

    experiment_id: str
    plan: Plan
    span: Span
    address: LabAddress
    recording: tuple[str, bytes, dict[str, int]] | None
    offline: bool
    concurrency: int
    workers: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """A call for a worker to make.

    ``replaces`` is the revision of the stored row that gives way, ``None`` where there is none. ``allowance`` is the US dollars
    that its attempts may cost in all.
    """

    planned: PlannedCall
    replaces: int | None
    allowance: float


@dataclass(frozen=True, slots=True)
class Shard:
    """Some calls of the run."""

    calls: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Portion:
    """Some answers for the reader."""

    rows: tuple[ResponseRow, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """Another share of the calls under way at once for a worker, and another limit of US dollars for all of them together."""

    concurrency: int
    max_cost: float | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """That the run ends now, and why: calls under way are abandoned."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a worker cannot work for the run: the parts of a `PplabError`."""

    message: str
    hint: str
    code: str


@dataclass(slots=True)
class Report:
    """What happened in a worker since its last report; its first says no more than that it is ready.

    Attributes
    ----------
    lines
        Lines for the journal, without keys.
    arrived
        The outcome of each call that has one, by the id of its response; the rows come when it is scored.
    told
        The values of the user's metrics, and what explains them, of each response that has all its scores.
    unsent
        Calls given back.
    read
        The ids of the responses that the reader has read.
    recorded
        Lines for the recording.
    concurrency, waiting_until
        As in `Progress`, of this worker.
    failure
        Why it works no longer.
    reader_failure
        Why it reads no longer.
    """

    lines: list[bytes] = field(default_factory=list)
    arrived: list[tuple[str, Reply]] = field(default_factory=list)
    told: list[tuple[str, Mapping[str, float | None], Mapping[str, Any]]] = field(default_factory=list)
    unsent: list[PlannedCall] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    concurrency: int = 0
    waiting_until: float | None = None
    failure: str = ""
    reader_failure: str = ""


def write(pipe: BinaryIO, data: bytes) -> None:
    """Write a message, or what `carry` returned, into a pipe."""
    pipe.write(LENGTH.pack(len(data)) + data)
    pipe.flush()


def read(pipe: BinaryIO) -> bytes | None:
    """Return the next message of a pipe as bytes; ``None`` at its end."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    data = pipe.read(length := LENGTH.unpack(head)[0])
    return data if len(data) == length else None


def packed(message: Any) -> bytes:
    """Return a message as bytes."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:
    """Return the message that `packed` made into bytes."""
    return pickle.loads(data)  # noqa: S301 - from a process of this run, over its own pipe
