"""The route to a model's server: the proxy that the environment names, and the certificates that are trusted."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pplab.config.addresses import is_this_machine
from pplab.errors import BadInput
from pplab.secrets import split_credentials

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its address without credentials, the variable that names it, and the credentials (`split_credentials`)."""

    url: str
    variable: str
    credentials: tuple[str, ...] = field(default=(), repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Headers for the proxy: aiohttp deprecates its own way to pass user and password."""
        return {"Proxy-Authorization": basic(self.credentials[0])} if self.credentials else {}

    def __str__(self) -> str:
        return f"{self.url} ({self.variable})"


def basic(user_and_password: str) -> str:
    """Return the header of Basic authentication (RFC 7617)."""
    return f"Basic {base64.b64encode(user_and_password.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Route:
    """The route to a server. ``ssl_context`` is ``None`` where the system's own certificates decide."""

    proxy: Proxy | None = None
    ssl_context: ssl.SSLContext | None = None

    @classmethod
    def to(cls, url: str) -> Route:
        """Return the route to an address.

        Raises
        ------
        BadInput
            If a proxy or a file of certificates that the environment names cannot be used.
        """
        return cls(_proxy(url), _ssl_context() if urlsplit(url).scheme == "https" else None)


def _proxy(url: str) -> Proxy | None:
    """Return the proxy for an address. None is used for this machine: a proxy would look for the server on its own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_this_machine(host):
        return None
    proxies = getproxies()
    kind = parts.scheme if proxies.get(parts.scheme) else "all"
    address = proxies.get(kind)
    if not address or _bypasses_proxy(host, parts.port, proxies.get("no", "")) or proxy_bypass(host):
        return None
    address = address if "://" in address else f"http://{address}"
    bare, credentials = split_credentials(address)
    variable = next((name for name in os.environ if name.lower() == f"{kind}_proxy"), "the system's network configuration")
    proxy = Proxy(bare, variable, tuple(credentials))
    if urlsplit(bare).scheme not in ("http", "https"):
        raise BadInput(
            f"the proxy {proxy} cannot be used: only http and https proxies can",
            hint=f"name such a proxy, or add {host} to NO_PROXY",
        )
    return proxy


def _bypasses_proxy(host: str, port: int | None, exceptions: str) -> bool:
    """Return whether ``NO_PROXY`` names a host: by itself, by a domain above it, with a port, or by a network."""
    for entry in filter(None, re.split(r"[,\s]+", exceptions.lower())):
        name = entry.lstrip("*").lstrip(".").strip("[]")
        if entry == "*" or host == name or (name and host.endswith(f".{name}")) or f"{host}:{port}" == name:
            return True
        with suppress(ValueError):  # a name, not an address
            if ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False):
                return True
    return False


def _ssl_context() -> ssl.SSLContext | None:
    """Return a context that trusts the certificates named in the environment, in any of the variables that such tools read."""
    paths = [(variable, Path(value)) for variable in CERTIFICATES if (value := os.environ.get(variable, ""))]
    if not paths:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks the certificate and the host
    for variable, path in paths:
        if not path.exists():
            raise BadInput(f"{variable} names {path}, which does not exist", hint="correct it or unset it")
        try:
            context.load_verify_locations(*((None, path) if path.is_dir() else (path, None)))
        except OSError as error:  # also ssl.SSLError
            why = "holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else f"cannot be read ({error.strerror})"
            raise BadInput(f"{variable} names {path}, which {why}", hint="correct it or unset it") from None
    return context
