"""Whether a response does what was asked: one plain check for each kind of requirement, counted as IFEval counts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pplab.scoring.surface import layout_checks, markup
from pplab.scoring.surface.languages import is_in
from pplab.scoring.surface.requirement import STRAIGHT, Requirement, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONGEST_CHECKED = 200_000
"""Characters of a response that are checked; the rest of a longer one is not looked at."""


def verify(required: Iterable[Requirement], text: str) -> tuple[Verdict, ...]:
    r"""Check a response against each requirement.

    Examples
    --------
    >>> from pplab.scoring.surface.requirements import requirements
    >>> for verdict in verify(requirements("Name exactly 3 colours as bullet points, without commas."), "* red\n* blue, sky"):
    ...     print(verdict.requirement.wording, "|", verdict.met, "|", verdict.found)
    no commas | False | has 1 comma
    exactly 3 bullet points | False | has 2
    """
    text = text[:LONGEST_CHECKED]
    return tuple(_CHECKS[requirement.kind](requirement, text) for requirement in required)


def _count(requirement: Requirement, count: int) -> Verdict:
    return Verdict(requirement, requirement.low <= count <= requirement.high, f"has {count}")


def _yes(requirement: Requirement, met: bool, otherwise: str = "") -> Verdict:
    return Verdict(requirement, met, "" if met else otherwise)


# ---------------------------------------------------------------- wording
def _no_comma(requirement: Requirement, text: str) -> Verdict:
    count = text.count(",")
    return Verdict(requirement, not count, f"has {count} comma{'s' * (count != 1)}")


def _lowercase(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, text.islower(), "has capital letters")


def _uppercase(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, text.isupper(), "has lower-case letters")


_WORD = re.compile(r"\w+(?:[-'\u2019]\w+)*")


def _capital_words(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, sum(word.isupper() for word in _WORD.findall(text)))


def _existence(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, bool(_whole(requirement.values[0], ends=False).search(text)), "is missing")


def _forbidden(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, not _whole(requirement.values[0], ends=True).search(text), "has it")


def _frequency(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(_whole(requirement.values[0], ends=False).findall(text)))


def _whole(word: str, *, ends: bool) -> re.Pattern[str]:
    """Match a word from its beginning; inflected forms count as well unless the word has to end there too."""
    return re.compile(rf"(?<!\w){re.escape(word)}" + (r"(?!\w)" if ends else ""), re.IGNORECASE)


def _letter(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, text.lower().count(requirement.values[0]))


def _ends(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, _plain(text).strip('"').endswith(_plain(requirement.values[0]).strip('"')), "ends otherwise")


def _repeats(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, _plain(text).startswith(_plain(requirement.values[0])), "does not")


def _plain(text: str) -> str:
    return text.translate(STRAIGHT).strip().lower()


def _quotation(requirement: Requirement, text: str) -> Verdict:
    stripped = text.strip()
    return _yes(requirement, len(stripped) > 1 and stripped[0] in '"\u201c' and stripped[-1] in '"\u201d', "is not")


# ---------------------------------------------------------------- lengths and parts
def _words(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(re.findall(r"\w+", text)))


_SENTENCE_END = re.compile(r"[.!?\u2026][\"')\]*_\u201d]{0,3}(?=\s|\Z)|\n+(?=[\s#*>-]{0,8}[A-Z\d])")
_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|e\.g|i\.e|No|P\.S|P\.P\.S|[A-Z])\.(?=\s)")


def sentences(text: str) -> int:
    """Count sentences: what ends in ``. ! ?``, and lines that stand for themselves."""
    parts = _SENTENCE_END.split(_ABBREVIATED.sub("x", text))
    return sum(bool(re.search(r"\w", part)) for part in parts)


def _sentences(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, sentences(text))


_FEW = 10
"""Words up to which a block without a full stop may be a title, a greeting or a sign-off."""


def _paragraphs(requirement: Requirement, text: str) -> Verdict:
    parts = [part for part in re.split(r"\s?\*\*\*\s?" if requirement.values else r"\n\s{0,200}\n", text) if part.strip()]
    inner = len(parts) - _around_a_letter(parts)
    return _count(requirement, inner if requirement.low <= inner <= requirement.high else len(parts))


_GREETING = re.compile(r"(?:dear|hi|hello|hey|subject|to whom)\b", re.IGNORECASE)


def _around_a_letter(parts: list[str]) -> int:
    """Count the subject, greeting and sign-off of a letter and the title of a text, which are no paragraphs of it."""
    few = [len(part.split()) <= _FEW and not part.rstrip().endswith((".", "!", "?")) for part in parts]
    if not parts or not (few[0] or _GREETING.match(parts[0])) or len(parts) < 2:
        return 0
    greeted = any(_GREETING.match(part) for part in parts[:2])
    return sum(few[:2]) + (sum(few[2:][-2:]) if greeted else 0)


def _first_word(requirement: Requirement, text: str) -> Verdict:
    parts = [part for part in text.split("\n\n") if part.strip()]
    if len(parts) != requirement.high:
        return Verdict(requirement, met=False, found=f"has {len(parts)}")
    first = re.match(r"[\W_]*(\w*)", parts[requirement.low - 1].strip())
    word = first[1].lower() if first else ""
    return _yes(requirement, word == requirement.values[0], f"starts with '{word}'")


def _sections(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(re.findall(rf"\b{re.escape(requirement.values[0])} ?(?:\d+|[IVX]+\b)", text, re.IGNORECASE)))


def _bullets(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(re.findall(r"^[ \t]*(?:\*(?!\*)|[-+\u2022])[ \t]*\S", text, re.MULTILINE)))


def _highlights(requirement: Requirement, text: str) -> Verdict:
    parts = re.findall(r"\*\*[^\n*]{1,500}\*\*|\*[^\n*]{1,500}\*", text)
    return _count(requirement, sum(bool(part.strip("* ")) for part in parts))


def _placeholders(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(re.findall(r"\[[^\[\]\n]{1,200}\]", text)))


def _postscript(requirement: Requirement, text: str) -> Verdict:
    pattern = r"p\.\s?p\.\s?s" if requirement.values[0] == "P.P.S" else r"(?<![a-z.])p\.\s?s\b"
    return _yes(requirement, bool(re.search(pattern, text.lower())), "has none")


def _title(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, bool(re.search(r"<<[^\n<>]{0,200}[^\s<>][^\n<>]{0,200}>>", text)), "has none")


def _two_responses(requirement: Requirement, text: str) -> Verdict:
    parts = [part.strip() for part in text.split("******")]
    inner = [part for i, part in enumerate(parts) if part or 0 < i < len(parts) - 1]
    return Verdict(requirement, len(inner) == 2 and all(inner) and inner[0] != inner[1], f"has {len(inner)}")


# ---------------------------------------------------------------- formats
def _json(requirement: Requirement, text: str) -> Verdict:
    try:
        json.loads(markup.unfenced(text))
    except (ValueError, RecursionError):
        return Verdict(requirement, met=False, found="does not parse")
    return Verdict(requirement, met=True)


def _table(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, markup.inspect(text).tables > 0, "has none")


def _numbered(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, markup.inspect(text).numbered > 1, "has none")


_PLAIN_HEADING = re.compile(
    r"(?:\A|\n[ \t]*\n)[ \t]*(?:\*\*[^*\n]{1,60}\*\*:?|[A-Z][^.!?\n|]{1,50}):?[ \t]*\n+[ \t]*(?:[-*+\u2022]|\d+[.)]|[A-Z])"
)
"""A short line above a list or a paragraph: "Advantages"."""


def _headings(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, markup.inspect(text).headings > 0 or bool(_PLAIN_HEADING.search(text)), "has none")


def _code(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, "```" in text or "~~~" in text, "has none")


def _choice(requirement: Requirement, text: str) -> Verdict:
    return _yes(
        requirement, any(answer.rstrip(".").lower() in text.lower() for answer in requirement.values), "gives none of them"
    )


def _language(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, is_in(text, requirement.values[0]) is not False, "is not")


_AND = re.compile(r",\s*(?:and|or)\s|,|\s(?:and|or)\s")


def _items(requirement: Requirement, text: str) -> Verdict:
    """Count list items; without a list, paragraphs or lines, whichever comes nearest to what was asked."""
    shape = markup.inspect(text)
    listed = max(shape.numbered, shape.bullets)
    lines = [line for line in text.split("\n") if line.strip()]
    blocks = [block for block in re.split(r"\n\s{0,200}\n", text) if block.strip()]
    counts = [listed] if listed > 1 else [len(lines), len(blocks), sentences(text), len(_AND.split(text))]
    best = min(counts, key=lambda count: max(requirement.low - count, count - requirement.high, 0))
    return Verdict(requirement, requirement.low <= best <= requirement.high, f"has {best}")


_CHECKS: dict[str, Callable[[Requirement, str], Verdict]] = {
    "punctuation:no_comma": _no_comma,
    "change_case:english_lowercase": _lowercase,
    "change_case:english_capital": _uppercase,
    "change_case:capital_word_frequency": _capital_words,
    "keywords:existence": _existence,
    "keywords:forbidden_words": _forbidden,
    "keywords:frequency": _frequency,
    "keywords:letter_frequency": _letter,
    "startend:end_checker": _ends,
    "startend:quotation": _quotation,
    "combination:repeat_prompt": _repeats,
    "combination:two_responses": _two_responses,
    "length_constraints:number_words": _words,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "detectable_format:constrained_response": _choice,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "language:response_language": _language,
    "format:table": _table,
    "format:numbered_list": _numbered,
    "format:headings": _headings,
    "format:code_block": _code,
    "count:items": _items,
    **layout_checks.CHECKS,
}
