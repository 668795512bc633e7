"""Failures: what an exception of the HTTP client, its transport or the operating system means, in plain words."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pplab.models.provider_errors import one_line

if TYPE_CHECKING:
    from pplab.models.route import Proxy

CONNECT_S = 10.0  # seconds to wait for a connection; the deadline may be sooner
UNKNOWN_AUTHORITY = frozenset(
    {18, 19, 20, 21}
)  # OpenSSL's codes: self-signed, also in the chain; no issuer, no first certificate
MAY_BE_BILLED = "the request was sent and may have been billed"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an answer did not arrive whole. ``may_be_billed``: the request was sent, and its answer is unknown."""

    code: str
    error: str
    retry: bool = False
    may_be_billed: bool = False
    wrong_address: bool = False


def failure_of(error: BaseException, where: str, proxy: Proxy | None) -> Failure:
    """Return the failure that an exception of the client, its transport or the operating system is.

    The package maps exceptions on the way up (a refused connection becomes a timeout), so the whole chain of causes is looked at.
    """
    import aiohttp
    import httpx2

    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__

    def among(*kinds: type[BaseException]) -> BaseException | None:
        return next((one for one in reversed(chain) if isinstance(one, kinds)), None)

    if cause := among(ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError):
        return Failure(
            "unreachable", f"the certificate of {where} is not trusted: {one_line(str(cause))}{_missing_authority(chain)}"
        )
    if proxy is not None and (cause := among(aiohttp.ClientHttpProxyError)):
        status = getattr(cause, "status", 0)
        return Failure("unreachable", f"the proxy {proxy} does not connect to {where} (HTTP {status})")
    if proxy is not None and among(aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError):
        host = urlsplit(where).hostname
        return Failure(
            "unreachable",
            f"cannot connect to the proxy {proxy} on the way to {where}; correct the proxy, or add {host} to NO_PROXY",
            retry=True,
        )
    if among(aiohttp.ClientConnectorDNSError):
        return Failure("unreachable", f"the address {where} cannot be found", retry=True)
    if cause := among(aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        reason = cause.strerror if isinstance(cause, aiohttp.ClientConnectorError) else f"no connection within {CONNECT_S:g} s"
        return Failure("unreachable", f"cannot connect to {where} ({reason}); is the server running?", retry=True)
    if cause := among(aiohttp.InvalidURL, httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        return Failure("unreachable", f"{where} is not a valid server address")
    if among(httpx2.DecodingError):
        return Failure("unreadable", "unreadable reply: its compression is broken")
    if among(aiohttp.ClientPayloadError):  # broke off within the body; caused by a parser's error, so it comes before those
        return _connection_lost()
    if cause := among(aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError):
        return Failure("unreadable", f"unreadable reply: not HTTP: {one_line(str(getattr(cause, 'message', cause)))}")
    if among(httpx2.TransportError, aiohttp.ClientError, OSError, EOFError):
        return _connection_lost()
    return Failure("transport", f"the request could not be made: {type(error).__name__}: {one_line(str(error))}")


def _missing_authority(chain: list[BaseException]) -> str:
    """Return which variable to set if the certificate's authority is unknown; other errors lie in the certificate itself."""
    codes = [getattr(error, "verify_code", 0) for error in chain]
    if not UNKNOWN_AUTHORITY.intersection(codes):
        return ""
    return "; if the server is yours, set SSL_CERT_FILE to a file with its authority's certificate (PEM)"


def _connection_lost() -> Failure:
    return Failure("connection_lost", f"the connection was lost; {MAY_BE_BILLED}", retry=True, may_be_billed=True)
