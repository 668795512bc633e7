"""What a call costs: a small dated table of list prices, which the user's own prices override. Unknown is unknown, never 0."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPENAI = "https://developers.openai.com/api/docs/pricing"
ANTHROPIC = "https://platform.claude.com/docs/about-claude/pricing"
SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


@dataclass(frozen=True, slots=True)
class Price:
    """List price of one model, in US dollars per million tokens, without discounts for caching or batches.

    ``dated`` is the day (ISO 8601) on which ``source`` said so; both are empty for the user's own prices.
    """

    input: float
    output: float
    source: str = ""
    dated: str = ""


def _rows(source: str, dated: str, table: Mapping[str, tuple[float, float]]) -> dict[str, Price]:
    return {model: Price(*dollars, source, dated) for model, dollars in table.items()}


PRICES: dict[str, Price] = {
    "embedded": Price(0.0, 0.0, "free: it runs inside this process", "2026-11-23"),
    **_rows(
        OPENAI,
        "2026-08-27",
        {
            "gpt-5.6-sol": (4.0, 20.0),
            "gpt-5.6-terra": (2.0, 12.0),
            "gpt-5.6-luna": (0.2, 1.2),
        },
    ),
    **_rows(
        OPENAI,
        "2026-06-04",
        {
            "gpt-5.5": (5.0, 30.0),
            "gpt-5.4": (2.5, 15.0),
            "gpt-5.4-mini": (0.75, 4.5),
            "gpt-5.4-nano": (0.2, 1.25),
            "gpt-5.2": (1.75, 14.0),
            "gpt-5.1": (1.25, 10.0),
            "gpt-5": (1.25, 10.0),
            "gpt-5-mini": (0.25, 2.0),
            "gpt-5-nano": (0.05, 0.4),
            "gpt-4.1": (2.0, 8.0),
            "gpt-4.1-mini": (0.4, 1.6),
            "gpt-4.1-nano": (0.1, 0.4),
            "gpt-4o": (2.5, 10.0),
            "gpt-4o-mini": (0.15, 0.6),
            "o1": (15.0, 60.0),
            "o3": (2.0, 8.0),
            "o3-mini": (1.1, 4.4),
            "o4-mini": (1.1, 4.4),
        },
    ),
    **_rows(
        ANTHROPIC,
        "2026-09-29",
        {
            "claude-opus-5-5": (4.0, 20.0),
            "claude-opus-5": (5.0, 25.0),
            "claude-opus-4-8": (5.0, 25.0),
            "claude-opus-4-7": (5.0, 25.0),
            "claude-opus-4-6": (5.0, 25.0),
            "claude-opus-4-5": (5.0, 25.0),
            "claude-sonnet-5-5": (2.0, 10.0),
            "claude-sonnet-4-6": (3.0, 15.0),
            "claude-sonnet-4-5": (3.0, 15.0),
            "claude-haiku-4-5": (1.0, 5.0),
        },
    ),
}


def price(model: str, overrides: Mapping[str, Sequence[float]] | None = None) -> Price | None:
    """Return the price of ``model``, or ``None`` if it is unknown.

    A dated snapshot (``gpt-4o-2024-08-06``) has the price of its model unless it is listed itself. A name with a vendor in
    front (``openai/gpt-4o``) belongs to a reseller with prices of its own: it is unknown unless overridden.

    Parameters
    ----------
    model
        The model as its server knows it.
    overrides
        The user's own prices, ``{model: (input, output)}`` in US dollars per million tokens; they win.

    Examples
    --------
    >>> price("gpt-4o-mini-2024-07-18").output
    0.6
    >>> price("my-llama", {"my-llama": (0.2, 0.2)}).input
    0.2
    """
    own = overrides or {}
    for name in (model, SNAPSHOT.sub("", model)):
        if name in own:
            dollars_in, dollars_out = own[name]
            return Price(float(dollars_in), float(dollars_out))
        if name in PRICES:
            return PRICES[name]
    return None


def cost(
    model: str,
    input_tokens: int | None,
    output_tokens: int | None,
    overrides: Mapping[str, Sequence[float]] | None = None,
) -> float | None:
    """Return what a call cost in US dollars at list price, or ``None`` if the price or a token count is unknown.

    Examples
    --------
    >>> cost("gpt-4o-mini", 1_000_000, 1_000_000)
    0.75
    >>> cost("nobody-knows", 10, 10) is None and cost("gpt-4o-mini", None, 10) is None
    True
    """
    known = price(model, overrides)
    if known is None:
        return None
    if known.input == known.output == 0:
        return 0.0  # free whatever the counts are
    if input_tokens is None or output_tokens is None:
        return None
    return (input_tokens * known.input + output_tokens * known.output) / 1e6
