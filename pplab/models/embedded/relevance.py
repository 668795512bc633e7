"""How well each passage of the training text fits a conversation; no probabilities of words here."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from pplab.models.embedded import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pplab.models.embedded.corpus import Topic

    Floats = NDArray[np.float64]

_SHARE_OF_CONTEXT: Final = 0.25
"""Weight of words from the system message and from earlier turns; the last user message has weight 1."""

_PASSAGE_MATCH: Final = 5.5
_TOPIC_MATCH: Final = 5.0
_LIST_MATCH: Final = 0.8
_FLOOR: Final = 1e-4

_NUMBER_WORDS = "two three four five six seven eight nine ten"
_NUMBERS = {w: n for n, w in enumerate(_NUMBER_WORDS.split(), start=2)}
_LISTS = "agenda checklist ideas itinerary list names options points slogans steps taglines tips ways"
_LIST_WORDS = frozenset(tokens.content_stems(_LISTS))
_ASKING = """
    advice ask begin best better brief choose child compose create describe draft explain find good help idea important
    kind know learn long need plan report recipe short simple simply start story suggest summarise summarize tip way word work
"""
_ASKING_STEMS = frozenset(tokens.content_stems(_ASKING))
_ITEM_LINE = re.compile(r"^(?:[-*]|\d+\.) ", re.MULTILINE)


class Relevance:
    """The fit of passages to a conversation: BM25 on stems, the keywords of the topic, and whether a list is wanted.

    BM25 is the ranking function of Robertson and Zaragoza (2009, "The probabilistic relevance framework"), with
    k1 = 1.2 and b = 0.75. The rarity of a word is squared here, so that one telling word outweighs several common
    ones, and the sum is divided by the best that the words asked for could reach.

    Parameters
    ----------
    topics
        The training text.
    """

    def __init__(self, topics: Sequence[Topic]) -> None:
        passages = [text for topic in topics for text in topic.passages]
        self._words = [Counter(tokens.content_stems(text)) for text in passages]
        sizes = np.array([sum(words.values()) for words in self._words])
        self._damping: list[float] = (1.2 * (0.25 + 0.75 * sizes / sizes.mean())).tolist()
        self._items = np.array([len(_ITEM_LINE.findall(text)) for text in passages])
        keywords = [frozenset(tokens.content_stems(" ".join(topic.keywords))) for topic in topics]
        self._keywords = [words for topic, words in zip(topics, keywords, strict=True) for _ in topic.passages]
        self._rarity = _rarity(self._words)
        self._keyword_rarity = _rarity(keywords)

    def fit(self, messages: Sequence[Mapping[str, str]]) -> Floats:
        """Return how well each passage fits, in (0, 1]; the best one has 1.

        Parameters
        ----------
        messages
            Messages with ``role`` and ``content``.
        """
        wanted = _wanted(messages)
        scores = _PASSAGE_MATCH * self._passage_match(wanted) + _TOPIC_MATCH * self._topic_match(wanted)
        scores += _LIST_MATCH * self._list_match(question(messages))
        fitting: Floats = np.maximum(np.exp(scores - scores.max()), _FLOOR)
        return fitting

    def _passage_match(self, wanted: Mapping[str, float]) -> Floats:
        """Compare what the conversation is about; words that only ask, such as "explain", count for the topic alone."""
        about = {word: weight for word, weight in wanted.items() if word not in _ASKING_STEMS}
        best = sum(2.2 * weight * self._rarity.get(word, 0.0) ** 2 for word, weight in about.items())
        scores = [
            sum(
                weight * self._rarity[word] ** 2 * 2.2 * words[word] / (words[word] + damping)
                for word, weight in about.items()
                if word in words
            )
            for words, damping in zip(self._words, self._damping, strict=True)
        ]
        return np.array(scores) / max(best, 1.0)

    def _topic_match(self, wanted: Mapping[str, float]) -> Floats:
        best = sum(weight * self._keyword_rarity.get(word, 0.0) for word, weight in wanted.items())
        scores = [
            sum(weight * self._keyword_rarity[word] for word, weight in wanted.items() if word in keywords)
            for keywords in self._keywords
        ]
        return np.array(scores) / max(best, 1.0)

    def _list_match(self, asked: str) -> Floats:
        words = asked.lower().split()
        count = next((_NUMBERS.get(word) or int(word) for word in words if word in _NUMBERS or word in {"3", "5"}), 0)
        wants_list = not _LIST_WORDS.isdisjoint(tokens.content_stems(asked))
        match: Floats = (self._items > 0) * float(wants_list) + (self._items == count) * float(count > 0)
        return match


def question(messages: Sequence[Mapping[str, str]]) -> str:
    """Return the last user message, or the last message where no user spoke."""
    return next((m["content"] for m in reversed(messages) if m["role"] == "user"), messages[-1]["content"])


def _wanted(messages: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """Return the stems asked for with their weights, those of the question at 1."""
    context = {word: _SHARE_OF_CONTEXT for message in messages for word in tokens.content_stems(message["content"])}
    return context | dict.fromkeys(tokens.content_stems(question(messages)), 1.0)


def _rarity(groups: Sequence[Counter[str] | frozenset[str]]) -> dict[str, float]:
    """Return for each word the logarithm of one over its share of the groups, smoothed as in BM25."""
    seen = Counter(word for group in groups for word in group)
    return {word: math.log(1 + (len(groups) - count + 0.5) / (count + 0.5)) for word, count in seen.items()}
