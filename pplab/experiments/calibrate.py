"""The calibrations of a lab: derived from answers and stored with their audit events, and what models can be told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab import calibration
from pplab.ids import new_id, now
from pplab.models.capabilities import offered_parameters
from pplab.observe.spans import current_span
from pplab.store.rows import CalibrationRow

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pplab.context import LabContext
    from pplab.models.capabilities import OfferedParameter


def calibrate(context: LabContext, answers: Mapping[str, Any] | str | os.PathLike[str]) -> calibration.Calibration:
    """Derive a calibration from answers and store it; see `Lab.calibrate`."""
    answers = calibration.read_answers(answers)
    context.record_event("calibration_started", quiz_version=calibration.QUIZ_VERSION)
    row = CalibrationRow(
        calibration_id=new_id(),
        created_at=now(),
        user=context.user,
        correlation_id=current_span().correlation_id,
        **calibration.derive(answers).row_fields(),
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


def stored_calibration(context: LabContext, wanted: str) -> calibration.Calibration:
    """Return a stored calibration by id (or a unique beginning of it), or the latest one."""
    return calibration.Calibration.from_row(context.store.calibration(wanted), ModelLookup(context))


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
