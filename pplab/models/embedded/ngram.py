"""The language model: interpolated n-grams whose counts are weighted by how well each passage fits the prompt."""

from __future__ import annotations

import functools
from dataclasses import dataclass
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

_MOST_ASKED: Final = 16
"""Conversations whose beginnings are kept, half a megabyte each: the answers to one come one after another."""


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
        self.worth_in_mode = [np.where(self.occurrences.mode == mode, 1.0, _OTHER_MODE) for mode in range(tokens.MODES)]
        self._asked = functools.lru_cache(_MOST_ASKED)(self._ask)

    def answer(self, messages: Sequence[Mapping[str, str]]) -> Answer:
        """Return the empty answer to the messages, ready to grow token by token."""
        return Answer(self, self._asked(tuple((message["role"], message["content"]) for message in messages)))

    def _ask(self, conversation: tuple[tuple[str, str], ...]) -> Asked:
        messages = [{"role": role, "content": content} for role, content in conversation]
        fit = self.relevance.fit(messages)
        stems = frozenset(tokens.content_stems(question(messages)))
        weight: Floats = fit[self.occurrences.passage_of]
        return Asked(
            weight=weight,
            expected_length=float(np.average(self.occurrences.lengths, weights=fit**2)),
            noise=self._word_frequencies(weight),
            boost=np.where([not stems.isdisjoint(of_word) for of_word in self.stems], _PROMPT_WORD, 1.0),
        )

    def _word_frequencies(self, weight: Floats) -> Floats:
        """Return plain word frequencies: of the fitting passages, of all, and a floor for every word."""
        size, row = len(self.vocabulary), self.occurrences.row
        said = row > END
        fitting = np.bincount(row[said], weights=weight[said], minlength=size)
        everywhere = np.bincount(row[said], minlength=size)
        frequencies: Floats = 0.5 * fitting / fitting.sum() + 0.3 * everywhere / everywhere.sum() + 0.2 / size
        return frequencies


@dataclass(frozen=True, slots=True)
class Asked:
    """What all answers to one conversation begin with.

    Attributes
    ----------
    weight
        What each occurrence is worth: how well its passage fits the conversation, in (0, 1].
    expected_length
        Tokens of the passages that fit, their mean.
    noise
        Plain word frequencies, by token.
    boost
        What a token counts more for being a word of the question.
    """

    weight: Floats
    expected_length: float
    noise: Floats
    boost: Floats


class Answer:
    """An answer in the making: the distribution of its next token, given the conversation and what was said so far.

    Made by `LanguageModel.answer`; one answer belongs to one thread.

    Parameters
    ----------
    model
        The model that answers.
    asked
        What the answers to this conversation begin with.
    """

    def __init__(self, model: LanguageModel, asked: Asked) -> None:
        self._found = model.occurrences
        self._ends_sentence = model.ends_sentence
        self._worth_in_mode = model.worth_in_mode
        self._asked = asked
        self._weight = asked.weight.copy()
        self._arcs = _arcs()
        self._length = 0
        self._worth_of_longer = 1.0
        self._mode = tokens.Mode()
        self._entered: set[int] = set()
        self._contexts = self._found.beginning()
        self._following = self._found.following(self._contexts)

    def distribution(self) -> Floats:
        """Return the probability of every token of the vocabulary, before any sampling parameter."""
        asked = self._asked
        arc = self._arcs[min(round(self._length / asked.expected_length * (ARC_BINS - 1)), ARC_BINS - 1)]
        worth_in_mode = self._worth_in_mode[self._mode.value]
        left = 1.0 - _NOISE
        places, shares = [], []
        for length in range(len(self._following), 0, -1):
            positions = self._following[length - 1]
            if not len(positions):
                continue
            weights = self._weight[positions]
            weights *= worth_in_mode[positions]
            evidence = float(np.add.reduce(weights)) ** _EVIDENCE * (self._worth_of_longer if length > 1 else 1.0)
            taken = left * evidence / (evidence + _PRIOR[length - 1])
            weights *= arc[self._found.arc_bin[positions]]
            places.append(self._found.row[positions])
            weights *= taken / np.add.reduce(weights)
            shares.append(weights)
            left -= taken
        probability = asked.noise * (left + _NOISE)
        if places:
            probability += np.bincount(np.concatenate(places), weights=np.concatenate(shares), minlength=len(probability))
        probability *= asked.boost
        probability /= np.add.reduce(probability)
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
        if len(passages) == 1 and (passage := int(passages[0])) not in self._entered:
            self._entered.add(passage)
            self._weight[self._found.positions(passage)] *= _ENTERED


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
