"""Coherence: plausible, well-formed sentences that do not go round in circles; not the quality of an argument."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from pplab.scoring.surface.ending import ends_whole
from pplab.scoring.surface.scales import hill_decay, linear_ramp, log_decay
from pplab.scoring.surface.words import FUNCTION, word_set

if TYPE_CHECKING:
    from pplab.scoring.surface.plausibility import Plausibility
    from pplab.scoring.surface.repetition import Repetition
    from pplab.scoring.surface.text import Reading

SHORT = 120
"""Words up to which sentences that have nothing to do with each other are looked for."""

_REFERRING = word_set(
    "it its it's itself they them their they're he she him his her hers this that these those there such one ones "
    "another other others both "
    "same then so but however also too instead first second next finally last because i i'm i've we we're us my our me you your"
)
_FORM = tuple(min(linear_ramp(words, 1, 11), linear_ramp(words, 90, 40)) for words in range(91))


def coherence(reading: Reading, plausible: Plausibility, repeated: Repetition) -> tuple[float, dict[str, Any]]:
    """Return the score and its parts; the formula and its reasons are in ``docs/coherence.md``."""
    not_looping = hill_decay(repeated.phrases, 0.6, order=4) * hill_decay(repeated.alike, 0.5, order=4)
    word_variety = log_decay(repeated.concentration, 0.005)
    pair_variety = log_decay(repeated.pairs, 0.02)
    form = sentence_form(reading)
    linked = links(reading)
    cut = not ends_whole(reading.raw)
    broken = (0.5 * plausible.order.stopped + 0.25 * cut) / len(reading.sentences)
    whole = 1 - min(0.5, broken) - 0.3 * plausible.order.verbless
    loose = loose_share(reading)
    merit = 0.67 + 0.15 * word_variety + 0.05 * pair_variety + 0.1 * form + 0.03 * linked
    detail: dict[str, Any] = {
        "plausibility": plausible.gate,
        "not_looping": not_looping,
        "word_variety": word_variety,
        "pair_variety": pair_variety,
        "sentence_form": form,
        "whole": whole,
        "links": linked,
        "joined": 1 - loose,
        "raw": {
            "repeated_phrases": repeated.phrases,
            "repeated_sentences": repeated.sentences,
            "alike_sentences": repeated.alike,
            "most_repeated_sentence": repeated.worst_sentence,
            "most_repeated_count": repeated.worst_count,
            "concentration": repeated.concentration,
            "mean_sentence_words": len(reading.words) / len(reading.sentences),
            "unknown_share": plausible.unknown_share,
            "function_share": plausible.function_share,
            "odd_share": plausible.odd_share,
            "impossible_pairs": plausible.order.impossible,
            "stopped_sentences": plausible.order.stopped + cut,
            "verbless_share": plausible.order.verbless,
        },
    }
    return plausible.gate * not_looping * whole * (1 - 0.05 * loose) * merit, detail


def loose_share(reading: Reading) -> float:
    """Return the share of a short text's sentences that have nothing to do with any other by their words.

    They share no content word with another sentence, and no word of theirs refers to something said or to somebody present. The
    order of the sentences does not matter. A long text, a list and two sentences are not judged.
    """
    if len(reading.words) > SHORT or len(reading.sentences) < 3 or reading.free_lines:
        return 0.0
    types = reading.types
    stems = [{word[:5] for word in s if types[word] != FUNCTION} for s in reading.sentences]
    often = Counter(stem for one in stems for stem in one)
    loose = sum(
        _REFERRING.isdisjoint(sentence) and all(often[stem] == 1 for stem in one)
        for sentence, one in zip(reading.sentences, stems, strict=True)
    )
    return loose / len(stems)


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
