"""A lab's access to its models: clients (made on first use), event loop, recording, prices and capabilities."""

from __future__ import annotations

import atexit
import shlex
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pplab.config.addresses import KEY
from pplab.config.approvals import APPROVE, unapproved
from pplab.config.configuration import EMBEDDED
from pplab.config.endpoints import Server, read_endpoints
from pplab.errors import BadInput, Offline
from pplab.forks import Guard
from pplab.models.batch_prices import batch_share
from pplab.models.event_loop import LoopThread
from pplab.models.servers import Servers
from pplab.plan.settings import ModelAsked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pplab.config.configuration import EffectiveConfiguration
    from pplab.config.endpoints import Endpoint
    from pplab.models.batches import BatchProvider
    from pplab.models.client import ModelClient
    from pplab.models.prices import Price
    from pplab.models.recording import RecordedSource, Recording
    from pplab.models.types import Place, Source
    from pplab.secrets import Scrubber

MESSAGE_TOKENS = 16  # what a chat template adds around two messages, generously
ASSUMED_MAX_TOKENS = 4096  # the longest answer assumed where the user set no limit


class ModelAccess:
    """A lab's access to its models; nothing is imported or opened before the first run.

    Each server has a client of its own, with its key, its headers and its connections.

    Parameters
    ----------
    effective
        The configuration in effect.
    scrub
        Removes secrets from text.
    add_secrets
        Is given the key and the headers of a server before anything is sent there.
    """

    def __init__(self, effective: EffectiveConfiguration, scrub: Scrubber, add_secrets: Callable[..., None]) -> None:
        self.loop = LoopThread()
        self._effective = effective
        self._scrub = scrub
        self._add_secrets = add_secrets
        self._clients: dict[Server, ModelClient] = {}
        self._parent_clients: list[ModelClient] = []
        self._recording: Recording | None = None
        self._guard = Guard()
        atexit.register(self.close)  # connections left open at the end of a program are complained of on stderr

    def use_recording(self, recording: Recording | None, effective: EffectiveConfiguration) -> None:
        """Answer recorded calls from a recording from here on; ``None`` ends this."""
        self._reset_after_fork()
        with self._guard:
            self._recording, self._effective = recording, effective

    @property
    def own(self) -> ModelAsked:
        """The lab's own model, at its own server."""
        return ModelAsked(self._effective.model, None, self._effective.provider)

    def server(self, asked: ModelAsked) -> Server:
        """Return the server at which a model of a plan is asked.

        Raises
        ------
        BadInput
            When its endpoint is not configured here, or leads elsewhere than the plan says.
        """
        if asked.provider == EMBEDDED and asked.endpoint is None:
            return Server(EMBEDDED)
        server = self._effective.server(asked.endpoint)
        if asked.provider not in (None, server.provider):
            where = f"the endpoint '{asked.endpoint}'" if asked.endpoint else "this lab"
            raise BadInput(
                f"{asked.label} is asked at {asked.provider}, and {where} leads to {server.provider}",
                hint="open the lab with the base_url and the endpoints of the experiment",
            )
        return server

    def server_of(self, asked: ModelAsked) -> Server | None:
        """Return the server that a model was asked at, by whichever name it is configured here; ``None`` where it is not."""
        for endpoint in (asked.endpoint, *read_endpoints(self._effective.configuration.endpoints)):
            with suppress(BadInput):  # another endpoint, or none of that name: the next may be the one
                server = self._effective.server(endpoint)
                if server.provider == asked.provider:
                    return server
        return None

    def offline_reason(self, asked: ModelAsked) -> str:
        """Return why calls to a model that are not recorded cannot be made; empty when they can."""
        if asked.provider == EMBEDDED:
            return ""
        if self._effective.offline:
            return "PPLAB_OFFLINE is set"
        if asked.endpoint is None and self._effective.base_url is None:
            return "there is no key for the model"
        try:
            self.server(asked)
        except BadInput as error:
            return error.message
        return ""

    def source(self, models: Sequence[ModelAsked] = ()) -> Source:
        """Return the source of replies of a plan's models (none: of the lab's own), behind the recording where there is one.

        Raises
        ------
        Offline, BadInput
            Naming the model that cannot be asked, where nothing is recorded.
        """
        asked = list(models) or [self.own]
        if self._recording is not None:
            return self._recorded(self._recording, asked)
        servers = {model.place: self._within_reach(model) for model in asked}
        if (error := self._approval_error(servers.values())) is not None:
            raise error
        return Servers({place: self._client(server) for place, server in servers.items()})

    def batches(self, models: Sequence[ModelAsked] = (), *, by_hand: bool = False) -> dict[Place, BatchProvider]:
        """Return the providers of a plan's models (none: of the lab's own) that take their calls in files.

        ``by_hand``: files are only written and read here, so that nothing is sent and no key is needed.

        Raises
        ------
        Offline, BadInput
            Naming the model that cannot be asked, or takes no batches.
        """
        from pplab.models.batches import OpenAIBatches

        self.check_batches(models)
        asked = list(models) or [self.own]
        servers = {}
        for model in asked:  # one without an address is refused by hand, too
            nothing_sent = by_hand and self.server(model).provider != EMBEDDED
            servers[model.place] = self.server(model) if nothing_sent else self._within_reach(model)
        if not by_hand and (error := self._approval_error(servers.values())) is not None:
            raise error
        return {place: OpenAIBatches(self._client(server)) for place, server in servers.items()}

    def check_batches(self, models: Sequence[ModelAsked] = ()) -> None:
        """Refuse what never takes its calls in files: a recording, and the embedded model."""
        if self._recording is not None:
            raise BadInput(
                "a recording answers call by call, and this run goes in batches",
                hint="leave out the recording, or batch",
            )
        if any(self.server(model).provider == EMBEDDED and model.name == EMBEDDED for model in models or [self.own]):
            raise BadInput("the embedded model answers at once and takes no batches", hint="leave out batch")

    def _within_reach(self, asked: ModelAsked) -> Server:
        """Return the server of a model, or refuse one that nothing can be sent to."""
        server = self.server(asked)
        if self._effective.offline and server.provider != EMBEDDED:
            raise Offline(
                f"PPLAB_OFFLINE is set, so nothing can be sent to {asked.name} at {server.provider}",
                hint="unset PPLAB_OFFLINE, or use the embedded model",
            )
        if server.provider == EMBEDDED and asked.name != EMBEDDED:
            raise BadInput(
                f"there is neither a key nor a base URL for the model {asked.name}",
                hint="set OPENAI_API_KEY or give a base URL; the model 'embedded' needs neither",
            )
        return server

    def _recorded(self, recording: Recording, asked: Sequence[ModelAsked]) -> RecordedSource:
        from pplab.models.recording import RecordedSource

        clients: dict[Place, Source] = {}
        unreachable: dict[Place, str] = {}
        for model in asked:
            # Offline, whatever the recording lacks is missing, also of the embedded model.
            reason = "PPLAB_OFFLINE is set" if self._effective.offline else self.offline_reason(model)
            server = None if reason else self.server(model)
            if server is not None and (error := self._approval_error([server])) is not None:
                reason = str(error)
            if server is None or reason:
                unreachable[model.place] = reason
            else:
                clients[model.place] = self._client(server)
        return RecordedSource(recording, self._effective.provider, Servers(clients), unreachable)

    def _approval_error(self, servers: Iterable[Server]) -> BadInput | None:
        """Return the refusal to send keys to addresses that only the lab's folder names, unless the user has approved them."""
        missing = unapproved(dict.fromkeys(grant for server in servers for grant in server.grants))
        if not missing:
            return None
        variables: dict[str, list[str]] = {}
        for grant in missing:
            variables.setdefault(grant.address, []).append(grant.variable)
        command, addresses = self._effective.approving(missing), " ".join(variables)
        if len(variables) == 1:
            names = " and ".join(grant.variable for grant in missing)
            words = f"the server {addresses}, and you have not approved that {names} may be sent there"
        else:
            each = [f"{' and '.join(listed)} may be sent to {address}" for address, listed in variables.items()]
            words = f"servers, and you have not approved that {', nor that '.join(each)}"
        return BadInput(
            f"the lab's folder names {words}",
            hint=f"if you trust it, type once: pplab {command} (in a notebook: %pplab {command}); a program sets"
            f" {APPROVE}={shlex.quote(addresses)}",
            code="not_approved",
        )

    def _client(self, server: Server) -> ModelClient:
        self._add_secrets(*server.secrets)
        self._reset_after_fork()
        with self._guard:
            if server not in self._clients:
                self._clients[server] = self._connect(server)
            return self._clients[server]

    def _reset_after_fork(self) -> None:
        """Put aside clients inherited through a fork: the parent uses their connections, so they are never closed here."""
        if self._guard.inherited:
            self._parent_clients += self._clients.values()
            self._clients = {}
            self._guard.renew()

    def _connect(self, server: Server) -> ModelClient:
        from pplab.models.client import ModelClient

        transport = None
        if server.provider == EMBEDDED:
            from pplab.models.embedded import EmbeddedTransport

            transport = EmbeddedTransport()
        return ModelClient(
            server.provider,
            server.base_url,
            server.api_key,
            headers=dict(server.headers),
            transport=transport,
            offline=self._effective.offline,
            access_hint=_missing_key(server),
            organization=server.endpoint is None,  # else it is sent the headers of its own variables alone
            scrub=self._scrub,
        )

    def max_concurrency(self, models: Sequence[ModelAsked] = ()) -> int:
        """Return the most concurrent calls of a plan's models (none: of the lab's own), where its run sets no limit."""
        places = dict.fromkeys(model.place for model in models or [self.own])
        limits = self.endpoint_limits(models)
        limit: int = self._effective.configuration.max_concurrency
        return limits.get(next(iter(places)), limit) if len(places) == 1 else limit

    def endpoint_limits(self, models: Sequence[ModelAsked] = ()) -> dict[Place, int]:
        """Return the most concurrent calls that each endpoint of a plan's models takes, where it is configured."""
        named = read_endpoints(self._effective.configuration.endpoints)
        own: dict[Place, Endpoint | None] = {self.own.place: self._effective.endpoint}
        endpoints = {
            model.place: named.get(model.endpoint) if model.endpoint else own.get(model.place) for model in models or [self.own]
        }
        return {place: one.max_concurrency for place, one in endpoints.items() if one and one.max_concurrency}

    def price(self, model: str, provider: str | None = None) -> Price | None:
        """Return the price of ``model``, the user's own first, or ``None`` if it is unknown.

        ``provider`` is the host that answers, where it is another than the lab's (a recording of another server).
        """
        from pplab.models import prices

        return prices.price(model, self._effective.configuration.prices, address=self._address(provider))

    def cost(
        self,
        model: str,
        input_tokens: int | None,
        output_tokens: int | None,
        *,
        provider: str | None = None,
        batch: bool = False,
    ) -> float | None:
        """Return the US dollars of one call, or ``None`` if the price or a count is unknown; ``provider`` as in `price`.

        ``batch``: it comes in a batch, where its provider is known to ask less.
        """
        from pplab.models import prices

        own = self._effective.configuration.prices
        single = prices.cost(model, input_tokens, output_tokens, own, address=self._address(provider))
        return single * batch_share(provider or self._effective.provider) if batch and single is not None else single

    def worst_cost(
        self, model: str, size: int, max_tokens: int | None, *, provider: str | None = None, batch: bool = False
    ) -> float | None:
        """Return the most one call can cost: a token for each of the ``size`` bytes sent, and every token of the answer's limit.

        Byte-level tokenizers never make more tokens than there are bytes; `MESSAGE_TOKENS` is for what surrounds the messages.
        """
        return self.cost(model, size + MESSAGE_TOKENS, max_tokens or ASSUMED_MAX_TOKENS, provider=provider, batch=batch)

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
        """Close the clients and stop the loop, at the closing of the lab or the program's end."""
        atexit.unregister(self.close)
        self._reset_after_fork()
        with self._guard:
            clients, self._clients = self._clients, {}
            recording, self._recording = self._recording, None
        closing = [self.loop.submit(client.aclose()) for client in clients.values()]
        wait(closing, timeout=5)  # a connection that does not end by then ends with the loop
        self.loop.close()
        if recording is not None:
            recording.sort_lines()


def _missing_key(server: Server) -> str:
    """Return which key or header a server is not sent, and why; empty when nothing is missing."""
    endpoint, sent = server.endpoint, {name for name, _ in server.headers}
    key = (server.api_key or "").strip()
    if endpoint is None:
        return "" if key else f"no key was sent, because {KEY} is not set"
    if not (key or endpoint.variables):
        return f"no key was sent, because the endpoint '{endpoint.name}' has no key_env"
    unset = {"key": endpoint.key_env} if endpoint.key_env and not key else {}
    unset |= {f"header {name}": variable for name, variable in endpoint.headers_env if name not in sent}
    return "; ".join(f"no {part} was sent, because {variable} is not set" for part, variable in unset.items())


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
