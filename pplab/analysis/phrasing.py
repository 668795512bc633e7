"""Numbers, counts and caveats in plain words; every sentence of the analysis is made with these."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pplab.plan.vocabulary import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_NAMED = 3
"""Settings that a line names one by one."""
# The order in which outcomes are named, and how. Only ``ok`` counts in a mean.
STATUS_WORDS: dict[str, str] = {
    "ok": "usable",
    "truncated": "truncated",
    "empty": "empty",
    "refused": "refused",
    "filtered": "filtered",
    "tool_call": "tool calls without text",
    "rejected": "rejected by the server",
    "failed": "failed",
    "timeout": "timed out",
    "cancelled": "not sent",
}


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "prompt"), counted(1200, "prompt")
    ('1 prompt', '1,200 prompts')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def first_named(names: Sequence[str]) -> list[str]:
    """Return the names that a line has room for, and how many more there are.

    Examples
    --------
    >>> first_named(["a", "b", "c"]), first_named(["a", "b", "c", "d", "e"])
    (['a', 'b', 'c'], ['a', 'b', 'c', '2 more'])
    """
    return list(names) if len(names) <= MOST_NAMED else [*names[:MOST_NAMED], f"{len(names) - MOST_NAMED} more"]


def decimals(spread: float | None) -> int:
    """Return how many decimals a figure known to within ``spread`` deserves: a fifth of the spread must show, two to six.

    Examples
    --------
    >>> decimals(0.08), decimals(0.03), decimals(25.0), decimals(None)
    (2, 3, 1, 2)
    """
    if spread is None or not math.isfinite(spread) or spread <= 0:
        return 2
    if spread >= 100:
        return 0
    if spread >= 10:
        return 1
    return min(6, max(2, -math.floor(math.log10(spread / 5))))


def number(value: float, places: int = 2) -> str:
    """Return ``value`` rounded, without a minus before zero.

    Examples
    --------
    >>> number(0.1234), number(-0.001), number(-1.5, 1)
    ('0.12', '0.00', '-1.5')
    """
    text = f"{value:,.{places}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def at_most(value: float) -> str:
    """Return a bound with two decimals, never rounded down.

    Examples
    --------
    >>> at_most(0.0301), at_most(0.03)
    ('0.04', '0.03')
    """
    return number(math.ceil(value * 100 - 1e-9) / 100)


def dollars(value: float) -> str:
    """Return US dollars with two digits that say something, and no fewer than cents.

    Examples
    --------
    >>> dollars(0.00123), dollars(0.000094), dollars(2.5), dollars(0)
    ('$0.0012', '$0.000094', '$2.50', '$0')
    """
    return f"${value:.{max(2, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "$0"


def span(low: float, high: float, places: int = 2) -> str:
    """Return ``low to high``."""
    return f"{number(low, places)} to {number(high, places)}"


def probability(p: float) -> str:
    """Return a p-value as it is printed.

    Examples
    --------
    >>> probability(0.0314), probability(0.0001), probability(0.266)
    ('p = 0.031', 'p < 0.001', 'p = 0.27')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.{3 if p < 0.1 else 2}f}".replace("1.00", "1")


def percent(share: float) -> str:
    """Return a share as a percentage that is 0 or 100 only when it is so exactly.

    Examples
    --------
    >>> percent(0.5), percent(0.999), percent(0.0004), percent(1)
    ('50%', '99%', '1%', '100%')
    """
    if 0 < share < 1:
        return f"{min(99, max(1, round(100 * share)))}%"
    return f"{100 * share:.0f}%"


def joined(words: Iterable[str], last: str = "and") -> str:
    """Return words as an enumeration.

    Examples
    --------
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def duration(seconds: float) -> str:
    """Return a time in words, in the largest unit of which there are two.

    Examples
    --------
    >>> duration(12.3), duration(600), duration(9000), duration(100_000)
    ('12 s', '10 min', '2.5 h', '28 h')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.0f} s"


def repetitions(count: int) -> str:
    """Return what is said behind a number of prompts about further ones that are the same as one of them.

    Examples
    --------
    >>> repetitions(0), repetitions(1), repetitions(2)
    ('', ' (plus 1 duplicate, counted with its original)', ' (plus 2 duplicates, counted with their originals)')
    """
    originals = "its original" if count == 1 else "their originals"
    return f" (plus {counted(count, 'duplicate')}, counted with {originals})" if count else ""


def status_counts(counts: Mapping[str, int], last: str = " and ") -> str:
    """Return counts by status in words.

    Examples
    --------
    >>> status_counts({"ok": 2, "rejected": 3})
    '2 usable and 3 rejected by the server'
    """
    ordinary = [status for status in STATUS_WORDS if counts.get(status)]
    order = [*ordinary, *sorted(status for status in set(counts) - set(ordinary) if counts[status])]
    parts = [f"{counts[status]:,} {STATUS_WORDS.get(status, status)}" for status in order]
    return last.join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def fault_words(fault: object, status: str) -> str:
    """Return what a card says of an answer's fault; nothing where its status says the same, or where there is none.

    Examples
    --------
    >>> fault_words("loop", "ok"), fault_words("cut", "truncated"), fault_words(None, "ok")
    ('repeats itself', '', '')
    """
    known = isinstance(fault, str) and (fault, status) != ("cut", "truncated")
    return FAULTS.get(str(fault), str(fault)) if known else ""
