"""The remotes of a lab, kept in its own configuration; a key stands in none of their addresses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.config.configuration import change_configuration
from pplab.config.remotes import check_name, check_remote_url, check_seconds, named_remote
from pplab.errors import BadInput

if TYPE_CHECKING:
    import os

    from pplab.context import LabContext


def add_remote(context: LabContext, name: str, url: str | os.PathLike[str], every: float | None) -> dict[str, str]:
    """Remember a remote; see `Lab.add_remote`."""
    context.store.must_be_writable()
    known = dict(context.configuration.remotes)
    if check_name(name) in known:
        raise BadInput(f"there is a remote '{name}' already", hint=f"remove it first: remote remove {name}")
    checked = check_remote_url(url)
    if "://" not in checked:
        folder = Path(checked)
        if not folder.is_dir():
            raise BadInput(f"there is no folder '{folder.name}' there", hint="make it, or mount the share, and add it then")
        if folder.resolve().is_relative_to(context.folder.resolve()):
            raise BadInput("a remote cannot lie in the lab's own folder", hint="give a folder that others can reach")
    live = _others_live(context, name) | ({} if every is None else {name: check_seconds(every)})
    return _keep(context, known | {name: checked}, live)


def remove_remote(context: LabContext, name: str) -> dict[str, str]:
    """Forget a remote; see `Lab.remove_remote`."""
    context.store.must_be_writable()
    known = dict(context.configuration.remotes)
    del known[named_remote(known, name)]
    return _keep(context, known, _others_live(context, name))


def _others_live(context: LabContext, name: str) -> dict[str, float]:
    return {other: every for other, every in context.configuration.live.items() if other != name}


def _keep(context: LabContext, remotes: dict[str, str], live: dict[str, float]) -> dict[str, str]:
    changes: dict[str, Any] = {"remotes": remotes}
    if live != context.configuration.live:
        changes["live"] = live
    change_configuration(context.configuration, changes, context.folder)
    return remotes
