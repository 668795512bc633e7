"""Plain words for what lowered a response's scores."""

from __future__ import annotations

from typing import Any

MOST = 6
"""Sentences an explanation has at most."""


_EVASIONS = {
    "declines": "Declines to answer.",
    "asks back": "Asks back instead of answering.",
    "echoes": "Says the prompt again.",
    "says nothing": "Gives stock phrases and no answer.",
}


def explain(detail: dict[str, dict[str, Any]]) -> str:
    """Return one paragraph on the findings in ``detail``, most important first."""
    sentences = [*_not_judged(detail), *_requirements(detail), *_coverage(detail), *_wording(detail), *_originality(detail)]
    if not sentences:
        return "Nothing stands out: it is finished, on topic, well-formed and does not repeat itself."
    return " ".join(sentences[:MOST])


def _not_judged(detail: dict[str, dict[str, Any]]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for name, parts in detail.items():
        if "reason" in parts:
            reasons.setdefault(parts["reason"], []).append(name)
    return [f"Not scored on {_and(names)}: {reason}." for reason, names in reasons.items()]


def _requirements(detail: dict[str, dict[str, Any]]) -> list[str]:
    raw = detail.get("structure", {}).get("raw") or detail.get("completeness", {}).get("raw") or {}
    sentences = []
    for item in raw.get("requirements", ()):
        if not item["met"]:
            instead = f", {item['found']}" if item["found"] else ""
            sentences.append(f"Asked for {item['asked']}{instead}.")
    faults = list(dict.fromkeys(raw.get("faults", ())))
    return sentences + [f"{fault[:1].upper()}{fault[1:]}." for fault in faults]


def _coverage(detail: dict[str, dict[str, Any]]) -> list[str]:
    parts = detail.get("completeness", {})
    raw = parts.get("raw", {})
    sentences = []
    evaded = raw.get("evasion", "")
    if evaded:
        sentences.append(_EVASIONS[evaded])
    if raw.get("truncated"):
        sentences.append("Cut off at the token limit.")
    elif parts.get("finished", 1) < 1:
        sentences.append("Ends in the middle of a sentence.")
    if parts.get("asks") is not None and parts["asks"] < 1:
        sentences.append(f"Leaves out {raw['asks_unmet']} of {raw['asks_found']} things asked.")
    missing = raw.get("missing", ())
    if parts.get("coverage", 1) < 0.5 and missing and not evaded:
        sentences.append(f"Does not mention {_and([repr(word) for word in missing[:3]])}.")
    return sentences


def _wording(detail: dict[str, dict[str, Any]]) -> list[str]:
    parts = detail.get("coherence", {})
    raw = parts.get("raw", {})
    sentences = []
    if raw.get("most_repeated_count", 1) > 1:
        sentences.append(f'Says one sentence {raw["most_repeated_count"]} times: "{_short(raw["most_repeated_sentence"])}".')
    elif raw.get("repeated_phrases", 0) > 0.2:
        sentences.append(f"Repeats itself: {raw['repeated_phrases']:.0%} of its four-word phrases occurred before.")
    if parts.get("plausibility", 1) < 0.7:
        sentences.append(_implausible(raw))
    if parts.get("sentence_form", 1) < 0.4:
        sentences.append("Consists of fragments or run-on sentences.")
    return sentences


def _implausible(raw: dict[str, Any]) -> str:
    if raw["unknown_share"] > 0.08:
        return f"Reads like gibberish in places: {raw['unknown_share']:.0%} of its words are not English words."
    if raw["function_share"] < 0.3:
        return f"Reads like strung-together words: only {raw['function_share']:.0%} hold sentences together."
    return "Has stray symbols or words run together."


def _originality(detail: dict[str, dict[str, Any]]) -> list[str]:
    parts = detail.get("creativity", {})
    if parts.get("originality", 1) < 0.15:
        return ["Nearly the same as the other answers of its setting."]
    return []


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 60 else sentence[:57] + "..."


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
