"""How a text ends: as if it were finished, or in the middle of a sentence."""

from __future__ import annotations

import re
from typing import Final

from pplab.scoring.surface.word_order import OPEN_ENDS
from pplab.scoring.surface.words import word_set

TAIL: Final = 400
"""Characters at the end of a text that show how it ends."""
LAST_LINE: Final = 6
"""A last line of its own with at most this many words (a name under a letter) needs no full stop."""
VERSE: Final = 14
"""Words up to which a line may be a verse."""
ALONE: Final = 12
"""Words up to which a text of one line may be a title, a name, a slogan or a short answer, none of which needs a full stop."""

UNMARKED: Final = word_set("i he she we they that which who when where while at by as would could should has had very")
"""Words that end a sentence hardly ever without a mark after them, while "come in" and "waiting for" may end a slogan."""

LONGEST_WORD: Final = 40
"""Characters that hold the last word."""

_ENDED = re.compile(r"[.!?\u2026\"')\]*_`|>}\u201d\u2019\u3002\uff01\uff1f]\Z")
_STOPPED = re.compile(r"[.!?\u2026][\"')\]*_\u201d\u2019]{0,3}(?:\s|\Z)")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+\u2022#]|\d{1,3}[.)])[ \t]")
_SIGNED = re.compile(r"[.!?][\"')\u201d]{0,2}\s+[-\u2013\u2014]?\s?(?:[\w']+[,]? ){0,2}[A-Z]\w*\Z")
"""A name under a letter that stands in its last line: "Thank you! Love, Kim"."""


def ends_whole(text: str) -> bool:
    r"""Say whether a text ends as if it were finished: with punctuation, in a list, or in a line that needs none.

    Examples
    --------
    >>> ends_whole("The lamp went out."), ends_whole("The lamp went out and the"), ends_whole("Regards,\nAnn")
    (True, False, True)
    >>> ends_whole("Slow mornings, strong brews"), ends_whole("It rained. We stayed at home and played"), ends_whole("Like so:")
    (True, False, False)
    """
    tail = text[-TAIL:].rstrip()
    last = tail[-LONGEST_WORD:].lower().rstrip(".!?").split()
    if last and (last[-1] in OPEN_ENDS or (last[-1] in UNMARKED and tail[-1].isalpha())) and len(tail.split(None, 3)) > 2:
        return False
    if _ENDED.search(tail[-1:]):
        return True
    if _SIGNED.search(tail[-60:]):
        return True
    before, newline, line = tail.rpartition("\n")
    if tail[-1:] in ",;:-\u2013\u2014":
        return False
    size = len(line.split())
    if not newline:
        return size <= ALONE and not _STOPPED.search(tail)
    above = [other for other in before.split("\n") if other.strip()]
    verse = len(above) > 1 and size <= VERSE and not any(_STOPPED.search(other[-8:]) for other in above[-2:])
    return size <= LAST_LINE or bool(_LIST_ITEM.match(line)) or verse
