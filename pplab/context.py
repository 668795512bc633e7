"""The context of a lab: what everything below it needs, and nothing a user calls. What is done here leaves no trace by itself."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pplab.config.addresses import check_base_url, secret_parameters
from pplab.config.configuration import EMBEDDED, TEMPORARY, PPLab, resolve
from pplab.config.endpoints import read_endpoints, split_model
from pplab.errors import BadInput, PplabError
from pplab.forks import CopiedAsItself
from pplab.models.access import ModelAccess, recorded_model
from pplab.observe.events import event
from pplab.observe.spans import current_span
from pplab.observe.traces_out import header_secrets, span_sender
from pplab.plan.settings import ModelAsked
from pplab.secrets import Scrubber
from pplab.store.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    from pplab.config.configuration import EffectiveConfiguration
    from pplab.models.recording import Recording
    from pplab.store.rows import Row


class ModelContext(CopiedAsItself):
    """Who asks models, and what answers; nothing is stored.

    Parameters
    ----------
    effective_configuration
        The configuration in effect.

    Attributes
    ----------
    effective_configuration : EffectiveConfiguration
        The configuration in effect; a recording may stand for its own model.
    unrecorded : EffectiveConfiguration
        The same without a recording.
    scrub : Scrubber
        Removes keys from text.
    access : ModelAccess
        What answers calls.
    recording : Recording or None
        What calls are recorded to and answered from.
    """

    def __init__(self, effective_configuration: EffectiveConfiguration) -> None:
        self.effective_configuration = self.unrecorded = effective_configuration
        self.scrub = Scrubber(*effective_configuration.secrets)
        self.access = ModelAccess(effective_configuration, self.scrub, self._add_secrets)
        self.recording: Recording | None = None

    @property
    def user(self) -> str:
        """Who is named in the audit."""
        return self.effective_configuration.user

    @property
    def model(self) -> str:
        """The model that a run asks."""
        return self.effective_configuration.model

    @property
    def provider(self) -> str:
        """The host of the model's server, or ``embedded``."""
        return self.effective_configuration.provider

    @property
    def endpoint(self) -> str | None:
        """The name of the model's endpoint, ``None`` where it has none."""
        endpoint = self.effective_configuration.endpoint
        return endpoint.name if endpoint else None

    def asked(self, label: str) -> ModelAsked:
        """Return the model of a name such as ``MODEL@ENDPOINT``; without an endpoint it is asked at the lab's own server.

        In a lab that has neither key nor server, the recording says who answered a model.
        """
        own = self.effective_configuration
        name, endpoint = split_model(label, read_endpoints(own.configuration.endpoints))
        if endpoint is not None:
            return ModelAsked(name or "", endpoint.name, urlsplit(endpoint.base_url).netloc)
        if label == EMBEDDED:
            return ModelAsked(EMBEDDED, None, EMBEDDED)
        provider = own.provider
        if self.recording is not None and not own.base_url:
            from pplab.models.recording_format import sole_model

            provider, _ = sole_model(self.recording.calls(), label) or (provider, label)
        return ModelAsked(label, self.endpoint, provider)

    def _add_secrets(self, *secrets: str) -> None:
        for secret in secrets:
            self.scrub.add(secret)

    @property
    def configuration(self) -> PPLab:
        """What the user configured (traitlets)."""
        return self.effective_configuration.configuration

    @property
    def unset_variables(self) -> tuple[str, ...]:
        """The variables of the environment that the model's endpoint names and that hold nothing."""
        endpoint = self.effective_configuration.endpoint
        return tuple(name for name in (endpoint.variables if endpoint else ()) if not os.environ.get(name))

    def use(self, recording: Recording | None) -> None:
        """Put a recording in front of the model from here on; ``None`` takes it away."""
        self.recording = recording
        self.effective_configuration = recorded_model(self.unrecorded, recording) if recording else self.unrecorded
        self.access.use_recording(recording, self.effective_configuration)


class LabContext(ModelContext):
    """Who uses a lab, where it is stored, and what answers its calls.

    A verb of `Lab` leaves a trace (`pplab.operation`); whatever reads by itself, such as a widget that is up to date or a
    dashboard, asks the context's ``store`` or the lab's manager instead, and leaves none.

    Parameters
    ----------
    effective_configuration
        The configuration in effect.

    Attributes
    ----------
    store : Store
    """

    def __init__(self, effective_configuration: EffectiveConfiguration) -> None:
        self.store = open_store(effective_configuration.folder or TEMPORARY)
        self.store.add_secret(*effective_configuration.secrets, *header_secrets())
        if sender := span_sender():
            self.store.on_lines = sender.take
        super().__init__(effective_configuration)
        self._closed = False
        if effective_configuration.recording:
            self.answer_from(effective_configuration.recording)

    def _add_secrets(self, *secrets: str) -> None:
        super()._add_secrets(*secrets)
        self.store.add_secret(*secrets)

    @property
    def folder(self) -> Path:
        """The lab's folder."""
        return Path(self.store.folder)

    @property
    def name(self) -> str:
        """What to call the lab where a path would name the machine."""
        return TEMPORARY if self.effective_configuration.folder is None else self.folder.name

    def record(self, *rows: Row, durable: bool = False) -> Future[None]:
        """Queue rows for the journal; the future resolves when they are written (and, if ``durable``, on disk)."""
        if self._closed:
            raise PplabError("this lab is closed", hint="open it again with pplab.Lab()", code="closed")
        return self.store.append_soon(*rows, durable=durable)

    def record_event(
        self, name: str, *, entity: str | None = None, entity_id: str | None = None, durable: bool = False, **payload: Any
    ) -> Future[None]:
        """Queue an audit event of the running operation, see `pplab.observe.events`."""
        about = {"entity": entity, "entity_id": entity_id, **current_span().ids()}
        return self.record(event(name, self.user, **about, **payload), durable=durable)

    def record_later(self, rows: Iterable[Row]) -> None:
        """Queue rows that are made by iterating, on the journal's thread."""
        self.store.append_later(rows)

    def answer_from(self, path: str | os.PathLike[str] | None, *, max_age_days: float | None = None) -> Recording | None:
        """Put a recording in front of the model from here on; ``None`` takes it away."""
        from pplab.models.recording import Recording

        if self.recording is not None:
            self.recording.sort_lines()
        self.use(None if path is None else Recording(path, scrub=self.scrub, max_age_days=max_age_days))
        return self.recording

    def close(self) -> None:
        """Give up the model and the store; for the lab, once."""
        self.access.close()
        self._closed = True
        self.store.close()
        if sender := span_sender():
            sender.flush()

    def __reduce__(self) -> tuple[Callable[[LabAddress], LabContext], tuple[LabAddress]]:
        """Carry the lab into another process, which opens it there: keys stay behind and are taken from its environment."""
        return open_again, (self.address(),)

    def address(self, *, keys: bool = False, store: bool = True) -> LabAddress:
        """Return what opens this lab in another process.

        Parameters
        ----------
        keys
            Put in the key that was passed as an argument, for a way that nobody else sees (a pipe); the other process must have
            the keys of the environment from its own.
        store
            Put in the lab's folder; without it the address is good for asking the same models, in a `ModelContext`.

        Raises
        ------
        BadInput
            When the lab ends with its process, and its folder is wanted.
        """
        own = self.unrecorded
        if store and own.folder is None:
            raise BadInput(
                "a lab that ends with its process cannot be carried into another", hint="give it a folder: pplab.Lab('.pplab')"
            )
        base_url, api_key = own.given
        if not keys and base_url and (check_base_url(base_url)[1] or secret_parameters(base_url)):
            base_url = None  # it holds a key; the other process must have it from its environment
        return LabAddress(
            folder=str(own.folder) if store else TEMPORARY,
            user=own.user,
            asked=own.same_server(own.model),
            base_url=base_url,
            recording=None if self.recording is None else str(self.recording.path),
            model=self.model,
            provider=self.provider,
            configuration={name: getattr(own.configuration, name) for name in own.configuration.names()},
            stored_in_lab=dict(own.configuration.stored_in_lab),
            api_key=api_key if keys else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabAddress:
    """What opens a lab in another process, see `LabContext.address`; ``model`` and ``provider`` are what it must ask there."""

    folder: str
    user: str
    asked: str
    base_url: str | None = field(repr=False)
    recording: str | None
    model: str
    provider: str
    configuration: Mapping[str, Any]
    stored_in_lab: Mapping[str, Any]
    api_key: str | None = field(default=None, repr=False)

    def effective(self) -> EffectiveConfiguration:
        """Return the configuration in effect in this process."""
        configuration = PPLab(**self.configuration)
        configuration.stored_in_lab = dict(self.stored_in_lab)
        server = {"base_url": self.base_url, "api_key": self.api_key}
        return resolve(store=self.folder, user=self.user, model=self.asked, configuration=configuration, **server)

    def check(self, context: ModelContext) -> None:
        """Refuse a context that would ask another model, or another server, than is asked where the address comes from."""
        if (context.model, context.provider) != (self.model, self.provider):
            raise BadInput(
                f"the lab asks {self.model} at {self.provider} where it came from,"
                f" and would ask {context.model} at {context.provider} in this process",
                hint="set the same environment here (OPENAI_API_KEY, PPLAB_BASE_URL), or give base_url to pplab.Lab",
            )


def open_again(address: LabAddress) -> LabContext:
    """Open a lab in the process it was carried to, and make sure that it asks the same model there.

    Raises
    ------
    BadInput
        When it would ask another model, or another server.
    """
    context = LabContext(address.effective())
    if address.recording is not None:
        context.answer_from(address.recording)
    try:
        address.check(context)
    except BadInput:
        context.close()
        raise
    return context
