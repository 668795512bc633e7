"""A stored calibration: its answers, and the ranges, scores and persona that they led to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from pplab.calibration import Calibration, Derivation
from pplab.views import static
from pplab.views.widgets.base import LabWidget, owned
from pplab.views.widgets.calibration_data import Axis, Preview, calibrated_axes, preview_of

if TYPE_CHECKING:
    from pplab.context import LabContext
    from pplab.lab import Lab
    from pplab.views.records import Display


class Made(TypedDict):
    """Who made a calibration, and when: in UTC, without saying so."""

    id: str
    user: str
    at: str


class StoredCalibration(LabWidget):
    """A calibration as the quiz shows it at its end, whoever made it; it is looked at and never changed.

    Parameters
    ----------
    lab
        Where it is stored: a lab, or the context of one.
    calibration_id
        Its id, a unique beginning of it, or ``latest``.

    Raises
    ------
    NotFound
        When there is no such calibration.

    Examples
    --------
    >>> import pplab
    >>> lab = pplab.Lab(store=":temp:")
    >>> made = lab.calibrate("balanced")
    >>> view = StoredCalibration(lab, made.id)
    >>> view.preview["ranges"]["temperature"]
    (0.0, 1.0)
    >>> view.close()
    >>> lab.close()
    """

    bundle: ClassVar[str] = "calibration"

    axes = owned(tuple[Axis, ...])
    preview = owned(Preview)
    made = owned(Made)

    def __init__(self, lab: Lab | LabContext, calibration_id: str = "latest") -> None:
        context: Any = getattr(lab, "context", lab)
        row = context.store.calibration(calibration_id)
        self._calibration = Calibration.from_row(row)
        super().__init__(
            lab,
            axes=calibrated_axes(),
            preview=preview_of(Derivation.from_row(row)),
            made=Made(id=row.calibration_id, user=row.user, at=row.created_at),
        )

    def static(self) -> Display:
        """Return the calibration as a cell shows it."""
        return static.calibration(self._calibration)
