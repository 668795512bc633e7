"""Async metrics of the user's: awaited for many answers at once, each for a limited time, until somebody stops it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pplab.log import log_error, thread
from pplab.scoring.metric_value import UserScore, as_read, raised
from pplab.scoring.registry import async_metrics

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pplab.scoring.registry import UserMetric

AT_ONCE: Final = 32
"""Values that are awaited at the same time."""
DEADLINE: Final = 120.0
"""Seconds that one value may take where no experiment says otherwise; also the default of an experiment's ``deadline``."""
TASK: Final = "pplab-metric"
"""The name of the tasks in which users' metrics run."""


class AwaitedMetrics:
    """The async metrics registered now, for any number of answers on one event loop.

    At most `AT_ONCE` values are awaited at the same time; the others wait for their turn, which does not count.

    Parameters
    ----------
    deadline
        Seconds that one value may take; then it is cancelled, and the answer has no value, with the reason.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._stopped: asyncio.Future[None] | None = None  # made on the loop, on which futures belong

    async def scores(
        self, text: str, prompt: str, row: Mapping[str, Any] | None = None, *, leave: Collection[str] = ()
    ) -> dict[str, UserScore]:
        """Return what each async metric but those of ``leave`` says of an answer; one that was stopped says nothing.

        Raises nothing that a metric raises.
        """
        wanted = [user for user in async_metrics() if user.info.name not in leave]
        given = (text, prompt, MappingProxyType(dict(row or {})))
        found = await asyncio.gather(*(self._score(user, given[: user.arguments]) for user in wanted))
        return {user.info.name: score for user, score in zip(wanted, found, strict=True) if score is not None}

    def stop(self) -> None:
        """Cancel what is awaited, and await nothing more; called on the loop."""
        if not self._stop.done():
            self._stop.set_result(None)

    @property
    def _stop(self) -> asyncio.Future[None]:
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().create_future()
        return self._stopped

    async def _score(self, user: UserMetric, given: Sequence[Any]) -> UserScore | None:
        async with self._slots:
            if self._stop.done():
                return None
            task = asyncio.create_task(_returned(user, given), name=TASK)
            either: set[asyncio.Future[Any]] = {task, self._stop}
            await asyncio.wait(either, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                reason = "raised CancelledError"
                return UserScore(None, reason, user.info.version) if task.cancelled() else task.result()
            task.cancel()  # and not waited for: it may catch that, and go on
            if self._stop.done():
                return None
            return UserScore(None, f"gave no value within {self._deadline:g} s", user.info.version)


async def _returned(user: UserMetric, given: Sequence[Any]) -> UserScore:
    try:
        returned = await user.function(*given)
    except Exception as error:  # noqa: BLE001 - a user's metric may raise anything; the other scores must still be returned
        log_error(f"{user.info.name} failed", error)
        return raised(user.info, error)
    return as_read(user.info, returned)


def awaited_scores(answers: Sequence[tuple[str, str, Mapping[str, Any] | None]]) -> list[dict[str, UserScore]]:
    """Return what each async metric says of some answers, each a text, its prompt and its row, and wait for it.

    A loop on a thread of its own awaits them, so that this works where a loop is already running, as in notebooks. Within an
    async metric, which may itself ask for scores, none is awaited.
    """
    if not answers or _within_metric() or not async_metrics():
        return [{} for _ in answers]
    outcome: Future[list[dict[str, UserScore]]] = Future()
    metrics = AwaitedMetrics()
    loop = asyncio.new_event_loop()

    async def all_scores() -> None:
        try:
            outcome.set_result(list(await asyncio.gather(*(metrics.scores(*answer) for answer in answers))))
        except BaseException as error:
            outcome.set_exception(error)
            raise

    thread(_run, loop, all_scores(), name=TASK).start()
    try:
        return outcome.result()
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(metrics.stop)
        raise


def _run(loop: asyncio.AbstractEventLoop, work: Any) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)


def _within_metric() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop is running in this thread
        return False
    return task is not None and task.get_name() == TASK
