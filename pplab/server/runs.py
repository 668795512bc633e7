"""What the server says of the runs under way in a lab, and the orders that it passes on to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pplab.commands.runs import steer_run
from pplab.errors import BadInput, did_you_mean
from pplab.experiments.standing_runs import standing_runs
from pplab.plan.vocabulary import FAILED
from pplab.server.moments import utc_of
from pplab.store.experiment_list import listed_experiments

if TYPE_CHECKING:
    from pplab.experiments.standing_runs import StandingRun
    from pplab.server.arguments import Arguments
    from pplab.server.open_lab import OpenLab
    from pplab.store.experiment_list import ListedExperiment

ORDERS: Final = ("pause", "go_on", "cancel")


def list_runs(opened: OpenLab, arguments: Arguments) -> dict[str, Any]:  # noqa: ARG001 - as every reading
    """Return the runs under way, in the order in which they began."""
    return {"runs": runs_of(opened)}


def runs_of(opened: OpenLab) -> list[dict[str, Any]]:
    """Return a record of each run under way, as it said last; the tables are read only for one that is new.

    A run whose process died is none: its experiment is listed as interrupted.
    """
    runs = [run for run in standing_runs(opened.folder) if run.alive]
    about = _about(opened, [run.experiment_id for run in runs])
    return [_record(run, about.get(run.experiment_id), opened.lab.user) for run in runs]


def order_run(opened: OpenLab, arguments: Arguments, body: Any) -> dict[str, Any]:
    """Have a run pause, go on or end; return when it has.

    Raises
    ------
    BadInput
        When it is no order, or no run of this server's user.
    NotFound
        When there is no such experiment.
    """
    order = body.get("order") if isinstance(body, dict) else None
    if order not in ORDERS:
        hint = did_you_mean(str(order), ORDERS) or f"send one of {', '.join(ORDERS)}"
        raise BadInput(f"{order!r} is no order", hint=hint)
    steer_run(opened.lab, order, arguments.text("id"))
    return {}


def _about(opened: OpenLab, ids: list[str]) -> dict[str, ListedExperiment]:
    """Return what is stored of runs; their plans do not change, so it is read once."""
    known = {id_: opened.under_way[id_] for id_ in ids if id_ in opened.under_way}
    missing = [id_ for id_ in ids if id_ not in known]
    opened.under_way = known | (listed_experiments(opened.store, missing) if missing else {})
    return opened.under_way


def _record(run: StandingRun, about: ListedExperiment | None, user: str) -> dict[str, Any]:
    said = run.said
    named = [model.rpartition("@") if "@" in model else (model, "", "") for model in (about.models if about else ())]
    endpoints = dict.fromkeys(endpoint for *_, endpoint in named if endpoint)
    until = said.get("waiting_until")
    return {
        "id": run.experiment_id,
        "status": run.state,
        "prompt": about.prompt if about else "",
        "model": ", ".join(dict.fromkeys(model for model, *_ in named)),
        "endpoint": ", ".join(endpoints) or (about.provider if about else ""),
        "done": said["done"],
        "planned": said["planned"],
        "failed": sum(said["counts"].get(status, 0) for status in FAILED),
        "cost": said["cost"],
        "rate": said["rate"],
        "until": utc_of(until) if until else None,
        "own": said["user"] == user,
    }
