"""Options that several commands share, and values written as ``NAME=VALUE``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.command import Option
from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = Option("--full", "show everything, including ids, times and durations, which differ from run to run", None)
MODEL_OPTIONS = (
    Option("--model", "the model, by the name its server uses; MODEL@NAME uses the configured endpoint NAME", metavar="NAME"),
    Option("--base-url", "the address of an OpenAI-compatible server", metavar="URL"),
)


def name_value_pairs(flag: str, texts: Sequence[str] | None) -> dict[str, str] | None:
    """Return values by name from texts like ``NAME=VALUE``; ``None`` when there are none.

    Examples
    --------
    >>> name_value_pairs("--set", ["top_k=40"])
    {'top_k': '40'}
    """
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"'{text}' is not NAME=VALUE", hint=f"write {flag} NAME=VALUE")
        pairs[name] = value
    return pairs or None
