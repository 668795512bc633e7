"""Requests about form: lengths, counts of parts, markup, formats, answers to choose from, and the language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplab.scoring.surface.languages import KNOWN
from pplab.scoring.surface.quantities import CEILING, COUNT, bounds, number, times
from pplab.scoring.surface.requirement import Requirement, counted, in_words
from pplab.scoring.surface.wording_requests import NOT, SAME_CLAUSE
from pplab.scoring.surface.words import THING_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# ---------------------------------------------------------------- lengths
_WORDS = r"words?\b(?! (?:with|or phrases|that|[\"']))(?![^.!?\n]{0,45}\b(?:capital|caps\b|uppercase))"
_ROUGHLY = 0.1
"""A bare number of words ("a 100-word advertisement") is met within this share of it."""


def words(prompt: str) -> Iterator[Requirement]:
    """Find limits on the number of words."""
    limits = bounds(re.sub(r"\bnumber of words\b[^.!?\n]{0,30}(?:be|is|to)\b", "words", prompt), _WORDS) or _or_more(prompt)
    if not limits or max(limits[0], limits[1] % CEILING) < 5:
        return
    low, high = limits
    if low == high and not re.search(rf"\b(?:exactly|only|just) {low}\b", prompt):
        low, high = round(low * (1 - _ROUGHLY)), round(high * (1 + _ROUGHLY))
    yield counted("length_constraints:number_words", "words", low, high)


_TOTAL_WORDS = _any(rf"\bnumber of words\b[^.!?\n]{{0,40}}\b(?P<n>{COUNT}) (?P<way>or (?:more|less))")


def _or_more(prompt: str) -> tuple[int, int] | None:
    match = _TOTAL_WORDS.search(prompt)
    if not match:
        return None
    return (number(match["n"]), CEILING) if "more" in match["way"].lower() else (0, number(match["n"]))


_APART = _any(r"\([^()\n]{0,80}\)", r"\b(?:each|every)\b[^.!?\n]{0,60}\bsentences?\b", r"\b(?:first|last) \w+ sentences?\b")
_SINGLE = _any(r"\b(?:in|with|as|into|write|using) (?:just |only )?a (?:single )?sentence\b(?! or)")
_RANGE_OF = _any(rf"\bnumber of (sentences)\b[^.!?\n]{{0,60}}?\b({COUNT} (?:to|and|-) {COUNT})")


def sentences(prompt: str) -> Iterator[Requirement]:
    """Find limits on the number of sentences."""
    prompt = _SINGLE.sub("one sentence", _APART.sub(" ", prompt))
    limits = bounds(_RANGE_OF.sub(r"\2 \1", prompt), r"(?:[a-z]+ )?sentences?\b")
    if limits:
        yield counted("length_constraints:number_sentences", "sentences", *limits)


_DIVIDER = _any(r"(?<!\*)\*\*\*(?!\*)", r"\b(?:3|three) (?:\"\*\" |aste?risks?)", r"\bthree aste?risk symbols")
_PARTS = r"(?:different )?(?:paragraphs?|sections?|stanzas?|parts?|steps?|scenes?|verses?)\b"
_HIGHLIGHTING = _any(r"[^.!?\n]{0,60}\b(?:highlight|italic)\w*\b[^.!?\n]{0,60}")
_NTH_NAMES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NTH = rf"(?:\d{{1,2}}(?:st|nd|rd|th)|{'|'.join(_NTH_NAMES)}|last)"
_WITH_WORD = r"with (?:(?:the )?word )?[\"']?(?P<{}>[a-z]+)"
_FIRST_WORD = _any(
    rf"(?:\b(?P<nth>{_NTH}) paragraph|\bparagraph (?P<n>\d{{1,2}}))\b[^.!?\n]{{0,10}}\b(?:start|begin)s? "
    + _WITH_WORD.format("word"),
    rf"\b(?:start|begin) (?:the )?(?:(?P<nth2>{_NTH}) paragraph|paragraph (?P<n2>\d{{1,2}})) " + _WITH_WORD.format("word2"),
)


def paragraphs(prompt: str) -> Iterator[Requirement]:
    """Find numbers of paragraphs, or of parts with ``***`` between them, and "paragraph 2 must start with ..."."""
    if _DIVIDER.search(prompt):
        lines = [line.strip() for line in prompt.split("\n")]
        limits = bounds(_HIGHLIGHTING.sub(" ", prompt), _PARTS)
        if not limits and lines.count("***") and "..." not in lines:
            limits = (lines.count("***") + 1,) * 2
        if limits:
            yield counted("length_constraints:number_paragraphs", "parts divided by ***", *limits, values=("***",), one="part")
        return
    limits = bounds(prompt, r"(?:short )?(?:paragraphs?|stanzas?)\b")
    match = _FIRST_WORD.search(prompt)
    if limits and match and limits[0] == limits[1]:
        yield _first_word(match, limits[0])
    elif limits:
        yield counted("length_constraints:number_paragraphs", "paragraphs", *limits)


def _first_word(match: re.Match[str], count: int) -> Requirement:
    named = (match["nth"] or match["nth2"] or match["n"] or match["n2"]).lower()
    digits = re.match(r"\d+", named)
    nth = int(digits[0]) if digits else count if named == "last" else _NTH_NAMES.index(named) + 1
    word = (match["word"] or match["word2"]).lower()
    kind = "length_constraints:nth_paragraph_first_word"
    return Requirement(kind, f"{count} paragraphs, number {nth} of them starting with '{word}'", nth, count, (word,))


# ---------------------------------------------------------------- parts and marks
_NAMED_PART = r"(?P<name>section|paragraph|part|day|chapter|sentence|round|scene|audience|session|panel|quiz|item)"
_NAMED = _any(
    r"\b(?:mark|marked|marking|noted|start|starts|begin|beginning|label|labeled|with|as|by)\b[^.!?\n]{0,60}[\"'\s(]"
    rf"{_NAMED_PART} (?:x|#)(?!\w)"
)


_NUMBERED_PARTS = _any(rf"{_NAMED_PART} 1\b[^\n]{{0,40}}\band [\"']?(?P=name) (?P<last>\d{{1,2}})\b")


def named_sections(prompt: str) -> Iterator[Requirement]:
    """Find "4 sections marked with SECTION X"."""
    match = _NUMBERED_PARTS.search(prompt)
    if match:
        yield _sections(match["name"].lower(), number(match["last"]))
        return
    match = _NAMED.search(prompt)
    if not match:
        return
    name = match["name"].lower()
    limits = bounds(prompt, rf"(?:[a-z]+ )?(?:{name}|section|paragraph|part|day)s?\b")
    if limits and limits[0]:
        yield _sections(name, limits[0])


def _sections(name: str, low: int) -> Requirement:
    wording = f"{in_words(low, CEILING)} sections named '{name.upper()} X'"
    return Requirement("detectable_format:multiple_sections", wording, low, values=(name,))


_BULLETS = r"(?:[a-z]+ ){0,2}bullet(?:s|ed)?(?:[- ](?:points?|list items?|items?))?\b"
_SOME_BULLETS = _any(r"\bbullet(?:ed)?[- ](?:points?|lists?)\b", r"\b(?:in|with|use|using|and|as) bullets\b")
_NO_BULLETS = _any(rf"\b{NOT}\b{SAME_CLAUSE}{{0,40}}\bbullet")
_THINGS = _any(rf"\b(?:exactly|list|name|give(?: me)?|top) (?:exactly |top )?(?P<n>{COUNT})\b")


def bullets(prompt: str) -> Iterator[Requirement]:
    """Find "exactly 3 bullet points", and "in bullet points" with the number of things asked for."""
    prompt = _NO_BULLETS.sub(" ", prompt)
    limits = bounds(prompt, _BULLETS)
    things = _THINGS.search(prompt) if not limits and _SOME_BULLETS.search(prompt) else None
    if things and number(things["n"]):
        limits = (number(things["n"]),) * 2
    if limits:
        yield counted("detectable_format:number_bullet_lists", "bullet points", *limits)
    elif _SOME_BULLETS.search(prompt):
        yield Requirement("detectable_format:number_bullet_lists", "bullet points", 1)


_HIGHLIGHT = _any(r"[^.!?\n]{0,80}\b(?:highlight(?!\w* key)|itali[cs])\w*\b[^!?\n]{0,90}")
_HIGHLIGHTED = r"(?:[a-z-]+ ){0,4}?(?:sections?|parts?|phrases?|texts?|words?|sentences?|places?|points?|key ?words?|of your)\b"


def highlights(prompt: str) -> Iterator[Requirement]:
    """Find "highlight at least 3 sections with markdown"."""
    matches = [match.group(0) for match in _HIGHLIGHT.finditer(prompt)]
    limits = next((limits for text in matches if (limits := bounds(text, _HIGHLIGHTED) or times(text))), None)
    if limits or any("*" in text or "markdown" in text.lower() for text in matches):
        kind, unit = "detectable_format:number_highlighted_sections", "highlighted parts (*like this*)"
        low = max(1, limits[0]) if limits else 1
        yield counted(kind, unit, low, CEILING, one="highlighted part (*like this*)")


def placeholders(prompt: str) -> Iterator[Requirement]:
    """Find "at least 3 placeholders in square brackets"."""
    limits = bounds(prompt, r"(?:[a-z]+ ){0,2}placeholders?\b")
    if limits:
        kind, unit = "detectable_content:number_placeholders", "placeholders in [square brackets]"
        yield counted(kind, unit, max(1, limits[0]), CEILING, one="placeholder in [square brackets]")


_POSTSCRIPT = _any(r"\bpost ?script\b", r"\bP\.\s?P\.\s?S\b", r"\bP\.S\.")
_TITLE = _any(r"<<[^<>\n]{1,60}>>", r"\bdouble angular brackets\b")
_SIX_STARS = _any(r"(?<!\*)\*{6}(?!\*)", r"\b(?:6|six) aste?risks?\b")


def marks(prompt: str) -> Iterator[Requirement]:
    """Find a postscript, a title in double angular brackets, and two answers with six asterisks between them."""
    if _POSTSCRIPT.search(prompt):
        marker = "P.P.S" if re.search(r"P\.\s?P\.\s?S", prompt, re.IGNORECASE) else "P.S."
        yield Requirement("detectable_content:postscript", f"a postscript starting with {marker}", values=(marker,))
    if _TITLE.search(prompt):
        yield Requirement("detectable_format:title", "a title in <<double angular brackets>>")
    if _SIX_STARS.search(prompt):
        yield Requirement("combination:two_responses", "two different answers divided by ******")


# ---------------------------------------------------------------- formats, choices, language
_A = r"\b(?:in|as|into|with|include|including|using|use|make|create|draw|give me|contain) (?:an? |the )?(?:\w+ )?"
_JSON = _any(
    r"\bjson (?:format|block|object|output|code|document|array)\b", r"\b(?:in|as|into|using|use|valid|output)\b (?:\w+ )?json\b"
)
_JSON_AS_WORD = _any(rf"\b{NOT}\b[^.!?\n]{{0,40}}[\"']json[\"']")
_TABLE = _any(
    r"\b(?:in|with|as|into|include|including|using|use|make|create|draw|give me|contain|write|produce|generate|want"
    r"|need|show me|build|provide)"
    r" (?:an? )(?:[\w-]+ ){0,3}?table\b(?!-)(?! (?:of contents|tennis|salt|cloth|lamp|saw|top|wine|manners|leg|out of"
    r"|from|made|below|above|in the"
    r"|reservation|for (?:two|three|four|five|six|\d)))",
    r"\btable format\b",
    r"\b(?:markdown|two-column|three-column|comparison) table\b",
    r"\A\W{0,5}(?:\w+ )?table (?:of(?! contents)|with|showing|comparing|listing)\b",
)
_NO_TABLE = _any(
    r"\bhow (?:do|can|could|should|would|to)\b[^.!?\n]{0,30}\b(?:make|build|create|draw)\b[^.!?\n]{0,20}\btable\b",
    r"\b(?:story|poem|haiku|describe|about|dining|kitchen|coffee|wooden|oak|pool|picnic)\b[^.!?\n]{0,30}\btable\b",
)


def asks_for_table(prompt: str) -> bool:
    """Say whether a prompt wants its answer as a table, rather than being about one."""
    return bool(_TABLE.search(prompt)) and not _NO_TABLE.search(prompt)


_FORMATS = {
    ("detectable_format:json_format", "valid JSON"): _JSON,
    ("format:table", "a table"): _TABLE,
    ("format:numbered_list", "a numbered list"): _any(
        r"\bnumbered (?:\w+ )?(?:list|steps|items|points|instructions)\b",
        r"\bordered list\b",
        r"\bnumber (?:the|your|each|them)\b(?! of)",
    ),
    ("format:headings", "headings"): _any(
        _A + r"(?:sub)?head(?:ings|ers)\b",
        r"\b(?:use|with|include|add|under|put) (?:an? |its own )?(?:sub)?head(?:ing|er) (?:for|to|above|over|before)\b",
    ),
    ("format:code_block", "a code block"): _any(r"\bcode block\b", r"\bfenced code\b"),
}


def formats(prompt: str) -> Iterator[Requirement]:
    """Find JSON, tables, numbered lists, headings and code blocks."""
    cleared = _JSON_AS_WORD.sub(" ", prompt)
    for (kind, wording), pattern in _FORMATS.items():
        if asks_for_table(prompt) if pattern is _TABLE else pattern.search(cleared):
            yield Requirement(kind, wording)


_CHOICES = _any(r"\b(my answer is (?:yes|no|maybe)\.?)")


def choices(prompt: str) -> Iterator[Requirement]:
    """Find "answer with one of: 'My answer is yes.', 'My answer is no.'"."""
    answers = tuple(dict.fromkeys(answer[:1].upper() + answer[1:] for answer in _CHOICES.findall(prompt)))
    if len(answers) > 1:
        yield Requirement("detectable_format:constrained_response", "one of the answers offered", values=answers)


_LANGUAGES = "|".join(sorted((name for name in KNOWN if name != "english"), key=len, reverse=True))
_ANSWERING = r"\b(?:respond|reply|answer|write|response|explain|rewrite|be|is|haiku|poem|song|translate)\b"
_IN_LANGUAGE = _any(
    rf"{_ANSWERING}[^.!?\n]{{0,80}}?\b(?:in|into|using|use)\b(?: only| the| completely| entirely)* (?P<name>{_LANGUAGES})\b",
    rf"\b(?:in|using|use|only) (?:only )?(?:the )?(?P<name2>{_LANGUAGES})\b(?= language| for your| in your)",
    rf"\btranslate\b[^!?\n]{{0,120}}?\b(?:to|into) (?P<name3>{_LANGUAGES})\b",
)
_ANY_LANGUAGE = _any(rf"\b(?P<name>{_LANGUAGES})\b(?P<name2>)(?P<name3>)")


def language(prompt: str) -> Iterator[Requirement]:
    """Find the language of the answer, when one other than English is asked for."""
    match = _IN_LANGUAGE.search(prompt)
    if not match and re.search(r"no other language", prompt, re.IGNORECASE):
        match = _ANY_LANGUAGE.search(prompt)
    if match:
        name = (match["name"] or match["name2"] or match["name3"]).lower()
        yield Requirement("language:response_language", f"in {name.capitalize()}", values=(name,))


# ---------------------------------------------------------------- how many things
_ITEMS = _any(
    r"\b(?:list|name|give|provide|write|suggest|generate|create|come up with|propose|brainstorm|offer|what are|identify|describe)"
    rf" (?:me |us |exactly |the |top |my |a list of |at least )*(?P<n>{COUNT}) "
    rf"(?P<what>(?:[a-z'-]+ ){{0,3}}(?:{'|'.join(sorted(THING_WORDS))}))\b"
)


_LISTED = _any(
    rf"\b(?:list|name|give me|suggest|recommend|tell me) (?:me |exactly |the |top |at least )*(?P<n>{COUNT})"
    rf" (?P<what>(?:[a-z'-]+ ){{0,2}}?[a-z]{{3,}}s)\b"
    r"(?! (?:ago|old|long))"
)
"""What is listed need not be a word that lists are usually asked of: "name three rivers"."""
_AND_MORE = _any(rf"[^.!?\n]{{0,30}}\band (?P<n>{COUNT}) (?:[a-z]+s\b|in\b|of\b|for\b|from\b)")
"""A second number of things in the same breath: "three advantages and three disadvantages"."""
_STEPS = _any(rf"\bin (?:exactly |just )?(?P<n>{COUNT}) (?P<what>(?:[a-z]+ )?(?:steps|points|tips))\b")
_PARTS_OF_TEXT = _any(
    r"\b(?:words?|sentences?|paragraphs?|bullets?|lines?|sections?|columns?|rows?|versions|responses|answers|times|letters|stanzas|verses"
    r"|about|for|of|and|to|in|with|hours|minutes|days|weeks|years|this|was|is|has)\b"
)


def items(prompt: str) -> Iterator[Requirement]:
    """Find "give me five ideas": a number of things, whatever form they come in."""
    match = _ITEMS.search(prompt) or _LISTED.search(prompt) or _STEPS.search(prompt)
    if match and not _PARTS_OF_TEXT.search(match["what"]) and 2 <= number(match["n"]) <= 200:
        more = _AND_MORE.match(prompt, match.end())
        low = number(match["n"]) + (number(more["n"]) if more else 0)
        high = CEILING if "at least" in match.group(0).lower() else low
        yield counted("count:items", match["what"].lower(), low, high)


FAMILIES: tuple[Callable[[str], Iterator[Requirement]], ...] = (
    words,
    sentences,
    paragraphs,
    named_sections,
    bullets,
    highlights,
    placeholders,
    marks,
    formats,
    choices,
    language,
    items,
)
"""One function a family; each yields what it finds in a prompt with straight quotes."""
