"""Prices of calls: the user's own, else the list prices of the genai-prices package. Unknown is unknown, never 0."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pplab.config.addresses import is_this_machine
from pplab.config.configuration import EMBEDDED
from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genai_prices.types import ModelInfo, Provider

OTHER_UNITS = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")  # billed beside the tokens that are counted
SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a model in US dollars per million tokens, without discounts for caching or batches.

    Parameters
    ----------
    input, output
        For a call below every tier.
    source
        Whose list price it is and where that is written down; empty for the user's own.
    dated
        Day (ISO 8601) of the latest price change that the source knows of; empty for the user's own.
    tiers
        ``(tokens, input, output)``: what every token of a call costs whose input is longer than ``tokens``, in ascending order.
    """

    input: float
    output: float
    source: str = ""
    dated: str = ""
    tiers: tuple[tuple[int, float, float], ...] = ()

    def at(self, input_tokens: float) -> tuple[float, float]:
        """Return the price of input and output of a call with so many input tokens."""
        rates = (self.input, self.output)
        for start, *dollars in self.tiers:
            if input_tokens > start:
                rates = (dollars[0], dollars[1])
        return rates

    def times(self, share: float) -> Price:
        """Return a share of the price, such as batches cost."""
        tiers = tuple((start, share * dollars_in, share * dollars_out) for start, dollars_in, dollars_out in self.tiers)
        return replace(self, input=share * self.input, output=share * self.output, tiers=tiers)


FREE = Price(0.0, 0.0, "free: it runs inside this process", "2026-11-23")


def unknown_price(model: str, server: str) -> BadInput:
    """Return the refusal to keep a limit in money for a model whose price nobody knows."""
    return BadInput(
        f"the price of {model} at {server} is unknown, so max_cost cannot be kept",
        hint="set it with: pplab config prices='{\"" + model + "\": [input, output]}' (dollars per million tokens)",
    )


def price(model: str, overrides: Mapping[str, Sequence[float]] | None = None, *, address: str | None = None) -> Price | None:
    """Return the price of ``model``, or ``None`` if it is unknown.

    Parameters
    ----------
    model
        The model as its server knows it.
    overrides
        The user's own prices, ``{model: (input, output)}`` in US dollars per million tokens; they win, for dated snapshots of the
        model (``gpt-4o-2024-08-06``) too.
    address
        The server's address; its host decides whose prices apply. A server that belongs to no known provider (this machine, a
        gateway, a proxy) has prices of its own: unknown. ``None``: the model's vendor itself.

    Examples
    --------
    >>> price("gpt-4o-mini-2024-07-18").output
    0.6
    >>> price("gpt-4o-mini", address="http://127.0.0.1:11434/v1") is None
    True
    >>> price("my-llama", {"my-llama": (0.2, 0.2)}).input
    0.2
    """
    own = overrides or {}
    for name in (model, SNAPSHOT.sub("", model)):
        if name in own:
            dollars_in, dollars_out = own[name]
            return Price(float(dollars_in), float(dollars_out))
    if model == EMBEDDED and address is None:
        return FREE
    return _list_price(model, address)


def cost(
    model: str,
    input_tokens: int | None,
    output_tokens: int | None,
    overrides: Mapping[str, Sequence[float]] | None = None,
    *,
    address: str | None = None,
) -> float | None:
    """Return the US dollars of a call, or ``None`` if the price or a token count is unknown; parameters as `price` has them.

    Examples
    --------
    >>> cost("gpt-4o-mini", 1_000_000, 1_000_000)
    0.75
    >>> cost("nobody-knows", 10, 10) is None and cost("gpt-4o-mini", None, 10) is None
    True
    """
    rates = price(model, overrides, address=address)
    if rates is None:
        return None
    if rates.input == rates.output == 0 and not rates.tiers:
        return 0.0  # free whatever the counts are
    if input_tokens is None or output_tokens is None:
        return None
    dollars_in, dollars_out = rates.at(input_tokens)
    return (input_tokens * dollars_in + output_tokens * dollars_out) / 1e6


# -- list prices --------------------------------------------------------------------------------------------------------------


def _list_price(model: str, address: str | None) -> Price | None:
    """Return the list price of a model now: some depend on the time of day."""
    entry = _entry(model, address)
    if entry is None:
        return None
    provider, info, dated = entry
    prices = info.get_prices(datetime.now(UTC)).__dict__
    if any(prices.get(name) is None for name in ("input_mtok", "output_mtok")) or any(map(prices.get, OTHER_UNITS)):
        return None
    from genai_prices import __version__

    (dollars_in, tiers_in), (dollars_out, tiers_out) = (_tiers(prices[name]) for name in ("input_mtok", "output_mtok"))
    starts = sorted({start for start, _ in (*tiers_in, *tiers_out)})
    tiers = tuple((start, _at(start, dollars_in, tiers_in), _at(start, dollars_out, tiers_out)) for start in starts)
    return Price(dollars_in, dollars_out, f"list price of {provider.name} in genai-prices {__version__}", dated, tiers)


def _tiers(value: Any) -> tuple[float, list[tuple[int, float]]]:
    tiers = [(tier.start, float(tier.price)) for tier in getattr(value, "tiers", ())]
    return float(getattr(value, "base", value)), tiers


def _at(start: int, base: float, tiers: Sequence[tuple[int, float]]) -> float:
    return next((dollars for begin, dollars in reversed(tiers) if begin <= start), base)


@cache
def _entry(model: str, address: str | None) -> tuple[Provider, ModelInfo, str] | None:
    """Return a model's provider, its entry and the date of the list, or ``None`` if the list does not have it."""
    host = urlsplit(address).hostname if address else None
    if address and (not host or is_this_machine(host)):
        return None
    from genai_prices.data_snapshot import get_snapshot  # 25 ms once `openai` is imported: only when a price is needed

    snapshot = get_snapshot()
    try:
        provider = _provider(snapshot.providers, address) if address else snapshot.find_provider(model, None, None)
        if provider is None:
            return None
        _, info = snapshot.find_provider_model(model, provider, None, None)
    except LookupError:  # the list does not have it
        return None
    return provider, info, _date(snapshot.providers)


def _provider(providers: Sequence[Provider], address: str) -> Provider | None:
    """Return the provider that an address belongs to.

    The package matches the beginning of an address alone, to which ``https://api.openai.com.example.org`` and
    ``https://example.org/x.googleapis.com`` would belong as well: here the host must end where the pattern does, and what a
    pattern leaves open may not reach into the path.
    """
    parts = urlsplit(address)
    url = f"{parts.scheme}://{parts.hostname}{parts.path}"
    for provider in providers:
        pattern = provider.api_pattern.replace(".*", "[^/]*").replace("[^.]", "[^./]")
        if (match := re.match(pattern, url)) is None:
            continue
        rest = url[match.end() :]
        ends_open = match[0].endswith(".") and re.match(r"[a-z]{2,}(?:/|$)", rest)  # ``https://api.moonshot.``: .ai and .cn
        if match[0].endswith("/") or not rest or rest.startswith("/") or ends_open:
            return provider
    return None


def _date(providers: Sequence[Provider]) -> str:
    """Return the day of the latest price change in the list that has come: the package does not say when it was written."""
    today = datetime.now(UTC).date()
    prices = (p for provider in providers for model in provider.models for p in _conditional(model))
    starts = (getattr(p.constraint, "start_date", None) for p in prices)
    return max((start for start in starts if start is not None and start <= today), default=today).isoformat()


def _conditional(model: ModelInfo) -> Sequence[Any]:
    return model.prices if isinstance(model.prices, list) else ()
