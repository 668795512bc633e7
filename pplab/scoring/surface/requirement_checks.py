"""Whether a response does what was asked: one plain check for each kind of requirement, counted as IFEval counts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pplab.scoring.surface import markup
from pplab.scoring.surface.languages import is_in
from pplab.scoring.surface.requirement import STRAIGHT, Requirement, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONGEST_CHECKED = 200_000
"""Characters of a response that are checked; the rest of a longer one is not looked at."""


def verify(asked: Iterable[Requirement], text: str) -> tuple[Verdict, ...]:
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
    return tuple(_CHECKS[found.kind](found, text) for found in asked)


def _count(asked: Requirement, count: int) -> Verdict:
    return Verdict(asked, asked.low <= count <= asked.high, f"has {count}")


def _yes(asked: Requirement, met: bool, otherwise: str = "") -> Verdict:
    return Verdict(asked, met, "" if met else otherwise)


# ---------------------------------------------------------------- wording
def _no_comma(asked: Requirement, text: str) -> Verdict:
    count = text.count(",")
    return Verdict(asked, not count, f"has {count} comma{'s' * (count != 1)}")


def _lowercase(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, text.islower(), "has capital letters")


def _uppercase(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, text.isupper(), "has lower-case letters")


_WORD = re.compile(r"\w+(?:[-'\u2019]\w+)*")


def _capital_words(asked: Requirement, text: str) -> Verdict:
    return _count(asked, sum(word.isupper() for word in _WORD.findall(text)))


def _existence(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, bool(_whole(asked.values[0], ends=False).search(text)), "is missing")


def _forbidden(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, not _whole(asked.values[0], ends=True).search(text), "has it")


def _frequency(asked: Requirement, text: str) -> Verdict:
    return _count(asked, len(_whole(asked.values[0], ends=False).findall(text)))


def _whole(word: str, *, ends: bool) -> re.Pattern[str]:
    """Match a word from its beginning; inflected forms count as well unless the word has to end there too."""
    return re.compile(rf"(?<!\w){re.escape(word)}" + (r"(?!\w)" if ends else ""), re.IGNORECASE)


def _letter(asked: Requirement, text: str) -> Verdict:
    return _count(asked, text.lower().count(asked.values[0]))


def _ends(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, _plain(text).strip('"').endswith(_plain(asked.values[0]).strip('"')), "ends otherwise")


def _repeats(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, _plain(text).startswith(_plain(asked.values[0])), "does not")


def _plain(text: str) -> str:
    return text.translate(STRAIGHT).strip().lower()


def _quotation(asked: Requirement, text: str) -> Verdict:
    stripped = text.strip()
    return _yes(asked, len(stripped) > 1 and stripped[0] in '"\u201c' and stripped[-1] in '"\u201d', "is not")


# ---------------------------------------------------------------- lengths and parts
def _words(asked: Requirement, text: str) -> Verdict:
    return _count(asked, len(re.findall(r"\w+", text)))


_SENTENCE_END = re.compile(r"[.!?\u2026][\"')\]*_\u201d]{0,3}(?=\s|\Z)|\n+(?=[\s#*>-]{0,8}[A-Z\d])")
_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|e\.g|i\.e|No|P\.S|P\.P\.S|[A-Z])\.(?=\s)")


def sentences(text: str) -> int:
    """Count sentences: what ends in ``. ! ?``, and lines that stand for themselves."""
    parts = _SENTENCE_END.split(_ABBREVIATED.sub("x", text))
    return sum(bool(re.search(r"\w", part)) for part in parts)


def _sentences(asked: Requirement, text: str) -> Verdict:
    return _count(asked, sentences(text))


def _paragraphs(asked: Requirement, text: str) -> Verdict:
    parts = re.split(r"\s?\*\*\*\s?" if asked.values else r"\n\s{0,200}\n", text)
    return _count(asked, sum(bool(part.strip()) for part in parts))


def _first_word(asked: Requirement, text: str) -> Verdict:
    parts = [part for part in text.split("\n\n") if part.strip()]
    if len(parts) != asked.high:
        return Verdict(asked, met=False, found=f"has {len(parts)}")
    first = re.match(r"[\W_]*(\w*)", parts[asked.low - 1].strip())
    word = first[1].lower() if first else ""
    return _yes(asked, word == asked.values[0], f"starts with '{word}'")


def _sections(asked: Requirement, text: str) -> Verdict:
    return _count(asked, len(re.findall(rf"\b{re.escape(asked.values[0])} ?(?:\d+|[IVX]+\b)", text, re.IGNORECASE)))


def _bullets(asked: Requirement, text: str) -> Verdict:
    return _count(asked, len(re.findall(r"^[ \t]*(?:\*(?!\*)|[-+\u2022])[ \t]*\S", text, re.MULTILINE)))


def _highlights(asked: Requirement, text: str) -> Verdict:
    found = re.findall(r"\*\*[^\n*]{1,500}\*\*|\*[^\n*]{1,500}\*", text)
    return _count(asked, sum(bool(part.strip("* ")) for part in found))


def _placeholders(asked: Requirement, text: str) -> Verdict:
    return _count(asked, len(re.findall(r"\[[^\[\]\n]{1,200}\]", text)))


def _postscript(asked: Requirement, text: str) -> Verdict:
    pattern = r"p\.\s?p\.\s?s" if asked.values[0] == "P.P.S" else r"(?<![a-z.])p\.\s?s\b"
    return _yes(asked, bool(re.search(pattern, text.lower())), "has none")


def _title(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, bool(re.search(r"<<[^\n<>]{0,200}[^\s<>][^\n<>]{0,200}>>", text)), "has none")


def _two_responses(asked: Requirement, text: str) -> Verdict:
    parts = [part.strip() for part in text.split("******")]
    inner = [part for i, part in enumerate(parts) if part or 0 < i < len(parts) - 1]
    return Verdict(asked, len(inner) == 2 and all(inner) and inner[0] != inner[1], f"has {len(inner)}")


# ---------------------------------------------------------------- formats
def _json(asked: Requirement, text: str) -> Verdict:
    stripped = re.sub(r"\A```\w*|```\Z", "", text.strip()).strip()
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return Verdict(asked, met=False, found="does not parse")
    return Verdict(asked, met=True)


def _table(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, markup.inspect(text).tables > 0, "has none")


def _numbered(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, markup.inspect(text).numbered > 1, "has none")


def _headings(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, markup.inspect(text).headings > 0, "has none")


def _code(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, "```" in text or "~~~" in text, "has none")


def _choice(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, any(offered.rstrip(".").lower() in text.lower() for offered in asked.values), "gives none of them")


def _language(asked: Requirement, text: str) -> Verdict:
    return _yes(asked, is_in(text, asked.values[0]) is not False, "is not")


def _items(asked: Requirement, text: str) -> Verdict:
    """Count list items; without a list, paragraphs or lines, whichever comes nearest to what was asked."""
    shape = markup.inspect(text)
    listed = max(shape.numbered, shape.bullets)
    lines = [line for line in text.split("\n") if line.strip()]
    blocks = [block for block in re.split(r"\n\s{0,200}\n", text) if block.strip()]
    counts = [listed] if listed > 1 else [len(lines), len(blocks), sentences(text), text.count(",") + 1]
    best = min(counts, key=lambda count: max(asked.low - count, count - asked.high, 0))
    return Verdict(asked, asked.low <= best <= asked.high, f"has {best}")


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
}
