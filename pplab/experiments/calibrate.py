"""The calibration of a lab: ranges and a persona derived from answers, stored with their audit events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab import calibration
from pplab.ids import new_id, now
from pplab.observe.spans import current_span
from pplab.store.rows import CalibrationRow

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pplab.context import LabContext


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
    return calibration.Calibration.from_row(row)
