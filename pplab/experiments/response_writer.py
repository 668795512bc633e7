"""The rows of one call: its response, its attempts, its events and its timing. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pplab.experiments.score_rows import score_rows
from pplab.ids import derived_id, new_id, now
from pplab.models.request_key import replicate_seed, request_key
from pplab.models.types import Call, Reply
from pplab.observe.events import event
from pplab.observe.spans import Span
from pplab.plan.parameters import PARAMETERS
from pplab.plan.settings import FACTOR_COLUMNS
from pplab.plan.vocabulary import ANSWERED, SCORES
from pplab.store.rows import AttemptRow, MetricRow, ResponseRow

SETTING_COLUMNS = tuple(
    f.name for f in fields(ResponseRow) if f.name != "seed" and (f.name in FACTOR_COLUMNS or f.name in PARAMETERS)
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplab.experiments.dependencies import RunDependencies, ScoreRecord
    from pplab.models.types import Attempt
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.store.rows import EventRow, Row


@dataclass(frozen=True)
class OutgoingCall:
    """A planned call as it is sent: its span, the id and revision of its row, and what makes its request and seed.

    These are made when they are first asked for: where others send the call, nobody asks.
    """

    planned: PlannedCall
    span: Span
    response_id: str
    revision: int
    make: Callable[[PlannedCall], tuple[Call, int | None]]

    @cached_property
    def _made(self) -> tuple[Call, int | None]:
        return self.make(self.planned)

    @property
    def call(self) -> Call:
        """The request."""
        return self._made[0]

    @property
    def seed(self) -> int | None:
        """The seed of the replicate."""
        return self._made[1]


class MissingScores:
    """The scores of an answer that could not be scored: none, and the reason."""

    creativity = coherence = structure = completeness = fault = None

    def __init__(self, reason: str) -> None:
        self.metrics: dict[str, float | None] = {}
        self.versions: dict[str, str] = {}
        self.detail = {name: {"reason": reason} for name in SCORES}


class ResponseWriter:
    """Makes the rows of one experiment.

    Parameters
    ----------
    experiment_id, plan
        The experiment.
    dependencies
        Whose user and prices are used.
    span
        The operation that runs it.
    replaced
        The revision of each stored row that gives way, by response id.
    """

    def __init__(
        self, experiment_id: str, plan: Plan, dependencies: RunDependencies, span: Span, replaced: Mapping[str, int]
    ) -> None:
        self.experiment_id = experiment_id
        self._plan = plan
        self._dependencies = dependencies
        self.span = span
        self._replaced = replaced
        self._user = dependencies.recorder.user
        self._factor_values = [setting_columns(plan, index, dependencies.endpoint) for index in range(len(plan.settings))]

    def prepare(self, planned: PlannedCall) -> OutgoingCall:
        """Return a planned call as it is to be sent."""
        row_id = response_id(self.experiment_id, planned)
        revision = self._replaced[row_id] + 1 if row_id in self._replaced else 0
        make = partial(make_call, self._plan, self._dependencies.provider)
        return OutgoingCall(planned, Span("call", self.span), row_id, revision, make)

    def start_event(self, outgoing: OutgoingCall) -> EventRow:
        """Return the event that a call is about to be sent."""
        call = outgoing.call
        fields: dict[str, Any] = {"request_key": call.request_key, "model": call.model, "replicate": call.replicate}
        return event("llm_request_started", self._user, **self._about(outgoing), **fields)

    def rows(
        self, outgoing: OutgoingCall, reply: Reply, attempts: Sequence[Attempt], scores: ScoreRecord | None, duration_ns: int
    ) -> tuple[ResponseRow, list[Row]]:
        """Return the response as listeners are told of it, and all rows to be written together, its own last.

        The user's own metrics are written as scores; listeners have them in the response.
        """
        row = self.response(outgoing, reply, len(attempts), scores)
        rows: list[Row] = [self._attempt(attempt, outgoing) for attempt in attempts]
        notice = row
        if scores is not None and scores.metrics:
            about = {"created_at": row.created_at, "correlation_id": row.correlation_id}
            rows += score_rows(row, scores.metrics, scores.versions, scores.detail, **about)
            notice = replace(row, metrics=dict(scores.metrics), detail=dict(scores.detail))
        if row.status not in ANSWERED:
            fields: dict[str, Any] = {"status": row.status, "error_code": reply.error_code, "error": row.error}
            fields |= {"request_key": outgoing.call.request_key, "attempts": len(attempts)}
            rows.append(event("llm_request_failed", self._user, **self._about(outgoing), **fields))
        rows.append(
            MetricRow(
                metric_id=new_id(),
                recorded_at=now(),
                kind="call",
                name="llm_request",
                status=row.status,
                duration_ns=duration_ns,
                **outgoing.span.ids(),
            )
        )
        return notice, [*rows, row]

    def response(self, outgoing: OutgoingCall, reply: Reply, attempts: int = 0, scores: ScoreRecord | None = None) -> ResponseRow:
        """Return the row of one replicate."""
        planned, call = outgoing.planned, outgoing.call
        values = self._factor_values[planned.setting_index]
        return ResponseRow(
            response_id=outgoing.response_id,
            revision=outgoing.revision,
            experiment_id=self.experiment_id,
            created_at=now(),
            prompt_index=planned.prompt_index,
            prompt=self._plan.prompt(planned),
            setting_index=planned.setting_index,
            seed=outgoing.seed,
            replicate=planned.replicate,
            status=reply.status,
            text=reply.text,
            error=reply.error,
            finish_reason=reply.finish_reason,
            model=reply.model or call.model,
            system_fingerprint=reply.system_fingerprint,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cost=self._cost(reply, call),
            latency_ms=reply.latency_ms,
            first_token_ms=reply.first_token_ms,
            creativity=scores.creativity if scores else None,
            coherence=scores.coherence if scores else None,
            structure=scores.structure if scores else None,
            completeness=scores.completeness if scores else None,
            metrics={},
            detail={name: part for name, part in scores.detail.items() if name not in scores.metrics} if scores else {},
            metrics_version=self._dependencies.metrics_version,
            requested=dict(reply.requested) or dict(call.parameters),
            sent=dict(reply.sent),
            rejected=dict(reply.rejected),
            applied=dict(reply.applied) if reply.applied is not None else None,
            usage=dict(reply.usage) if reply.usage is not None else None,
            attempts=attempts,
            request_key=call.request_key,
            correlation_id=self.span.correlation_id,
            span_id=outgoing.span.span_id,
            parameters=self._plan.settings[planned.setting_index].given(),
            fault=_fault(reply, scores),
            **values,
        )

    def _cost(self, reply: Reply, call: Call) -> float | None:
        if reply.status == "cancelled":  # never sent, or abandoned: nobody knows
            return None
        return self._dependencies.cost(call.model, reply.input_tokens, reply.output_tokens, provider=call.provider)

    def _attempt(self, attempt: Attempt, outgoing: OutgoingCall) -> AttemptRow:
        return AttemptRow(
            attempt_id=new_id(),
            response_id=outgoing.response_id,
            experiment_id=self.experiment_id,
            attempt=attempt.attempt,
            started_at=attempt.started_at,
            latency_ms=attempt.latency_ms,
            http_status=attempt.http_status,
            headers=dict(attempt.headers),
            decision=attempt.decision,
            wait_s=attempt.wait_s,
            error_code=attempt.error_code,
            error=attempt.error,
            raw=None if attempt.raw is None else attempt.raw.decode("utf-8", "backslashreplace"),
            raw_size=attempt.raw_size,
            raw_sha256=attempt.raw_sha256,
            **Span("attempt", outgoing.span).ids(),
        )

    def _about(self, outgoing: OutgoingCall) -> dict[str, Any]:
        return {"entity": "response", "entity_id": outgoing.response_id, **outgoing.span.ids()}


def _fault(reply: Reply, scores: ScoreRecord | None) -> str | None:
    """Return the fault of an answer; one that the server broke off is cut, whatever reason it gave."""
    return (scores.fault if scores else None) or ("cut" if reply.status == "truncated" else None)


def make_call(plan: Plan, provider: str, planned: PlannedCall) -> tuple[Call, int | None]:
    """Return one replicate as it is asked of a model, and its seed (``None``: it has none).

    ``provider`` is the lab's own server, which serves the models of which the plan does not say who does.
    """
    parameters: dict[str, Any] = plan.settings[planned.setting_index].given()
    seed = plan.seed
    if seed is not None and not plan.same_seed:
        seed = replicate_seed(seed, planned.prompt_index, planned.setting_index, planned.replicate)
    if seed is not None:
        parameters["seed"] = seed
    messages = plan.messages(planned)
    asked = plan.asked(planned.setting_index)
    server = asked.provider or provider
    call = Call(
        model=asked.name,
        messages=messages,
        parameters=parameters,
        replicate=planned.replicate,
        request_key=request_key(server, asked.name, messages, parameters, planned.replicate),
        stream=plan.stream,
        provider=server,
        endpoint=asked.endpoint,
    )
    return call, parameters.get("seed")


def setting_columns(plan: Plan, setting_index: int, endpoint: str | None) -> dict[str, Any]:
    """Return the columns that say under which setting a response was given; ``endpoint`` is that of the lab's own server."""
    values = plan.factor_values(setting_index)
    columns = {name: values.get(name) for name in SETTING_COLUMNS}
    return columns if plan.models else {**columns, "endpoint": endpoint}


def response_id(experiment_id: str, planned: PlannedCall) -> str:
    """Return the id of one replicate's response: the same whenever and wherever it is sent."""
    return derived_id(experiment_id, planned.prompt_index, planned.setting_index, planned.replicate)
