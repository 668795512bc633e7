"""The model a lab asks: its client (made on first use), the event loop it runs on, and what it costs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

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


class Access:
    """Everything a run needs to reach the model; nothing is imported or opened before the first run."""

    def __init__(self, effective: EffectiveConfiguration, scrub: Scrubber) -> None:
        self.loop = LoopThread()
        self._effective = effective
        self._scrub = scrub
        self._client: ModelClient | None = None
        self._parents: list[ModelClient] = []
        self._recording: Recording | None = None
        self._guard = Guard()

    def answer_from(self, recording: Recording | None, effective: EffectiveConfiguration) -> None:
        """Put a recording in front of the model from here on (``None``: take it away)."""
        with self._guard:
            self._recording, self._effective = recording, effective

    @property
    def unreachable(self) -> str:
        """Why nobody is asked for what is not recorded; empty when somebody is."""
        if self._effective.offline:
            return "PPLAB_OFFLINE is set"
        if self._effective.provider != EMBEDDED and self._effective.base_url is None:
            return "there is no key to ask the model with"
        return ""

    def _not_approved(self) -> BadInput | None:
        """Return what to say before a key goes to an address that stands in the lab's folder, if nobody has approved it."""
        missing = unapproved(self._effective.grants)
        if not missing:
            return None
        names, address = " and ".join(grant.variable for grant in missing), missing[0].address
        command = self._effective.approving(missing)
        return BadInput(
            f"the lab's folder names the server {address}, and you have not approved that {names} may be sent there",
            hint=f"if you trust it, type once: pplab {command} (in a notebook: %pplab {command}); a program sets"
            f" {APPROVE}={address}",
            code="not_approved",
        )

    def source(self) -> Source:
        """Return where answers come from."""
        if self._recording is not None:
            return self._recorded(self._recording)
        if self._effective.offline and self._effective.provider != EMBEDDED:
            raise Offline(
                f"PPLAB_OFFLINE is set, so {self._effective.model} at {self._effective.provider} cannot be asked",
                hint="unset PPLAB_OFFLINE, or use the embedded model",
            )
        if self._effective.provider == EMBEDDED and self._effective.model != EMBEDDED:
            raise BadInput(
                f"there is neither a key nor a base URL, so {self._effective.model} cannot be asked",
                hint="set OPENAI_API_KEY or give a base URL; the model 'embedded' needs neither",
            )
        if (error := self._not_approved()) is not None:
            raise error
        return self._model()

    def _recorded(self, recording: Recording) -> RecordedSource:
        from pplab.models.recording import RecordedSource

        why = self.unreachable or str(self._not_approved() or "")
        return RecordedSource(recording, self._effective.provider, None if why else self._model(), why)

    def _model(self) -> ModelClient:
        self._leave_to_parent()
        with self._guard:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _leave_to_parent(self) -> None:
        """Let go of a client that a forked process has from its parent, whose connections it is using; it is never destroyed."""
        if self._guard.inherited:
            if self._client is not None:
                self._parents.append(self._client)
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
            scrub=self._scrub,
        )

    @property
    def max_concurrency(self) -> int:
        """The most calls under way at once, where a run does not say."""
        endpoint = self._effective.endpoint
        most: int = (endpoint.max_concurrency if endpoint else None) or self._effective.configuration.max_concurrency
        return most

    def price(self, model: str) -> Price | None:
        """Return the price of ``model``, the user's table first, or ``None`` if it is unknown."""
        from pplab.models import prices

        return prices.price(model, self._effective.configuration.prices)

    def cost(self, model: str, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """Return the US dollars of one call, or ``None`` if the price or a count is unknown."""
        from pplab.models import prices

        return prices.cost(model, input_tokens, output_tokens, self._effective.configuration.prices)

    def worst_cost(self, model: str, size: int, max_tokens: int | None) -> float | None:
        """Return the most one call can cost: a token for each of the ``size`` bytes sent, and every token of the answer's limit.

        Byte-level tokenizers never make more tokens than there are bytes; `MESSAGE_TOKENS` is for what surrounds the messages.
        """
        return self.cost(model, size + MESSAGE_TOKENS, max_tokens or ASSUMED_MAX_TOKENS)

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """What the user knows about models and their parameters; see `pplab.models.capabilities`."""
        known: Mapping[str, Mapping[str, str]] = self._effective.configuration.capabilities
        return known

    def close(self) -> None:
        """Close the client and stop the loop."""
        self._leave_to_parent()
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
    """Return ``effective`` with the recording's model, where there is neither a key nor a server to ask another one.

    A recording that holds calls of the embedded model leaves it as it is.
    """
    calls = recording.calls()
    if effective.base_url or effective.provider != EMBEDDED or not calls or any(c.provider == EMBEDDED for c in calls):
        return effective
    from pplab.models.recording_format import sole_model

    wanted = None if effective.model == EMBEDDED else effective.model
    found = sole_model(calls, wanted)
    if found is None and wanted is None:
        return effective  # several: which one is said with each run
    provider, model = found or (calls[0].provider, effective.model)
    return replace(effective, provider=provider, model=model)
