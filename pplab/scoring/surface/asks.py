"""What kind of answer a prompt asks for: a short piece of writing, a fact, a yes or no, a number, or an open text."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final, Literal

from pplab.scoring.surface.quantities import COUNT, number
from pplab.scoring.surface.words import FUNCTION_WORDS

SHORT: Final = 160
"""Characters up to which a request to explain can be met by a few sentences."""

LONGEST: Final = 400
"""Characters up to which a prompt can be a short question or ask for a short piece; a longer one brings material."""

Kind = Literal["piece", "number", "yes or no", "choice", "fact", "several", "rewrite", "code", "explanation", "open"]

PIECES: Final[dict[str, tuple[int, int]]] = {
    "hashtag": (1, 6),
    "nickname": (1, 4),
    "username": (1, 3),
    "name": (1, 6),
    "word": (1, 2),
    "title": (1, 14),
    "subject line": (2, 14),
    "headline": (3, 16),
    "tagline": (2, 14),
    "slogan": (2, 14),
    "motto": (2, 14),
    "catchphrase": (2, 14),
    "caption": (3, 30),
    "one-liner": (4, 35),
    "opening line": (4, 45),
    "opening sentence": (4, 45),
    "first line": (4, 45),
    "first sentence": (4, 45),
    "closing line": (4, 45),
    "sentence": (4, 45),
    "line": (3, 45),
    "quote": (4, 45),
    "metaphor": (3, 40),
    "simile": (3, 40),
    "compliment": (3, 45),
    "fun fact": (5, 60),
    "fact": (5, 60),
    "pun": (4, 45),
    "joke": (6, 80),
    "riddle": (6, 80),
    "tip": (4, 60),
    "couplet": (6, 30),
    "haiku": (7, 22),
    "limerick": (20, 60),
    "tweet": (4, 55),
    "text message": (3, 60),
    "text": (3, 60),
    "message": (3, 100),
    "note": (5, 120),
    "apology": (5, 120),
    "reply": (3, 100),
    "invitation": (5, 120),
    "greeting": (2, 50),
    "wish": (3, 60),
    "toast": (8, 150),
}
"""Short pieces of writing and the words such a thing has: a guide of use, not of law (a tweet has 280 characters)."""

_NAMES = "|".join(sorted((name.replace(" ", "[ -]") for name in PIECES), key=len, reverse=True))
SUGGESTION: Final = (1, 80)
"""The words of one thing suggested, with a line on why."""

_ADJECTIVE = r"(?!(?:about|with|of|in|for|on|that|who|and|to|from|at)\b)[a-z'-]+"
_PIECE = re.compile(
    r"\b(?:write|give|suggest|create|think of|come up with|make(?: up)?|compose|invent|propose|need|want|craft|draft|tell|share"
    r"|offer|name|what(?:'s| is| would be)|is there|have)\b(?: me| us)?(?: up)? "
    rf"(?:an?|one|another|the|some|your(?: best)?|my)\b(?: {_ADJECTIVE}){{0,3}}? (?P<piece>{_NAMES})\b(?!-|(?<=name) of the\b)",
    re.IGNORECASE,
)
_TEXT_SOMEBODY = re.compile(
    r"\W*(?:please )?(?:text|message|thank|wish|invite|congratulate) (?:my|our|the|a|him|her|them|mum|mom|dad)\b"
)
_SUGGEST = re.compile(
    r"\W*(?:please |can you |could you )?(?:suggest|recommend|propose|name|pick|think of|come up with|give me|tell me"
    r"|i need|what(?:'s| is| would be))"
    r"(?: me| us)? (?:an?|one|some) (?!(?:[a-z'-]+ ){0,2}(?:summary|explanation|description|overview|list|recipe|plan"
    r"|story|poem|table|essay"
    r"|letter|e-?mail|report|guide|schedule|outline|example|way|tour|review|comparison)\b)"
)
_ASKED_FOR = re.compile(
    rf"^\W*(?:(?:an?|one|another)\b(?: [a-z'-]+){{0,2}}? )?(?P<piece>{_NAMES})(?: ideas?)? (?:for|about|on|to)\b", re.IGNORECASE
)
_ASKED_ABOUT = re.compile(
    r"\b(?:explain|analy[sz]e|discuss|describe|history of|essay|meaning of|difference|why|how)\b", re.IGNORECASE
)

_OPEN_TEXT = re.compile(
    r"\b(?:write|story|essay|article|describe|explain|poem|blog|letter|report|tell|discuss|imagine|create|draft|speech|review|list"
    r"|give|summari[sz]e|compare|suggest)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"(?P<word>who|whose|whom|what|when|where|which|how|is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|am|may"
    r"|in which|in what|at what|on what)(?:'s|'re)?\b[^.!?\n]{2,160}\??"
)
_NUMBER_ASKED = re.compile(
    r"\bhow (?:many|much|old|long|far|tall|high|deep|big|fast|often|heavy)\b|\bwhat (?:year|number|percentage|time|date|age)\b"
    r"|\bin (?:what|which) year\b|\bwhen\b|\b(?:calculate|compute|work out|add up|solve)\b|\bwhat(?:'s| is) the (?:sum"
    r"|product|total|average|"
    r"difference|square root|population|number)\b"
)
_EXPLAIN = re.compile(r"\W*(?:please |can you |could you )?(?:explain|describe|tell me (?:about|how|why|what)|what|why|how)\b")
_DEFINITION = re.compile(r"what(?:'s| is| are| does| do)(?! the\b| my\b| your\b)|why\b")
_REWRITE = re.compile(
    r"\b(?:rewrite|rephrase|reword|paraphrase|fix|correct|proofread|edit|polish|shorten|simplify|improve|make|turn|change|convert|translate"
    r"|put)\b[^.!?:\n\"]{0,80}(?::|\"|\n)"
)
_NAME_IT = re.compile(
    r"\W*(?:please |can you |could you )?(?:name|state|identify|tell me|give me|say) (?:the (?!(?:\w+ ){0,2}(?:story"
    r"|history|steps|reasons"
    r"|difference|plot|following|names)\b)|who\b|where\b|when\b|which\b|how many\b|how much\b|what \w+ (?!is\b|are\b|means\b))"
)
"""A fact asked for without a question mark: "name the largest planet"."""
_CONVERT = re.compile(
    r"\W*(?:please |can you |could you )?(?:convert|calculate|compute|add|subtract|multiply|divide|count|round)\b[^\n]*\d"
)
_MATERIAL = re.compile(r"\"([^\"\n]{4,})\"|(?::\s*|\n+)([^\n]{4,})\Z")
_SINGLE_QUOTED = re.compile(r"(?<!\w)'([^'\n]{4,}|[^\n]{4,}[.!?])'(?!\w)")
_LABELS = re.compile(r"\b(?P<first>(?:[a-z-]+, )*)(?P<left>[a-z-]+),? or (?:an? |the |is it )?(?P<right>[a-z-]+)\b")
_QUOTED = re.compile(r"\"[^\"\n]*\"|:\s[^\n]{40,}")
_CLASSIFY = re.compile(r"\b(?:classify|categori[sz]e|label|choose|pick|decide|say|tell me (?:if|whether))\b")
_NEXT_QUESTION = re.compile(r"\?\s*(?:and )?|,? and (?=(?:how|what|why|when|where|who|which)\b)")
_CODE = re.compile(
    r"\b(?:write|create|give|implement|show|need|code|make|provide|define)\b[^.!?\n]{0,40}"
    r"\b(?:function|script|program|snippet|regex|regular expression|sql|query|python|javascript|java|html|css|bash"
    r"|loop|method|code)\b"
    r"|\A\W*(?:\w+ )?(?:function|script|program|regex|query) (?:to|that|for|which)\b"
)
_PERCENT = re.compile(r"(?<![\w.])(?P<a>\d{1,3}(?:\.\d+)?) ?(?:%|percent|per cent) of (?P<b>\d{1,9}(?:\.\d+)?)(?![\w%])")
_PROCESS = re.compile(r"how(?! (?:many|much|old|long|far|tall|high|deep|big|fast|often|heavy)\b)|what (?:happens|causes|makes)")
_OPERATORS: Final = {
    **dict.fromkeys(("+", "plus", "and"), "+"),
    **dict.fromkeys(("-", "\u2212", "minus"), "-"),
    **dict.fromkeys(("*", "x", "\u00d7", "times", "multiplied by"), "*"),
    **dict.fromkeys(("/", "\u00f7", "divided by"), "/"),
}
_SUM = re.compile(
    rf"(?<![\w.,/])(?P<a>\d{{1,6}}(?:\.\d+)?|{COUNT}) ?(?P<op>\+|-|\u2212|\*|x|\u00d7|/|\u00f7|plus|minus|times"
    rf"|multiplied by|divided by) ?"
    rf"(?P<b>\d{{1,6}}(?:\.\d+)?|{COUNT})(?=\s*(?:\?|=|\.?\Z|\.\s))",
    re.IGNORECASE,
)
_RUN_TOGETHER = re.compile(r"\b(what|who|where|how|when)s\b")


@dataclass(frozen=True, slots=True)
class Ask:
    """What kind of answer a prompt asks for.

    Attributes
    ----------
    kind : str
        ``piece`` (a short piece of writing), ``number``, ``yes or no``, ``choice`` (one of the things named), ``fact``,
        ``several`` (plain questions), ``rewrite`` (a text that stands in the prompt), ``code``, ``explanation`` (of a thing, in a
        few sentences), or ``open``.
    piece : str
        Which piece of writing.
    low, high : int
        The words a piece has.
    result : float or None
        What a sum comes to.
    labels : tuple of str
        What there is to choose from.
    material : str
        The text to rewrite.
    parts : tuple
        Each of several questions, with what it asks for.
    """

    kind: Kind
    piece: str = ""
    low: int = 0
    high: int = 0
    result: float | None = None
    labels: tuple[str, ...] = ()
    material: str = ""
    parts: tuple[tuple[str, Ask], ...] = ()


def ask_of(prompt: str) -> Ask:
    """Return what kind of answer ``prompt`` asks for.

    Examples
    --------
    >>> ask_of("Write a tagline for a coffee shop.").piece, ask_of("What is 7 times 8?").result
    ('tagline', 56.0)
    >>> [ask_of(q).kind for q in ("Is the sky blue?", "Who wrote Emma?", "Why? Write a story.", "Is it red or green?")]
    ['yes or no', 'fact', 'open', 'choice']
    """
    if len(prompt) > LONGEST:
        return Ask("open")
    asked = _RUN_TOGETHER.sub(r"\1's", prompt.strip().lower().replace("\u2019", "'"))
    return _ask_of(_SINGLE_QUOTED.sub(r'"\1"', asked))


@functools.lru_cache(maxsize=256)
def _ask_of(prompt: str) -> Ask:
    result = _result(prompt)
    if result is not None:
        return Ask("number", result=result)
    material = _MATERIAL.search(prompt)
    if material and _REWRITE.search(prompt):
        return Ask("rewrite", material=(material[1] or material[2]).strip())
    own = _QUOTED.sub(" ", prompt).strip()
    match = None if _ASKED_ABOUT.search(own) else _PIECE.search(own) or _ASKED_FOR.search(own)
    if match or _TEXT_SOMEBODY.match(own):
        piece = match["piece"] if match else "message"
        name = next(name for name in (piece, piece.replace("-", " "), piece.replace(" ", "-")) if name in PIECES)
        return Ask("piece", name, *PIECES[name])
    if _CODE.search(own):
        return Ask("code")
    if _CONVERT.match(own):
        return Ask("number")
    if len(own) <= SHORT and _NAME_IT.match(own) and not _EXPLAIN.match(own):
        return Ask("number" if _NUMBER_ASKED.search(own) else "fact")
    labels = _labels(own)
    if len(labels) > 1 and (_CLASSIFY.search(own) or _asks_which(own)):
        return Ask("choice", labels=labels)
    questions = [part.strip(" ,") + "?" for part in _NEXT_QUESTION.split(own) if part.strip(" ,?")]
    if len(questions) > 1:
        parts = tuple((question, _question(question)) for question in questions)
        return Ask("several", parts=parts) if all(part.kind not in ("explanation", "open") for _, part in parts) else Ask("open")
    return _question(own)


def _asks_which(prompt: str) -> bool:
    last = _last_sentence(prompt)
    return bool(_QUESTION.fullmatch(last)) and (last == prompt or not _OPEN_TEXT.search(prompt))


def _last_sentence(prompt: str) -> str:
    return re.split(r"(?<=[.!?:])\s+|\n+", prompt)[-1]


def _question(prompt: str) -> Ask:
    last = _last_sentence(prompt)
    question = _QUESTION.fullmatch(last)
    if question and not _OPEN_TEXT.search(prompt):
        word = question["word"]
        if _NUMBER_ASKED.search(last):
            return Ask("number")
        if not _DEFINITION.match(last) and not _PROCESS.match(last):
            return Ask("fact" if word.startswith(("wh", "in", "at", "on", "how")) else "yes or no")
    explains = len(prompt) <= SHORT and _EXPLAIN.match(prompt)
    if explains:
        return Ask("explanation")
    suggests = len(prompt) <= SHORT and _SUGGEST.match(prompt)
    return Ask("piece", "suggestion", *SUGGESTION) if suggests else Ask("open")


def _labels(prompt: str) -> tuple[str, ...]:
    """Return the words on either side of the last "or" of a prompt, and those before them in its list."""
    match = next(iter(reversed(list(_LABELS.finditer(prompt)))), None)
    if not match:
        return ()
    labels = (*match["first"].replace(" ", "").split(","), match["left"], match["right"])
    return tuple(label for label in labels if label and label not in FUNCTION_WORDS)


def _result(prompt: str) -> float | None:
    """Return what the one sum in a prompt comes to, ``None`` where there is none or several."""
    percent = _PERCENT.search(prompt)
    if percent:
        return float(percent["a"]) * float(percent["b"]) / 100
    sums = list(_SUM.finditer(prompt))
    if len(sums) != 1:
        return None
    first, second = (_value(sums[0][name]) for name in ("a", "b"))
    match _OPERATORS[sums[0]["op"].lower()]:
        case "+":
            return first + second
        case "-":
            return first - second
        case "*":
            return first * second
        case _:
            return first / second if second else None


def _value(text: str) -> float:
    return float(text) if text[:1].isdigit() and "," not in text else float(number(text))
