"""Whether a short answer is laid out as was asked: lines and syllables, columns, single words, parts of a letter, JSON keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pplab.scoring.surface.languages import main_script
from pplab.scoring.surface.requirement import STRAIGHT, Requirement, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

HAIKU = (5, 7, 5)
SLACK = 1
"""Syllables by which a line of a haiku may be off: spelling gives them only roughly."""
_AROUND_A_LIST = 2
"""Lines of an answer that is a list in one line, with one of introduction."""
TITLE = 12
"""Words up to which a line may be a title."""

_VOWELS = re.compile(r"[aeiouy]+")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_SILENT = re.compile(
    r"(?<![aeiouy])(?<![^aeiouy]l)e\Z|(?<![sxzcgtd])(?<!ch)(?<!sh)(?<![^aeiouy]l)(?<![aeiouy])e[sd]\Z"
    r"|[aeiouy][bcdfgklmnprsvxz]{1,2}ed\Z(?<![td]ed)"
)
"""An e at the end of a word, or in its last syllable, that is not spoken: "late", "makes", "called"."""
_SPLIT_VOWELS = re.compile(r"(?<![gqct])(?:i[ao]|ua(?!r)|eo|iu)|[aeiouy]ing\b|io(?!us|n)|[^aeiou]ier\b")


def syllables(line: str) -> int:
    """Return about how many syllables a line has, by groups of vowels.

    Examples
    --------
    >>> [syllables(line) for line in ("An old silent pond", "A frog jumps into the pond", "Splash! Silence again.")]
    [5, 7, 5]
    """
    return sum(map(_in_word, _WORD.findall(line.translate(STRAIGHT).lower())))


def _in_word(word: str) -> int:
    word = word.removesuffix("'s").replace("'", "")
    count = len(_VOWELS.findall(word)) + len(_SPLIT_VOWELS.findall(word))
    return max(1, count - bool(_SILENT.search(word)))


def lines_of(text: str) -> list[str]:
    """Return the lines of a poem or a list: without blank ones, fences, a title above and words of introduction."""
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.strip().startswith("```")]
    if len(lines) > 2 and re.match(r"#|\*\*[^*]+\*\*\Z|.{0,80}:\Z", lines[0]):
        del lines[0]
    return lines


def _yes(requirement: Requirement, met: bool, otherwise: str) -> Verdict:
    return Verdict(requirement, met, "" if met else otherwise)


def _count(requirement: Requirement, count: int) -> Verdict:
    return Verdict(requirement, requirement.low <= count <= requirement.high, f"has {count}")


def _haiku(requirement: Requirement, text: str) -> Verdict:
    lines = lines_of(text)
    if len(lines) != len(HAIKU):
        return Verdict(requirement, met=False, found=f"has {len(lines)} line{'s' * (len(lines) != 1)}")
    counts = [syllables(line) for line in lines]
    near = all(abs(count - wanted) <= SLACK for count, wanted in zip(counts, HAIKU, strict=True))
    return _yes(requirement, near or main_script(text) != "Latin", f"has {', '.join(map(str, counts))} syllables")


def _lines(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(lines_of(text)))


def _one_a_line(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(lines_of(text)))


def _comma_list(requirement: Requirement, text: str) -> Verdict:
    lines = lines_of(text)
    return _yes(requirement, any("," in line for line in lines) and len(lines) <= _AROUND_A_LIST, "is not")


def _rows_of(text: str) -> list[list[str]]:
    rows = [line.strip() for line in text.split("\n") if line.count("|") > 0]
    cells = [row.removeprefix("|").removesuffix("|").replace("\\|", "").split("|") for row in rows]
    return [row for row in cells if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in row)]


def _columns(requirement: Requirement, text: str) -> Verdict:
    rows = _rows_of(text)
    return _count(requirement, len(rows[0]) if rows else 0)


def _rows(requirement: Requirement, text: str) -> Verdict:
    """Count the rows of a table; with or without its header, as people mean either."""
    rows = len(_rows_of(text))
    met = any(requirement.low <= count <= requirement.high for count in (rows - 1, rows) if count > 0)
    return Verdict(requirement, met, f"has {max(0, rows - 1)}")


def _few_words(requirement: Requirement, text: str) -> Verdict:
    return _count(requirement, len(re.findall(r"\w+(?:[-'\u2019]\w+)*", text)))


def _number_only(requirement: Requirement, text: str) -> Verdict:
    met = re.fullmatch(r"[\s\"'*`$\u20ac\u00a3]*[-\u2212+]?\d[\d,. /]*%?[\s\"'*`.]*", text)
    return _yes(requirement, met is not None, "has more than a number")


def _yes_or_no(requirement: Requirement, text: str) -> Verdict:
    only = r"[\W_]*\Z" if requirement.values else r"\b"
    return _yes(requirement, re.match(rf"[\W_]*(?:yes|no){only}", text, re.IGNORECASE) is not None, "says neither first")


_GREETS = re.compile(
    r"[\W_]*(?:dear|hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day)|to whom|to the|to my|esteemed"
    r"|my dear|welcome)\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(r"[\W_]*(?:subject|re|betreff)\b[\W_]*:", re.IGNORECASE)
_SIGNS = re.compile(
    r"\b(?:regards|sincerely|faithfully|truly|yours|best|cheers|thanks|thank you|love|warmly|respectfully|wishes"
    r"|cordially|hugs|see you|xoxo"
    r"|take care|gratefully|appreciatively|kindly|ever|always)\b[^.\n]{0,30}[,!.]?[\W_]*(?:\n|\Z)",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"(?:\n[\W_]*|[.!?]\s+)(?:[-\u2013\u2014] ?)?(?:your (?:\w+ )?)?(?:[\w.'\u2019]+,? ?){1,4}\Z")


def _greeting(requirement: Requirement, text: str) -> Verdict:
    lines = [line for line in lines_of(text)[:3] if not _SUBJECT.match(line)]
    return _yes(requirement, any(_GREETS.match(line) for line in lines[:2]) or _names_first(lines), "has none")


def _names_first(lines: list[str]) -> bool:
    """Whether the first line calls somebody by name: "Tom," alone."""
    return len(lines) > 1 and bool(re.fullmatch(r"[A-Z][\w. '\u2019-]{0,40}[,!]", lines[0]))


def _sign_off(requirement: Requirement, text: str) -> Verdict:
    end = "\n" + "\n".join(text.strip().split("\n")[-4:])[-160:]
    return _yes(requirement, bool(_SIGNS.search(end)) or bool(_SIGNED.search(end) and "\n" in text.strip()), "has none")


def _subject_line(requirement: Requirement, text: str) -> Verdict:
    return _yes(requirement, any(_SUBJECT.match(line) for line in lines_of(text)[:3]), "has none")


def _title(requirement: Requirement, text: str) -> Verdict:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    first = lines[0] if len(lines) > 1 else ""
    short = (
        0 < len(first.split()) <= TITLE
        and not re.match(r"[-+\u2022]|\*\s|\d+[.)]", first)
        and not first.endswith((".", ",", ";"))
    )
    return _yes(requirement, short, "has none")


def _json_keys(requirement: Requirement, text: str) -> Verdict:
    start = min((at for at in (text.find("["), text.find("{")) if at >= 0), default=0)
    try:
        data: Any = json.loads(text[start : max(text.rfind("]"), text.rfind("}")) + 1] or "null")
    except (ValueError, RecursionError):
        return Verdict(requirement, met=False, found="does not parse")
    if isinstance(data, dict) and len(data) == 1 and not set(requirement.values) <= data.keys():
        data = next(iter(data.values()))
    objects = data if isinstance(data, list) else [data]
    met = bool(objects) and all(isinstance(item, dict) and set(requirement.values) <= item.keys() for item in objects)
    return _yes(requirement, met, "has other keys")


def _beginning(requirement: Requirement, text: str) -> Verdict:
    plain = text.translate(STRAIGHT).lstrip(" \n\"'*#>").lower()
    return _yes(requirement, plain.startswith(requirement.values[0].translate(STRAIGHT).lower()), "starts otherwise")


CHECKS: dict[str, Callable[[Requirement, str], Verdict]] = {
    "form:haiku": _haiku,
    "form:lines": _lines,
    "form:one_a_line": _one_a_line,
    "form:comma_list": _comma_list,
    "form:few_words": _few_words,
    "form:number_only": _number_only,
    "form:yes_or_no": _yes_or_no,
    "form:greeting": _greeting,
    "form:sign_off": _sign_off,
    "form:subject_line": _subject_line,
    "form:title": _title,
    "form:json_keys": _json_keys,
    "form:beginning": _beginning,
    "format:table_columns": _columns,
    "format:table_rows": _rows,
}
"""The check of each kind of request found by `pplab.scoring.surface.layout_requests`."""
