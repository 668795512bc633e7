"""Approvals: which keys may go to which addresses that a lab's folder names; kept in the user's own folder, outside every lab.

A lab's folder may be somebody else's (a cloned repository, an unpacked archive): an address in it is sent no key before the
person who owns the key has said so.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pplab.config.addresses import ADDRESSES, KEY, OPENAI_URL, normal_address
from pplab.errors import BadInput, PplabError
from pplab.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "approved_keys.json"
EXCHANGE = "exchange"
"""Stands where a variable does: what a lab records may go to the address by itself."""
APPROVE = "PPLAB_APPROVE"  # addresses, for programs and CI


class Grant(NamedTuple):
    """One approval: the value of ``variable`` may be sent to ``address`` (as `normal_address` writes it)."""

    variable: str
    address: str

    @classmethod
    def of(cls, variable: str, base_url: str) -> Grant:
        """Return the approval that a base URL needs."""
        return cls(variable, normal_address(base_url))


def unapproved(grants: Iterable[Grant]) -> list[Grant]:
    """Return those of ``grants`` that neither the user's file nor the environment holds.

    Raises
    ------
    BadInput
        If the file or ``PPLAB_APPROVE`` cannot be read.
    """
    grants = list(grants)
    if not grants:
        return []
    addresses = _addresses_of_the_environment()
    approved = {Grant.of(KEY, OPENAI_URL), *_own_addresses(), *_read()}
    return [grant for grant in grants if grant not in approved and grant.address not in addresses]


def read_grant(text: str) -> Grant:
    """Return the approval that ``VARIABLE=ADDRESS`` describes."""
    variable, _, address = text.partition("=")
    if not re.fullmatch(r"[A-Za-z_]\w*", variable, re.ASCII) or not address:
        raise BadInput(f"'{text}' is not VARIABLE=URL", hint=f"write --approve {KEY}=http://localhost:11434/v1")
    return Grant.of(variable, address)


def approve(grants: Iterable[Grant]) -> None:
    """Add approvals to the user's file."""
    _change(set(grants), set())


def withdraw(grants: Iterable[Grant]) -> None:
    """Take approvals out of the user's file."""
    _change(set(), set(grants))


def _addresses_of_the_environment() -> set[str]:
    try:
        return {normal_address(one) for one in re.split(r"[\s,]+", os.environ.get(APPROVE, "")) if one}
    except BadInput:
        raise BadInput(f"{APPROVE} holds what is no http(s) address", hint="separate the addresses by spaces") from None


def _own_addresses() -> set[Grant]:
    """Return the approvals that naming an address in the environment means."""
    own = set()
    for name in ADDRESSES:
        with suppress(BadInput):  # refused where it is used
            own.add(Grant.of(KEY, os.environ.get(name, "")))
    return own


def _file() -> Path | None:
    """Return the user's file; ``None`` where there is no such place: one below the working folder could be anybody's."""
    import platformdirs

    path = Path(platformdirs.user_config_dir("pplab", appauthor=False))
    return path / FILE if path.is_absolute() else None


def _read() -> set[Grant]:
    path = _file()
    try:
        if path is None or not path.exists():
            return set()
        return {Grant(one["variable"], one["address"]) for one in json.loads(path.read_text("utf-8"))["approved"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"the approved addresses cannot be read ({path})", hint="mend the file, or remove it and approve again"
        ) from None


def _change(added: set[Grant], removed: set[Grant]) -> None:
    if not added | removed:
        return
    path = _file()
    hint = f"set {APPROVE} to the address instead"
    if path is None:
        raise PplabError("your approvals cannot be written: this user has no configuration folder", hint=hint, code="system")
    before = _read()
    after = sorted((before | added) - removed)
    if set(after) == before:
        return
    text = json.dumps({"approved": [grant._asdict() for grant in after]}, indent=1) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, text.encode(), mode=0o600)
    except OSError as error:
        raise PplabError(
            f"your approvals cannot be written: {error.strerror} ({path.parent})", hint=hint, code="system"
        ) from None
