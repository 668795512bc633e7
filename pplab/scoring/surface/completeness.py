"""Completeness: what the prompt (and a source) is about is covered, what is asked is done, the answer is finished."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.scoring.surface.asks import ask_of
from pplab.scoring.surface.direct_answers import answered
from pplab.scoring.surface.ending import ends_whole
from pplab.scoring.surface.evasion import evasion
from pplab.scoring.surface.quantities import number
from pplab.scoring.surface.repetition import repetition
from pplab.scoring.surface.scales import exp_rise, linear_ramp, log_decay
from pplab.scoring.surface.text import read
from pplab.scoring.surface.words import RAREST, TASK_WORDS, THING_WORDS, forms, lexicon, word_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.scoring.surface.requirement import Verdict
    from pplab.scoring.surface.text import Reading

CAP = 0.6
"""The most an answer can have that was cut off at the token limit."""

EVADED = {"declines": 0.2, "asks back": 0.3, "echoes": 0.2, "says nothing": 0.3}
"""What is left of an answer that gives nothing: one that asks for what it needs, or means well, is a beginning."""

UNFINISHED = (0.6, 0.9)
"""What is left of an answer that stops in the middle of a sentence: of a short one, and of a page, which has most of it."""

UNSOUND = 0.4
"""What is left of an answer that is a word salad or a loop."""

BRIEF, PLAIN, OPEN_TEXT = 6, 20, 60
"""Content words by which a text is developed to 63 %: one that was asked to be short, an answer, a story or an article."""

MOST_OF_LITTLE = {"length_constraints:number_sentences": 3, "length_constraints:number_words": 60}
"""Limits up to which a text was asked to be short."""

EXPLAINED = 12
"""Content words by which an explanation is developed to 63 %: a sentence or two."""

REFERRED = 0.7
"""Coverage of an explanation that takes up its subject by "it" or "they"."""

WITHOUT_WORDS = ("no words", "code only")
"""What can be an answer all the same: a figure, a program."""

MESSAGES = ("text", "text message", "message", "note", "apology", "reply", "invitation")
"""Short pieces that are to say what the prompt says."""
SAYS = 0.2
"""Weight of what they are to say."""

KEY_TERMS = 40
"""Terms of a source that a short rendering of it is measured by."""

EARLIER = 1.5
"""How much more the beginning of a source counts: its first word weighs exp(1.5) = 4.5 times its last."""

REMEMBERED = 20_000
"""Prompts and sources up to this many characters are read once and remembered."""

_OPEN_TEXT = re.compile(
    r"\b(?:write|story|essay|article|describe|explain|poem|blog|letter|report|tell|discuss|imagine|create|draft|speech|review)\b",
    re.IGNORECASE,
)
_REFERRING = word_set("it its it's they their they're them he his she her because")
_BRIEFLY = re.compile(r"\b(?:brief(?:ly)?|in short|short(?!er| story)|concise(?:ly)?)\b", re.IGNORECASE)
_QUESTION = re.compile(r"[^.!?\n]{3,300}\?")
_AND_HOW = re.compile(r",? and (?=(?:how|what|why|when|where|who|which)\b)")
_NUMBERED_ASK = re.compile(r"^[ \t]{0,3}\(?\d{1,2}[.)][ \t]+([^\n]{3,300})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Term:
    """A word that a response should use: its written forms and its weight."""

    word: str
    written: frozenset[str]
    weight: float


def completeness(
    reading: Reading,
    prompt: str,
    source: str | None,
    finish_reason: str | None,
    verdicts: Sequence[Verdict],
    *,
    sound: float = 1.0,
    declined: bool = False,
) -> tuple[float | None, dict[str, Any]]:
    """Return the score and its parts; the formula and its reasons are in ``docs/completeness.md``.

    Parameters
    ----------
    reading, prompt, source, finish_reason
        The answer, what was asked, a text it is to convey, and how it ended.
    verdicts
        Which verifiable requests it meets.
    sound
        How far it is English that does not go round in circles: the words of the prompt in a salad or a loop answer nothing.
    declined
        Whether it does no more than decline.
    """
    if not reading.raw.strip():
        return None, {"reason": "empty"}
    truncated = finish_reason == "length"
    met = [verdict.met for verdict in verdicts]
    done = sum(met) / len(met) if met else None
    raw: dict[str, Any] = {"truncated": truncated, "requirements": _as_records(verdicts)}
    ask = ask_of("" if source else prompt)
    if reading.not_judged and not (
        reading.not_judged in WITHOUT_WORDS and ask.kind in ("number", "fact", "several", "choice", "code")
    ):
        if done is None:
            return None, {"reason": reading.not_judged}
        return (min(done, CAP) if truncated else done), {"requirements_met": done, "raw": raw}
    terms = prompt_terms(prompt)
    missing = [term for term in terms if term.written.isdisjoint(reading.types)]
    coverage = _share(terms, missing)
    detail: dict[str, Any] = {"coverage": coverage}
    if ask.kind == "open":
        if source:
            of_source = source_coverage(reading, source)
            detail["coverage"] = coverage = 0.2 * coverage + 0.8 * of_source if terms else of_source
        detail["development"] = exp_rise(len(reading.content), _room(prompt, verdicts, whole_text=source is not None))
        merit = 0.8 * coverage + 0.2 * detail["development"]
    elif ask.kind == "explanation":
        detail["development"] = exp_rise(len(reading.content), min(EXPLAINED, _room(prompt, verdicts)))
        merit = 0.4 * (coverage if not refers_back(reading) else max(coverage, REFERRED)) + 0.6 * detail["development"]
    else:
        detail["answered"] = answered(reading, prompt, ask)
        says = SAYS if ask.piece in MESSAGES else 0.0
        merit = (1 - says) * detail["answered"] + says * coverage
    detail["finished"] = finished = 1.0 if ends_whole(reading.raw) else unfinished(len(reading.words))
    evaded = "declines" if declined else evasion(reading, prompt) if prompt else ""
    if evaded == "echoes" and ask.kind == "rewrite" and ask.material not in reading.raw.lower():
        evaded = ""  # a text put right has most of its words, in their order
    value = merit * finished * (UNSOUND + (1 - UNSOUND) * sound)
    asks = separate_asks(prompt)
    if len(asks) > 1 and ask.kind != "several":
        unmet = sum(not _is_addressed(ask, reading) for ask in asks)
        detail["asks"] = 1 - unmet / len(asks)
        raw |= {"asks_found": len(asks), "asks_unmet": unmet}
        value *= 0.6 + 0.4 * detail["asks"]
    if done is not None:
        detail["requirements_met"] = done
        value = 0.5 * value + 0.5 * done * finished
    value *= EVADED.get(evaded, 1.0)
    missing.sort(key=lambda term: -term.weight)
    detail["raw"] = raw | {
        "evasion": evaded,
        "missing": [term.word for term in missing[:10]],
        "content_words": len(reading.content),
    }
    return (min(value, CAP) if truncated else value), detail


def unfinished(words: int) -> float:
    """Return what is left of an answer of so many words that stops in the middle of a sentence."""
    low, high = UNFINISHED
    return low + (high - low) * linear_ramp(words, 30, 150)


def refers_back(reading: Reading) -> bool:
    """Say whether a text begins by speaking of "it" or "them", which stand for the subject of the question."""
    return not _REFERRING.isdisjoint(reading.words[:8])


def _room(prompt: str, verdicts: Sequence[Verdict], *, whole_text: bool = False) -> int:
    """Return the content words by which an answer is developed to 63 %: few where a prompt asks for few."""
    for verdict in verdicts:
        most = MOST_OF_LITTLE.get(verdict.requirement.kind)
        if most and verdict.requirement.high <= most:
            return BRIEF
    return BRIEF if _is_brief(prompt) else OPEN_TEXT if whole_text or _is_open_text(prompt) else PLAIN


@functools.lru_cache(maxsize=256)
def _is_brief(prompt: str) -> bool:
    return bool(_BRIEFLY.search(prompt))


@functools.lru_cache(maxsize=256)
def _is_open_text(prompt: str) -> bool:
    return bool(_OPEN_TEXT.search(prompt))


def prompt_terms(prompt: str) -> tuple[Term, ...]:
    """Return the content words of a prompt, weighted by rarity, without words of the task itself ("write", "bullet")."""
    return _prompt_terms(prompt) if len(prompt) <= REMEMBERED else _terms(prompt)


def source_coverage(reading: Reading, source: str) -> float:
    """Return the weighted share of a source's key terms that the text has, less for a text that repeats itself.

    A term weighs more the rarer, the more frequent in the source and the earlier it is (what a text is about is said
    early). A short rendering has no room to say things twice: with all words equal, three quarters of the share are lost.
    """
    weights = _source_weights(source) if len(source) <= REMEMBERED else _weights(source)
    total = math.fsum(weights.values())
    share = math.fsum(weight for word, weight in weights.items() if word in reading.types) / total if total else 1.0
    return share * (0.25 + 0.75 * log_decay(repetition(reading).concentration, 0.005))


def separate_asks(prompt: str) -> tuple[tuple[Term, ...], ...]:
    """Return the terms of each question and each numbered item of a prompt; empty when there are fewer than two."""
    return _separate_asks(prompt) if len(prompt) <= REMEMBERED else ()


@functools.lru_cache(maxsize=256)
def _prompt_terms(prompt: str) -> tuple[Term, ...]:
    return _terms(prompt)


def _terms(text: str) -> tuple[Term, ...]:
    words = dict.fromkeys(word for word in read(text).content if word not in TASK_WORDS | THING_WORDS and not number(word))
    return tuple(Term(word, forms(word), _rarity(word)) for word in words if len(word) > 1)


def _rarity(word: str) -> float:
    """Weigh a word by how far it is from the commonest content words; an unknown word is a name or a rare one."""
    zipf = lexicon().get(word, RAREST)
    return max(0.1, 6.5 - zipf)


@functools.lru_cache(maxsize=256)
def _source_weights(source: str) -> dict[str, float]:
    return _weights(source)


def _weights(source: str) -> dict[str, float]:
    content = read(source).content
    amount: dict[str, float] = {}
    for position, word in enumerate(content):
        amount[word] = amount.get(word, 0.0) + math.exp(-EARLIER * position / len(content))
    weights = {word: math.log1p(share) * _rarity(word) for word, share in amount.items()}
    return dict(sorted(weights.items(), key=lambda item: -item[1])[:KEY_TERMS])


@functools.lru_cache(maxsize=256)
def _separate_asks(prompt: str) -> tuple[tuple[Term, ...], ...]:
    asks = [*_NUMBERED_ASK.findall(prompt), *_questions(_NUMBERED_ASK.sub(" ", prompt))]
    terms_of_asks = tuple(terms for ask in asks if (terms := _terms(ask)))
    return terms_of_asks if len(terms_of_asks) > 1 else ()


def _questions(text: str) -> list[str]:
    """Return the questions of a prompt; "how ..., and how ...?" are two."""
    return [part for question in _QUESTION.findall(text) for part in _AND_HOW.split(question)]


def _is_addressed(ask: tuple[Term, ...], reading: Reading) -> bool:
    """Whether a third of an ask's terms, by weight, occur: an answer need not echo the question."""
    return 3 * _share(ask, [term for term in ask if term.written.isdisjoint(reading.types)]) >= 1


def _share(terms: Sequence[Term], missing: Sequence[Term]) -> float:
    total = math.fsum(term.weight for term in terms)
    return 1 - math.fsum(term.weight for term in missing) / total if total else 1.0


def _as_records(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [{"kind": v.requirement.kind, "asked": v.requirement.wording, "met": v.met, "found": v.found} for v in verdicts]
