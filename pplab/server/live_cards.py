"""The cards of a stored experiment that may still be growing: another process may run it, or ask for some answers again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pplab.log import log_error
from pplab.observe.live import RecordReader, RecordWatcher
from pplab.views.widgets.cards import Ask, Cards

if TYPE_CHECKING:
    from pplab.observe.live import Change

WAIT_S: Final = 1.0
"""Seconds from one reading of all answers to the next, while a run is under way."""


class LiveCards(Cards):
    """The responses of a stored experiment as cards, read again whenever more of it is stored.

    Parameters
    ----------
    lab
        Where they are stored: an `pplab.server.onlooker.Onlooker`.
    experiment_id
        An experiment's id, a unique beginning of it, or ``latest``.
    """

    def __init__(self, lab: Any, experiment_id: str) -> None:
        self._manager = lab.manager
        self._live: RecordWatcher[Change] | None = None
        records = RecordReader(lab.folder / "journal", "experiment", "response")
        experiment = self._manager.experiment(experiment_id)
        self._id: str = experiment.id
        super().__init__(lab, experiment)
        self._live = RecordWatcher(records, on_batch=self._on_batch, wait=WAIT_S)

    def _on_batch(self, changes: tuple[Change, ...]) -> None:
        if all(getattr(change.row, "experiment_id", "") != self._id for change in changes):
            return
        try:
            with self._turn:
                self.show_experiment(self._manager.experiment(self._id))
                self._take_ask(Ask(kind="ask", wanted=self.wanted))
        except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it
            log_error("the cards are not up to date", error)
            self.show(error)

    def close(self) -> None:
        """Stop following the experiment; closing twice does nothing."""
        live, self._live = self._live, None
        if live is not None:
            live.close()
        super().close()
