"""Direct answers: whether a short piece is of fitting length, and whether a plain question got the kind of answer it asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pplab.scoring.surface.quantities import COUNT, number
from pplab.scoring.surface.scales import linear_ramp
from pplab.scoring.surface.text import words_of
from pplab.scoring.surface.words import FUNCTION, FUNCTION_WORDS, forms

if TYPE_CHECKING:
    from pplab.scoring.surface.asks import Ask
    from pplab.scoring.surface.text import Reading

AROUND: Final = 25
"""Words around a short piece ("Here is one for your shop: ...", a line on why) that do not make it longer."""
LEAST: Final = 0.6
"""What a text has that is far too long or short for the piece asked for: no less than one that was cut."""
BETWEEN: Final = 0.9
"""What an answer has that takes both or neither of the things to choose from."""
PADDED: Final = 20
"""Words from which on an answer to a plain question is more than was asked for."""
OTHER_KIND: Final = 0.35
"""What an answer has that is not of the kind asked for: words where a number is asked, no yes and no no."""
UNCLOSED: Final = 0.6
"""What code has whose brackets or fence stay open."""
NOT_PLAIN: Final = 0.7
"""What an answer has that may be of the kind asked for, but not plainly."""

_NUMBER = re.compile(
    rf"\d|\b(?:{COUNT}|zero|none|half|dozen|thousand|million|billion|first|second|third|noon|midnight|today|tomorrow|yesterday|never|always"
    r"|january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|wednesday|thursday|friday"
    r"|saturday|sunday|spring|summer|autumn|fall|winter|century|ago|decades?|morning|evening|night)\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"(?<![\w.])[-\u2212]?\d[\d,]*(?:\.\d+)?")
_YES_NO = re.compile(
    r"[\W_]*(?:yes|no|yeah|yep|nope|true|false|correct|absolutely|certainly|definitely|not (?:really|quite|at all|exactly))\b"
)
_PLAINLY_SO = re.compile(r"\b(?:yes|no|not|never|n't|cannot|is|are|was|were|does|do|did|can|will|has|have)\b|(?:n't|'s|'re|'m)\b")
_CODE_LINE = re.compile(
    r"[;{}]\s*\Z|^\s*(?:def|return|import|from|print|for|while|if|class|let|const|var|select|function)\b.*[(:;=*]"
    r"|[\w\])] ?(?:=|=>|\+=) ?\S",
    re.IGNORECASE,
)
_STUB = re.compile(
    r"\A\s*pass\s*\Z|(?:#|//|--) ?(?:your code|todo|add|implement|\.\.\.|rest of)|:\s*\n\s*(?:pass|\.\.\.)\s*\Z", re.IGNORECASE
)
_NAME = re.compile(r"\b[A-Z][\w'\u2019-]+")


def fits(reading: Reading, ask: Ask) -> float:
    """Return how far a text has the length of the short piece that was asked for, whatever it says.

    Examples
    --------
    >>> from pplab.scoring.surface.asks import ask_of
    >>> from pplab.scoring.surface.text import read
    >>> ask = ask_of("Write a tagline for a coffee shop.")
    >>> fits(read("Slow mornings, strong brews."), ask), fits(read("The shop was old. " * 40), ask)
    (1.0, 0.6)
    """
    size = len(reading.words)
    if size < ask.low:
        return LEAST + (1 - LEAST) * size / ask.low * 0.5
    roomy = ask.high + AROUND if _has_piece_apart(reading.raw) else ask.high
    return LEAST + (1 - LEAST) * linear_ramp(size, 3 * roomy, roomy)


def _has_piece_apart(text: str) -> bool:
    """Whether a text sets something off: in quotation marks, in bold, after a colon or in a line of its own."""
    return any(mark in text for mark in ('"', "\u201c", "**", ":", "\n"))


def answered(reading: Reading, prompt: str, ask: Ask) -> float:
    """Return how plainly a question got the kind of answer that it asks for; whether it is right is not judged, sums apart.

    Examples
    --------
    >>> from pplab.scoring.surface.asks import ask_of
    >>> from pplab.scoring.surface.text import read
    >>> ask = "What is 7 times 8?"
    >>> [answered(read(text), ask, ask_of(ask)) for text in ("56", "It is 54.", "It is a product of numbers.")]
    [1.0, 0.35, 0.35]
    """
    if ask.kind == "piece":
        own = len(_own_words(reading, prompt)) / max(1, len(set(reading.content)))
        return fits(reading, ask) * (0.9 + 0.1 * own) if own or not reading.content else OTHER_KIND
    if ask.kind == "rewrite":
        return rewritten(reading, ask.material)
    if ask.kind == "code":
        return _code(reading)
    if ask.kind == "several":
        return sum(_kind_given(reading, question, part) for question, part in ask.parts) / len(ask.parts)
    plain = _kind_given(reading, prompt, ask)
    return plain * (1 - 0.2 * linear_ramp(len(reading.words), PADDED, 6 * PADDED))


def _kind_given(reading: Reading, prompt: str, ask: Ask) -> float:
    text = reading.raw
    own = _own_words(reading, prompt)
    if ask.result is not None:
        return 1.0 if _has_figure(text, ask.result) else OTHER_KIND
    if ask.kind == "number":
        without = re.sub("|".join(map(re.escape, _FIGURE.findall(prompt))) or r"\Z", " ", text)
        return 1.0 if _NUMBER.search(without) else OTHER_KIND
    if ask.kind == "yes or no":
        head = text[:200].lower()
        if _YES_NO.match(head):
            return 1.0
        return NOT_PLAIN if _PLAINLY_SO.search(head) else OTHER_KIND
    if ask.kind == "choice":
        return _choice(reading, ask.labels)
    if not own and not _FIGURE.search(text):
        return OTHER_KIND
    if prompt.lower().startswith(
        ("who", "where", "which", "name the", "state the", "identify the", "tell me who", "what's the", "what is the")
    ):
        known = set(words_of(prompt))
        names = [name for name in _NAME.findall(text) if name.lower() not in known]
        return 1.0 if names else NOT_PLAIN
    return 1.0


def _has_figure(text: str, result: float) -> bool:
    figures = [float(figure.replace(",", "").replace("\u2212", "-")) for figure in _FIGURE.findall(text)]
    near = any(abs(figure - result) <= max(0.01, abs(result) * 0.005) for figure in figures)
    return near or any(number(word) == result for word in re.findall(r"[a-z]+", text.lower()))


def _own_words(reading: Reading, prompt: str) -> list[str]:
    known = set(words_of(prompt))
    return [w for w, value in reading.types.items() if value != FUNCTION and w not in known and forms(w).isdisjoint(known)]


def _code(reading: Reading) -> float:
    """Return whether there is code, and whether it is more than a stub."""
    code = (
        "\n".join(reading.code)
        if reading.code
        else "\n".join(line for line in reading.prose.split("\n") if _CODE_LINE.search(line))
    )
    if not code.strip():
        return OTHER_KIND
    whole = not reading.open_fence and all(code.count(left) <= code.count(right) for left, right in ("()", "[]", "{}"))
    return (1.0 if whole else UNCLOSED) * (NOT_PLAIN if _STUB.search(code) else 1.0)


def _choice(reading: Reading, labels: tuple[str, ...]) -> float:
    """Return how plainly an answer names one of the things to choose from, in the first sentence that names any."""
    for sentence in reading.sentences:
        named = sum(not forms(label).isdisjoint(sentence) for label in labels)
        if named:
            return 1.0 if named == 1 else OTHER_KIND
        if not {"both", "neither", "either", "none"}.isdisjoint(sentence):
            return BETWEEN
    return OTHER_KIND


def rewritten(reading: Reading, material: str) -> float:
    """Return how far a text is another text put in other words: of about its length, not the same, and not on something else."""
    before, after = words_of(material), reading.words
    if before == after or not before:
        return OTHER_KIND / 2
    longer = max(len(before), len(after)) / max(1, min(len(before), len(after)))
    types = set(after)
    content = [word for word in dict.fromkeys(before) if word not in FUNCTION_WORDS]
    kept = sum(not forms(word).isdisjoint(types) for word in content) / len(content) if content else 1.0
    return (LEAST + (1 - LEAST) * linear_ramp(longer, 6, 3)) * (NOT_PLAIN + (1 - NOT_PLAIN) * linear_ramp(kept, 0, 0.4))
