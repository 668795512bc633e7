"""Requests about how a short answer is laid out: verses, lines, columns of a table, one word, parts of a letter, JSON keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplab.scoring.surface.form_requests import asks_for_table
from pplab.scoring.surface.quantities import COUNT, bounds, number
from pplab.scoring.surface.requirement import Requirement, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_MAKE = (
    r"\b(?:write|compose|create|give|make|craft|pen|generate|produce|need|want|draft|tell|share|turn|as|in(?: the form of)?)\b"
)
_ONE = r"(?:an?|one|1|another|your(?: own| best)?|me an?|us an?|up an?|this into an?)"
_ADJECTIVES = r"(?: (?!(?:about|with|of|on|for|that|who|whose|and|in|to)\b)[a-z'-]+){0,3}"


# ---------------------------------------------------------------- verses and lines
_HAIKU = _any(
    rf"{_MAKE}(?: me| us)? {_ONE}{_ADJECTIVES} haiku\b(?! (?:poet|master|book|form|structure|is))",
    r"\A\W{0,5}(?:an? )?haiku (?:about|on|for)\b",
)
_VERSES = {"couplet": 2, "quatrain": 4, "limerick": 5, "sonnet": 14}
_VERSE = _any(
    rf"{_MAKE}(?: me| us)? {_ONE}{_ADJECTIVES} (?P<form>{'|'.join(_VERSES)})\b(?! (?:poet|form|structure|is))",
    rf"\A\W{0, 5}(?:an? )?(?:\w+ )?(?P<form2>{'|'.join(_VERSES)}) (?:about|on|for)\b",
)
_LINES = r"lines?\b(?! (?:of (?:code|work|business|credit|duty|thought|defen[cs]e)|below|above))"
_IN_LINES = _any(
    rf"\b(?:in|of|with|has|have|exactly|only|at most|at least|no more than|write|use|just) (?:just |only |exactly )?{COUNT}"
    rf"(?:(?: to | or |-){COUNT})? (?:short |rhyming |rhymed )?lines\b(?! (?:of (?!(?:text|verse|poetry)\b)|below|above))",
    rf"\b{COUNT}-lined? (?:poem|verse|stanza|rhyme|song|ode|message|note|summary|answer|reply)\b",
)


def verses(prompt: str) -> Iterator[Requirement]:
    """Find "a haiku", "a couplet" and "in four lines"."""
    if _HAIKU.search(prompt):
        yield Requirement("form:haiku", "a haiku (three lines of about 5, 7 and 5 syllables)")
        return
    match = _VERSE.search(prompt)
    if match:
        form = (match["form"] or match["form2"]).lower()
        yield Requirement("form:lines", f"a {form} ({_VERSES[form]} lines)", _VERSES[form], _VERSES[form])
        return
    match = _IN_LINES.search(prompt)
    limits = match and bounds(match.group(0).replace("lined", "line"), rf"(?:short |rhyming |rhymed )?{_LINES}")
    if limits:
        yield counted("form:lines", "lines", *limits)


_PER_LINE = _any(
    r"\b(?:one|each)(?: \w+)? (?:per|a|to a) line\b", r"\beach (?:\w+ )?on (?:its own|a new|a separate|a different|one) line\b"
)


_BY_COMMAS = _any(r"\b(?:separated|divided|split) (?:only )?(?:by|with) commas?\b", r"\bcomma[- ]separated\b(?! (?:file|values))")


def one_a_line(prompt: str) -> Iterator[Requirement]:
    """Find "one per line" and "separated by commas"."""
    if _BY_COMMAS.search(prompt):
        yield Requirement("form:comma_list", "items separated by commas in one line")
    if _PER_LINE.search(prompt):
        yield Requirement("form:one_a_line", "one item a line", 2)


# ---------------------------------------------------------------- tables
_TABLE = _any(r"\btable\b[^.!?\n]{0,80}", r"[^.!?\n]{0,40}\bcolumn(?:ed)? (?:\w+ )?table\b")
_TABLE_OF = _any(
    rf"\btable (?:of|with|comparing|listing|showing) (?:the |these )?(?P<n>{COUNT}) (?!columns?\b|rows?\b)[a-z-]+s?\b"
)
_COLUMNS = r"(?:\w+ )?(?:columns?|columned)\b"
_ROWS = r"(?:data |\w+ )?rows?\b"


def table_shape(prompt: str) -> Iterator[Requirement]:
    """Find "a table with two columns" and "with three rows", where a table is asked for."""
    if not asks_for_table(prompt):
        return
    about = " ".join(match.group(0) for match in _TABLE.finditer(prompt)) + ". " + prompt
    for kind, unit, pattern in (("format:table_columns", "columns", _COLUMNS), ("format:table_rows", "rows", _ROWS)):
        limits = bounds(about, pattern)
        things = _TABLE_OF.search(prompt) if kind == "format:table_rows" and not limits else None
        if things:
            limits = (number(things["n"]),) * 2
        if limits:
            yield counted(kind, f"{unit} in the table", *limits, one=f"{unit.removesuffix('s')} in the table")


# ---------------------------------------------------------------- one word, a number, yes or no
_FEW_WORDS = _any(
    r"\b(?:in|with|using|use|give|say|reply|answer|respond|write)(?: me| in| with)? (?:just |only |exactly |no more than )?"
    r"(?P<n>one|a single|1|two|2|three|3|four|4)[ -]words?\b(?! (?:that|which|from|per|with|or phrase|each|ending|starting))",
    r"\b(?P<n2>one|single|two|three|four)-word (?:answer|reply|response|name|title|summary|label|description|verdict)\b",
    r"\b(?:a )?(?P<n3>one|single) word (?:answer|reply|response|name|title|label|only)\b",
    r"\b(?P<n4>one|two|three|four) words? only\b",
    r"\b(?P<n5>the) word only\b",
    r"\bjust (?P<n6>the) word\b",
)
_NUMBER_ONLY = _any(
    r"\b(?:just|only|nothing but) (?:the|a|one) (?:number|figure|digits?|numeral|result)\b(?! of)",
    r"\b(?:the|a) (?:number|figure|digits?|numeral) (?:only|alone)\b",
    r"\b(?:reply|answer|respond) with (?:the|a|one) (?:number|numeral)\b(?! of)",
)
_YES_NO = _any(
    r"\b(?P<only>(?:only|just|simply|nothing but|strictly) (?:say |write |answer |reply |with )?(?:a )?[\"']?yes[\"']?"
    r" or [\"']?no\b|yes or no only\b)",
    r"\b(?:answer|reply|respond|tell me)(?: me)?(?: with| by)?(?: a)? [\"']?yes[\"']? or [\"']?no\b",
    r"\A\W{0,5}yes or no\b",
    r"[.!?:(]\W{0,5}yes or no\W{0,5}\Z",
    r"\(yes/no\)|\byes/no:",
)


def few_words(prompt: str) -> Iterator[Requirement]:
    """Find "in one word", "just the number" and "answer yes or no"."""
    match = _FEW_WORDS.search(prompt)
    if match:
        named = next(group for group in match.groups() if group).lower()
        count = number(named) or 1
        yield counted("form:few_words", "words", 0 if "no more than" in match.group(0).lower() else count, count)
    if _NUMBER_ONLY.search(prompt):
        yield Requirement("form:number_only", "a number and nothing else")
    match = _YES_NO.search(prompt)
    if match:
        yield Requirement(
            "form:yes_or_no", "only yes or no" if match["only"] else "yes or no", values=("only",) * bool(match["only"])
        )


# ---------------------------------------------------------------- letters, titles
_LETTER = _any(
    rf"\b(?:write|draft|compose|create|send|prepare|help me write)(?: me| us| up)? (?:an?|one|my|the"
    rf"|this){_ADJECTIVES} (?:e-?mail|letter)\b"
    r"(?!-| (?:address|subject|campaign|template|newsletter|blast|signature|account|[\"']?[a-z]\b[\"']?(?= |$)(?<! a)(?<! i)))",
    r"\A\W{0,5}(?:an? )?(?:\w+ )?(?:e-?mail|letter) (?:to|asking|for)\b",
)
_NOTE = _any(r"\b(?:note|message|invitation|postcard|card|e-?mail|letter|reply)\b")
_GREETING = _any(r"\b(?:greeting|salutation)\b(?! cards?\b)")
_SIGN_OFF = _any(r"\b(?:sign[- ]?off|signature|complimentary close|closing (?:line|phrase|salutation))\b|\band (?:a )?closing\b")
_SUBJECT = _any(r"\b(?:use|with|include|including|add|has|have|needs?|give it|and) (?:an? )?(?:\w+ )?subject(?: line)?\b")
_NO_PART = _any(r"\b(?:no|without|omit|skip|leave out)\b[^.!?\n]{0,30}")


def letter_parts(prompt: str) -> Iterator[Requirement]:
    """Find an e-mail or a letter, which has a greeting and a sign-off, and messages asked to have them."""
    letter = bool(_LETTER.search(prompt))
    if not letter and not _NOTE.search(prompt):
        return
    asked = _NO_PART.sub(" ", prompt)
    left_out = " ".join(_NO_PART.findall(prompt))
    if (letter and not _GREETING.search(left_out)) or _GREETING.search(asked):
        yield Requirement("form:greeting", "a greeting")
    if (letter and not _SIGN_OFF.search(left_out)) or _SIGN_OFF.search(asked):
        yield Requirement("form:sign_off", "a sign-off")
    if _SUBJECT.search(asked):
        yield Requirement("form:subject_line", "a subject line")


_TITLE = _any(
    r"\b(?:with|include|including|add|has|have|start(?:ing)? with|begin(?:ning)? with|under) (?:an? |its own )(?:short"
    r" |catchy |clear |suitable |fitting )?title\b"
    r"(?! (?:page|role|character|track))",
    r"\bgive (?:it|the \w+|your \w+) a (?:\w+ )?title\b",
    r"\btitle (?:it|at the top)\b",
)
_ANGULAR = _any(r"<<|angular brackets")


def title(prompt: str) -> Iterator[Requirement]:
    """Find "with a title"; one in double angular brackets is another request."""
    if _TITLE.search(prompt) and not _ANGULAR.search(prompt):
        yield Requirement("form:title", "a title in a line of its own")


# ---------------------------------------------------------------- JSON keys, and how to begin
_KEYS = _any(
    r"\b(?:keys|fields|properties|attributes)\b(?: named| called| such as)?:?"
    r" *(?P<list>(?:[\"'`]?[a-z_][\w-]*[\"'`]?(?:, and |, | and | & |,))+[\"'`]?[a-z_][\w-]*[\"'`]?)",
    r"\b(?:key|field|property) (?:named |called )?[\"'`](?P<one>[a-z_][\w-]*)[\"'`]",
    r"\b(?P<list2>[\"'`]?[a-z_][\w-]*[\"'`]?(?:, and |, | and )[\"'`]?[a-z_][\w-]*[\"'`]?) (?:as |fields|keys)\b",
)
_JSON = _any(r"\bjson\b")


def json_keys(prompt: str) -> Iterator[Requirement]:
    """Find "JSON with the keys name and age"."""
    match = _KEYS.search(prompt) if _JSON.search(prompt) else None
    if match:
        listed = match["list"] or match["one"] or match["list2"]
        keys = tuple(word for word in re.findall(r"[a-z_][\w-]*", listed, re.IGNORECASE) if word != "and")
        yield Requirement("form:json_keys", f"the keys {', '.join(keys)}", values=keys)


_BEGINS = _any(
    r"\b(?:start|begin)s?(?! (?:each|every|all))(?: (?:the|your|it|this|with) ?\w*)?(?: \w+){0,2}? with (?:the"
    r" )?(?:exact )?(?:words?|phrase|sentence|line)?:? ?"
    r"\"(?P<phrase>[^\"\n]{1,120})\"",
)
_EACH = _any(r"\b(?:each|every|paragraph|sentence|line|stanza|section)s?\b[^.!?\n]{0,30}\b(?:start|begin)")


def beginning(prompt: str) -> Iterator[Requirement]:
    """Find 'start your answer with "Once"'."""
    match = _BEGINS.search(prompt)
    if match and not _EACH.search(prompt):
        phrase = match["phrase"].strip(" ,.")
        yield Requirement("form:beginning", f"starts with '{phrase}'", values=(phrase,))


FAMILIES: tuple[Callable[[str], Iterator[Requirement]], ...] = (
    verses,
    one_a_line,
    table_shape,
    few_words,
    letter_parts,
    title,
    json_keys,
    beginning,
)
"""One function a family; each yields what it finds in a prompt with straight quotes."""
