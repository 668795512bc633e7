"""Whether a text could be English at all: the gate that creativity and coherence are multiplied by."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.scoring.surface.scales import hill_decay
from pplab.scoring.surface.text import odd_characters

if TYPE_CHECKING:
    from pplab.scoring.surface.text import Reading

_CAPITALISED = re.compile(r"[A-Z][a-z]+")


@dataclass(frozen=True, slots=True)
class Plausibility:
    """How far a text looks like English.

    Attributes
    ----------
    gate : float
        In [0, 1]: the product of the three factors below.
    function_words, known_words, characters : float
        Factors in [0, 1].
    function_share : float
        Share of function words in sentences of at least eight words. English prose of any kind has 0.32 to 0.65.
    unknown_share : float
        Share of the distinct words that are neither English nor used by the prompt or the source; a capitalised one is
        probably a name and counts half.
    odd_share : float
        Odd characters and glued words per word.
    """

    gate: float
    function_words: float
    known_words: float
    characters: float
    function_share: float
    unknown_share: float
    odd_share: float


def plausibility(reading: Reading, context: frozenset[str] = frozenset()) -> Plausibility:
    """Measure the gate.

    Lexical diversity and rarity alone reward gibberish: over sampling configurations people's creativity ratings
    correlate at -0.89 with raw lexical diversity. Word salad betrays itself by a lack of function words, by words that
    do not exist, and by stray symbols; each of the three is enough to close the gate.

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
    function_words = 1 / (1 + math.exp((0.29 - share) / 0.035))
    known_words = hill_decay(unknown, 0.1)
    characters = hill_decay(odd, 0.1)
    gate = function_words * known_words * characters
    return Plausibility(gate, function_words, known_words, characters, share, unknown, odd)
