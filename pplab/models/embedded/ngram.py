"""The language model: interpolated n-grams whose counts are weighted by how well each passage fits the prompt."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import numpy as np

from pplab.models.embedded import corpus, tokens
from pplab.models.embedded.occurrences import ARC_BINS, END, Occurrences
from pplab.models.embedded.relevance import Relevance, question

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_PRIOR: Final = (0.002, 0.3, 0.3, 0.25, 0.25)
"""Pseudo-counts given to the next shorter context, for contexts of 1 to 5 tokens; chosen by reading the answers."""

_EVIDENCE: Final = 0.3
"""Exponent of the weight of a context's occurrences: 1 would leave a context for a shorter one as soon as it is known
from other subjects only, which breaks sentences; 0 would never prefer the prompt's own passages."""

_AFTER_SENTENCE: Final = 0.1
"""What the counts of longer contexts are worth right after a sentence: the words before a full stop say little about
the next one, so there the model moves between passages on the same subject."""

_FOLLOWED: Final = 0.03
"""What an occurrence is worth after the answer has followed it once; so greedy answers do not cycle."""

_ENTERED: Final = 3.0
"""How much more a passage counts once the answer has followed it: an answer keeps to few passages."""

_OTHER_MODE: Final = 0.01
"""What an occurrence is worth in the other mode: a word from inside a quotation or a list, when the answer is outside."""

_NOISE: Final = 0.0015
"""Share of plain word frequencies in every distribution: the flat tail that high temperatures raise."""

_ARC: Final = 6.0
"""How strongly beginnings are drawn from beginnings and endings from endings."""

_PROMPT_WORD: Final = 1.5
"""How much likelier a word of the prompt is than the n-grams say. It cannot appear where they forbid it."""


class LanguageModel:
    """An interpolated n-gram model that is conditioned on the conversation.

    For a context ``h`` the probability of the next token ``w`` is the hierarchical Dirichlet estimate of MacKay and
    Peto (1995, "A hierarchical Dirichlet language model"),

    ``P(w | h) = (e f(w | h) + m P(w | h')) / (e + m)``,

    where ``f`` is the relative frequency of ``w`` after ``h``, ``e`` the evidence for ``h``, ``h'`` is ``h`` without
    its first token and ``m`` a pseudo-count. In the original, frequency and evidence are counts. Here each occurrence
    counts as much as its passage fits the conversation, which is topic adaptation by retrieval (Mahajan, Beeferman and
    Huang 1999, "Improved topic-dependent language modeling using information retrieval techniques"); and the evidence
    is a root of the sum. A context known only from passages about something else leaves the word to a shorter one.

    Three things beyond n-grams keep an answer in shape, each as a weight of occurrences: how far the answer has come
    (beginnings follow no endings), whether it is inside a quotation or a list, and what it has already used, which
    also is why greedy answers end instead of going in circles.

    Parameters
    ----------
    topics
        The training text.

    Examples
    --------
    >>> model = LanguageModel([corpus.Topic("tea", ("tea",), ("Warm the pot.", "Warm the cup."))])
    >>> answer = model.answer([{"role": "user", "content": "tea"}])
    >>> model.vocabulary[int(answer.distribution().argmax())]
    'Warm'
    """

    def __init__(self, topics: Sequence[corpus.Topic]) -> None:
        self.occurrences = Occurrences([text for topic in topics for text in topic.passages])
        self.relevance = Relevance(topics)
        self.vocabulary = self.occurrences.vocabulary
        self.stems = [frozenset(tokens.content_stems(token)) for token in self.vocabulary]
        self.ends_sentence = [token.strip(" ") in tokens.SENTENCE_ENDS for token in self.vocabulary]

    def answer(self, messages: Sequence[Mapping[str, str]]) -> Answer:
        """Return the empty answer to the messages, ready to grow token by token."""
        return Answer(self, self.relevance.fit(messages), frozenset(tokens.content_stems(question(messages))))


class Answer:
    """An answer in the making: the distribution of its next token, given the conversation and what was said so far.

    Made by `LanguageModel.answer`; one answer belongs to one thread.

    Parameters
    ----------
    model
        The model that answers.
    fit
        How well each passage fits the conversation, in (0, 1].
    asked
        Stems of the words in the question.
    """

    def __init__(self, model: LanguageModel, fit: Floats, asked: frozenset[str]) -> None:
        self._found = model.occurrences
        self._ends_sentence = model.ends_sentence
        self._weight: Floats = fit[self._found.passage_of]
        self._expected_length = float(np.average(self._found.lengths, weights=fit**2))
        self._noise = self._word_frequencies()
        self._boost = np.where([not asked.isdisjoint(stems) for stems in model.stems], _PROMPT_WORD, 1.0)
        self._arcs = _arcs()
        self._length = 0
        self._worth_of_longer = 1.0
        self._mode = tokens.Mode()
        self._entered = np.zeros(len(fit), dtype=bool)
        self._contexts = self._found.beginning()
        self._following = self._found.following(self._contexts)

    def _word_frequencies(self) -> Floats:
        """Return plain word frequencies: of the fitting passages, of all, and a floor for every word."""
        size = len(self._found.vocabulary)
        said = self._found.row > END
        fitting = np.bincount(self._found.row[said], weights=self._weight[said], minlength=size)
        everywhere = np.bincount(self._found.row[said], minlength=size)
        frequencies: Floats = 0.5 * fitting / fitting.sum() + 0.3 * everywhere / everywhere.sum() + 0.2 / size
        return frequencies

    def distribution(self) -> Floats:
        """Return the probability of every token of the vocabulary, before any sampling parameter."""
        arc = self._arcs[min(round(self._length / self._expected_length * (ARC_BINS - 1)), ARC_BINS - 1)]
        mode = self._mode.value
        left = 1.0 - _NOISE
        places, shares = [], []
        for length in range(len(self._following), 0, -1):
            positions = self._following[length - 1]
            if not len(positions):
                continue
            weights = self._weight[positions]
            weights[self._found.mode[positions] != mode] *= _OTHER_MODE
            evidence = float(weights.sum()) ** _EVIDENCE * (self._worth_of_longer if length > 1 else 1.0)
            taken = left * evidence / (evidence + _PRIOR[length - 1])
            weights *= arc[self._found.arc_bin[positions]]
            places.append(self._found.row[positions])
            shares.append(weights * (taken / weights.sum()))
            left -= taken
        probability = self._noise * (left + _NOISE)
        if places:
            probability += np.bincount(np.concatenate(places), weights=np.concatenate(shares), minlength=len(probability))
        probability *= self._boost
        probability /= probability.sum()
        return probability

    def say(self, token: int) -> None:
        """Append the token to the answer."""
        for positions in reversed(self._following[1:]):
            followed = positions[self._found.row[positions] == token]
            if len(followed):
                self._weight[followed] *= _FOLLOWED
                self._enter(self._found.passage_of[followed])
                break
        self._length += 1
        self._mode.before(self._found.vocabulary[token])
        self._worth_of_longer = _AFTER_SENTENCE if self._ends_sentence[token] else 1.0
        self._contexts = self._found.extend(self._contexts, token)
        self._following = self._found.following(self._contexts)

    def _enter(self, passages: NDArray[np.int64]) -> None:
        """Let the passage count more, if the answer now follows this one alone and does so for the first time."""
        if len(passages) == 1 and not self._entered[passages[0]]:
            self._entered[passages[0]] = True
            self._weight[self._found.passage_of == passages[0]] *= _ENTERED


@functools.cache
def _arcs() -> Floats:
    """Return the worth of an occurrence in each bin of its passage, for each bin of the answer."""
    bins = np.arange(ARC_BINS)
    distance = np.abs(np.subtract.outer(bins, bins)) / (ARC_BINS - 1)
    worth: Floats = np.exp(-_ARC * distance)
    return worth


@functools.cache
def load() -> LanguageModel:
    """Return the model of the text shipped with the package; it is trained once a process."""
    return LanguageModel(corpus.read_topics())
