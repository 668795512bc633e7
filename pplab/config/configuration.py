"""The configuration: an argument decides, else what the user configured (traitlets), else the environment, else the default."""

from __future__ import annotations

import getpass
import json
import math
import os
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from traitlets import Dict, Enum, Float, Int, TraitError, TraitType, Unicode, validate
from traitlets.config import Configurable

from pplab.config.addresses import ADDRESSES, ENDPOINTS_EXAMPLE, KEY, OPENAI_URL, check_base_url, secret_parameters
from pplab.config.remotes import LIVE_EXAMPLE, REMOTES_EXAMPLE, exchange_grants, read_live, read_remotes
from pplab.errors import BadInput, PplabError, did_you_mean
from pplab.files import write_atomically
from pplab.inputs.paths import given_path, working_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pplab.config.approvals import Grant
    from pplab.config.endpoints import Endpoint, Server

LAB_FOLDER = ".pplab"
LONGEST = 1000
CONFIG_FILE = "config.json"
TEMPORARY = ":temp:"
EMBEDDED = "embedded"
OPENAI_MODEL = "gpt-4o-mini"
VARIABLES = {
    "store": ("PPLAB_STORE",),
    "user": ("PPLAB_USER", "JUPYTERHUB_USER"),
    "model": ("PPLAB_MODEL",),
    "base_url": ADDRESSES,
}
"""The variables of the environment that decide where an entry is empty; the first wins."""


class PPLab(Configurable):
    """The configuration of the Precision + Personality Lab."""

    store = Unicode("", help="The lab's folder, or ':temp:' for a lab that ends with its process.").tag(config=True)
    user = Unicode("", help="The name written into the audit.").tag(config=True)
    model = Unicode("", help="The model, by the name its server uses; 'embedded' needs no server.").tag(
        config=True, setting="model"
    )
    base_url = Unicode("", help="The address of an OpenAI-compatible server, for example http://localhost:11434/v1.").tag(
        config=True, setting="endpoint"
    )
    endpoints = Dict(
        help="Named servers, {name: {base_url, key_env, headers_env, max_concurrency}}; the model MODEL@NAME uses one. "
        "Each is sent the key and headers of its own variables alone, and no more calls at once than max_concurrency."
    ).tag(config=True, example=ENDPOINTS_EXAMPLE)
    deadline = Float(120.0, min=0.1, help="Seconds one call may take in total, retries included.").tag(config=True)
    max_concurrency = Int(32, min=1, help="How many calls may be under way at once.").tag(config=True, setting="concurrency")
    max_cost = Float(0.0, min=0.0, help="US dollars that one run may spend, unless it says itself; 0 sets no limit.").tag(
        config=True, setting="budget"
    )
    prices = Dict(help="US dollars per million tokens, {model: [input, output]}; goes before the list prices.").tag(
        config=True, example='{"gpt-4o-mini": [0.15, 0.6]}'
    )
    capabilities = Dict(
        help="What a model does with a parameter, {model: {parameter: 'rejected', 'ignored' or 'honoured'}}; "
        "goes before the built-in table.",
    ).tag(config=True, example='{"my-model": {"seed": "ignored"}}')
    remotes = Dict(
        help="Where labs meet, {name: folder or address of an object store}; see the command remote. Keys stand in none of them."
    ).tag(config=True, example=REMOTES_EXAMPLE)
    live = Dict(
        help="Remotes that this lab pushes to and pulls from by itself while it is open, {name: seconds from one exchange to the "
        "next}; see remote add --every."
    ).tag(config=True, example=LIVE_EXAMPLE)
    reader = Unicode(
        "",
        help="The small language model that reads the answers of every run: 'smollm2', or the path of a GGUF file. "
        "Empty: answers are read only where a run asks for it, by smollm2.",
    ).tag(config=True)
    audit_source = Enum(
        ("hash", "redacted", "off"),
        "hash",
        help="What the cell audit keeps of a cell's source: 'hash', 'redacted' (its text without keys) or 'off' (nothing).",
    ).tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.stored_in_lab: dict[str, Any] = {}  # what the lab's own file says, which need not be the user's word
        self.set_in_jupyterlab: dict[str, Any] = {}

    @validate("store", "user", "model", "reader")
    def _printable(self, proposal: dict[str, Any]) -> str:
        """Refuse what cannot stand in a table or a path."""
        text: str = proposal["value"]
        if len(text) > LONGEST or not text.isprintable():
            raise TraitError(f"use at most {LONGEST:,} printable characters")
        return text

    @validate("deadline", "max_cost")
    def _finite(self, proposal: dict[str, Any]) -> float:
        """Refuse NaN and infinity, which JSON lets through."""
        number: float = proposal["value"]
        if not math.isfinite(number):
            raise TraitError("give a finite number")
        return number

    @validate("base_url")
    def _plain_base_url(self, proposal: dict[str, Any]) -> str:
        """Refuse an address that is none, or that carries a password: the configuration is written to a file and shown."""
        if not proposal["value"]:
            return ""
        try:
            bare, credentials = check_base_url(proposal["value"])
        except BadInput as error:
            raise TraitError(str(error)) from None
        if credentials or secret_parameters(bare):
            raise TraitError(f"it carries a password or key, which is never stored; set {KEY} instead, or PPLAB_BASE_URL")
        return bare

    @validate("endpoints")
    def _readable_endpoints(self, proposal: dict[str, Any]) -> dict[str, Any]:
        """Refuse endpoints that no call could reach."""
        from pplab.config.endpoints import read_endpoints

        table: dict[str, Any] = proposal["value"]
        try:
            endpoints = read_endpoints(table)
        except BadInput as error:
            raise TraitError(str(error)) from None
        return {name: {**fields, "base_url": endpoints[name].base_url} for name, fields in table.items()}

    @validate("remotes")
    def _addresses_without_keys(self, proposal: dict[str, Any]) -> dict[str, str]:
        """Refuse a remote that could not be reached, or whose address holds a key."""
        try:
            return read_remotes(proposal["value"])
        except BadInput as error:
            raise TraitError(str(error)) from None

    @validate("live")
    def _seconds_between_exchanges(self, proposal: dict[str, Any]) -> dict[str, float]:
        """Refuse an exchange that could not be, or that would never end."""
        try:
            return read_live(proposal["value"])
        except BadInput as error:
            raise TraitError(str(error)) from None

    @validate("capabilities")
    def _known_effects(self, proposal: dict[str, Any]) -> dict[str, Any]:
        """Refuse an effect that means nothing, which would be passed over."""
        table: dict[str, Any] = proposal["value"]
        for effects in table.values():
            if not isinstance(effects, dict) or not set(map(str, effects.values())) <= {"rejected", "ignored", "honoured"}:
                raise TraitError('write {"my-model": {"seed": "ignored"}}, with rejected, ignored or honoured')
        return table

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all entries."""
        return sorted(cls.class_traits(config=True))

    def source(self, name: str) -> str:
        """Return where the value of an entry comes from, in a word or two.

        Examples
        --------
        >>> PPLab(model="gpt-4o-mini").source("model"), PPLab().source("deadline")
        ('this session', 'default')
        """
        value = getattr(self, name)
        for source, values in (("the lab", self.stored_in_lab), ("JupyterLab's settings", self.set_in_jupyterlab)):
            if name in values and values[name] == value:
                return source
        if value != self.trait_defaults(name):
            return "this session"
        return next((variable for variable in VARIABLES.get(name, ()) if os.environ.get(variable)), "default")


@dataclass(frozen=True, slots=True)
class EffectiveConfiguration:
    """The configuration in effect: what a lab will use, with arguments and environment taken into account.

    Keys never appear in a representation; ``secrets`` are values to be scrubbed.

    ``grants`` are what the user must have approved before anything is sent, because the address stands in the lab's folder;
    ``given`` holds the base URL and the key that were passed as arguments.
    """

    folder: Path | None
    user: str
    model: str
    base_url: str | None
    provider: str
    offline: bool
    recording: str | None
    configuration: PPLab
    endpoint: Endpoint | None = None
    grants: tuple[Grant, ...] = ()
    given: tuple[str | None, str | None] = field(default=(None, None), repr=False)
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def same_server(self, model: str) -> str:
        """Return the name by which another model is asked at this lab's server."""
        from pplab.config.endpoints import read_endpoints, split_model

        if self.endpoint is None or split_model(model, read_endpoints(self.configuration.endpoints))[1] is not None:
            return model
        return f"{model}@{self.endpoint.name}"

    def server(self, endpoint: str | None = None) -> Server:
        """Return the server of an endpoint; ``None`` is the lab's own.

        Raises
        ------
        BadInput
            When there is no such endpoint.
        """
        from pplab.config.endpoints import Server, read_endpoints

        if endpoint in (None, self.endpoint and self.endpoint.name):
            return Server(self.provider, self.base_url, self.endpoint, self.api_key, tuple(self.headers.items()), self.grants)
        named = read_endpoints(self.configuration.endpoints).get(endpoint or "")
        if named is None:
            raise BadInput(f"there is no endpoint '{endpoint}' here", hint=f"configure it, like {ENDPOINTS_EXAMPLE}")
        return _named_server(named, self.configuration)

    def approving(self, grants: Iterable[Grant]) -> str:
        """Return what to type to approve some of the keys that a lab's folder gives an address."""
        grants = list(grants)
        if self.endpoint is None and self.folder == find_store(None) and set(grants) <= set(self.grants):
            return f"config {shlex.quote(f'base_url={self.base_url}')}"
        return "config " + " ".join(f"--approve {shlex.quote(f'{variable}={address}')}" for variable, address in grants)


def resolve(
    *,
    store: str | os.PathLike[str] | None = None,
    user: str | None = None,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    configuration: PPLab | None = None,
) -> EffectiveConfiguration:
    """Return the configuration in effect, decided once; see the module's first line for the order.

    Raises
    ------
    BadInput
        If a base URL is not http(s), or a store is an address this version cannot open.
    """
    from pplab.config.approvals import Grant
    from pplab.config.endpoints import read_endpoints, split_model

    env = os.environ
    if store is None:
        store = (configuration.store if configuration else "") or env.get("PPLAB_STORE") or None
    folder = find_folder(store)
    configuration = configuration or load_configuration(folder)
    stored = configuration.stored_in_lab
    table = read_endpoints(configuration.endpoints)
    model, endpoint = split_model(model or configuration.model or env.get("PPLAB_MODEL") or None, table)
    if endpoint is not None:
        if base_url:
            raise BadInput(
                f"the model is at the endpoint '{endpoint.name}', and a base URL was given too", hint="give one of them"
            )
        server = _named_server(endpoint, configuration, api_key)
        url, key, headers, grants = server.base_url, server.api_key, dict(server.headers), server.grants
    else:
        url = base_url or configuration.base_url or env.get("PPLAB_BASE_URL") or env.get("OPENAI_BASE_URL") or None
        key, headers = api_key or env.get(KEY) or None, {}
        foreign = not base_url and bool(configuration.base_url) and stored.get("base_url") == configuration.base_url
        grants = (Grant.of(KEY, url),) if key and url and foreign else ()
    credentials: list[str] = []
    if url:
        url, credentials = check_base_url(url)
    if endpoint is None and (model == EMBEDDED or (not url and not key)):
        model, url, provider, grants = model or EMBEDDED, None, EMBEDDED, ()
    else:
        url = url or OPENAI_URL
        provider = urlsplit(url).netloc
        model = model or OPENAI_MODEL
    secrets = (key, *credentials, *(secret_parameters(url) if url else ()), *environment_secrets(table.values()))
    return EffectiveConfiguration(
        folder=folder,
        user=check_user(user or configuration.user or env.get("PPLAB_USER") or env.get("JUPYTERHUB_USER") or _system_user()),
        model=model,
        base_url=url,
        provider=provider,
        offline=env.get("PPLAB_OFFLINE", "") not in ("", "0"),
        recording=env.get("PPLAB_RECORDING") or None,
        configuration=configuration,
        endpoint=endpoint,
        grants=grants,
        given=(base_url, api_key),
        api_key=key or (credentials[-1] if credentials else None),
        headers=headers,
        secrets=tuple(secret for secret in secrets if secret),
    )


def _named_server(endpoint: Endpoint, configuration: PPLab, api_key: str | None = None) -> Server:
    """Return the server of an endpoint, with the key and headers that the environment has for it alone."""
    from pplab.config.approvals import Grant
    from pplab.config.endpoints import Server

    key = api_key or os.environ.get(endpoint.key_env or "") or None
    names = [*([endpoint.key_env or KEY] if api_key else []), *(name for name in endpoint.variables if os.environ.get(name))]
    stored = configuration.stored_in_lab.get("endpoints", {}).get(endpoint.name)
    foreign = stored == configuration.endpoints[endpoint.name]
    return Server(
        provider=urlsplit(endpoint.base_url).netloc,
        base_url=endpoint.base_url,
        endpoint=endpoint,
        api_key=key,
        headers=tuple(endpoint.headers().items()),
        grants=tuple(Grant.of(name, endpoint.base_url) for name in dict.fromkeys(names)) if foreign else (),
    )


def environment_secrets(endpoints: Iterable[Endpoint] = ()) -> list[str]:
    """Return the keys and passwords that the environment holds, also those that ``endpoints`` name."""
    secrets = [os.environ.get(name, "") for name in (KEY, *(name for one in endpoints for name in one.variables))]
    for name in ADDRESSES:
        with suppress(BadInput):  # refused where it is used
            url, credentials = check_base_url(os.environ.get(name, ""))
            secrets += [*credentials, *secret_parameters(url)]
    return [secret.strip() for secret in secrets if secret.strip()]


def find_store(store: str | os.PathLike[str] | None) -> Path | None:
    """Return the lab's folder for a store that was named, else for ``PPLAB_STORE``, else the nearest (see `find_folder`)."""
    return find_folder(store or os.environ.get("PPLAB_STORE") or None)


def find_folder(store: str | os.PathLike[str] | None) -> Path | None:
    """Return the lab's folder, or ``None`` for a lab that ends with its process.

    Without ``store`` the folder ``.pplab`` is looked for in the working folder and every folder above it, and otherwise will be
    made in the working folder.
    """
    if store == TEMPORARY:
        return None
    if store is not None:
        path = given_path(store, "the store", "give the path of a folder")
        if os.path.lexists(path) and not os.path.isdir(path):  # noqa: PTH112 - False, not an error, for a link into the dark
            kind = "a file" if os.path.isfile(path) else "no folder"  # noqa: PTH113
            raise BadInput(f"the store '{path.name}' is {kind}", hint="a lab is a folder; give the folder that holds it")
        return path
    here = working_folder()
    for folder in (here, *here.parents):
        if os.path.isdir(folder / LAB_FOLDER):  # noqa: PTH112 - a folder above that may not be searched has no lab for us
            return folder / LAB_FOLDER
    return here / LAB_FOLDER


def check_user(user: str) -> str:
    """Return a user's name if it can stand in a table: 1 to 200 printable characters."""
    if not user.strip() or len(user) > 200 or not user.isprintable():
        raise BadInput("the user's name is empty, too long or not printable", hint="use 1 to 200 printable characters")
    return user


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this uid, as in many containers
        return "unknown"


def load_configuration(folder: Path | None, jupyterlab: Mapping[str, Any] | None = None) -> PPLab:
    """Return the configuration stored in the lab's ``config.json``, or the defaults.

    What ``jupyterlab`` says (its settings, by the names of our entries) counts where neither the lab nor the environment does.
    """
    configuration, stored = PPLab(), _stored(folder)
    for name, value in (jupyterlab or {}).items():
        if name not in stored and not any(os.environ.get(variable) for variable in VARIABLES.get(name, ())):
            set_value(configuration, name, value)
            configuration.set_in_jupyterlab[name] = getattr(configuration, name)
    for name, value in stored.items():
        set_value(configuration, name, value)
    configuration.stored_in_lab = {name: getattr(configuration, name) for name in stored}
    return configuration


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A key that a lab's folder gives an address, and whether the user has approved that it goes there."""

    grant: Grant
    approved: bool

    @property
    def text(self) -> str:
        """The same in one sentence."""
        return f"{self.grant.variable} {'may go to' if self.approved else 'is not approved for'} {self.grant.address}"


def key_reports(configuration: PPLab) -> list[KeyReport]:
    """Return a report of each key that the lab's folder gives an address."""
    from pplab.config.approvals import unapproved

    grants = grants_of(configuration.stored_in_lab)
    missing = unapproved(grants)
    return [KeyReport(grant, grant not in missing) for grant in grants]


def grants_of(stored_in_lab: Mapping[str, Any]) -> list[Grant]:
    """Return which keys would go where by what stands in a lab's folder (`PPLab.stored_in_lab`)."""
    from pplab.config.approvals import Grant
    from pplab.config.endpoints import read_endpoints

    url = stored_in_lab.get("base_url")
    named = read_endpoints(stored_in_lab.get("endpoints", {})).values()
    pairs = [*([(KEY, url)] if url else []), *((variable, one.base_url) for one in named for variable in one.variables)]
    return list(dict.fromkeys(Grant.of(*pair) for pair in pairs))


def change_configuration(configuration: PPLab, changes: Mapping[str, Any], folder: Path) -> None:
    """Change some entries of the configuration and keep them in the lab's ``config.json``: all of them, or none if one is wrong.

    Addresses that the user gives here are the user's word: their keys may go there from now on, until the entry is emptied, and
    so may what the lab records where the entry is a live exchange.

    Raises
    ------
    BadInput
        If a name is unknown or a value not allowed; nothing is changed then.
    """
    from pplab.config.approvals import approve, withdraw

    if "store" in changes:
        raise BadInput("a lab cannot hold its own address", hint="set PPLAB_STORE, pass --store, or use %config PPLab.store")
    changed = PPLab()
    for name, value in changes.items():
        set_value(changed, name, value)
    stored = _stored(folder) | {name: getattr(changed, name) for name in changes}
    write_atomically(folder / CONFIG_FILE, (json.dumps({"PPLab": stored}, indent=1, sort_keys=True) + "\n").encode())
    new = {name: getattr(changed, name) for name in changes}
    before = configuration.stored_in_lab
    former = {name: before[name] for name in new if not new[name] and before.get(name)}
    for name, value in new.items():
        setattr(configuration, name, value)
    configuration.stored_in_lab = {**before, **new}
    withdraw(grants_of(former))
    asked = [name for name, every in new.get("live", {}).items() if before.get("live", {}).get(name) != every]
    grants = [*grants_of(new), *exchange_grants(asked, configuration.remotes)]
    try:
        approve(grants)
    except PplabError:  # nowhere to keep it, which matters where there is a key
        if any(os.environ.get(grant.variable) for grant in grants):
            raise


def _stored(folder: Path | None) -> dict[str, Any]:
    if folder is None or not (folder / CONFIG_FILE).is_file():
        return {}
    try:
        return dict(json.loads((folder / CONFIG_FILE).read_text("utf-8"))["PPLab"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"the lab's {CONFIG_FILE} cannot be read", hint='it should look like {"PPLab": {"model": "..."}}'
        ) from None


def set_value(configuration: PPLab, name: str, value: Any) -> None:
    """Set one entry of the configuration; text is read as JSON where the entry is not text itself."""
    names = PPLab.names()
    if name not in names:
        raise BadInput(f"the configuration has no '{name}'", hint=did_you_mean(name, names) or f"known: {', '.join(names)}")
    trait = configuration.traits()[name]
    if isinstance(value, str) and not isinstance(trait, (Unicode, Enum)):
        with suppress(ValueError):  # refused below
            value = json.loads(value)
    try:
        setattr(configuration, name, value)
    except TraitError as error:
        label = name if isinstance(value, dict) else f"{name}={value!r}"
        raise BadInput(f"{label} is not allowed", hint=_expected(trait, value) or str(error)) from None


def _expected(trait: TraitType[Any, Any], value: Any) -> str:
    """Return what may stand in a trait; an empty string where the trait's own check has said what is wrong."""
    if isinstance(trait, Enum):
        return f"use one of {', '.join(trait.values or ())}"
    if isinstance(trait, (Int, Float)):
        return f"give a {'whole number' if isinstance(trait, Int) else 'number'} of at least {trait.min}"
    if isinstance(trait, Dict):
        return "" if isinstance(value, dict) else f"write a table as JSON, like {trait.metadata['example']}"
    return "" if isinstance(value, str) else "give text"
