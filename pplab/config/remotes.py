"""Addresses of remotes, folders and object stores where labs meet: checked and written in one form. Nothing is opened here."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pplab.errors import BadInput, did_you_mean
from pplab.inputs.paths import ADDRESS, given_path
from pplab.secrets import Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pplab.config.approvals import Grant

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs", "az": "adlfs"}
"""The object stores that are known, and the package that reaches each."""
EXAMPLES = (
    "a folder such as /mnt/team/lab, or s3://bucket/lab, gs://bucket/lab, abfs://container@account.dfs.core.windows.net/lab"
)
LIVE_EXAMPLE = '{"team": 2}'
SHORTEST_S, LONGEST_S = 0.5, 86_400.0
"""How often labs may exchange, in seconds."""
REMOTES_EXAMPLE = '{"team": "/mnt/team/lab"}'
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


def check_name(name: Any) -> str:
    """Return the name of a remote, or refuse it."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput("a remote's name is up to 40 letters, digits, dots and dashes", hint="write: remote add team URL")
    return name


def check_remote_url(url: Any) -> str:
    """Return an address as it is kept: an absolute path, or the address of an object store. It is never repeated in an error.

    Raises
    ------
    BadInput
        When it is neither, or holds a key.

    Examples
    --------
    >>> check_remote_url("s3://bucket/lab/")
    's3://bucket/lab'
    >>> check_remote_url("s3://key:secret@bucket/lab")
    Traceback (most recent call last):
    pplab.errors.BadInput: the address holds a key, which is never stored. give it by the environment or the provider's own \
configuration, and leave it out of the address
    """
    text = str(url).strip()
    scheme = found[1].lower() if (found := ADDRESS.match(text)) and len(found[1]) > 1 else ""
    if scheme == "file":
        text, scheme = urlsplit(text).path, ""
    if not scheme:
        return str(given_path(text or url, "the remote", f"give {EXAMPLES}").resolve())
    parts = urlsplit(text)
    user, at, _ = parts.netloc.rpartition("@")
    keys = ":" in user or (at and PACKAGES.get(scheme) != "adlfs") or parts.query or parts.fragment
    if keys or Scrubber()(text) != text:
        raise BadInput(
            "the address holds a key, which is never stored",
            hint="give it by the environment or the provider's own configuration, and leave it out of the address",
        )
    if scheme not in PACKAGES:
        raise BadInput(f"a remote at {scheme}:// cannot be reached", hint=f"give {EXAMPLES}")
    if not parts.netloc or not text.isprintable() or " " in text or ".." in parts.path.split("/"):
        raise BadInput("the address of the remote names no place", hint=f"give {EXAMPLES}")
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def read_remotes(table: Any) -> dict[str, str]:
    """Return the remotes of a configuration, by name, or refuse the table.

    Examples
    --------
    >>> read_remotes({"team": "gs://bucket"})
    {'team': 'gs://bucket'}
    """
    if not isinstance(table, dict):
        raise BadInput("the remotes are no table", hint=f"write {REMOTES_EXAMPLE}")
    return {check_name(name): check_remote_url(url) for name, url in table.items()}


def check_seconds(every: Any) -> float:
    """Return the seconds from one exchange to the next, or refuse them.

    Examples
    --------
    >>> check_seconds("2")
    2.0
    """
    given = str(every)[:40]
    try:
        seconds = math.nan if isinstance(every, bool) else float(every)
    except (TypeError, ValueError):
        seconds = math.nan
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise BadInput(
            f"labs cannot exchange every {given!r} seconds",
            hint=f"give a number from {SHORTEST_S:g} to {LONGEST_S:,.0f}, such as --every 2",
        )
    return seconds


def read_live(table: Any) -> dict[str, float]:
    """Return, by the name of a remote, how often a lab exchanges with it by itself, or refuse the table.

    Examples
    --------
    >>> read_live({"team": 2})
    {'team': 2.0}
    """
    if not isinstance(table, dict):
        raise BadInput("this is no table", hint=f"write {LIVE_EXAMPLE}")
    return {check_name(name): check_seconds(every) for name, every in table.items()}


def exchange_grants(live: Iterable[str], remotes: Mapping[str, str]) -> list[Grant]:
    """Return the approvals that exchanges with remotes need where somebody else may have written them into a lab's folder."""
    from pplab.config.approvals import EXCHANGE, Grant

    return [Grant(EXCHANGE, remotes[name]) for name in live if name in remotes]


def named_remote(remotes: Mapping[str, str], name: str | None) -> str:
    """Return the name of the remote that is meant: the one given, or the only one there is.

    Raises
    ------
    BadInput
        When there is none, or none of this name, or it cannot be told which.
    """
    if name is None and len(remotes) == 1:
        return next(iter(remotes))
    if not remotes:
        raise BadInput("this lab has no remote", hint="add one: remote add NAME URL")
    if name is None:
        raise BadInput(f"this lab has {len(remotes)} remotes", hint=f"name one of them: {', '.join(sorted(remotes))}")
    if name not in remotes:
        raise BadInput(
            f"this lab has no remote '{name}'", hint=did_you_mean(name, remotes) or f"there are: {', '.join(sorted(remotes))}"
        )
    return name
