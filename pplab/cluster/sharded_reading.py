"""The reading of a run's answers by its workers, portion by portion, while they arrive."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pplab.experiments.reading import Reading, in_portions

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pplab.store.rows import ResponseRow


class ShardedReading(Reading):
    """The readers of the workers at work beside a run.

    Parameters
    ----------
    hand
        Has a worker read some answers; the future is done when their scores are stored.
    width
        How many portions may be under way at once.
    *arguments
        Those of a `Reading`.
    """

    def __init__(self, hand: Callable[[list[ResponseRow]], Future[None]], width: int, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._hand = hand
        self._width = width
        self._under_way = 0

    def _work(self) -> None:
        while (rows := self._next()) is not None:
            for portion in in_portions(rows):
                with self._changed:
                    self._changed.wait_for(lambda: self._under_way < self._width or self._stopped or self.failure)
                    if self._stopped or self.failure:
                        return
                    self._under_way += 1
                self._hand(portion).add_done_callback(partial(self._portion_ended, len(portion)))

    def _portion_ended(self, count: int, future: Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        with self._changed:
            self._under_way -= 1
        if error is not None:
            self._fail(error)
        elif not future.cancelled():
            self._read(count)
