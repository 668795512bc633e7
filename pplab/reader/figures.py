"""Figures of an answer: what the log-probabilities of its tokens say, before anything is judged by them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WORST: Final = 4
"""The worst quarter: one token in four, and one at least."""
EARLY: Final = 48
"""Tokens over which the early gain is taken: some two sentences."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One reading of an answer under one prompt.

    Attributes
    ----------
    logps : tuple of float
        Natural log-probability of each token, given the prompt and the tokens before it.
    end : float or None
        Log-probability that the answer ends after its last token; ``None`` when not all of it was read.
    stop : float or None
        Log-probability that a full stop follows instead.
    """

    logps: tuple[float, ...]
    end: float | None
    stop: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model saw in one answer.

    Attributes
    ----------
    tokens : int
        Tokens of the answer that were read.
    end : float or None
        Log-probability that the answer ends where it ends; ``None`` when only its beginning was read.
    mean : float
        Mean log-probability of a token given the prompt, in nats.
    worst : float
        The same of the least probable quarter of the tokens.
    unrelated : float or None
        The same as ``mean`` under a prompt that has nothing to do with the answer; ``None`` where there was no prompt.
    gain : float or None
        ``mean - unrelated``: how much the prompt tells about the answer, in nats a token.
    early_gain : float or None
        The same over the first `EARLY` tokens: what follows is predicted from the answer itself, whatever was asked, so that
        the gain of a long answer is smaller.
    prompt_cut, answer_cut : int
        Tokens of the prompt (in its middle) and of the answer (at its end) that were not read.
    stop : float or None
        Log-probability that a full stop follows there: what ends without one is hardly ever the end for a small model.
    """

    tokens: int
    end: float | None
    mean: float
    worst: float
    unrelated: float | None = None
    gain: float | None = None
    early_gain: float | None = None
    prompt_cut: int = 0
    answer_cut: int = 0
    stop: float | None = None


def figures(asked: Passage, unrelated: Passage | None, *, prompt_cut: int = 0, answer_cut: int = 0) -> Figures:
    """Return the figures of an answer from its two readings.

    Examples
    --------
    >>> seen = figures(Passage((-1.0, -3.0, -1.0, -1.0), -0.5), Passage((-2.0, -4.0, -1.0, -1.0), -2.0))
    >>> seen.mean, seen.worst, seen.gain, seen.end
    (-1.5, -3.0, 0.5, -0.5)
    """
    count = len(asked.logps)
    worst = sorted(asked.logps)[: max(1, count // WORST)]
    mean = math.fsum(asked.logps) / count
    other = gain = early = None
    if unrelated is not None:
        other = math.fsum(unrelated.logps) / count
        gain, early = mean - other, _mean(asked.logps[:EARLY]) - _mean(unrelated.logps[:EARLY])
    return Figures(count, asked.end, mean, math.fsum(worst) / len(worst), other, gain, early, prompt_cut, answer_cut, asked.stop)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
