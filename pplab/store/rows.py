"""The rows of every table as plain records: the one list of columns that the journal, the tables and the readers share.

Times are ISO 8601 UTC text with microseconds and no offset (``2026-11-23T01:23:49.123456``); durations are nanoseconds unless
the name says otherwise; ``dict`` and ``list`` fields are stored as canonical JSON text. Each ``*_id`` that names the row itself
is made by the client (a UUID), so delivering a row twice changes nothing. Rows with a ``revision`` replace an older revision.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SECOND = {"since": 2}
"""Marks a column that came with the second migration: ``None`` in older rows, and no part of their digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRow:
    """The outcome of one quiz: scores, ranges and persona."""

    calibration_id: str
    created_at: str
    user: str
    quiz_version: str
    answers: dict[str, Any]
    precision_score: float
    personality_score: float
    confidence: float
    ranges: dict[str, list[float]]
    points: dict[str, list[float]]
    persona: str
    explanation: list[dict[str, Any]]
    correlation_id: str
    origin: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRow:
    """One experiment: its frozen plan and how far it came; written at its start and at every change of status."""

    experiment_id: str
    revision: int
    created_at: str
    updated_at: str
    user: str
    calibration_id: str | None
    model: str
    provider: str
    plan: dict[str, Any]
    planned: int
    status: str
    reason: str | None
    notebook: str | None
    software: dict[str, str]
    correlation_id: str
    origin: dict[str, Any] | None = None
    models: list[str] | None = field(default=None, metadata=SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """The name, the tags and the note of an experiment; a higher revision replaces a lower one."""

    experiment_id: str
    revision: int
    updated_at: str
    user: str
    name: str | None
    tags: list[str]
    note: str | None
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One score of one answer, besides the four that stand in its response: given while it arrived, or later.

    ``response_revision`` says which row of the response it is about: one that was lost before it was stored has no scores.
    """

    score_id: str
    response_id: str
    response_revision: int
    experiment_id: str
    created_at: str
    metric: str
    source: str
    value: float | None
    explanation: str | None
    version: str
    rater: str | None
    cost: float | None
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRow:
    """The stored outcome of one replicate. A row with status ``ok`` is final; any other gives way to a later revision."""

    response_id: str
    revision: int
    experiment_id: str
    created_at: str
    prompt_index: int
    prompt: str
    setting_index: int
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    seed: int | None
    replicate: int
    status: str
    text: str
    error: str | None
    finish_reason: str | None
    model: str | None
    system_fingerprint: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    latency_ms: float | None
    first_token_ms: float | None
    creativity: float | None
    coherence: float | None
    structure: float | None
    completeness: float | None
    metrics: dict[str, float | None]
    detail: dict[str, Any]
    metrics_version: str
    requested: dict[str, Any]
    sent: dict[str, Any]
    rejected: dict[str, Any]
    applied: dict[str, Any] | None
    usage: dict[str, Any] | None
    attempts: int
    request_key: str
    correlation_id: str
    span_id: str
    model_asked: str | None = field(default=None, metadata=SECOND)
    endpoint: str | None = field(default=None, metadata=SECOND)
    system: str | None = field(default=None, metadata=SECOND)
    wording: str | None = field(default=None, metadata=SECOND)
    parameters: dict[str, Any] | None = field(default=None, metadata=SECOND)
    top_k: int | None = field(default=None, metadata=SECOND)
    min_p: float | None = field(default=None, metadata=SECOND)
    typical_p: float | None = field(default=None, metadata=SECOND)
    repetition_penalty: float | None = field(default=None, metadata=SECOND)
    reasoning_effort: str | None = field(default=None, metadata=SECOND)
    verbosity: str | None = field(default=None, metadata=SECOND)
    thinking_budget: int | None = field(default=None, metadata=SECOND)
    fault: str | None = field(default=None, metadata=SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRow:
    """What a person said of one answer, or of two side by side; a higher revision replaces a lower one.

    ``choice`` is one of `pplab.plan.ratings`: a grade, a preference, or that it was taken back. ``response_id`` is the answer, or
    the one on the left, ``other_id`` the one on the right; ``*_revision`` say which row of a response was shown. ``position``
    counts the items that the rater was shown in this experiment and way of rating, from 0.
    """

    rating_id: str
    revision: int
    created_at: str
    experiment_id: str
    rater: str
    position: int
    response_id: str
    response_revision: int
    other_id: str | None
    other_revision: int | None
    choice: str
    note: str | None
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """A file of requests that a provider works through in its own time; a higher revision replaces a lower one.

    The first revision is written before anything is sent, so that what was paid for is found again. ``calls`` are its calls as
    runs of setting, first place and how many (see `pplab.plan.batches`). ``status`` is the provider's word (``validating``,
    ``in_progress``, ``finalizing``, ``completed``, ``failed``, ``expired``, ``cancelling``, ``cancelled``) or one of ours:
    ``intended`` (whether it was submitted is not known), ``not_submitted``, ``lost`` (the provider does not know it any more),
    ``written`` (for a server that is run by hand).
    """

    batch_id: str
    revision: int
    created_at: str
    experiment_id: str
    model: str
    endpoint: str | None
    provider: str
    calls: list[list[int]]
    requests: int
    sha256: str
    size: int
    status: str
    file_id: str | None
    provider_batch_id: str | None
    submitted_at: str | None
    ends_at: str | None
    done: int
    failed: int
    error: str | None
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One HTTP request of a call."""

    attempt_id: str
    response_id: str
    experiment_id: str
    attempt: int
    started_at: str
    latency_ms: float
    http_status: int | None
    headers: dict[str, str]
    decision: str
    wait_s: float | None
    error_code: str | None
    error: str | None
    raw: str | None
    raw_size: int | None
    raw_sha256: str | None
    correlation_id: str
    span_id: str
    parent_span_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One export job. ``head_seq`` and ``head_hash`` name the audit chain's head when it was written."""

    export_id: str
    revision: int
    created_at: str
    completed_at: str | None
    user: str
    what: str
    format: str
    experiment_ids: list[str]
    path: str
    sha256: str | None
    size: int | None
    rows: int | None
    status: str
    error: str | None
    head_seq: int | None
    head_hash: str | None
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One audit event. The drain gives it its sequence number and hash."""

    event_id: str
    occurred_at: str
    event: str
    actor: str
    entity: str | None
    entity_id: str | None
    correlation_id: str | None
    span_id: str | None
    parent_span_id: str | None
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One timing: an operation, a call, a drain."""

    metric_id: str
    recorded_at: str
    kind: str
    name: str
    status: str
    duration_ns: int
    correlation_id: str | None
    span_id: str | None
    parent_span_id: str | None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """One cell execution."""

    execution_id: str
    started_at: str
    user: str
    session_id: str
    notebook: str | None
    cell_id: str | None
    execution_count: int | None
    source_sha256: str
    source: str | None
    status: str
    error_type: str | None
    duration_ns: int
    operations: int
    correlation_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A record as its line of the journal, which another process of this program made; it is written as it stands."""

    line: bytes


Row = (
    CalibrationRow
    | ExperimentRow
    | LabelRow
    | ResponseRow
    | ScoreRow
    | RatingRow
    | BatchRow
    | AttemptRow
    | ExportRow
    | EventRow
    | MetricRow
    | CellRow
    | EncodedRow
)
