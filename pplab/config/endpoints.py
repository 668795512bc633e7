"""Endpoints: named model servers with the variables that hold their keys. ``MODEL@NAME`` asks one."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.config.addresses import ENDPOINTS_EXAMPLE, check_base_url, secret_parameters
from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.config.approvals import Grant

FIELDS = ("base_url", "key_env", "headers_env", "max_concurrency")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
OWN_HEADERS = frozenset({"accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A named model server. Its key and its headers' values stay in the environment; only the variables' names stand here.

    Parameters
    ----------
    name
        What follows the ``@`` of a model's name.
    base_url
        The server's address.
    key_env
        The variable that holds its key, sent as bearer token; ``None`` sends none.
    headers_env
        Pairs of a header and the variable that holds its value.
    max_concurrency
        The most calls under way at once; a run may ask for fewer.
    """

    name: str
    base_url: str
    key_env: str | None = None
    headers_env: tuple[tuple[str, str], ...] = ()
    max_concurrency: int | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables whose values the server is sent."""
        return tuple(dict.fromkeys((*((self.key_env,) if self.key_env else ()), *(variable for _, variable in self.headers_env))))

    def headers(self) -> dict[str, str]:
        """Return the headers to send; one whose variable is not set is left out."""
        values = ((header, os.environ.get(variable, "").strip()) for header, variable in self.headers_env)
        return {header: value for header, value in values if value}


@dataclass(frozen=True, slots=True)
class Server:
    """A model server as calls reach it: who it is, where, and what it alone is sent.

    ``provider`` is host and port, or ``embedded``; ``endpoint`` is ``None`` for a base URL without a name. ``grants`` are what
    the user must have approved before anything is sent, because the address stands in the lab's folder. The key and the headers
    never appear in a representation.
    """

    provider: str
    base_url: str | None = None
    endpoint: Endpoint | None = None
    api_key: str | None = dataclasses.field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)
    grants: tuple[Grant, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values to be scrubbed wherever they appear."""
        return tuple(filter(None, (self.api_key, *(value for _, value in self.headers))))


def read_endpoints(table: Any) -> dict[str, Endpoint]:
    """Return the endpoints that a table describes.

    Raises
    ------
    BadInput
        Naming the endpoint and what is wrong with it.
    """
    if not isinstance(table, dict):
        raise BadInput("the endpoints must be a table", hint=f"write them like {ENDPOINTS_EXAMPLE}")
    return {name: _endpoint(name, fields) for name, fields in table.items()}


def _endpoint(name: Any, fields: Any) -> Endpoint:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadInput(f"{name!r} is not a name for an endpoint", hint="use letters, digits, '.', '_' and '-'")
    for field in fields if isinstance(fields, dict) else ():
        if field not in FIELDS:
            hint = did_you_mean(str(field), FIELDS) or f"known: {', '.join(FIELDS)}"
            raise BadInput(f"the endpoint '{name}' has an unknown field '{field}'", hint=hint)
    if not isinstance(fields, dict) or not isinstance(fields.get("base_url"), str):
        raise BadInput(f"the endpoint '{name}' has no base_url", hint=f"write it like {ENDPOINTS_EXAMPLE}")
    url, credentials = check_base_url(fields["base_url"])
    if credentials or secret_parameters(url):
        raise BadInput(
            f"the address of endpoint '{name}' carries a key, which is never stored", hint="name its variable in key_env"
        )
    key = fields.get("key_env")
    headers = fields.get("headers_env") or {}
    if not isinstance(headers, dict):
        raise BadInput(f"headers_env of endpoint '{name}' must be a table", hint='write it like {"api-key": "AZURE_KEY"}')
    for variable in (*headers.values(), *(() if key is None else (key,))):
        if not isinstance(variable, str) or not VARIABLE.fullmatch(variable):
            raise BadInput(
                f"the endpoint '{name}' must name the variable of the environment that holds a value, never the value itself",
                hint="write key_env and headers_env like LOCAL_KEY",
            )
    for header in headers:
        if not HEADER.fullmatch(header) or header.lower() in OWN_HEADERS:
            raise BadInput(f"the endpoint '{name}' cannot set the header {header!r}", hint="give one such as api-key")
    most = fields.get("max_concurrency")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise BadInput(f"max_concurrency={most!r} of endpoint '{name}' is not allowed", hint="give a whole number from 1")
    named = tuple(("Authorization" if h.lower() == "authorization" else h, v) for h, v in headers.items())
    return Endpoint(name, url, key, named, most)


def split_model(model: str | None, endpoints: Mapping[str, Endpoint]) -> tuple[str | None, Endpoint | None]:
    """Return the model as its server knows it, and the endpoint that its name asks for.

    Servers have models with an ``@`` of their own (``claude-3-5-sonnet@20240620``): what follows it is an endpoint only where
    one has that name.

    Examples
    --------
    >>> split_model("claude-3-5-sonnet@20240620", {})
    ('claude-3-5-sonnet@20240620', None)
    """
    plain, at, name = (model or "").rpartition("@")
    if not at or not endpoints:
        return model, None
    if name not in endpoints:
        if hint := did_you_mean(name, endpoints):
            raise BadInput(f"there is no endpoint '{name}'", hint=hint)
        return model, None
    if not plain:
        raise BadInput(f"'{model}' names an endpoint and no model", hint=f"write MODEL@{name}")
    return plain, endpoints[name]
