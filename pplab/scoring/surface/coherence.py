"""Coherence: plausible, well-formed sentences that do not go round in circles; not the quality of an argument."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pplab.scoring.surface.scales import hill_decay, linear_ramp, log_decay
from pplab.scoring.surface.words import FUNCTION

if TYPE_CHECKING:
    from pplab.scoring.surface.plausibility import Plausibility
    from pplab.scoring.surface.repetition import Repetition
    from pplab.scoring.surface.text import Reading

_FORM = tuple(min(linear_ramp(words, 1, 11), linear_ramp(words, 90, 40)) for words in range(91))


def coherence(reading: Reading, plausible: Plausibility, repeated: Repetition) -> tuple[float, dict[str, Any]]:
    """Return the score and its parts; the formula and its reasons are in ``docs/coherence.md``."""
    not_looping = hill_decay(repeated.phrases, 0.6, order=4)
    word_variety = log_decay(repeated.concentration, 0.005)
    pair_variety = log_decay(repeated.pairs, 0.02)
    form = sentence_form(reading)
    linked = links(reading)
    merit = 0.67 + 0.15 * word_variety + 0.05 * pair_variety + 0.1 * form + 0.03 * linked
    detail: dict[str, Any] = {
        "plausibility": plausible.gate,
        "not_looping": not_looping,
        "word_variety": word_variety,
        "pair_variety": pair_variety,
        "sentence_form": form,
        "links": linked,
        "raw": {
            "repeated_phrases": repeated.phrases,
            "repeated_sentences": repeated.sentences,
            "most_repeated_sentence": repeated.worst_sentence,
            "most_repeated_count": repeated.worst_count,
            "concentration": repeated.concentration,
            "mean_sentence_words": len(reading.words) / len(reading.sentences),
            "unknown_share": plausible.unknown_share,
            "function_share": plausible.function_share,
            "odd_share": plausible.odd_share,
        },
    }
    return plausible.gate * not_looping * merit, detail


def sentence_form(reading: Reading) -> float:
    """Return how far sentences are whole: fragments below eleven words and run-ons beyond forty lose, in proportion.

    Lines of their own without a full stop (list items, headings, verses) are not taken for fragments.
    """
    forms = sorted(_FORM[min(len(s), len(_FORM) - 1)] for s in reading.sentences)
    free = min(reading.free_lines, len(forms))
    return (free + math.fsum(forms[free:])) / len(forms)


def links(reading: Reading) -> float:
    """Return the share of sentences that take up a content word of one of the two sentences before them.

    Words are compared by their first six letters. Nothing else counts: connectives are not rewarded. A single sentence
    is fully linked.
    """
    types = reading.types
    contents = [{word[:6] for word in s if types[word] != FUNCTION} for s in reading.sentences]
    linked = total = 0
    for i in range(1, len(contents)):
        if contents[i]:
            total += 1
            linked += not contents[i].isdisjoint(contents[i - 1]) or (i > 1 and not contents[i].isdisjoint(contents[i - 2]))
    return linked / total if total else 1.0
