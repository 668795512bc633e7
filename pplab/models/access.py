"""A lab's access to its model: client (made on first use), event loop, recording, prices and capabilities."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pplab.config.addresses import KEY
from pplab.config.approvals import APPROVE, unapproved
from pplab.config.configuration import EMBEDDED
from pplab.errors import BadInput, Offline
from pplab.forks import Guard
from pplab.models.event_loop import LoopThread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.config.configuration import EffectiveConfiguration
    from pplab.models.client import ModelClient
    from pplab.models.prices import Price
    from pplab.models.recording import RecordedSource, Recording
    from pplab.models.types import Source
    from pplab.secrets import Scrubber

MESSAGE_TOKENS = 16  # what a chat template adds around two messages, generously
ASSUMED_MAX_TOKENS = 4096  # the longest answer assumed where the user set no limit


class ModelAccess:
    """A lab's access to its model; nothing is imported or opened before the first run."""

    def __init__(self, effective: EffectiveConfiguration, scrub: Scrubber) -> None:
        self.loop = LoopThread()
        self._effective = effective
        self._scrub = scrub
        self._client: ModelClient | None = None
        self._parent_clients: list[ModelClient] = []
        self._recording: Recording | None = None
        self._guard = Guard()

    def use_recording(self, recording: Recording | None, effective: EffectiveConfiguration) -> None:
        """Answer recorded calls from a recording from here on; ``None`` ends this."""
        with self._guard:
            self._recording, self._effective = recording, effective

    @property
    def offline_reason(self) -> str:
        """Why calls that are not recorded cannot be made; empty when they can."""
        if self._effective.offline:
            return "PPLAB_OFFLINE is set"
        if self._effective.provider != EMBEDDED and self._effective.base_url is None:
            return "there is no key for the model"
        return ""

    def _approval_error(self) -> BadInput | None:
        """Return the refusal to send a key to an address that only the lab's folder names, unless the user has approved it."""
        missing = unapproved(self._effective.grants)
        if not missing:
            return None
        variables, address = " and ".join(grant.variable for grant in missing), missing[0].address
        command = self._effective.approving(missing)
        return BadInput(
            f"the lab's folder names the server {address}, and you have not approved that {variables} may be sent there",
            hint=f"if you trust it, type once: pplab {command} (in a notebook: %pplab {command}); a program sets"
            f" {APPROVE}={address}",
            code="not_approved",
        )

    def source(self) -> Source:
        """Return the source of replies: the recording, or the model's client."""
        if self._recording is not None:
            return self._recorded(self._recording)
        if self._effective.offline and self._effective.provider != EMBEDDED:
            raise Offline(
                f"PPLAB_OFFLINE is set, so nothing can be sent to {self._effective.model} at {self._effective.provider}",
                hint="unset PPLAB_OFFLINE, or use the embedded model",
            )
        if self._effective.provider == EMBEDDED and self._effective.model != EMBEDDED:
            raise BadInput(
                f"there is neither a key nor a base URL for the model {self._effective.model}",
                hint="set OPENAI_API_KEY or give a base URL; the model 'embedded' needs neither",
            )
        if (error := self._approval_error()) is not None:
            raise error
        return self._model()

    def _recorded(self, recording: Recording) -> RecordedSource:
        from pplab.models.recording import RecordedSource

        reason = self.offline_reason or str(self._approval_error() or "")
        return RecordedSource(recording, self._effective.provider, None if reason else self._model(), reason)

    def _model(self) -> ModelClient:
        self._reset_after_fork()
        with self._guard:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _reset_after_fork(self) -> None:
        """Put aside a client inherited through a fork: the parent uses its connections, so it is never closed here."""
        if self._guard.inherited:
            if self._client is not None:
                self._parent_clients.append(self._client)
                self._client = None
            self._guard.renew()

    def _connect(self) -> ModelClient:
        from pplab.models.client import ModelClient

        transport = None
        if self._effective.provider == EMBEDDED:
            from pplab.models.embedded import EmbeddedTransport

            transport = EmbeddedTransport()
        r = self._effective
        return ModelClient(
            r.provider,
            r.base_url,
            r.api_key,
            headers=r.headers,
            transport=transport,
            offline=r.offline,
            access_hint=self._missing_key(),
            scrub=self._scrub,
        )

    def _missing_key(self) -> str:
        """Return which key or header a server is not sent, and why; empty when nothing is missing."""
        endpoint, headers = self._effective.endpoint, self._effective.headers
        key = (self._effective.api_key or "").strip()
        if endpoint is None:
            return "" if key else f"no key was sent, because {KEY} is not set"
        if not (key or endpoint.variables):
            return f"no key was sent, because the endpoint '{endpoint.name}' has no key_env"
        unset = {"key": endpoint.key_env} if endpoint.key_env and not key else {}
        unset |= {f"header {name}": variable for name, variable in endpoint.headers_env if name not in headers}
        return "; ".join(f"no {part} was sent, because {variable} is not set" for part, variable in unset.items())

    @property
    def max_concurrency(self) -> int:
        """The most concurrent calls, where a run sets no limit."""
        endpoint = self._effective.endpoint
        limit: int = (endpoint.max_concurrency if endpoint else None) or self._effective.configuration.max_concurrency
        return limit

    def price(self, model: str, provider: str | None = None) -> Price | None:
        """Return the price of ``model``, the user's own first, or ``None`` if it is unknown.

        ``provider`` is the host that answers, where it is another than the lab's (a recording of another server).
        """
        from pplab.models import prices

        return prices.price(model, self._effective.configuration.prices, address=self._address(provider))

    def cost(
        self, model: str, input_tokens: int | None, output_tokens: int | None, *, provider: str | None = None
    ) -> float | None:
        """Return the US dollars of one call, or ``None`` if the price or a count is unknown; ``provider`` as in `price`."""
        from pplab.models import prices

        own = self._effective.configuration.prices
        return prices.cost(model, input_tokens, output_tokens, own, address=self._address(provider))

    def worst_cost(self, model: str, size: int, max_tokens: int | None, *, provider: str | None = None) -> float | None:
        """Return the most one call can cost: a token for each of the ``size`` bytes sent, and every token of the answer's limit.

        Byte-level tokenizers never make more tokens than there are bytes; `MESSAGE_TOKENS` is for what surrounds the messages.
        """
        return self.cost(model, size + MESSAGE_TOKENS, max_tokens or ASSUMED_MAX_TOKENS, provider=provider)

    def _address(self, provider: str | None) -> str | None:
        """Return the address of the server whose prices apply; ``None`` for the embedded model, which has none."""
        host = provider or self._effective.provider
        if host == EMBEDDED:
            return None
        return self._effective.base_url if host == self._effective.provider and self._effective.base_url else f"https://{host}/v1"

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """The user's own knowledge of models and their parameters; see `pplab.models.capabilities`."""
        capabilities: Mapping[str, Mapping[str, str]] = self._effective.configuration.capabilities
        return capabilities

    def close(self) -> None:
        """Close the client and stop the loop."""
        self._reset_after_fork()
        with self._guard:
            client, self._client = self._client, None
            recording, self._recording = self._recording, None
        if client is not None:
            with suppress(TimeoutError):  # a connection that does not end by then ends with the loop
                self.loop.submit(client.aclose()).result(timeout=5)
        self.loop.close()
        if recording is not None:
            recording.sort_lines()


def recorded_model(effective: EffectiveConfiguration, recording: Recording) -> EffectiveConfiguration:
    """Return ``effective`` with the recording's model, where there is neither a key nor a server for another one.

    A recording that holds calls of the embedded model leaves it as it is.
    """
    calls = recording.calls()
    if effective.base_url or effective.provider != EMBEDDED or not calls or any(c.provider == EMBEDDED for c in calls):
        return effective
    from pplab.models.recording_format import sole_model

    wanted = None if effective.model == EMBEDDED else effective.model
    sole = sole_model(calls, wanted)
    if sole is None and wanted is None:
        return effective  # several: each run names one
    provider, model = sole or (calls[0].provider, effective.model)
    return replace(effective, provider=provider, model=model)
