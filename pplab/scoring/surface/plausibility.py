"""Whether a text could be English at all: the gate that creativity and coherence are multiplied by."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.scoring.surface.scales import hill_decay
from pplab.scoring.surface.text import odd_characters
from pplab.scoring.surface.word_order import word_order

if TYPE_CHECKING:
    from pplab.scoring.surface.text import Reading
    from pplab.scoring.surface.word_order import WordOrder

LEAST_IN_PROSE = 0.29
"""Share of function words and commas below which prose is word salad."""
LESS_IN_FEW, FEW = 0.12, 40
"""How much lower that may be in a single sentence by chance, and the words from which on it may not."""
LEAST_IN_SHORT = 0.08
"""Share of function words and commas that a few short sentences have at least; a slogan of three pairs has its commas."""

SLACK = 20
"""Words that are counted on top when impossible neighbours are: one slip in a short text is no salad."""

UNUSUAL = 0.05
"""What an unusual pair of neighbours counts of an impossible one: one in thirty words of sound prose is in one."""

_CAPITALISED = re.compile(r"[A-Z][a-z]+")


@dataclass(frozen=True, slots=True)
class Plausibility:
    """How far a text looks like English.

    Attributes
    ----------
    gate : float
        In [0, 1]: the product of the four factors below.
    function_words, known_words, characters, in_order : float
        Factors in [0, 1].
    function_share : float
        Share of function words in sentences of at least eight words. English prose of any kind has 0.32 to 0.65.
    unknown_share : float
        Share of the distinct words that are neither English nor used by the prompt or the source; a capitalised one is
        probably a name and counts half.
    odd_share : float
        Odd characters and glued words per word.
    order : WordOrder
        What is wrong with the order of the words.
    """

    gate: float
    function_words: float
    known_words: float
    characters: float
    in_order: float
    function_share: float
    unknown_share: float
    odd_share: float
    order: WordOrder


def plausibility(reading: Reading, context: frozenset[str] = frozenset()) -> Plausibility:
    """Measure the gate.

    Lexical diversity and rarity alone reward gibberish: over sampling configurations people's creativity ratings
    correlate at -0.89 with raw lexical diversity. Word salad betrays itself by a lack of function words, by words that
    do not exist, by stray symbols, and by neighbours that no sentence has; each of the four is enough to close the gate.

    Parameters
    ----------
    reading
        A text with at least one word.
    context
        Words of the prompt and the source: names and terms the text may use without being gibberish.

    Examples
    --------
    >>> from pplab.scoring.surface.text import read
    >>> round(plausibility(read("The keeper of the light had counted all of the ships that came in.")).gate, 2)
    1.0
    >>> salad = "errorHandlerse dodhtearing exclusively looks onlyatl benefitingiox hour spec Guinea regular youngamong"
    >>> plausibility(read(salad)).gate < 0.01
    True
    """
    share = reading.function_share
    strange = reading.unknown(context)
    names = {name.lower() for name in _CAPITALISED.findall(reading.prose)} if strange else set()
    unknown = sum(0.5 if word in names else 1.0 for word in strange) / len(reading.types)
    odd = odd_characters(reading.prose) / len(reading.words)
    least = LEAST_IN_PROSE - LESS_IN_FEW * max(0.0, 1 - len(reading.words) / FEW)
    function_words = 1 / (1 + math.exp((least - share) / 0.035))
    if reading.is_short_prose:
        function_words = min(function_words, 1 / (1 + math.exp((LEAST_IN_SHORT - reading.short_share) / 0.035)))
    known_words = hill_decay(unknown, 0.1)
    characters = hill_decay(odd, 0.1)
    order = word_order(reading)
    in_order = hill_decay((order.impossible + UNUSUAL * order.unusual) / (len(reading.words) + SLACK), 0.025)
    gate = function_words * known_words * characters * in_order
    return Plausibility(gate, function_words, known_words, characters, in_order, share, unknown, odd, order)
