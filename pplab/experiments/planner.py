"""The planner of a lab: what a request would be as a run, with which calibration, and what it would take."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.inputs.values import as_list
from pplab.store import history
from pplab.store.run_lock import run_stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.analysis.settling import Spread
    from pplab.calibration import Calibration
    from pplab.context import LabContext
    from pplab.experiments.preflight import Preflight
    from pplab.experiments.repository import ExperimentRepository
    from pplab.plan.plan import Plan
    from pplab.plan.request import RunRequest


class Planner:
    """What plans the runs of one lab; nothing is sent here, and nothing is written down.

    Parameters
    ----------
    context
        Whose user, model and configuration they use.
    """

    def __init__(self, context: LabContext) -> None:
        self.context = context
        self._store = context.store
        self._known_spread: tuple[object, Spread] | None = None

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """What the user knows about models and their parameters."""
        return self.context.access.capabilities

    def stored(self, wanted: str) -> ExperimentRepository:
        """Return what is stored of an experiment."""
        from pplab.experiments.repository import ExperimentRepository

        return ExperimentRepository(self._store, wanted)

    def plan(self, request: RunRequest) -> tuple[Plan, Calibration | None]:
        """Return the plan of a request, and the calibration it works in."""
        from pplab.plan.request import build_plan
        from pplab.scoring.checks import check, check_functions

        for one in as_list(request.checks):
            if callable(one):
                check(one)
        calibration = self.calibration(request.calibration)
        context = self.context
        if request.max_cost is None and context.configuration.max_cost:
            request = dataclasses.replace(request, max_cost=context.configuration.max_cost)
        plan = build_plan(
            request,
            model=context.model,
            calibration=calibration,
            scrub=context.scrub,
            resolve=context.asked,
            functions=check_functions(),
            reader=bool(context.configuration.reader),
            **self.defaults(),
        )
        if plan.models and request.max_concurrency is None:
            plan = dataclasses.replace(plan, max_concurrency=context.access.max_concurrency(plan.models))
        return plan, calibration

    def defaults(self) -> dict[str, Any]:
        """Return the options of a plan that the configuration decides."""
        return {"deadline": self.context.configuration.deadline, "max_concurrency": self.context.access.max_concurrency()}

    def calibration(self, wanted: Any) -> Calibration | None:
        """Return a calibration, itself or by its id; ``None`` for none."""
        from pplab.calibration import Calibration
        from pplab.experiments.calibrate import stored_calibration

        if wanted is None or isinstance(wanted, Calibration):
            return wanted
        if not isinstance(wanted, str):
            raise BadInput("calibration must be a Calibration or an id", hint="pass what lab.calibrate returned, or 'latest'")
        return stored_calibration(self.context, wanted)

    def preflight(self, request: RunRequest) -> Preflight:
        """Return what a run would be; nothing is sent, and nothing is written down."""
        from pplab.experiments.calibrate import without_temperature
        from pplab.experiments.caveats import caveats
        from pplab.experiments.preflight import ModelFacts, preflight
        from pplab.experiments.run_setup import concurrent_calls
        from pplab.plan.request import draws_settings, given_parameters

        plan, calibration = self.plan(request)
        if plan.reader:
            from pplab.experiments.reading import reader_version

            reader_version(self.context.configuration.reader)  # refused here as it would be there
        access = self.context.access
        if plan.batch:
            access.check_batches(plan.models)  # likewise
        models = plan.models or (access.own,)
        limits = access.endpoint_limits(plan.models)
        with self._store.reading():
            stats = [history.model_stats(self._store, asked.provider or "", asked.name) for asked in models]
            probes = self._store.audit("probe_completed")
        facts = [
            ModelFacts(asked, access.price(asked.name, asked.provider), of_one, limits.get(asked.place))
            for asked, of_one in zip(models, stats, strict=True)
        ]
        warnings = caveats(plan, self.context.provider, self.capabilities, probes)
        if calibration and draws_settings(request):
            warnings = (*warnings, *without_temperature(plan, calibration, given_parameters(request), models))
        if caveat := concurrent_calls(self.context, plan).caveat:
            warnings = (*warnings, caveat)
        return preflight(plan, facts, warnings, self._spread(plan, calibration))

    def _spread(self, plan: Plan, calibration: Calibration | None) -> Spread:
        """Return how much answers to one prompt vary in this lab, read anew once more was run."""
        from pplab.analysis.settling import CHECKED_SPREAD, Spread
        from pplab.experiments.repository import share_of_precision
        from pplab.experiments.spread import spread_of_lab

        if plan.checks:
            return Spread(CHECKED_SPREAD)
        precision = share_of_precision(**calibration.scores) if calibration else share_of_precision()
        models = tuple(dict.fromkeys(asked.name for asked in plan.models or (self.context.access.own,)))
        key = run_stamp(self._store.path), models, precision
        if self._known_spread is None or self._known_spread[0] != key:
            self._known_spread = key, spread_of_lab(self._store, models, precision, self.stored)
        return self._known_spread[1]
