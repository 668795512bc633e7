"""Sampling: from the model's distribution and the parameters of a call to the tokens of an answer."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from pplab.models.embedded.occurrences import END
from pplab.models.embedded.tokens import Detokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pplab.models.embedded.ngram import LanguageModel

    Floats = NDArray[np.float64]

Alternative: TypeAlias = tuple[str, float]
"""A token that could have been drawn, and its logprob."""

ANSWER_LIMIT: Final = 512
"""Tokens after which an answer is cut with ``finish_reason`` "length" whatever was asked: the model's window."""

END_NAME: Final = "<|end|>"
"""How the end of an answer is named among the alternatives; it has no text."""

_COLDEST: Final = 1e-3
"""Below this temperature the likeliest token always wins, so it is taken outright."""

_NUCLEUS_GUESS: Final = 64
"""The likeliest tokens looked at first when top_p is applied; nearly always enough, and much faster than all."""

_TIE_DECIMALS: Final = 9
"""Logits that agree to so many digits are a tie: the last bits differ between processors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to draw from the distribution; the defaults are those of the OpenAI API."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One token of an answer. ``text`` is what may be shown now: it waits while it could be the start of a stop sequence.

    ``logprob`` and ``top`` (token and logprob of the likeliest alternatives) are natural logarithms of the model's own
    distribution, before temperature, penalties and top_p, so that they compare across settings.
    """

    text: str
    token: str
    logprob: float
    top: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The last thing of an answer: text that had waited for a stop sequence, and why the answer ended."""

    text: str
    reason: str


def draw_seed(*identity: object) -> int:
    """Return a seed for one answer from what identifies it, the same in every process.

    Examples
    --------
    >>> draw_seed("seed", 7, 0) == draw_seed("seed", 7, 0) != draw_seed("seed", 8, 0)
    True
    """
    return int.from_bytes(hashlib.sha256(repr(identity).encode()).digest(), "big")


def generate(
    model: LanguageModel, messages: Sequence[Mapping[str, str]], sampling: Sampling, seed: int
) -> Iterator[Step | Finish]:
    """Yield the steps of one answer and then its `Finish`.

    Parameters
    ----------
    model
        The model that answers.
    messages
        The conversation.
    sampling
        Temperature and the other parameters.
    seed
        Seed of the draws; ignored at temperature 0, where the likeliest token is taken.
    """
    answer = model.answer(messages)
    # Random.random() is guaranteed to give the same numbers for the same seed in every version of Python.
    uniform = random.Random(seed).random  # noqa: S311 - sampling, not cryptography
    said = np.zeros(len(model.vocabulary))
    writer, gate = Detokenizer(), _StopGate(sampling.stop)
    for _ in range(min(sampling.max_tokens or ANSWER_LIMIT, ANSWER_LIMIT)):
        probability = answer.distribution()
        token = draw(probability, said, sampling, uniform)
        if token == END:
            yield Finish(gate.rest(), "stop")
            return
        alternatives = _likeliest(model, probability, sampling.top_logprobs, writer)
        text = writer.text(model.vocabulary[token])
        shown = gate.pass_on(text)
        yield Step(shown, text, float(np.log(probability[token])), alternatives)
        if gate.closed:
            yield Finish("", "stop")
            return
        said[token] += 1
        answer.say(token)
    yield Finish(gate.rest(), "length")


def draw(probability: Floats, said: Floats, sampling: Sampling, uniform: Callable[[], float]) -> int:
    """Return one token drawn from ``probability`` under the sampling parameters.

    The formulas are those of the OpenAI API reference: from the logit of a token are taken ``frequency_penalty`` times
    its uses so far, and ``presence_penalty`` once it was used; the logits are divided by the temperature; then only the
    smallest set of likeliest tokens with total probability of at least ``top_p`` stays. Equally likely tokens at its
    border all stay, so that the result does not depend on how a processor sorts.

    Parameters
    ----------
    probability
        Of every token; positive.
    said
        How often each token was used in this answer.
    sampling
        The parameters.
    uniform
        Gives a number in [0, 1); not called at temperature 0.
    """
    logits = np.log(probability)
    if sampling.frequency_penalty or sampling.presence_penalty:
        logits -= sampling.frequency_penalty * said + sampling.presence_penalty * (said > 0)
    logits -= logits.max()
    if sampling.temperature < _COLDEST:
        return int(np.round(logits, _TIE_DECIMALS).argmax())
    likely = np.exp(logits / sampling.temperature)
    if sampling.top_p < 1:
        likely = np.where(likely >= _nucleus_border(likely, sampling.top_p), likely, 0.0)
    mass = likely.cumsum()
    return int(mass.searchsorted(uniform() * mass[-1], side="right"))


def _nucleus_border(likely: Floats, top_p: float) -> float:
    """Return the smallest likelihood that still belongs to the nucleus, a hair lower so that ties belong to it too."""
    needed = top_p * likely.sum()
    for size in (_NUCLEUS_GUESS, len(likely)):
        top = np.sort(np.partition(likely, max(len(likely) - size, 0))[-size:])[::-1]
        mass = top.cumsum()
        if mass[-1] >= needed:
            return float(top[mass.searchsorted(needed)]) * (1 - 10**-_TIE_DECIMALS)
    return 0.0


def _likeliest(model: LanguageModel, probability: Floats, count: int, writer: Detokenizer) -> tuple[Alternative, ...]:
    """Return the ``count`` likeliest tokens as they would be written here, with their logprobs."""
    if not count:
        return ()
    best = np.argsort(-probability, kind="stable")[:count].tolist()
    return tuple(
        (END_NAME if token == END else writer.preview(model.vocabulary[token]), float(np.log(probability[token])))
        for token in best
    )


class _StopGate:
    """Lets text through up to the first stop sequence; holds back what could be the start of one."""

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = stop
        self._waiting = ""
        self.closed = False

    def pass_on(self, text: str) -> str:
        """Return what may be shown now that ``text`` was generated."""
        self._waiting += text
        found = [at for at in (self._waiting.find(stop) for stop in self._stop) if at >= 0]
        if found:
            self.closed = True
            return self._waiting[: min(found)]
        keep = max((self._overlap(stop) for stop in self._stop), default=0)
        shown = self._waiting[: len(self._waiting) - keep]
        self._waiting = self._waiting[len(shown) :]
        return shown

    def _overlap(self, stop: str) -> int:
        """Return the length of the longest end of the waiting text that begins ``stop``."""
        longest = min(len(stop) - 1, len(self._waiting))
        return next((size for size in range(longest, 0, -1) if self._waiting.endswith(stop[:size])), 0)

    def rest(self) -> str:
        """Return what had waited in vain."""
        return self._waiting
