"""Completeness: what the prompt (and a source) is about is covered, what is asked is done, the answer is finished."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.scoring.surface.quantities import number
from pplab.scoring.surface.repetition import repetition
from pplab.scoring.surface.scales import exp_rise, log_decay
from pplab.scoring.surface.text import read
from pplab.scoring.surface.words import RAREST, TASK_WORDS, THING_WORDS, forms, lexicon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.scoring.surface.requirement import Verdict
    from pplab.scoring.surface.text import Reading

CAP = 0.6
"""The most an answer can have that was cut off at the token limit."""

SHORT_ANSWER = 0.5
"""What any finished answer to a plain question has: "Paris." says none of the question's words and may be all of it."""

REFUSED = 0.2
"""What is left of an answer that only declines."""

KEY_TERMS = 40
"""Terms of a source that a short rendering of it is measured by."""

EARLIER = 1.5
"""How much more the beginning of a source counts: its first word weighs exp(1.5) = 4.5 times its last."""

REMEMBERED = 20_000
"""Prompts and sources up to this many characters are read once and remembered."""

_ENDED = re.compile(r"[.!?:\u2026\"')\]*_`|>}\u201d\u2019\u3002\uff01\uff1f]\Z")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+\u2022#]|\d{1,3}[.)])[ \t]")
_LAST_LINE = 6
"""A last line of its own with at most this many words (a name under a letter, a line of verse) needs no full stop."""

_OPEN_TEXT = re.compile(
    r"\b(?:write|story|essay|article|describe|explain|poem|blog|letter|report|tell|discuss|imagine|create|draft|speech|review)\b",
    re.IGNORECASE,
)
_PLAIN_QUESTION = re.compile(r"(?:who|what|when|where|which|how|is|are|was|were|do|does|did|can|will)\b[^.!?\n]{3,120}\?")
_REFUSAL = re.compile(
    r"\s*(?:(?:i'?m|i am) (?:very |so )?(?:sorry|afraid|unable)|sorry,|i (?:cannot|can't|can not|won't|am not able)|as an ai)",
    re.IGNORECASE,
)
_LONGEST_REFUSAL = 80
"""Words; longer answers that begin with an apology do more than decline."""
_QUESTION = re.compile(r"[^.!?\n]{3,300}\?")
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
) -> tuple[float | None, dict[str, Any]]:
    """Return the score and its parts; the formula and its reasons are in ``docs/completeness.md``."""
    if not reading.raw.strip():
        return None, {"reason": "empty"}
    truncated = finish_reason == "length"
    met = [verdict.met for verdict in verdicts]
    done = sum(met) / len(met) if met else None
    raw: dict[str, Any] = {"truncated": truncated, "requirements": _as_records(verdicts)}
    if reading.not_judged:
        if done is None:
            return None, {"reason": reading.not_judged}
        return (min(done, CAP) if truncated else done), {"requirements_met": done, "raw": raw}
    terms = prompt_terms(prompt)
    missing = [term for term in terms if term.written.isdisjoint(reading.types)]
    coverage = _share(terms, missing)
    if source:
        of_source = source_coverage(reading, source)
        coverage = 0.2 * coverage + 0.8 * of_source if terms else of_source
    development = exp_rise(len(reading.content), 60 if source or _OPEN_TEXT.search(prompt) else 20)
    finished = 1.0 if ends_whole(reading.raw) else 0.9
    merit = 0.8 * coverage + 0.2 * development
    if is_plain_question(prompt) and not source:
        merit = SHORT_ANSWER + (1 - SHORT_ANSWER) * merit
    refused = bool(_REFUSAL.match(reading.raw)) and len(reading.words) < _LONGEST_REFUSAL
    value = merit * finished * (REFUSED if refused else 1.0)
    detail: dict[str, Any] = {"coverage": coverage, "development": development, "finished": finished}
    asks = separate_asks(prompt)
    if len(asks) > 1:
        unmet = sum(not _is_addressed(ask, reading) for ask in asks)
        detail["asks"] = 1 - unmet / len(asks)
        raw |= {"asks_found": len(asks), "asks_unmet": unmet}
        value *= 0.6 + 0.4 * detail["asks"]
    if done is not None:
        detail["requirements_met"] = done
        value = 0.5 * value + 0.5 * done * finished
    missing.sort(key=lambda term: -term.weight)
    detail["raw"] = raw | {
        "refused": refused,
        "missing": [term.word for term in missing[:10]],
        "content_words": len(reading.content),
    }
    return (min(value, CAP) if truncated else value), detail


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


def ends_whole(text: str) -> bool:
    r"""Say whether a text ends as if it were finished: with punctuation, in a list, or in a short line of its own.

    Examples
    --------
    >>> ends_whole("The lamp went out."), ends_whole("The lamp went out and the"), ends_whole("Regards,\nAnn")
    (True, False, True)
    """
    tail = text[-400:].rstrip()
    before, newline, line = tail.rpartition("\n")
    own_line = bool(newline and before.strip()) and len(line.split()) <= _LAST_LINE
    return bool(_ENDED.search(tail)) or own_line or bool(newline and _LIST_ITEM.match(line))


def is_plain_question(prompt: str) -> bool:
    """Say whether a prompt is one short question that a word or two may answer.

    Examples
    --------
    >>> is_plain_question("What is the capital of France?"), is_plain_question("Why? Write a story about it.")
    (True, False)
    """
    return bool(_PLAIN_QUESTION.fullmatch(prompt.strip().lower())) and not _OPEN_TEXT.search(prompt)


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
    asks = [*_NUMBERED_ASK.findall(prompt), *_QUESTION.findall(_NUMBERED_ASK.sub(" ", prompt))]
    terms_of_asks = tuple(terms for ask in asks if (terms := _terms(ask)))
    return terms_of_asks if len(terms_of_asks) > 1 else ()


def _is_addressed(ask: tuple[Term, ...], reading: Reading) -> bool:
    """Whether a third of an ask's terms, by weight, occur: an answer need not echo the question."""
    return 3 * _share(ask, [term for term in ask if term.written.isdisjoint(reading.types)]) >= 1


def _share(terms: Sequence[Term], missing: Sequence[Term]) -> float:
    total = math.fsum(term.weight for term in terms)
    return 1 - math.fsum(term.weight for term in missing) / total if total else 1.0


def _as_records(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [{"kind": v.requirement.kind, "asked": v.requirement.wording, "met": v.met, "found": v.found} for v in verdicts]
