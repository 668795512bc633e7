"""The migration from an old model to a new one: a race of what the new one can be told against the old one, go or no-go."""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, NotFound
from pplab.experiments.candidates import calibrated_candidates, calibrated_setting, candidates
from pplab.experiments.repository import setting_name
from pplab.experiments.selection import id_text
from pplab.files import write_atomically
from pplab.inputs.paths import output_file
from pplab.inputs.values import as_list
from pplab.plan.plan import PlannedCall, with_race
from pplab.plan.race import LOOKS, Control
from pplab.plan.settings import Setting
from pplab.plan.vocabulary import ANSWERED, SCORED
from pplab.share.import_package import import_package
from pplab.share.junit import migration_junit

if TYPE_CHECKING:
    import pandas as pd

    from pplab.analysis.migration import AnswerPair, MigrationDecision
    from pplab.calibration import Calibration
    from pplab.experiments.dependencies import Listeners
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.manager import RunManager
    from pplab.experiments.repository import StoredExperiment
    from pplab.plan.plan import Plan
    from pplab.plan.request import RunRequest
    from pplab.plan.settings import ModelAsked

EXIT_CODES = {"go": 0, "no-go": 1, "cannot tell": 3}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Migration:
    """The migration from an old model to a new one: its outcome, and what it rests on. Returned by `Lab.migrate`.

    Attributes
    ----------
    experiment : Experiment
        The race, stored like any other; where it was stopped, its ``resume`` goes on.
    baseline : str
        What is replaced, in words: the old model and its setting.
    baseline_id : str or None
        The experiment that had the old answers; ``None`` where they were asked for in the race.
    decision : MigrationDecision
        The outcome as the analysis returned it.

    Examples
    --------
    >>> moved = lab.migrate("gpt-4o-mini", "gpt-5-mini", data="prompts.csv", max_cost=1)  # doctest: +SKIP
    >>> moved.outcome, moved.parameters  # doctest: +SKIP
    ('go', {'reasoning_effort': 'low'})
    >>> client.chat.completions.create(**moved.request("Write a tagline."))  # doctest: +SKIP
    """

    experiment: Experiment
    baseline: str
    baseline_id: str | None
    decision: MigrationDecision

    @property
    def outcome(self) -> str:
        """``go``, ``no-go`` or ``cannot tell``."""
        return self.decision.outcome

    @property
    def headline(self) -> str:
        """The outcome, and how sure it is."""
        return self.decision.headline

    @property
    def evidence(self) -> str:
        """What it rests on."""
        return self.decision.evidence

    @property
    def next_step(self) -> str:
        """What to do, or what more would cost."""
        return self.decision.next_step

    @property
    def words(self) -> str:
        """The three lines: headline, evidence, next step."""
        return self.decision.words

    @property
    def latency(self) -> str:
        """How long an answer takes, in words, beside the old one; no part of `words`, since it differs from run to run."""
        table, nearest = self.decision.table, self.decision.nearest
        if nearest is None or table["latency_ms"].iloc[[0, 1]].isna().any():
            return ""
        before, now = float(table["latency_ms"].iloc[0]), float(table["latency_ms"].loc[nearest])
        return f"An answer takes {now / 1000:.2g} s instead of {before / 1000:.2g} s (median)."

    @property
    def setting(self) -> int | None:
        """The setting index of the experiment to use; ``None`` unless the outcome is ``go``."""
        return self.decision.setting

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of that setting; empty unless the outcome is ``go``."""
        return {} if self.setting is None else self.experiment.plan.settings[self.setting].given()

    @property
    def table(self) -> pd.DataFrame:
        """The old setting, then the new ones, nearest first; see `pplab.analysis.migration.MigrationDecision`."""
        return self.decision.table.copy()

    @property
    def pairs(self) -> tuple[AnswerPair, ...]:
        """Pairs of answers that show what is lost, where the outcome is ``no-go``."""
        return self.decision.pairs

    @property
    def exit_code(self) -> int:
        """0: go, 1: no-go, 3: cannot tell."""
        return EXIT_CODES[self.outcome]

    def request(self, prompt: str | None = None) -> dict[str, Any]:
        """Return the keyword arguments of ``client.chat.completions.create`` for the setting to use.

        Parameters
        ----------
        prompt : str, optional
            What to ask; default: the experiment's first prompt.

        Raises
        ------
        BadInput
            The outcome is not ``go``.
        """
        return self.experiment.verdict().request(prompt)

    def to_junit(self, path: str | os.PathLike[str]) -> Path:
        """Write the outcome as JUnit XML and return the file; equal outcomes give equal bytes."""
        file = output_file(path, ["xml"])
        write_atomically(file, migration_junit(self.baseline, self.decision))
        return file

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values; what is unknown is null."""
        records = self.decision.table.reset_index().to_dict("records")
        return {
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "headline": self.headline,
            "evidence": self.evidence,
            "next_step": self.next_step,
            "experiment": self.experiment.id,
            "status": self.experiment.status,
            "baseline": self.baseline,
            "baseline_experiment": self.baseline_id,
            "setting": self.setting,
            "parameters": self.parameters,
            "request": self.request() if self.setting is not None else None,
            "table": [{str(name): _plain(value) for name, value in record.items()} for record in records],
            "pairs": [dataclasses.asdict(pair) for pair in self.pairs],
        }

    def __repr__(self) -> str:
        return self.words


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class _Baseline:
    """An earlier experiment as a baseline: what is stored of it, and which of its settings is in use."""

    stored: StoredExperiment
    setting: int

    @property
    def asked(self) -> ModelAsked:
        """The old model, with its provider."""
        asked = self.stored.plan.asked(self.setting)
        return dataclasses.replace(asked, provider=asked.provider or self.stored.row.provider)

    @property
    def answered(self) -> list[int]:
        """The prompts that the setting has answered."""
        rows = self.stored.responses
        mine = rows[(rows["setting_index"] == self.setting) & rows["status"].isin(ANSWERED)]
        return sorted({int(index) for index in mine["prompt_index"]})


def migrate(
    runs: RunManager,
    old: Any,
    new: Any,
    request: RunRequest,
    listeners: Listeners,
    interrupts: Interrupts,
) -> Migration:
    """Race what new models can be told against an old one; see `Lab.migrate`."""
    models = _models(runs, new)
    baseline = _baseline(runs, old)
    calibration = runs.calibration(request.calibration)
    own = dataclasses.replace(request, calibration=None, margin=None, max_calls=None)
    if baseline is None:
        asked = runs.context.asked(old)
        if request.prompt is None and request.data is None:
            raise BadInput(
                f"'{old}' is neither an experiment nor a package here, and a model needs prompts",
                hint="give prompts, or the id or the name of an experiment",
            )
        _refuse_same(asked, models)
        first = [_old_setting(asked.label, calibration)]
        plan = _plan(runs, own, first, models, calibration, {})
        control = Control(0)
    else:
        if (request.prompt, request.data, request.cluster) != (None, None, None):
            raise BadInput(
                "the prompts are those of the old experiment", hint="leave the prompts out, or give the old model's name"
            )
        _refuse_same(baseline.asked, models)
        plan = _plan_of_baseline(runs, baseline, models, calibration, own)
        control = Control(baseline.setting, baseline.stored.row.experiment_id)
    plan = with_race(plan, margin=request.margin, max_calls=request.max_calls, control=control)
    of_calibration = calibration.id if calibration else None
    if baseline is not None and of_calibration is None and baseline.stored.calibration is not None:
        of_calibration = baseline.stored.row.calibration_id  # so that quality is weighed as it was
    experiment = runs.start_plan(plan, listeners, interrupts, calibration_id=of_calibration)
    return migration_of(runs, experiment)


def migration_of(runs: RunManager, experiment: Experiment) -> Migration:
    """Return the migration that an experiment was run for, and write its outcome down."""
    decision, race = experiment.migration, experiment.plan.race
    assert decision is not None
    assert race is not None
    control = race.control
    assert control is not None
    plan = experiment.plan if control.experiment is None else runs.stored(control.experiment).stored.plan
    about: dict[str, Any] = {"entity": "experiment", "entity_id": experiment.id}
    runs.context.record_event("migration_completed", **about, baseline=control.experiment or "", outcome=decision.outcome)
    return Migration(
        experiment=experiment,
        baseline=setting_name(plan, control.setting),
        baseline_id=control.experiment,
        decision=decision,
    )


def _models(runs: RunManager, new: Any) -> list[ModelAsked]:
    labels = [new] if isinstance(new, str) else as_list(new)
    if not labels or not all(isinstance(label, str) and label.strip() for label in labels):
        raise BadInput(
            f"{new!r} is no model", hint='give the name of the new model, or a list such as ["gpt-5-mini", "qwen3:8b"]'
        )
    return [runs.context.asked(label) for label in dict.fromkeys(label.strip() for label in labels)]


def _refuse_same(old: ModelAsked, models: list[ModelAsked]) -> None:
    if any((old.name, old.provider) == (asked.name, asked.provider) for asked in models):
        raise BadInput(f"{old.label} is the old model and a new one", hint="name another model, or repeat a baseline with check")


def _baseline(runs: RunManager, old: Any) -> _Baseline | None:
    """Return the experiment that a user means, of a package the one it holds, imported first; ``None`` for a model."""
    wanted = _imported(runs, old) or id_text(old)
    try:
        stored = runs.stored(wanted).refresh()
    except (NotFound, BadInput):
        if not isinstance(old, str):
            raise
        return None
    if stored.row.status == "running":
        raise BadInput("the old experiment is still running", hint="wait() for it")
    decision = stored.decision()
    setting = decision.leader if decision.setting is None else decision.setting
    if setting is None:
        raise BadInput(
            f"there is nothing to compare with: {decision.headline.rstrip('.')}", hint="give another experiment, or a model"
        )
    return _Baseline(_with_present_scores(runs, stored), setting)


def _imported(runs: RunManager, old: Any) -> str | None:
    """Return the id of the experiment in a package, which is brought into the lab; ``None`` where it is no package."""
    if not isinstance(old, os.PathLike) and not (isinstance(old, str) and (old.endswith(".zip") or Path(old).is_dir())):
        return None
    held = import_package(runs.context, old).experiments
    if len(held) > 1:
        raise BadInput(f"this package holds {len(held)} experiments, which are in the lab now", hint="name one by its id")
    return held[0]


def _with_present_scores(runs: RunManager, stored: StoredExperiment) -> StoredExperiment:
    """Return an experiment with its answers scored by the present code, as the new ones will be."""
    from pplab.scoring.scores import METRICS_VERSION

    rows = runs.context.store.response_rows(stored.row.experiment_id)
    if all(row.metrics_version == METRICS_VERSION for row in rows if row.status in SCORED):
        return stored
    runs.score(stored.row.experiment_id)
    return runs.stored(stored.row.experiment_id).refresh()


def _old_setting(label: str, calibration: Calibration | None) -> Setting:
    """Return the setting of an old model: in the middle of a calibration, or with nothing but its name."""
    return Setting.of(model=label) if calibration is None else calibrated_setting(label, calibration.settings_for(label))


def _plan(
    runs: RunManager,
    request: RunRequest,
    first: list[Setting],
    models: list[ModelAsked],
    calibration: Calibration | None,
    old: dict[str, Any],
) -> Plan:
    """Return the plan of a request with the settings to try of each new model, behind the ``first`` ones."""
    from pplab.experiments.calibrate import ModelLookup

    settings, systems = list(first), dict[str, str]()
    for asked in models:
        if calibration is None:
            settings += candidates(asked.label, ModelLookup(runs.context)(asked.label, old), old)
        else:
            told = calibration.settings_for(asked.label)
            settings += calibrated_candidates(asked.label, told)
            systems |= dict(told.systems)
    given = dataclasses.replace(request, settings=settings, systems=systems or None)
    return runs.plan(given)[0]


def _plan_of_baseline(
    runs: RunManager, baseline: _Baseline, models: list[ModelAsked], calibration: Calibration | None, own: RunRequest
) -> Plan:
    """Return the plan that asks new models what the old setting has answered, under its system message."""
    before, kept = baseline.stored.plan, baseline.answered
    calls = [PlannedCall(index, baseline.setting, 0) for index in kept]
    prompts = [before.turns(call) if before.conversations else before.prompt(call) for call in calls]
    if len(prompts) <= LOOKS[0]:
        raise BadInput(
            f"a migration needs {LOOKS[0] + 1} different prompts or more, and the old experiment has answers to {len(prompts)}",
            hint="give the old model's name in place of the experiment, and more prompts",
        )
    request = dataclasses.replace(own, prompt=[list(one) if not isinstance(one, str) else one for one in prompts])
    plan = _plan(runs, request, [], models, calibration, before.settings[baseline.setting].given())
    clusters, rows = before.clusters, before.rows
    return dataclasses.replace(
        plan,
        clusters=clusters and tuple(clusters[index] for index in kept),
        rows=rows and tuple(rows[index] for index in kept),
        system=plan.system if calibration else before.system_message(baseline.setting),
    )
