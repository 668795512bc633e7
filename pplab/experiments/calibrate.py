"""The calibrations of a lab: derived from answers and stored with their audit events, and what models can be told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab import calibration
from pplab.analysis.phrasing import joined
from pplab.calibration import read_answers
from pplab.calibration.from_ratings import narrow
from pplab.errors import BadInput
from pplab.ids import new_id, now
from pplab.models.capabilities import offered_parameters
from pplab.observe.spans import current_span
from pplab.plan.plan import Plan
from pplab.store.rows import CalibrationRow

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from pplab.analysis.ratings import Ratings
    from pplab.context import LabContext
    from pplab.models.capabilities import OfferedParameter
    from pplab.plan.settings import ModelAsked


def calibrate(context: LabContext, answers: Mapping[str, Any] | str | os.PathLike[str] | Ratings) -> calibration.Calibration:
    """Derive a calibration from answers, or from ratings, and store it; see `Lab.calibrate`."""
    from pplab.analysis.ratings import Ratings  # loads scipy and pandas, which a run of prompts that looks here has no use for

    derived = _of_ratings(context, answers) if isinstance(answers, Ratings) else calibration.derive(read_answers(answers))
    context.record_event("calibration_started", quiz_version=calibration.QUIZ_VERSION)
    row = CalibrationRow(
        calibration_id=new_id(),
        created_at=now(),
        user=context.user,
        correlation_id=current_span().correlation_id,
        **derived.row_fields(),
    )
    context.record(row)
    context.record_event(
        "calibration_completed",
        entity="calibration",
        entity_id=row.calibration_id,
        precision=row.precision_score,
        personality=row.personality_score,
        durable=True,
    ).result()
    return calibration.Calibration.from_row(row, ModelLookup(context))


def _of_ratings(context: LabContext, ratings: Ratings) -> calibration.Derivation:
    """Return the calibration of an experiment (else one without answers), narrowed to the settings that people chose."""
    if not ratings.chosen:
        raise BadInput(
            "the ratings do not tell the settings apart" if ratings.raters else "nobody has rated the answers of this experiment",
            hint="rate more of the answers: in a notebook, %pplab rate --n N, with or without --pairs",
        )
    row = context.store.experiment(ratings.experiment_id)
    plan = Plan.from_dict(row.plan)
    chosen = [plan.settings[index] for index in ratings.chosen]
    rated = [plan.settings[index] for index in ratings.settings.index]
    systems = {setting.system for setting in rated}
    personas = {setting.system for setting in chosen}
    persona = plan.systems.get(personas.pop() or "") if len(personas) == 1 < len(systems) else None
    names = dict(zip(ratings.settings.index, ratings.settings["setting"], strict=True))
    words = joined(names[index] for index in ratings.chosen)
    before = context.store.calibration(row.calibration_id) if row.calibration_id else None
    base = calibration.Derivation.from_row(before) if before else calibration.partial({})
    tried = [setting.given() for setting in rated]
    places = {list(ratings.settings.index).index(index) for index in ratings.chosen}
    return narrow(base, tried, places, words=words, persona=persona)


def stored_calibration(context: LabContext, wanted: str) -> calibration.Calibration:
    """Return a stored calibration by id (or a unique beginning of it), or the latest one."""
    return calibration.Calibration.from_row(context.store.calibration(wanted), ModelLookup(context))


def without_temperature(
    plan: Plan, of: calibration.Calibration, parameters: Mapping[str, Any], models: Sequence[ModelAsked]
) -> list[str]:
    """Return for each model of a plan that takes no temperature what varies in its place, and why."""
    words = []
    for asked in models:
        told = of.settings_for(asked.label, parameters)
        if told.samples:
            continue
        mine = [setting for index, setting in enumerate(plan.settings) if not plan.models or plan.asked(index) == asked]
        names = [*told.sweep, *(["the strength of the persona"] if len({setting.system for setting in mine}) > 1 else [])]
        why = next(reason.words for reason in told.reasons if reason.parameter == "temperature")
        instead = f"{' and '.join(names)} in place of temperature" if names else "no parameter, and not by temperature"
        words.append(f"{asked.label} is told the calibration by {instead} ({why})")
    return words


class ModelLookup:
    """Looks up what is known of a model: by its user, of the model and of its server.

    Carried into another process it leaves the lab behind, and with it its endpoints and what its user knows.
    """

    def __init__(self, context: LabContext | None = None) -> None:
        self._context = context

    def __call__(self, model: str, parameters: Mapping[str, Any]) -> Mapping[str, OfferedParameter]:
        """Return every parameter as the model may be offered it beside ``parameters``."""
        if self._context is None:
            return offered_parameters(model, setting=parameters)
        asked = self._context.asked(model)
        # A lab that asks the embedded model serves no others, about which its user may well want to know.
        elsewhere = asked.provider == "embedded" != asked.name
        return offered_parameters(
            asked.name,
            self._context.access.capabilities,
            provider="" if elsewhere else asked.provider or "",
            setting=parameters,
        )

    def __reduce__(self) -> tuple[type[ModelLookup], tuple[()]]:
        return ModelLookup, ()
