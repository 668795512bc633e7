"""Exchanges that a lab is configured to do by itself, and which of them it may: a lab's folder may be somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.config.approvals import unapproved
from pplab.config.remotes import exchange_grants
from pplab.errors import BadInput

if TYPE_CHECKING:
    from pplab.config.configuration import PPLab


def wanted_exchanges(configuration: PPLab) -> dict[str, tuple[str, float]]:
    """Return the remotes that a lab exchanges with by itself, by name: address, and seconds between exchanges.

    What stands in the lab's folder counts where this user said so, or approved the address: a folder may be somebody else's, and
    opening it must not send them what is recorded in it.
    """
    live, remotes = configuration.live, configuration.remotes
    stored = configuration.stored_in_lab.get("live", {})
    foreign = [name for name, every in live.items() if stored.get(name) == every]
    try:
        missing = {grant.address for grant in unapproved(exchange_grants(foreign, remotes))}
    except BadInput:  # the approvals cannot be read, which the doctor says of the keys, too
        missing = {remotes[name] for name in foreign if name in remotes}
    allowed = [name for name in live if name in remotes and (name not in foreign or remotes[name] not in missing)]
    return {name: (remotes[name], live[name]) for name in allowed}


def exchange_failure(configuration: PPLab, name: str) -> str:
    """Return why a lab does not exchange with a remote by itself though it is configured to; empty where it does."""
    if name in wanted_exchanges(configuration):
        return ""
    if name not in configuration.remotes:
        return "there is no such remote"
    return "only the lab's folder asks for it, and you have not: remove the remote, and add it again with --every"
