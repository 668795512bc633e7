"""Requests about wording: punctuation and case, words to use or avoid, letters, what to begin, end and wrap with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplab.scoring.surface.quantities import bounds, times
from pplab.scoring.surface.requirement import Requirement, counted, in_words
from pplab.scoring.surface.words import word_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOT = (
    r"(?:do(?:es)?n't(?! forget)|do(?:es)? not(?! forget)|not|never|without|avoid(?:ing)?|no|refrain(?:ing)? from"
    r"|exclud(?:e|ing)|cannot|can't|mustn't|shouldn't|aren't|free of)"
)
"""What turns a request round."""

SAME_CLAUSE = r"(?:(?!\b(?:and|but)\b)[^.!?\n\"'\[\]])"
"""A character of the clause a negation is in: up to "and", "but", a quotation or the end of the sentence."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# ---------------------------------------------------------------- punctuation and case
_NO_COMMA = _any(rf"\b{NOT}\b[^.!?\n]{{0,50}}\bcommas?\b", r"\bcommas? (?:are|is) (?:not allowed|forbidden)", r"\bcomma-free\b")
_CAPS = r"(?:capital(?:ized)? ?letters?|capitals\b|caps\b|capitali[sz]\w+|upper[- ]?case)"
_LOWERCASE = _any(
    rf"\b{NOT}\b[^.!?\n]{{0,40}}\b{_CAPS}",
    r"\bcapital letters are (?:not allowed|forbidden)",
    r"\bnot a single letter\b[^.!?\n]{0,60}\bcapitalized",
    r"\b(?:all|only|entirely|in|use|using|with|just|be|are|letters)\b[^.!?\n]{0,25}\blower[- ]?case",
)
_NO_LOWERCASE = _any(rf"\b{NOT}\b[^.!?\n]{{0,25}}\blower[- ]?case")
_CAPITAL_WORDS = _any(
    r"\bwords?\b(?: or phrases\b)?(?! in english)[^.!?\n]{0,45}\b(?:capital letters|caps\b|capitals|uppercase|capitalized)",
    r"\ball[- ]caps words?\b",
    r"\bcapitalized words\b",
    r"\bcapitalize (?:a few|some) words\b",
    r"\bin all caps\b[^.!?\n]{0,20}\bwords\b",
)
_UPPERCASE = _any(
    r"\b(?:all|in|use|using|only|be|and)\b[^.!?\n]{0,12}\b(?:capital letters|capitals|caps|upper[- ]?case)\b",
    r"\bcapitalize (?:every|all)\b",
    r"\bletters\b[^.\n]{0,40}\bcapitalized\b",
    r"\bno lower[- ]?case letters\b",
)


def no_comma(prompt: str) -> Iterator[Requirement]:
    """Find "do not use commas"."""
    if _NO_COMMA.search(prompt):
        yield Requirement("punctuation:no_comma", "no commas")


def letter_case(prompt: str) -> Iterator[Requirement]:
    """Find "all lowercase" and "all capital letters" (of the whole answer, not of some words)."""
    if _LOWERCASE.search(_NO_LOWERCASE.sub(" ", prompt)):
        yield Requirement("change_case:english_lowercase", "only lower case")
    elif _UPPERCASE.search(prompt) and not _CAPITAL_WORDS.search(prompt):
        yield Requirement("change_case:english_capital", "only capital letters")


_CAPITAL_COUNT = r"(?:words?|phrases?)(?: or phrases?)?\b[^.!?\n]{0,45}\b(?:capital letters|caps\b|capitals|capitalized)"
_CAPITAL_TIMES = _any(r"\b(?:capital letters|all[- ]caps words|stress words)\b(?=(?P<rest>[^.!?\n]{0,80}))")
_CAPITAL_LIMIT = _any(
    r"\b(?:capital letters|capitalized words)\b[^.!?\n]{0,20}\b(?:to|be) (?P<rest>(?:less|fewer|more) than \w+)"
)
_SUCH_WORDS = r"(?:such )?(?:all[- ]caps|capitalized) words"
_ASIDE = _any(r"\([^()\n]{0,80}\)")


def capital_words(prompt: str) -> Iterator[Requirement]:
    """Find "words in all capital letters at least 3 times"."""
    prompt = _ASIDE.sub("", prompt)
    if not _CAPITAL_WORDS.search(prompt):
        return
    limits = bounds(prompt, _CAPITAL_COUNT) or bounds(prompt, _SUCH_WORDS)
    for match in () if limits else (*_CAPITAL_TIMES.finditer(prompt), *_CAPITAL_LIMIT.finditer(prompt)):
        limits = limits or times(match["rest"]) or bounds(match["rest"] + " words", "words")
    if limits:
        yield counted("change_case:capital_word_frequency", "words in capital letters", *limits, one="word in capital letters")


# ---------------------------------------------------------------- words to use and to avoid
_QUOTED = r"(?:\"[^\"\n]{1,60}\"|(?<![a-z])'[^'\n]{1,60}')"
_QUOTED_LIST = rf"(?P<quoted>\[?(?:{_QUOTED}[\s,;]*(?:(?:and|or|&)[\s,]*)?){{1,20}})"
_PLAIN_LIST = r"(?P<plain>[a-z][\w-]*(?:(?:,? (?:and|or) |, )[a-z][\w-]*){0,15})(?![\w-])"
_KEY = (
    r"(?:these |exact |negative )*(?:the )?(?:following )?(?:key ?words?|words?|items|phrases?|line|name)"
    r"(?: such as|: ?|\b)[\s:]*"
)
_USE = r"(?:includ(?:e|es|ing)|contain(?:s|ing)?|mention(?:s|ing)?|us(?:e|es|ing)|say|has|have|with)"
_REQUIRED = _any(rf"\b{_USE}\b[^.!?\n\"'\[\]]{{0,40}}?\b{_KEY}(?:{_QUOTED_LIST}|{_PLAIN_LIST})")
_MENTIONED = _any(rf"\b(?:mention|include)\b (?:the )?{_QUOTED_LIST}")
_FORBIDDEN = _any(rf"\b{NOT}\b{SAME_CLAUSE}{{0,60}}?\b{_KEY}(?:{_QUOTED_LIST}|{_PLAIN_LIST})")
_FORBIDDEN_QUOTED = _any(rf"\b{NOT}\b{SAME_CLAUSE}{{0,40}}\b{_USE}\b(?: the)? {_QUOTED_LIST}")
_FORBIDDEN_AFTER = _any(
    rf"\b(?:the )?(?:key ?words?|words?) (?:{_QUOTED_LIST}|{_PLAIN_LIST}) ?"
    r"\b(?:should not|must not|may not|can(?:not|'t| not)|doesn't|does not|should never|shouldn't) (?:appear|be|occur|show)"
    r"(?! (?:more|less|fewer))"
)
_OTHER_PHRASES = _any(
    r"\b(?:end|finish|start|begin|conclude)s?\b[^.!?\n\"]{0,60}\bwith\b[^.!?\n\"]{0,40}(?:\"[^\"\n]{1,200}\"|[^.!?\n]{0,80})",
    r"\bone of the following\b[^\n]{0,60}(?:\n?[^\n]{0,80}\bmy answer is\b[^\n]{0,80}){1,4}",
)
_COUNT_FOLLOWS = _any(
    r"[\s\"',]*(?:(?:for|should|must|appears?|appearing|is|be|used|to be|in|the|your|response|proposal|essay|story) )*"
    r"(?:at (?:least|most)|exactly|only|less than|fewer than|more than|no more than|once|twice|\d+)\b"
)
_NO_KEYWORD = word_set(
    "and or the a an in of to at for with that this your you it be are is etc as from any all only than count limit number "
    "letters letter capital caps words word sentences characters length times who which whose should must can could "
    "will my"
)


def keywords(prompt: str) -> Iterator[Requirement]:
    """Find words that have to occur, and words that must not."""
    forbidden: list[str] = []
    spans: list[tuple[int, int]] = []
    for pattern in (_FORBIDDEN, _FORBIDDEN_QUOTED, _FORBIDDEN_AFTER):
        for match in pattern.finditer(prompt):
            if _is_list(match) and not _COUNT_FOLLOWS.match(prompt, match.end()):
                forbidden += _words_of(match)
                spans.append(match.span())
    spans += [match.span() for match in _OTHER_PHRASES.finditer(prompt)]
    required: list[str] = []
    for pattern in (_REQUIRED, _MENTIONED):
        for match in pattern.finditer(prompt):
            overlaps = any(start < match.end() and match.start() < end for start, end in spans)
            if not overlaps and _is_list(match) and not _COUNT_FOLLOWS.match(prompt, match.end()):
                required += _words_of(match)
    for word in dict.fromkeys(required):
        if word not in forbidden:
            yield Requirement("keywords:existence", f"the word '{word}'", values=(word,))
    for word in dict.fromkeys(forbidden):
        yield Requirement("keywords:forbidden_words", f"not the word '{word}'", values=(word,))


def _words_of(match: re.Match[str]) -> list[str]:
    groups = match.groupdict()
    if groups.get("quoted"):
        words = [quoted.strip("\"'").strip(" ,.;:") for quoted in re.findall(_QUOTED, groups["quoted"], re.IGNORECASE)]
    else:
        words = re.split(r",? (?:and|or) |, ", groups.get("plain") or "")
    return [word.lower() for word in words if word]


def _is_list(match: re.Match[str]) -> bool:
    """Tell a list of unquoted keywords from a running sentence ("use words with ...")."""
    groups = match.groupdict()
    if groups.get("quoted"):
        return True
    before = match.group(0)[: match.start("plain") - match.start()].lower()
    named = re.search(
        r"(?:key ?words?|items):?\s*$|:\s*$|\b(?:the|do not use|don't use) (?:following )?(?:words?|name)\s*$", before
    )
    return bool(named) and not set(_words_of(match)) & _NO_KEYWORD


_OFTEN = r"(?P<rest{0}>[^.!?\n\"]{{0,70}}?(?:\btimes?\b|\bonce\b(?: or less)?|\btwice\b))"
_COUNTED_WORD = _any(
    rf"\b(?:word|keyword|name|phrase)s? (?P<word>{_QUOTED}|[a-z][\w-]*),? ?" + _OFTEN.format(""),
    rf"\b(?:say|mention|include) (?P<word2>{_QUOTED}),? ?" + _OFTEN.format("2"),
)


def keyword_frequency(prompt: str) -> Iterator[Requirement]:
    """Find "the word 'robber' should appear at least 2 times"."""
    for match in _COUNTED_WORD.finditer(prompt):
        named = match["word"] or match["word2"]
        word = named.strip("\"'").lower()
        quoted = named[0] in "\"'"
        rest = (match["rest"] or match["rest2"]).replace("once or less", "at most once")
        limits = times(rest)
        if limits and (quoted or word not in _NO_KEYWORD | {"at", "appears"}) and "letter" not in rest:
            low, high = limits
            yield Requirement("keywords:frequency", f"the word '{word}' {_often(low, high)}", low, high, (word,))


def _often(low: int, high: int) -> str:
    return f"{in_words(low, high)} time{'s' * (min(max(low, 0), high) != 1)}"


# ---------------------------------------------------------------- letters
_LETTER = _any(r"\bletters? ['\"]?(?P<letter>[a-z])['\"]?(?![\w'-])(?P<rest>[^.!?\n]{0,80})")
_BEFORE_NOT = _any(rf"\b{NOT}\b{SAME_CLAUSE}{{0,40}}$")
_SYMBOLS = {"exclamation marks?": "!", "exclamation points?": "!", "question marks?": "?", "hashtags?": "#"}


def letters(prompt: str) -> Iterator[Requirement]:
    """Find "the letter q at least 4 times", "without the letter e", and counts of a few symbols; the last word on one wins."""
    limits_of: dict[str, tuple[int, int]] = {}
    for match in _LETTER.finditer(prompt):
        limits = times(match["rest"])
        if _BEFORE_NOT.search(prompt[max(0, match.start() - 50) : match.start()]):
            limits = (0, max(0, limits[0] - 1)) if limits else (0, 0)
        if limits:
            limits_of[match["letter"].lower()] = limits
    for letter, (low, high) in limits_of.items():
        yield Requirement("keywords:letter_frequency", f"the letter '{letter}' {_often(low, high)}", low, high, (letter,))
    for name, symbol in _SYMBOLS.items():
        limits = bounds(prompt, name)
        if limits:
            yield counted("keywords:letter_frequency", name.replace("?", ""), *limits, values=(symbol,))


# ---------------------------------------------------------------- beginning, end and wrapping
_ENDS = _any(
    r"\b(?:end|finish|conclude)s?\b[^.!?\n\"]{0,60}?\b(?:with|phrase)\b(?P<cue>[^\"\n]{0,40}?)"
    r"(?:\"(?P<quoted>[^\"\n]{2,200})\"|(?::|exact phrase|exact question:?)\s*(?P<open>[A-Z][^\"\n]{2,150}?)\s*(?:\n|\Z))",
    r"\b(?:very end|last sentence)\b[^.!?\n\"]{0,50}?\b(?:be|read|say)(?: exactly like)?:?\s*"
    r"(?:\"(?P<quoted2>[^\"\n]{2,200})\"|(?P<open2>[^\"\n]{2,150}))",
)


def ending(prompt: str) -> Iterator[Requirement]:
    """Find "end your response with the exact phrase ..."."""
    for match in _ENDS.finditer(prompt):
        phrase = match["quoted"] or match["open"] or match["quoted2"] or match["open2"] or ""
        phrase = phrase.strip()
        if phrase and not re.search(r"postscript|\bp\.\s?(?:p\.\s?)?s\b", (match["cue"] or "") + phrase, re.IGNORECASE):
            yield Requirement("startend:end_checker", f"ends with '{phrase}'", values=(phrase,))


_WRAPPED = _any(
    r"[^.!?\n]{0,80}\b(?:wrap\w*|put|enclose\w*|surround\w*|placed?)\b[^.!?\n]{0,80}\bquot(?:ation|ations|e|es)\b[^.!?\n]{0,50}",
    r"\bdouble quot(?:ation|e)s?\b[^.!?\n]{0,30}\baround\b[^.!?\n]{0,50}",
)
_WHOLE = _any(r"\b(?:response|reply|answer|output|email|whole|entire)\b")


def quotation(prompt: str) -> Iterator[Requirement]:
    """Find "wrap your entire response in double quotation marks"."""
    if any(_WHOLE.search(match.group(0)) for match in _WRAPPED.finditer(prompt)):
        yield Requirement("startend:quotation", "wrapped in double quotation marks")


_REPEAT = _any(r"\brepeat\b[^.!?\n]{0,30}\b(?:request|sentence|prompt|text|line|question|itself|it)\b")
_REPEAT_QUOTED = _any(r"\brepeat \"(?P<quoted>[^\n]{3,500}?)\" (?:word for word|exactly|without)")
_STILL_INSTRUCTION = _any(r"\s*\(?(?:do not|don't|you need|\d[.)])")


def repetition_of_prompt(prompt: str) -> Iterator[Requirement]:
    """Find "first repeat the request word for word", with the request above or below that line."""
    quoted = _REPEAT_QUOTED.search(prompt)
    request = quoted["quoted"] if quoted else _request_beside(prompt)
    if len(request) > 5:
        excerpt = request if len(request) <= 40 else request[:37] + "..."
        yield Requirement("combination:repeat_prompt", f"repeats the request first: '{excerpt}'", values=(request,))


def _request_beside(prompt: str) -> str:
    match = _REPEAT.search(prompt)
    if not match:
        return ""
    start = prompt.rfind("\n", 0, match.start()) + 1
    if prompt[:start].strip():
        return prompt[:start].strip()
    for line in re.finditer(r"\n+([^\n]+)", prompt[match.end() :]):
        if not _STILL_INSTRUCTION.match(line[1]):
            return prompt[match.end() + line.start(1) :].strip()
    sentence = max(prompt.rfind(mark, 0, match.start()) for mark in (". ", "? ", "! "))
    return prompt[: sentence + 1].strip()


FAMILIES: tuple[Callable[[str], Iterator[Requirement]], ...] = (
    no_comma,
    letter_case,
    capital_words,
    keywords,
    keyword_frequency,
    letters,
    ending,
    quotation,
    repetition_of_prompt,
)
"""One function a family; each yields what it finds in a prompt with straight quotes."""
