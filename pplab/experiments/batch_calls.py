"""The calls of a pass as requests of batch files: their ids, and files of one model cut at a provider's limits."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.experiments.response_writer import make_call
from pplab.ids import new_id, now
from pplab.plan.batches import call_runs
from pplab.store.rows import BatchRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pplab.models.batches import BatchProvider
    from pplab.models.types import Place
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan, PlannedCall


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A file of requests to one model at one endpoint, and the planned call of each of its ids."""

    model: str
    place: Place
    calls: Mapping[str, PlannedCall]
    content: bytes


def custom_ids(plan: Plan, provider: str) -> dict[PlannedCall, str]:
    """Return the id of every call of a plan in batch files: its request key.

    Calls that are the same, such as those of two rows with equal prompts, have the same key: from the second on their number
    follows it. An id depends on the plan alone, and a top-up leaves it as it is.
    """
    known: Counter[str] = Counter()
    ids = {}
    for planned in plan.calls():
        key = make_call(plan, provider, planned)[0].request_key
        known[key] += 1
        ids[planned] = key if known[key] == 1 else f"{key}-{known[key]}"
    return ids


def by_model(plan: Plan, provider: str, calls: Mapping[str, PlannedCall]) -> list[dict[str, PlannedCall]]:
    """Return calls by the model and the endpoint that they ask, in the plan's order."""
    groups: dict[tuple[str, Place], dict[str, PlannedCall]] = {}
    for custom_id, planned in calls.items():
        asked = plan.asked(planned.setting_index)
        key = asked.name, (asked.endpoint, asked.provider or provider)
        groups.setdefault(key, {})[custom_id] = planned
    return list(groups.values())


def cut_files(plan: Plan, lab: str, calls: Mapping[str, PlannedCall], provider: BatchProvider) -> Iterator[BatchFile]:
    """Yield the files of calls to one model, each within the provider's limits.

    Parameters
    ----------
    plan
        Whose calls they are.
    lab
        The lab's own server.
    calls
        By id, in the order in which they are sent.
    provider
        What they are written for.
    """
    held: dict[str, PlannedCall] = {}
    lines: list[bytes] = []
    size = 0
    first, _ = make_call(plan, lab, next(iter(calls.values())))
    for custom_id, planned in calls.items():
        line = provider.request(custom_id, make_call(plan, lab, planned)[0])
        if held and (len(held) >= provider.limits.requests or size + len(line) > provider.limits.size):
            yield BatchFile(first.model, first.place, held, b"".join(lines))
            held, lines, size = {}, [], 0
        held[custom_id] = planned
        lines.append(line)
        size += len(line)
    if held:
        yield BatchFile(first.model, first.place, held, b"".join(lines))


def batch_row(experiment_id: str, plan: Plan, file: BatchFile, status: str, span: Span) -> BatchRow:
    """Return the first row of a batch, before anything of it is sent."""
    endpoint, provider = file.place
    return BatchRow(
        batch_id=new_id(),
        revision=0,
        created_at=now(),
        experiment_id=experiment_id,
        model=file.model,
        endpoint=endpoint,
        provider=provider or "",
        calls=call_runs(plan, file.calls.values()),
        requests=len(file.calls),
        sha256=hashlib.sha256(file.content).hexdigest(),
        size=len(file.content),
        status=status,
        file_id=None,
        provider_batch_id=None,
        submitted_at=None,
        ends_at=None,
        done=0,
        failed=0,
        error=None,
        correlation_id=span.correlation_id,
    )
