"""Scores of the reader: what its figures say about an answer, together with what the surface of the text says.

Every curve is fixed and has its reason beside it; none was fitted. The surface knows what can be looked up in the text: that it
declines, echoes, goes round in circles, stops in a sentence, lacks what was asked for by number or kind. This multiplies what the
reader says, or outweighs it. The reader knows how English goes on and what is said to which prompt: it counts the more the vaguer
the surface is, and the more tokens it saw. Structure is left to the surface.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.inputs.visible import visible
from pplab.plan.vocabulary import WORDING_SCORES
from pplab.reader.figures import EARLY
from pplab.scoring.scores import FEWEST_WORDS
from pplab.scoring.surface.asks import ask_of
from pplab.scoring.surface.completeness import CAP, EVADED, UNSOUND, unfinished
from pplab.scoring.surface.scales import exp_rise, linear_ramp
from pplab.scoring.surface.text import FREE_LINE, read
from pplab.scoring.surface.words import FUNCTION

if TYPE_CHECKING:
    from pplab.reader.figures import Figures
    from pplab.scoring.scores import Scores
    from pplab.scoring.surface.asks import Ask
    from pplab.scoring.surface.text import Reading

READER_VERSION: Final = "2"
"""Raised whenever any answer could get another score from the same weights."""

UNFINISHED, ENDED = math.log(1e-4), math.log(0.1)
"""A word in the middle of a sentence has less than one chance in ten thousand to be the last; at one in ten nobody wonders."""
BABBLE, PROSE, OF_SOURCE = -6.0, -3.2, -2.0
"""Mean log-probability: words drawn from a list have about one chance in 400 each; prose of an encyclopaedia costs a model of
this size about 3.2 nats a token (GPT-2 small on WikiText-103), a text whose source it has just read about 2, as every other word
is from there. Beyond that nothing is gained: more predictable is not better."""
NONSENSE: Final = -12.0
"""The same of the worst quarter: words that do not belong where they stand have one chance in 160,000."""
WORST_OF_PROSE: Final = 1 + math.log(4)
"""What the worst quarter of a sound text has of its mean: what a token costs falls off about exponentially."""
TOLD: Final = 0.5
"""Gain in nats a token at which the prompt makes the answer's words 1.6 times as probable as no prompt does."""
FORESEEN, SURPRISING, SALAD = -1.0, PROSE, -8.0
"""Mean log-probability: at -1 the model would have written it too, at the other it is as surprising as good prose, and whether
wit or confusion makes it more so cannot be told; beyond babble, down to one chance in 3,000 a word, it is confusion."""
ECHO: Final = 3
"""Words of a phrase that counts as taken over from the prompt."""

OPEN: Final = 0.5
"""Weight of the reader's say on the topic of an open text or explanation: the surface only counts words there, so neither is
believed before the other."""
KIND_KNOWN: Final = 0.2
"""The same where the surface tells whether the kind of answer that was asked for is there: its steps are 0.3 apart at least, and
0.2 of the reader's say does not outweigh one."""
HALF_COUNTED: Final = 0.5
"""What is left of either weight where requests could be counted out, which is half of the surface's score."""
FEW: Final = 6
"""Tokens at which half of what the reader says about the English of a text is believed: a token's cost varies by about 3 nats
within a text and the mean by 1.2 between texts, so that the mean of n tokens is worth n / (n + (3 / 1.2)^2)."""
AT_LENGTH, WITH_AN_END = ("open", "explanation"), ("piece", "rewrite")
"""Kinds of asks that are answered at length, and others whose answer may be broken off: a fact or a number is given or not."""
RESTS_ON: Final = {
    "creativity": ("fresh",),
    "coherence": ("fluency", "sense", "finished"),
    "completeness": ("on_topic", "heard", "finished"),
}
"""What each score has of the reader, besides the surface's score of the same name."""
_STOP = re.compile(r"[.!?\u2026]")
_STOPS_THERE = re.compile(r"[.!?\u2026][\"')\]*_\u201d\u2019]{0,3}\s*\Z")


@dataclass(frozen=True, slots=True)
class ReaderScores:
    """What the reader says about one answer.

    Attributes
    ----------
    creativity, coherence, completeness : float or None
        In [0, 1], higher is better; ``None`` where it cannot judge (the reason is in ``detail``).
    detail : dict
        Score -> what it rests on besides the surface's score, under ``"unread"`` what was too long, in words.
    """

    creativity: float | None
    coherence: float | None
    completeness: float | None
    detail: dict[str, dict[str, Any]] = field(default_factory=dict)


def reader_scores(
    seen: Figures | None,
    surface: Scores,
    text: str,
    prompt: str = "",
    *,
    has_source: bool = False,
    finish_reason: str | None = None,
) -> ReaderScores:
    """Combine what the model saw in an answer with the surface scores of the same answer.

    Parameters
    ----------
    seen
        The figures of `pplab.reader.reader.Reader.read`; ``None`` for an empty answer.
    surface
        The surface scores, made with the same prompt, source, peers and ``finish_reason``.
    text, prompt
        The answer and what was asked, without the source.
    has_source
        Whether a source was given: to repeat its phrases is no echo.
    finish_reason
        As the model's API gave it; ``"length"`` caps completeness.
    """
    reading, asked = read(visible(text)), read(visible(prompt))
    reason = "empty" if seen is None else reading.not_judged or _not_judged(surface, reading)
    if seen is None or reason:
        unread: dict[str, dict[str, Any]] = {name: {"reason": reason} for name in WORDING_SCORES}
        if surface.completeness is None:
            unread["completeness"] = {"reason": reason}
        return ReaderScores(None, None, surface.completeness, unread)
    said = judged(
        seen,
        echo=0.0 if has_source else echoed(reading.words, asked.words),
        own=_own(reading, asked),
        bare=len(reading.words) <= FREE_LINE and not _STOP.search(text),
        has_source=has_source,
    )
    completeness = _completeness(said, surface, reading, None if has_source else ask_of(visible(prompt)))
    values = {
        "creativity": _creativity(said, surface),
        "coherence": _coherence(said, surface, reading),
        "completeness": min(completeness, CAP) if finish_reason == "length" else completeness,
    }
    parts = asdict(said) | {"unread": _unread(seen)}
    detail: dict[str, dict[str, Any]] = {name: {part: parts[part] for part in (*RESTS_ON[name], "unread")} for name in values}
    return ReaderScores(**values, detail=detail)


def _unread(seen: Figures) -> str:
    """Return in words what was too long to be read; empty where all was."""
    cut = (("the middle of the prompt", seen.prompt_cut), ("the end of the answer", seen.answer_cut))
    return " and ".join(f"{part} ({count:,} tokens)" for part, count in cut if count)


@dataclass(frozen=True, slots=True)
class Judged:
    """What each figure says, in [0, 1].

    Attributes
    ----------
    finished : float or None
        How probable the end is where the text ends; ``None`` where only the beginning of an answer was read.
    fluency, sense : float
        How well English goes on like this, on average and in its least probable quarter.
    sound : float
        Their mean, as far as a text is long enough to say.
    on_topic : float or None
        How much the prompt tells about the first `EARLY` tokens; ``None`` without a prompt.
    heard : float
        How far these are the answer: of one of which they are less than half, they do not say what it is about.
    fresh : float
        How little of it was to be foreseen.
    """

    finished: float | None
    fluency: float
    sense: float
    sound: float
    on_topic: float | None
    heard: float
    fresh: float


def judged(seen: Figures, *, echo: float = 0.0, own: float = 1.0, bare: bool = False, has_source: bool = False) -> Judged:
    """Return what each figure says.

    What the answer takes over from the prompt word by word is probable under it, and no sign that it deals with it: ``echo``, the
    share of that, takes it off; and only its ``own`` content words, a share as well, are anything new. A ``bare`` answer (a name,
    a title, a tagline, "Paris") has no full stop anywhere; a small model hardly ever ends there, so that it counts as ended where
    a full stop would follow.

    Examples
    --------
    >>> from pplab.reader.figures import Figures
    >>> judged(Figures(40, math.log(0.3), -2.5, -6.0)).finished, judged(Figures(40, -12.0, -2.5, -6.0)).finished
    (1.0, 0.0)
    """
    end = seen.end
    if bare and end is not None and seen.stop is not None:
        end = max(end, seen.stop)
    prose = OF_SOURCE if has_source else PROSE
    known = seen.tokens / (seen.tokens + FEW)
    fluency, sense = linear_ramp(seen.mean, BABBLE, prose), linear_ramp(seen.worst, NONSENSE, WORST_OF_PROSE * prose)
    surprise = linear_ramp(seen.mean, FORESEEN, SURPRISING) * (1 - known * linear_ramp(seen.mean, BABBLE, SALAD))
    return Judged(
        finished=None if end is None else linear_ramp(end, UNFINISHED, ENDED),
        fluency=fluency,
        sense=sense,
        sound=1 - known * (1 - (fluency + sense) / 2),
        on_topic=None if seen.early_gain is None else exp_rise(max(0.0, seen.early_gain), TOLD) * (1 - echo),
        heard=linear_ramp(EARLY / seen.tokens, 0.5, 1.0),
        fresh=surprise * own,
    )


def echoed(words: list[str], asked: list[str]) -> float:
    """Return the share of an answer's phrases of three words that stand in the prompt.

    Examples
    --------
    >>> echoed("a tagline for a bakery is good".split(), "write a tagline for a bakery".split())
    0.6
    """
    own = list(zip(*(words[start:] for start in range(ECHO)), strict=False))
    known = set(zip(*(asked[start:] for start in range(ECHO)), strict=False))
    return sum(phrase in known for phrase in own) / len(own) if own else 0.0


def _own(reading: Reading, asked: Reading) -> float:
    """Return the share of an answer's content words that the prompt does not have."""
    content = [word for word, value in reading.types.items() if value != FUNCTION]
    return sum(word not in asked.types for word in content) / len(content) if content else 1.0


def _not_judged(surface: Scores, reading: Reading) -> str:
    """Return why the surface does not judge the wording; where the words are only too few for it, the reader does."""
    reason: str = surface.detail.get("coherence", {}).get("reason", "")
    return reason if len(reading.words) >= FEWEST_WORDS else ""


def _coherence(said: Judged, surface: Scores, reading: Reading) -> float:
    """Words that belong together, in whole sentences, not in circles.

    What the surface finds wrong holds, and the reader takes up to half away: neither is believed before the other.
    """
    sound = said.sound * (1 - _doubt(said, reading) / (2 * len(reading.sentences)))  # half a sentence is broken
    return sound if surface.coherence is None else surface.coherence * (1 + sound) / 2


def _completeness(said: Judged, surface: Scores, reading: Reading, ask: Ask | None) -> float:
    """About what was asked, and at its end; what the surface can count out or look up holds.

    Without an ask there is a source: whatever is taken from it is probable, so that only the surface says how much that is, and
    the reader whether it is said in sound words.
    """
    facts = surface.detail.get("completeness", {})
    value = surface.completeness
    if value is not None and ask and ask.result is not None and facts.get("answered") == 1:
        return value  # a sum that comes out right
    if ask and said.on_topic is not None:
        weight = said.heard * (OPEN if ask.kind in AT_LENGTH else KIND_KNOWN)
        if "requirements_met" in facts:
            weight *= HALF_COUNTED
        told = said.on_topic * _held(surface) * facts.get("development", 1.0)  # the topic of a few words is not a text on it
        value = told if value is None else (1 - weight) * value + weight * told
    value = value or 0.0
    if ask is None:
        value *= UNSOUND + (1 - UNSOUND) * said.sound
    if facts.get("finished", 1.0) == 1 and (ask is None or ask.kind in AT_LENGTH + WITH_AN_END):
        value *= 1 - _doubt(said, reading) * (1 - unfinished(len(reading.words)))
    return value


def _held(surface: Scores) -> float:
    """Return what is left of the reader's say where the surface finds nothing given, a broken end, a salad or a loop."""
    facts, wording = surface.detail.get("completeness", {}), surface.detail.get("coherence", {})
    sound = wording.get("plausibility", 1.0) * wording.get("not_looping", 1.0) * wording.get("whole", 1.0)
    evaded = EVADED.get(facts.get("raw", {}).get("evasion", ""), 1.0)
    return float(evaded * facts.get("finished", 1.0) * (UNSOUND + (1 - UNSOUND) * sound))


def _doubt(said: Judged, reading: Reading) -> float:
    """Return how far the reader doubts that a text is at its end.

    After a full stop the sentence is, and whether more was to come is a matter of style: a small model would always go on.
    """
    return 0.0 if said.finished is None or _STOPS_THERE.search(reading.raw) else 1 - said.finished


def _creativity(said: Judged, surface: Scores) -> float:
    """Unusual words, and words that nobody would have foreseen: about such a prompt tells little, and is not asked."""
    if surface.creativity is None:
        return said.fresh
    facts = surface.detail["creativity"]
    return float(surface.creativity + facts["plausibility"] * facts["freshness"] * said.fresh) / 2
