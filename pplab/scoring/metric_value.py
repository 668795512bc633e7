"""The value of a user's metric: what the function returns, as it writes it and as it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.log import log_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.plan.vocabulary import MetricInfo


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric's value with what stands behind it: what a metric of your own may return in place of a number.

    Attributes
    ----------
    value : float or None
        Within the metric's range; ``None`` where the answer cannot be judged.
    explanation : str, optional
        Why it has this value, or why it has none, in a sentence; cards show it under "Why these scores".
    cost : float, optional
        US dollars that this value cost, 0 or more; ``None`` where it cost nothing, or nobody knows.

    Raises
    ------
    BadInput
        When the explanation is no text, or the cost is no number of dollars.

    Examples
    --------
    >>> MetricValue(0.8, "It greets the reader by name.", cost=0.0003).value
    0.8
    >>> MetricValue(0.8, cost=-1)
    Traceback (most recent call last):
        ...
    pplab.errors.BadInput: a metric's cost is -1, not an amount in US dollars. give a finite number from 0 on, or None
    """

    value: float | None
    explanation: str | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be stored; the value itself is read against the metric's range later."""
        if self.explanation is not None and not isinstance(self.explanation, str):
            raise BadInput(f"a metric's explanation is {self.explanation!r}", hint="give a text, or None")
        if self.cost is not None and not _is_amount(self.cost):
            hint = "give a finite number from 0 on, or None"
            raise BadInput(f"a metric's cost is {self.cost!r}, not an amount in US dollars", hint=hint)


@dataclass(frozen=True, slots=True)
class UserScore:
    """What a user's metric says of an answer, as it was read.

    ``reason`` is why there is no ``value``, and empty where there is one; ``explanation`` and ``cost`` (US dollars) are as in
    `MetricValue`; ``version`` is the metric's.
    """

    value: float | None
    reason: str
    version: str
    explanation: str | None = None
    cost: float | None = None

    @property
    def detail(self) -> dict[str, str | float]:
        """What stands in ``Scores.detail`` under the metric's name."""
        words = {"reason": self.reason} if self.value is None else {"explanation": self.explanation} if self.explanation else {}
        return {**words, **({} if self.cost is None else {"cost": self.cost})}


def called(info: MetricInfo, function: Callable[..., Any], *given: Any) -> UserScore:
    """Return what a user's function says, within the range of ``info``, or why it says nothing. Never raises."""
    try:
        returned = function(*given)
    except Exception as error:  # noqa: BLE001 - a user's metric may raise anything; the score must still be returned
        log_error(f"{info.name} failed", error)
        return raised(info, error)
    return as_read(info, returned)


def raised(info: MetricInfo, error: Exception) -> UserScore:
    """Return the score of an answer of which a metric raised ``error``: none."""
    return UserScore(None, f"raised {type(error).__name__}: {error}"[:200], info.version)


def as_read(info: MetricInfo, returned: Any) -> UserScore:
    """Return what a metric returned as a score: its value within the range of ``info``, or why there is none.

    Examples
    --------
    >>> from pplab.plan.vocabulary import MetricInfo
    >>> share = MetricInfo("share", 0, 1)
    >>> as_read(share, MetricValue(0.5, "half of it")).value, as_read(share, 2).reason
    (0.5, 'returned 2, outside [0, 1]')
    """
    whole = returned if isinstance(returned, MetricValue) else MetricValue(returned)
    cost = None if whole.cost is None else float(whole.cost)
    if whole.value is None:
        return UserScore(None, whole.explanation or "not applicable", info.version, cost=cost)
    value, reason = _within(info, whole.value)
    return UserScore(value, reason, info.version, whole.explanation, cost)


def _within(info: MetricInfo, value: Any) -> tuple[float | None, str]:
    """Return a value as a number in the range of ``info``, or why it is none."""
    try:
        figure = float(value)
    except (TypeError, ValueError, OverflowError):
        return None, f"returned {type(value).__name__}, not a number"
    if not math.isfinite(figure):
        return None, f"returned {figure}"
    if not info.holds(figure):
        bounds = ("-inf" if info.low is None else f"{info.low:g}"), ("inf" if info.high is None else f"{info.high:g}")
        return None, f"returned {figure:g}, outside [{', '.join(bounds)}]"
    return figure, ""


def _is_amount(cost: Any) -> bool:
    try:
        figure = float(cost)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(cost, (bool, str)) and math.isfinite(figure) and figure >= 0
