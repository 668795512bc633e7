"""The calls of a pass as requests of batch files: their ids, and files of one model cut at a provider's limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.experiments.response_writer import make_call

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pplab.models.batches import BatchProvider
    from pplab.models.types import Call, Place
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


def first_call(plan: Plan, provider: str, calls: Mapping[str, PlannedCall]) -> Call:
    """Return the first of some calls as it is sent."""
    return make_call(plan, provider, next(iter(calls.values())))[0]


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
    first = first_call(plan, lab, calls)
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


def worst_cost(plan: Plan, calls: Iterable[PlannedCall], worst: Mapping[tuple[int, int], float]) -> float:
    """Return the most that calls can cost, from that of each prompt under each setting."""
    return sum(worst[call.prompt_index, call.setting_index] for call in calls)
