"""The setup of a run: its dependencies, how many of its calls the system has room for, and the plan as it is stored."""

from __future__ import annotations

import dataclasses
import platform
from functools import cache, partial
from typing import TYPE_CHECKING

from pplab import __version__
from pplab.config.configuration import EMBEDDED
from pplab.plan.settings import ModelAsked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplab.context import LabContext, ModelContext
    from pplab.experiments.dependencies import Recorder, RunDependencies
    from pplab.experiments.descriptors import CallLimit
    from pplab.models.recording import RecordedSource
    from pplab.models.types import Source
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.plan.vocabulary import MetricInfo


def run_dependencies(
    context: ModelContext, plan: Plan, recorded: RecordedSource | None, recorder: Recorder, *, by_hand: bool = False
) -> RunDependencies:
    """Return what a run of ``plan`` in this lab is given; ``recorded`` answers in place of the model.

    ``by_hand``: its batch files are written or read here, and nothing is sent.

    Raises
    ------
    BadInput
        When the plan has a ``max_cost`` and nobody knows the model's price.
    """
    from pplab.experiments.dependencies import RunDependencies
    from pplab.models.servers import Servers
    from pplab.plan.checks import FUNCTION
    from pplab.scoring.checks import answer_scores
    from pplab.scoring.registry import registered
    from pplab.scoring.scores import METRICS_VERSION

    if plan.reader:
        from pplab.experiments.reading import reader_version

        reader_version(context.configuration.reader)  # refused before anything is sent where there is nothing to read with
    access = context.access
    batches = access.batches(plan.models, by_hand=by_hand) if plan.batch else {}
    provider = recorded.provider if recorded else context.provider
    for asked in plan.models or (ModelAsked(plan.model),):
        server = asked.provider or provider
        if plan.max_cost is not None:
            check_price(context, asked.name, server)
    return RunDependencies(
        recorder=recorder,
        source=recorded or (Servers({}) if plan.batch else access.source(plan.models)),
        score=answer_scores,
        score_aside=any(not m.built_in for m in registered()) or any(check.kind == FUNCTION for check in plan.checks),
        metrics_version=METRICS_VERSION,
        cost=partial(access.cost, batch=plan.batch),
        worst_cost=partial(access.worst_cost, batch=plan.batch),
        scrub=context.scrub,
        provider=provider,
        endpoint=context.endpoint,
        reader=context.configuration.reader,
        endpoint_limits={} if recorded else access.endpoint_limits(plan.models),
        batches=batches,
    )


def check_price(context: ModelContext, model: str, provider: str) -> None:
    """Refuse a model whose price nobody knows, where a limit in money is to be kept."""
    from pplab.models.prices import unknown_price

    if context.access.price(model, provider) is None:
        raise unknown_price(model, provider)


def concurrent_calls(context: LabContext, plan: Plan, recorded: RecordedSource | None = None) -> CallLimit:
    """Return how many calls of a plan may be under way at once; answers that need no connection are not limited."""
    from pplab.experiments.descriptors import CallLimit, call_limit

    if recorded is not None or plan.batch or all(asked.provider == EMBEDDED for asked in plan.models or [context.access.own]):
        return CallLimit(plan.max_concurrency)
    return call_limit(min(plan.max_concurrency, len(plan)))


def answerable(plan: Plan, calls: Iterable[PlannedCall], source: Source) -> Iterable[PlannedCall]:
    """Return ``calls``; when a recording alone answers, refuse them all before the first if it does not have each."""
    from pplab.experiments.response_writer import make_call
    from pplab.models.recording import RecordedSource

    if not isinstance(source, RecordedSource):
        return calls
    listed = list(calls)
    source.require_recorded(make_call(plan, source.provider, planned)[0] for planned in listed)
    return listed


def with_current_metrics(plan: Plan, before: tuple[MetricInfo, ...] = ()) -> Plan:
    """Return the plan with the metrics, besides the four, that its responses are scored by now, and ``before`` were."""
    from pplab.scoring.checks import check_info
    from pplab.scoring.registry import registered

    checked = (check_info(plan.checks),) if plan.checks else ()
    metrics = {info.name: info for info in (*checked, *before, *(m for m in registered() if not m.built_in))}
    return dataclasses.replace(plan, metrics=tuple(metrics.values()))


@cache
def _installed() -> dict[str, str]:
    """Return the versions of packages as they were first asked for: each is a file to read, and stays while the process runs."""
    from importlib.metadata import version

    return {package: version(package) for package in ("openai", "duckdb", "numpy")}


def software_versions() -> dict[str, str]:
    """Return the versions that an experiment depends on."""
    return {"pplab": __version__, "python": platform.python_version(), **_installed()}
