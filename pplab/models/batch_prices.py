"""What providers ask for calls that come in batches, as a share of the price of single calls; each with its source and day."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchDiscount:
    """The share of the price of single calls that a provider asks for batches.

    ``hosts`` is the pattern of its hosts, ``source`` where the share is stated, ``read`` when that was read (ISO 8601).
    """

    name: str
    hosts: str
    share: float
    source: str
    read: str


BATCH_DISCOUNTS = (
    BatchDiscount("OpenAI", r"api\.openai\.com", 0.5, "help.openai.com/en/articles/9197833-batch-api-faq", "2026-11-29"),
    BatchDiscount(
        "Azure OpenAI",
        r"[\w-]+\.(?:openai\.azure|services\.ai\.azure|cognitiveservices\.azure)\.com",
        0.5,
        "learn.microsoft.com/azure/foundry/openai/how-to/batch (of the global standard price)",
        "2026-11-29",
    ),
    BatchDiscount("Cerebras", r"api\.cerebras\.ai", 0.5, "inference-docs.cerebras.ai/capabilities/batch", "2026-11-29"),
)
"""Providers that are known to give one for every model. Together gives it for some models only, so it is not here."""


def batch_discount(provider: str) -> BatchDiscount | None:
    """Return the discount that a host (and port) gives on batches, ``None`` where none is known: then the full price counts.

    Examples
    --------
    >>> batch_discount("api.openai.com").share, batch_discount("api.openai.com.example.org"), batch_discount("127.0.0.1:8000")
    (0.5, None, None)
    """
    host = provider.lower().removesuffix(":443")
    return next((known for known in BATCH_DISCOUNTS if re.fullmatch(known.hosts, host)), None)


def batch_share(provider: str) -> float:
    """Return the share of the price of single calls that batches cost at a host; 1 where no discount is known."""
    known = batch_discount(provider)
    return 1.0 if known is None else known.share
