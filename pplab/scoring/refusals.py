"""Refusals in an answer's own words: a text that does no more than say that the model cannot or will not."""

from __future__ import annotations

import re
from typing import Final

MOST_WORDS: Final = 80
"""Longer answers that begin with an apology do more than decline."""
MOST_CHARACTERS: Final = 800
HEAD: Final = 200
"""Characters within which a refusal says so."""

_APOLOGY = re.compile(
    r"(?:i(?:'m| am) (?:\w+ )?(?:sorry|afraid)|sorry|(?:my )?apologies|unfortunately|i (?:apologi[sz]e|regret|appreciate)"
    r"|as an? (?:ai|artificial|(?:large )?language))\b"
)
_CANNOT = r"\bi(?:'m| am| have to| must)? (?:cannot|can't|can not|won't|will not|do not|don't|unable to|not able to|decline)"
_TASKS = (
    r"(?:assist|comply|fulfil+|engage|participate|discuss)\b",
    r"help(?: you| with| in\b|[.,])",
    r"do (?:that|this)\b",
    r"(?:provide|create|generate|produce|offer|recommend|support|promote)\b(?! for)",
    r"(?:answer|complete|process) (?:that|this|your|any|questions)\b",
    r"(?:access|browse|open|view|read) (?:\w+ )?(?:internet|web\w*|links?|urls?|files?|images?|articles?|pages?)\b",
    r"have (?:personal|access|real-time|feelings|opinions|the ability)\b",
    r"(?:say|tell|know)[.!]?\s*\Z",
    r"to (?:answer|do|write|continue|that|this|your)\b",
)
_INABILITY = re.compile(rf"{_CANNOT} (?:\w+ ){{0,2}}?(?:{'|'.join(_TASKS)})")
"""What a model says it cannot do. "I can't wait" and "I cannot see the shore" begin stories."""

_DISCLOSED = re.compile(
    r"\bas an? (?:ai|(?:large )?language model)\b.{0,80}\bi(?:'m| am)? (?:cannot|can't|can not|unable|not able|do not|don't)\b"
)
"""What no narrator says: as a language model it has no sister, and so it cannot give a toast."""

_PHRASES = (
    r"(?:es )?tut mir (?:sehr )?leid\b.{0,30}\b(?:ich (?:kann|darf)|(?:kann|darf) ich)\b.{0,60}\bnicht\b",
    r"(?:je suis )?(?:vraiment )?désolée?\b.{0,20}\bje ne (?:peux|suis)\b",
    r"lo siento\b.{0,20}\bno puedo\b",
    r"mi dispiace\b.{0,20}\bnon posso\b",
    r"(?:desculpe|sinto muito|lamento)\b.{0,20}\bnão posso\b",
    r"het spijt me\b.{0,20}\bik kan\b.{0,60}\bniet\b",
    r"(?:извините|к сожалению).{0,20}\bя не могу\b",
    r"(?:很|非常)?(?:对不起|對不起|抱歉).{0,8}(?:无法|無法|不能)",
    r"(?:申し訳|すみません).{0,60}(?:できません|かねます)",
    r"죄송.{0,60}수 없",
)
"""An apology and an inability, in German, French, Spanish, Italian, Portuguese, Dutch, Russian, Chinese, Japanese and Korean."""
_OTHER_LANGUAGES = re.compile("|".join(_PHRASES))


def is_refusal(text: str) -> bool:
    """Say whether an answer does no more than say that the model cannot or will not.

    Examples
    --------
    >>> is_refusal("I cannot provide legal advice."), is_refusal("I can't wait to see the sea again, she wrote.")
    (True, False)
    """
    head = text[:HEAD].lstrip("\"'* \n").replace("\u2019", "'").replace("\n", " ").lower()
    apology = _APOLOGY.match(head)
    declines = (
        _INABILITY.match(head)
        or (apology and (_INABILITY.search(head) or _DISCLOSED.search(head)))
        or _OTHER_LANGUAGES.match(head)
    )
    return bool(declines) and len(text) <= MOST_CHARACTERS and len(text.split()) < MOST_WORDS
