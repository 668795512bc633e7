"""How many tokens a text has: by the model's tokenizer where it is at hand without a download, else estimated."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pplab.store.history import ModelStats

CHARS_PER_TOKEN = 4.0
"""OpenAI's rule of thumb for English, https://help.openai.com/en/articles/4936856"""
PER_MESSAGE = 4
"""Tokens that a chat template adds to a message, about; OpenAI Cookbook, "How to count tokens with tiktoken"."""
FEW = 20
"""Earlier answers below which their ratio is not taken over."""
SAMPLED = 500
"""Texts that a tokenizer is given at most; the rest is scaled."""
_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts tokens. ``exact`` when it is the model's own tokenizer; ``basis`` says in words how it counts."""

    count: Callable[[str], float]
    exact: bool
    basis: str

    def total(self, texts: Iterable[str]) -> int:
        """Return the tokens of all texts; of very many, a sample at even distances stands for the rest."""
        listed = list(texts)
        chosen = listed[:: max(1, len(listed) // SAMPLED)]
        chars = sum(map(len, chosen))
        counted = sum(map(self.count, chosen))
        return round(counted * (sum(map(len, listed)) / chars if chars else 1))


def counter(provider: str, model: str, stats: ModelStats) -> Counter:
    """Return the best way of counting that is at hand for ``model``."""
    if provider == "embedded":
        from pplab.models.embedded.tokens import tokenize

        return Counter(lambda text: len(tokenize(text)), exact=True, basis="counted by the embedded model")
    name = _encoding_at_hand(model)
    if name is not None:
        encode = import_module("tiktoken").get_encoding(name).encode_ordinary
        return Counter(lambda text: len(encode(text)), exact=True, basis=f"counted with tiktoken's {name}")
    if stats.answers >= FEW and stats.tokens_per_char:
        ratio = stats.tokens_per_char
        return Counter(lambda text: ratio * len(text), exact=False, basis="estimated from what the server counted before")
    basis = f"estimated at {CHARS_PER_TOKEN:g} characters a token"
    return Counter(lambda text: len(text) / CHARS_PER_TOKEN, exact=False, basis=basis)


def _encoding_at_hand(model: str) -> str | None:
    """Return the name of tiktoken's encoding for ``model`` if the package and its data are on this machine.

    tiktoken downloads an encoding on first use and keeps it under the SHA-1 of its address; a count opens no socket.
    """
    if find_spec("tiktoken") is None:
        return None
    try:
        name: str = import_module("tiktoken.model").encoding_name_for_model(model)
    except KeyError:
        return None
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    kept = Path(folder or Path(tempfile.gettempdir()) / "data-gym-cache")
    address = _URL.format(name).encode()
    return name if (kept / hashlib.sha1(address, usedforsecurity=False).hexdigest()).is_file() else None
