"""Scores of the reader: what its figures say about an answer, together with what the surface of the text says.

Every curve is fixed and has its reason beside it; none was fitted. The model knows how English goes on and whether a text is at
its end; that a text goes round in circles it takes for probable, and that is what the surface sees: so the gates of the surface
(plausible English, not looping) multiply what the reader says. Structure is left to the surface.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.inputs.visible import visible
from pplab.scoring.surface.completeness import CAP, EVADED
from pplab.scoring.surface.scales import exp_rise, linear_ramp
from pplab.scoring.surface.text import FREE_LINE, read

if TYPE_CHECKING:
    from pplab.reader.figures import Figures
    from pplab.scoring.scores import Scores

READER_VERSION: Final = "1"
"""Raised whenever any answer could get another score from the same weights."""

UNFINISHED, ENDED = math.log(1e-4), math.log(0.1)
"""A word in the middle of a sentence has less than one chance in ten thousand to be the last; at one in ten nobody wonders."""
BABBLE, PROSE = -6.0, -2.0
"""Mean log-probability: words drawn from a list have about one chance in 400 each, well-written prose one in seven or more.
Beyond that nothing is gained: more predictable is not better."""
NONSENSE, ORDINARY = -12.0, -5.0
"""The same of the worst quarter: in a sound text these are the words that carry the news, one in 150; words that do not belong
where they stand have one chance in 100,000."""
TOLD: Final = 0.5
"""Gain in nats a token at which the prompt makes the answer's words 1.6 times as probable as no prompt does."""
FORESEEN, SURPRISING = 1.0, 4.0
"""Surprise, the negative mean log-probability: at 1 the model would have written it too, at 4 it would not have."""
ECHO: Final = 3
"""Words of a phrase that counts as taken over from the prompt."""
_STOP = re.compile(r"[.!?\u2026]")


@dataclass(frozen=True, slots=True)
class ReaderScores:
    """What the reader says about one answer.

    Attributes
    ----------
    creativity, coherence, completeness : float or None
        In [0, 1], higher is better; ``None`` where it cannot judge (the reason is in ``detail``).
    detail : dict
        Score -> its parts; under ``"figures"`` what the model saw.
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
    reading = read(visible(text))
    reason = "empty" if seen is None else reading.not_judged
    if seen is None or reason:
        return ReaderScores(None, None, None, {name: {"reason": reason} for name in ("creativity", "coherence", "completeness")})
    bare = len(reading.words) <= FREE_LINE and not _STOP.search(text)
    parts = judged(seen, 0.0 if has_source else echoed(reading.words, read(visible(prompt)).words), bare=bare)
    values = {
        "creativity": _creativity(parts, surface),
        "coherence": _coherence(parts, surface),
        "completeness": _completeness(parts, surface, truncated=finish_reason == "length"),
    }
    detail: dict[str, dict[str, Any]] = {name: dict(parts) for name in values}
    return ReaderScores(**values, detail=detail | {"figures": asdict(seen)})


def judged(seen: Figures, echo: float = 0.0, *, bare: bool = False) -> dict[str, float | None]:
    """Return what each figure says, in [0, 1]: finished, fluency, sense, on_topic, fresh.

    ``on_topic`` is ``None`` without a prompt, ``finished`` where only the beginning of an answer was read. What the answer takes
    over from the prompt word by word is probable under it, and no sign that it deals with it: ``echo``, the share of that, takes
    it off. A ``bare`` answer (a name, a title, a tagline, "Paris") has no full stop anywhere; a small model hardly ever ends
    there, so that it counts as ended where a full stop would follow.

    Examples
    --------
    >>> from pplab.reader.figures import Figures
    >>> judged(Figures(40, math.log(0.3), -2.5, -6.0))["finished"], judged(Figures(40, -12.0, -2.5, -6.0))["finished"]
    (1.0, 0.0)
    """
    end = seen.end
    if bare and end is not None and seen.stop is not None:
        end = max(end, seen.stop)
    finished = None if end is None else linear_ramp(end, UNFINISHED, ENDED)
    fluency, sense = linear_ramp(seen.mean, BABBLE, PROSE), linear_ramp(seen.worst, NONSENSE, ORDINARY)
    on_topic = None if seen.early_gain is None else exp_rise(max(0.0, seen.early_gain), TOLD) * (1 - echo)
    surprise = linear_ramp(-seen.mean, FORESEEN, SURPRISING)
    fresh = surprise if on_topic is None else surprise * on_topic
    return {"finished": finished, "fluency": fluency, "sense": sense, "on_topic": on_topic, "fresh": fresh}


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


def _coherence(parts: dict[str, float | None], surface: Scores) -> float:
    """Whole sentences of words that belong together, not in circles: a text broken off in a sentence is none."""
    gate, merit = 1.0, None
    if surface.coherence is not None:
        facts = surface.detail["coherence"]
        gate = facts["plausibility"] * facts["not_looping"]
        merit = surface.coherence / gate if gate else 0.0
    return gate * _mean((0.4, merit), (0.2, parts["fluency"]), (0.2, parts["sense"]), (0.2, parts["finished"]))


def _completeness(parts: dict[str, float | None], surface: Scores, *, truncated: bool) -> float:
    """About what was asked, by its words and by what the prompt tells, and at its end."""
    finished = 1.0 if parts["finished"] is None else parts["finished"]
    value = _mean((0.6, surface.completeness), (0.4, parts["on_topic"])) * (0.5 + 0.5 * finished)
    if surface.fault in ("refusal", "echo"):
        value *= EVADED["declines"]
    return min(value, CAP) if truncated else value


def _creativity(parts: dict[str, float | None], surface: Scores) -> float:
    """Unusual words, and words that nobody would have foreseen, for what was asked."""
    gate = 1.0
    if surface.creativity is not None:
        facts = surface.detail["creativity"]
        gate = facts["plausibility"] * facts["freshness"]
    return _mean((0.5, surface.creativity), (0.5, gate * (parts["fresh"] or 0.0)))


def _mean(*weighted: tuple[float, float | None]) -> float:
    """Return the weighted mean of what is known."""
    known = [(weight, value) for weight, value in weighted if value is not None]
    total = math.fsum(weight for weight, _ in known)
    return math.fsum(weight * value for weight, value in known) / total if total else 0.0
