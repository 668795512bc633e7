"""The rerun of a baseline's plan, live or from a recording, whose answers are compared with the baseline's."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.config.configuration import EMBEDDED
from pplab.errors import BadInput, NotFound, Offline, PplabError
from pplab.experiments.dependencies import Listeners
from pplab.experiments.repository import precision_of
from pplab.experiments.selection import experiment_id
from pplab.inputs.paths import given_path
from pplab.plan.plan import MAX_CALLS, Plan
from pplab.plan.vocabulary import CORRECT, JUDGES, SCORES, judge_of
from pplab.share.archive import open_package
from pplab.share.import_package import FOLDER
from pplab.share.package import RECORDING
from pplab.share.package_contents import PackageContents, read_store
from pplab.share.regression_gate import BaselineComparison, RegressionGate, compare, margins_for, utility_margin
from pplab.share.replay import Replay, analysis_frame, not_asked_again, replay, rescore
from pplab.share.verify import verified_contents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.context import LabContext
    from pplab.experiments.dependencies import Listener
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.manager import RunManager
    from pplab.models.recording import RecordedSource, Recording
    from pplab.store.rows import ExperimentRow, ResponseRow


def baseline(context: LabContext, wanted: Any) -> tuple[PackageContents, Recording | None]:
    """Return what is stored of a baseline, and the recording that came with it.

    Parameters
    ----------
    context
        Of the lab that runs it again.
    wanted
        An experiment, its id, or the path of a package, packed or unpacked.
    """
    from pplab.models.recording import Recording

    path = _path(wanted)
    if path is not None:
        with open_package(path) as package:
            _, contents = verified_contents(path, package)
            return contents, Recording(package.folder / RECORDING, scrub=context.scrub)
    contents = read_store(context.store, [experiment_id(context.store, wanted)])
    origin = contents.experiments[0].origin
    file = context.folder / FOLDER / str(origin["package"])[:16] / RECORDING if origin else None
    return contents, Recording(file, scrub=context.scrub) if file and file.is_file() else None


def _path(wanted: Any) -> Path | None:
    """Return the path of the package that a user means; ``None`` when it is an experiment."""
    is_path = isinstance(wanted, os.PathLike)
    if isinstance(wanted, str) and wanted not in ("", "latest"):
        is_path = wanted.endswith(".zip") or "/" in wanted or "\\" in wanted or Path(wanted).exists()
    return given_path(wanted, "the package", "give the path of a zip file or a folder") if is_path else None


def replay_again(
    runs: RunManager, wanted: Any, *, live: bool, reader: bool, interrupts: Interrupts, on: Listener | None = None
) -> Replay:
    """Score stored responses again and, when ``live``, ask for fresh ones too; see `Lab.replay`."""
    rerun = Rerun(runs, *baseline(runs.context, wanted))
    report = replay(rerun.contents, runs.context.configuration.reader if reader else None)
    if live:
        report = dataclasses.replace(report, live=rerun.checks(interrupts, on=on))
    for experiment in report.experiments:
        runs.context.record_event(
            "replay_completed",
            entity="experiment",
            entity_id=experiment,
            identical=report.identical,
            differences=len(report.differences),
        )
    return report


def check_again(runs: RunManager, wanted: Any, interrupts: Interrupts, **options: Any) -> RegressionGate:
    """Run a baseline's plans again and compare the answers with the baseline's; see `Lab.check` for the options."""
    checks = Rerun(runs, *baseline(runs.context, wanted)).checks(interrupts, **options)
    for check in checks:
        runs.context.record_event(
            "check_completed",
            entity="experiment",
            entity_id=check.experiment,
            baseline=check.baseline,
            outcome=check.outcome,
            drifted=list(check.drifted),
        )
    return RegressionGate(checks)


class Rerun:
    """A rerun of the experiments of a baseline in a lab.

    Parameters
    ----------
    runs
        The run manager of the lab.
    contents, recording
        The baseline, and the recording that came with it.
    """

    def __init__(self, runs: RunManager, contents: PackageContents, recording: Recording | None) -> None:
        self._context = runs.context
        self._runs = runs
        self.contents = contents
        self._recording = recording

    def checks(self, interrupts: Interrupts, **options: Any) -> tuple[BaselineComparison, ...]:
        """Run every experiment's plan again, in order, and compare; see `Lab.check` for the options."""
        return tuple(self._check(row, interrupts, **options) for row in self.contents.experiments)

    def _check(
        self,
        row: ExperimentRow,
        interrupts: Interrupts,
        *,
        n: int | None = None,
        margin: float | None = None,
        margins: Mapping[str, float] | None = None,
        model: str | None = None,
        on: Listener | None = None,
    ) -> BaselineComparison:
        before = analysis_frame(_with_current_scores(self.contents), row)
        scored = self.contents.latest_scores(row.experiment_id).users_metrics
        own = [name for name in scored if not judge_of(name)]
        chosen, of_utility = margins_for([*SCORES, *own], margins), utility_margin(margin)
        recorded = self._recorded_source(row)
        # It goes by code alone, and call by call: somebody waits for it.
        plan = dataclasses.replace(Plan.from_dict(row.plan).anew(), reader=False, basis="surface", batch=False)
        plan = self._with_models(row, plan, model) if recorded is None else dataclasses.replace(plan, max_cost=None)
        if n is not None:
            plan = _with_replicates(plan, n)
        ran = self._runs.start_plan(plan, Listeners(on=on), interrupts, calibration_id=self._calibration(row), recorded=recorded)
        if ran.status == "interrupted":
            raise PplabError(
                "the regression gate was interrupted, and what arrived is kept", hint="run it again", code="interrupted"
            )
        contents = read_store(self._context.store, [ran.id])
        calibrations = {c.calibration_id: c for c in self.contents.calibrations}
        return compare(
            before,
            analysis_frame(contents, contents.experiments[0]),
            chosen,
            baseline=row.experiment_id,
            experiment=ran.id,
            source="the recorded answers" if recorded else f"fresh answers of {plan.model}",
            timed=recorded is None and self._context.recording is None,
            replicates=plan.replicates,
            utility=of_utility,
            precision=precision_of(calibrations.get(row.calibration_id or "")),
        )

    def _with_models(self, row: ExperimentRow, plan: Plan, model: str | None) -> Plan:
        """Return the plan with the models that are asked now: those of the baseline, or another one."""
        context = self._context
        if model is not None:
            if len(plan.models) > 1:
                raise BadInput(
                    f"the baseline compares several models ({plan.model}), so none can take their place",
                    hint="leave out the model",
                )
            asked = context.asked(model)
            own = asked.place == context.asked(context.model).place
            return dataclasses.replace(plan, model=asked.name, models=() if own else (asked,))
        if not plan.models:
            return dataclasses.replace(plan, model=row.model if context.provider == row.provider else context.model)
        try:
            for asked in plan.models:
                context.access.server(asked)
        except BadInput:
            if row.provider != context.provider:
                raise
            return dataclasses.replace(plan, models=())  # one model, at the lab's own server under another name
        return plan

    def _recorded_source(self, row: ExperimentRow) -> RecordedSource | None:
        """Return what answers in place of the models; ``None`` where the lab can ask them."""
        from pplab.models.recording import RecordedSource

        access, own = self._context.access, self._context.recording
        models = Plan.from_dict(row.plan).models
        why = next(filter(None, map(access.offline_reason, models or [access.own])), "")
        if own is not None:
            return RecordedSource(own, row.provider, None, why) if why else None
        if not models and self._context.provider == EMBEDDED != row.provider:
            why = "there is neither a key nor a server"
        if not why:
            return None
        if self._recording is not None:
            return RecordedSource(self._recording, row.provider, None, why)
        raise Offline(
            f"the baseline was run with {row.model} at {row.provider}, and {why}",
            hint="give a key or --base-url, or name a recording with %pplab record",
        )

    def _calibration(self, row: ExperimentRow) -> str | None:
        """Return the baseline's calibration where this lab has it."""
        try:
            return row.calibration_id and self._context.store.find("calibration", row.calibration_id)
        except NotFound:
            return None


def _with_replicates(plan: Plan, n: int) -> Plan:
    each = len(plan) // plan.replicates
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_CALLS // each:
        raise BadInput(f"n={n!r} is not a number of replicates", hint=f"give a whole number from 1 to {MAX_CALLS // each:,}")
    return dataclasses.replace(plan, replicates=n)


def _with_current_scores(contents: PackageContents) -> PackageContents:
    """Return the contents with every score by the present code: scores of different versions are not compared.

    A metric that is not asked again has no value where another version of it scored the baseline.
    """
    from pplab.scoring.checks import checks_version
    from pplab.scoring.registry import registered
    from pplab.scoring.scores import METRICS_VERSION

    own = {info.name: info.version for info in registered() if not info.built_in}
    versions = {i: {**own, CORRECT: checks_version(plan.checks)} for i, plan in contents.plans.items()}
    by_code = (s for s in contents.scores if s.source not in JUDGES)
    current = all(versions[s.experiment_id].get(s.metric, s.version) == s.version for s in by_code)
    if current and all(r.metrics_version == METRICS_VERSION for r in contents.responses):
        return contents
    newest = {s.metric: s.version for s in sorted(contents.scores, key=lambda s: s.created_at) if s.source == "surface"}
    other = {name for name, version in newest.items() if own.get(name, version) != version}
    gone = dict.fromkeys(other.intersection(not_asked_again(contents)))
    fresh = {row.response_id: {**now, **gone} for row, now in rescore(contents)}
    latest = {e.experiment_id: contents.latest_scores(e.experiment_id).by_response for e in contents.experiments}
    responses = tuple(
        _with_scores(r, latest[r.experiment_id].get(r.response_id, {}), fresh.get(r.response_id)) for r in contents.responses
    )
    return dataclasses.replace(contents, responses=responses, scores=())


def _with_scores(row: ResponseRow, stored: Mapping[str, float | None], now: Mapping[str, float | None] | None) -> ResponseRow:
    if now is None:
        return dataclasses.replace(row, metrics=dict(stored))
    own = {name: now.get(name, value) for name, value in stored.items() if name not in SCORES}
    fresh: dict[str, Any] = {name: now[name] for name in SCORES}
    return dataclasses.replace(row, **fresh, metrics=own)
