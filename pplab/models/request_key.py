"""The identity of a call: one key from which resuming, topping up, recording and replaying follow. Nothing is sent here."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import rfc8785

from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "pplab.call/1"
SEED_BITS = 31  # the widest seed that every common server takes (llama.cpp reads 32 bits, some of them signed)


def request_key(
    provider: str,
    model: str,
    messages: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    replicate: int,
) -> str:
    """Return the identity of a call: SHA-256 of its canonical JSON (RFC 8785), as 64 hexadecimal digits.

    It covers what decides the answer and nothing else: no API key, deadline or retry is part of it. Numbers are compared by
    value (``1`` and ``1.0`` are one key), the order of names is irrelevant, and a parameter that is ``None`` is one not sent.

    Parameters
    ----------
    provider
        Who serves the model, such as ``api.openai.com`` or ``embedded``.
    model
        The model as its server knows it.
    messages
        The conversation, in order.
    parameters
        The sampling parameters the user set.
    replicate
        Which answer to the same question this is, from 0.

    Raises
    ------
    BadInput
        If something has no canonical form: NaN, infinity, integers beyond 2**53, lone surrogates.

    References
    ----------
    RFC 8785, JSON Canonicalization Scheme, https://www.rfc-editor.org/rfc/rfc8785

    Examples
    --------
    >>> ask = ({"role": "user", "content": "Hello"},)
    >>> request_key("embedded", "embedded", ask, {"temperature": 1}, 0)[:16]
    'a6057d2d373aea17'
    >>> request_key("embedded", "embedded", ask, {"temperature": 1.0, "top_p": None}, 0)[:16]
    'a6057d2d373aea17'
    """
    identity: dict[str, Any] = {
        "schema": SCHEMA,
        "provider": provider,
        "model": model,
        "messages": [dict(message) for message in messages],
        "parameters": {name: value for name, value in parameters.items() if value is not None},
        "replicate": replicate,
    }
    try:
        canonical = rfc8785.dumps(identity)
    except rfc8785.CanonicalizationError as error:
        raise BadInput(
            f"the call has no canonical form: {error}",
            hint="use finite numbers below 2**53 and text without lone surrogates",
        ) from None
    return hashlib.sha256(canonical).hexdigest()


def replicate_seed(seed: int, prompt_index: int, setting_index: int, replicate: int) -> int:
    """Return the seed of one replicate, in ``[0, 2**31)``, derived from the run's seed.

    It depends on nothing but its arguments, so a topped-up or resumed run asks for what the first would have asked for.

    Examples
    --------
    >>> replicate_seed(7, 0, 0, 0) == replicate_seed(7, 0, 0, 0) != replicate_seed(7, 0, 0, 1)
    True
    """
    drawn = hashlib.sha256(f"{seed}/{prompt_index}/{setting_index}/{replicate}".encode()).digest()
    return int.from_bytes(drawn[:8]) >> (64 - SEED_BITS)
