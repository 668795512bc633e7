"""Addresses of model servers: checked, compared, and completed to the one a call goes to. Nothing is opened here."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from pplab.errors import BadInput
from pplab.secrets import split_credentials

OPENAI_URL = "https://api.openai.com/v1"
ADDRESSES = ("PPLAB_BASE_URL", "OPENAI_BASE_URL")  # variables of the environment, the first wins
KEY = "OPENAI_API_KEY"  # the variable whose value such an address is sent
CHAT = "/chat/completions"
ENDPOINTS_EXAMPLE = '{"local": {"base_url": "http://127.0.0.1:11434/v1", "key_env": "LOCAL_KEY"}}'
PORTS = {"http": 80, "https": 443}
# Parameters of an address that carry a key, such as ?key= (Gemini), ?code= (Azure functions), ?sig=.
SECRET_PARAMETER = re.compile(r"key|token|secret|passw|credential|auth|^(?:code|sig|signature|pwd)$", re.IGNORECASE)


def check_base_url(url: str) -> tuple[str, list[str]]:
    """Return the base URL without credentials, and the credentials found in it; refuse what is not http(s).

    The address of the chat completions themselves is taken as well, since documentation often gives that one.

    Examples
    --------
    >>> check_base_url("http://localhost:8000/v1/chat/completions?api-version=1")
    ('http://localhost:8000/v1?api-version=1', [])
    """
    try:
        bare, credentials = split_credentials(url.strip())
        parts = urlsplit(bare)
        ok = parts.scheme in PORTS and bool(parts.hostname) and (parts.port is None or 0 < parts.port < 65536)
    except ValueError:
        ok, bare, credentials = False, "", []
    if not ok or "\\" in bare or any(c.isspace() or not c.isprintable() for c in bare):
        raise BadInput("the base URL is not an http(s) address", hint="write it like http://localhost:11434/v1")
    path = parts.path.rstrip("/").removesuffix(CHAT).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), credentials


def chat_url(base_url: str) -> str:
    """Return the address a call goes to: the path comes before the query.

    Examples
    --------
    >>> chat_url("http://localhost:8000/x?api-version=1")
    'http://localhost:8000/x/chat/completions?api-version=1'
    """
    return below(base_url, CHAT)


def models_url(base_url: str) -> str:
    """Return the address of a server's list of models.

    Examples
    --------
    >>> models_url("http://localhost:8000/v1?key=abc")
    'http://localhost:8000/v1/models?key=abc'
    """
    return below(base_url, "/models")


def below(base_url: str, path: str) -> str:
    """Return the address of something else that a server has: the path comes before the query.

    Examples
    --------
    >>> below("http://localhost:8000/v1?key=abc", "/batches")
    'http://localhost:8000/v1/batches?key=abc'
    """
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path))


def normal_address(base_url: str) -> str:
    """Return the form in which two addresses are compared: where a request goes, without the query.

    A host in other letters is shown as the network knows it, so that it cannot pass for a similar one.

    Examples
    --------
    >>> normal_address("HTTPS://Api.Example.com:443/v1/?api-version=1")
    'https://api.example.com/v1'
    >>> normal_address("https://\N{CYRILLIC SMALL LETTER A}pi.example.com/v1")
    'https://xn--pi-6kc.example.com/v1'
    """
    parts = urlsplit(check_base_url(base_url)[0])
    labels = (parts.hostname or "").split(".")
    host = ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{quote(parts.path, safe='/%~!$&()*+,;=:@')}"


def secret_parameters(url: str) -> list[str]:
    """Return the keys that stand in the query of an address.

    Examples
    --------
    >>> secret_parameters("http://localhost/v1?api-version=1&key=abc")
    ['abc']
    """
    return [value for name, value in parse_qsl(urlsplit(url).query) if SECRET_PARAMETER.search(name)]


def is_this_machine(host: str) -> bool:
    """Return whether a host is the machine itself: 127.0.0.0/8, ::1, localhost.

    Examples
    --------
    >>> is_this_machine("127.8.0.1"), is_this_machine("::1"), is_this_machine("localhost"), is_this_machine("10.0.0.1")
    (True, True, True, False)
    """
    import ipaddress

    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
