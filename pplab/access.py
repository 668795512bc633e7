"""The model a lab asks: its client (made on first use), the event loop it runs on, and what it costs."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from pplab.config import EMBEDDED
from pplab.errors import Offline
from pplab.loop import LoopThread

if TYPE_CHECKING:
    from pplab.config import Resolved
    from pplab.experiments.runner import Source
    from pplab.models.client import ModelClient
    from pplab.models.prices import Price
    from pplab.secrets import Scrubber

CHARS_PER_TOKEN = 4.0  # OpenAI's rule of thumb for English, help.openai.com "What are tokens and how to count them"
ASSUMED_MAX_TOKENS = 4096  # the longest answer assumed where the user set no limit


class Access:
    """Everything a run needs to reach the model; nothing is imported or opened before the first run."""

    def __init__(self, resolved: Resolved, scrub: Scrubber) -> None:
        self.loop = LoopThread()
        self._resolved = resolved
        self._scrub = scrub
        self._client: ModelClient | None = None
        self._lock = threading.Lock()

    def source(self) -> Source:
        """Return where answers come from."""
        if self._resolved.offline and self._resolved.provider != EMBEDDED:
            raise Offline(
                f"PPLAB_OFFLINE is set, so {self._resolved.model} at {self._resolved.provider} cannot be asked",
                hint="unset PPLAB_OFFLINE, or use the embedded model",
            )
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> ModelClient:
        from pplab.models.client import ModelClient

        transport = None
        if self._resolved.provider == EMBEDDED:
            from pplab.models.embedded import EmbeddedTransport

            transport = EmbeddedTransport()
        r = self._resolved
        return ModelClient(r.provider, r.base_url, r.api_key, transport=transport, offline=r.offline, scrub=self._scrub)

    def price(self, model: str) -> Price | None:
        """Return the price of ``model``, the user's table first, or ``None`` if it is unknown."""
        from pplab.models import prices

        return prices.price(model, self._resolved.settings.prices)

    def cost(self, model: str, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """Return the US dollars of one call, or ``None`` if the price or a count is unknown."""
        from pplab.models import prices

        return prices.cost(model, input_tokens, output_tokens, self._resolved.settings.prices)

    def worst_cost(self, model: str, chars: int, max_tokens: int | None) -> float | None:
        """Return the most one call can cost: every token of the answer's limit, and input counted at twice the usual."""
        tokens_in = math.ceil(2 * chars / CHARS_PER_TOKEN) + 16
        return self.cost(model, tokens_in, max_tokens or ASSUMED_MAX_TOKENS)

    def close(self) -> None:
        """Close the client and stop the loop."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            self.loop.submit(client.aclose()).result(timeout=5)
        self.loop.close()
