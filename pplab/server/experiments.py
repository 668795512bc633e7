"""What the server says of experiments: the list and one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pplab.commands.result import json_value
from pplab.server.moments import utc
from pplab.store.experiment_list import experiment_page, listed_experiments

if TYPE_CHECKING:
    from pplab.analysis.decision import Decision
    from pplab.server.arguments import Arguments
    from pplab.server.open_lab import OpenLab
    from pplab.store.experiment_list import ListedExperiment

PAGE: Final = 50
MOST: Final = 500
"""Experiments in one answer."""
DECIDED: Final = ("outcome", "headline", "evidence", "next_step", "leader", "setting", "parameters", "labels", "metric", "margin")


def list_experiments(opened: OpenLab, arguments: Arguments) -> dict[str, Any]:
    """Return a page of the experiments, the newest first; verdicts that are not known yet are made in the background."""
    with opened.verdicts.listing():
        page = experiment_page(
            opened.store,
            limit=arguments.integer("limit", PAGE, most=MOST),
            offset=arguments.integer("offset", 0),
            search=arguments.text("query"),
            verdicts=opened.verdicts.known() if arguments.text("query").strip() else None,
        )
        verdicts = opened.verdicts.of(page.experiments)
    return {"total": page.total, "experiments": [_record(one, verdicts.get(one.id, "")) for one in page.experiments]}


def read_experiment(opened: OpenLab, arguments: Arguments) -> dict[str, Any]:
    """Return the record of one experiment with its summary, a row a setting, and its decision."""
    repository = opened.repository(opened.store.find("experiment", arguments.text("id")))
    with repository.held() as stored:
        listed = listed_experiments(opened.store, [stored.row.experiment_id])[stored.row.experiment_id]
        decision = stored.decision()
        summary = json_value(stored.summary)
    opened.verdicts.keep(listed, decision.headline)
    return {**_record(listed, decision.headline), "summary": summary, "decision": _decided(decision)}


def _record(one: ListedExperiment, verdict: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "created_at": utc(one.created_at),
        "status": one.status,
        "prompt": one.prompt,
        "prompts": one.prompts,
        "models": list(one.models),
        "planned": one.planned,
        "answers": one.answers,
        "cost": one.cost,
        "verdict": verdict,
    }


def _decided(decision: Decision) -> dict[str, Any]:
    said: dict[str, Any] = json_value({name: getattr(decision, name) for name in DECIDED})
    return said
