"""Finish reasons: the ways in which an answer ends, from any provider's spelling of ``finish_reason``."""

from __future__ import annotations

import re
from typing import Literal

Ending = Literal["whole", "cut", "broken", "filtered", "refused", "unknown"]

# Letters only: words are compared without case and separators, and without "FinishReason." or "REASON_" before them.
_WHOLE = frozenset(
    {
        "complete", "completed", "done", "endofsequence", "endoftext", "endofturn", "endturn", "eos", "eostoken", "eot", "finish",
        "finished", "functioncall", "normal", "ok", "stop", "stopped", "stopsequence", "stopstring", "stoptoken", "stopword",
        "stopwords", "success", "toolcall", "toolcalls", "tooluse", "word",
    }
)  # fmt: skip
# Providers invent further words of the same kinds (``SAFETY``, ``IMAGE_SAFETY``, ``guardrail_intervened``), so their parts are
# searched for, in this order.
_PATTERNS: tuple[tuple[Ending, re.Pattern[str]], ...] = (
    (
        "filtered",
        re.compile(r"filter|safety|unsafe|blocklist|blocked|recitation|prohibited|spii|sensitive|moderat|guardrail|policy|toxic"),
    ),
    ("refused", re.compile(r"refus|declin")),
    (
        "broken",
        re.compile(r"error|abort|cancel|insufficient|interrupt|timeout|timelimit|ratelimit|overload|unavailable|fail|disconnect"),
    ),
    ("cut", re.compile(r"length|maxlen|maxtoken|max\w*tokens|tokenlimit|outputlimit|context|truncat|incomplete|^limit$")),
)


def ending(finish_reason: str | None) -> Ending:
    """Return the ending of an answer: ``whole``, ``cut`` at a limit, ``broken`` off, ``filtered``, ``refused``, or ``unknown``.

    No reason at all counts as ``whole``: many servers give none.

    Examples
    --------
    >>> [ending(word) for word in ("stop", "MAX_TOKENS", "content-filter", "insufficient_system_resource", "paused", None)]
    ['whole', 'cut', 'filtered', 'broken', 'unknown', 'whole']
    """
    word = re.sub(r"[\W_]", "", (finish_reason or "").lower())
    word = re.sub(r"^(?:finish)?reason", "", word)
    if not word or word in _WHOLE:
        return "whole"
    return next((ending for ending, pattern in _PATTERNS if pattern.search(word)), "unknown")
