"""JupyterLab's settings of pplab: which there are, and what the user and the administrator have set, as a kernel finds it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traitlets import Bool, Float, TraitError
from traitlets.config import Configurable

from pplab.config.configuration import PPLab, set_value
from pplab.config.jupyter_folders import data_folders, json_files, own_config_folder
from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traitlets import TraitType

PLUGIN: Final = "pplab:settings"
"""The settings' name in JupyterLab, which is that of their file and of their part of ``overrides.json``."""
ORDER: Final = ("model", "endpoint", "concurrency", "budget", "footer", "notifications", "refresh")
"""The settings, as JupyterLab lists them."""

_STRING = r'("(?:\\.|[^"\\])*")'
_COMMENT = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?\*/", re.DOTALL)
_LAST_COMMA = re.compile(rf"{_STRING}|,(?=\s*[}}\]])")


class FrontEnd(Configurable):
    """What JupyterLab alone obeys; its other settings are entries of `PPLab`."""

    footer = Bool(True, help="Whether a line below each cell says what it took: time, calls, tokens and cost.").tag(
        setting="footer"
    )
    notifications = Bool(True, help="Whether JupyterLab notifies you when a run has ended or waits for you.").tag(
        setting="notifications"
    )
    refresh = Float(
        0.5,
        min=0.1,
        max=60.0,
        help="Least seconds between two updates of what changes while a run goes on: how far it is in the sidebar and the status "
        "bar, and the lines below cells. What begins, ends or is stored is shown at once.",
    ).tag(setting="refresh")


def setting_traits() -> dict[str, TraitType[Any, Any]]:
    """Return the trait behind each setting, by the setting's name.

    Examples
    --------
    >>> setting_traits()["concurrency"].name
    'max_concurrency'
    """
    traits = (*PPLab.class_traits().values(), *FrontEnd.class_traits().values())
    named = {trait.metadata["setting"]: trait for trait in traits if "setting" in trait.metadata}
    return {name: named[name] for name in ORDER}


def read_settings() -> tuple[dict[str, Any], list[str]]:
    """Return what JupyterLab's settings say about the configuration, and a line about each that cannot be heeded.

    The user's own settings go before the administrator's ``overrides.json``. Nothing here fails: a kernel loads pplab whatever
    stands in those files. What another environment's JupyterLab was preset to is not found.

    Returns
    -------
    values : dict
        Entries of `PPLab` and their values.
    lines : list of str
        What is wrong, one line each.
    """
    values: dict[str, Any] = {}
    lines: list[str] = []
    for path, preset in _files():
        try:
            written = _parse(path.read_text("utf-8"))
            settings = written.get(PLUGIN, {}) if preset else written
            given = dict(settings.items())
        except OSError:  # there is none
            continue
        except (ValueError, AttributeError, RecursionError):
            lines.append(f'{path.name} cannot be read and is not heeded. write it like {{"model": "gpt-4o-mini"}}')
            continue
        for name, value in given.items():
            try:
                entry, value = _checked(name, value)  # noqa: PLW2901 - the same value, in the trait's type
            except BadInput as error:
                lines.append(f"{path.name}: {error.message}; it is not heeded. {error.hint}")
            else:
                if entry in PPLab.class_traits():
                    values[entry] = value
    return values, lines


def _files() -> Iterator[tuple[Path, bool]]:
    """Yield the files that may hold settings, the one that decides last, and whether each is an administrator's."""
    folder = os.environ.get("JUPYTERLAB_DIR")
    for application in [Path(folder)] if folder else reversed(data_folders("lab")):
        for found in json_files(application / "settings" / "overrides.d"):
            yield found, True
        yield application / "settings" / "overrides.json", True
    named, own = os.environ.get("JUPYTERLAB_SETTINGS_DIR"), own_config_folder()
    settings = Path(named) if named else own and own / "lab" / "user-settings"
    if settings:
        package, _, name = PLUGIN.partition(":")
        yield settings / package / f"{name}.jupyterlab-settings", False


def _parse(text: str) -> Any:
    """Return the value of JSON with the comments that JupyterLab writes, or of JSON5 where its parser is installed.

    Examples
    --------
    >>> _parse('{"model": "a // b", /* none */ "budget": 2,} // the end')
    {'model': 'a // b', 'budget': 2}
    """
    bare = text
    for pattern in (_COMMENT, _LAST_COMMA):
        bare = pattern.sub(lambda match: match[1] or "", bare)
    try:
        return json.loads(bare) if bare.strip() else {}
    except ValueError:
        try:
            from json5 import loads
        except ImportError:  # it comes with JupyterLab, which may be in another environment
            raise ValueError from None
        return loads(text)


def _checked(name: str, value: Any) -> tuple[str, Any]:
    """Return the name of the entry that a setting stands for, and the setting's value; refuse with the setting's own name."""
    traits = setting_traits()
    if name not in traits:
        raise BadInput(f"there is no setting {name!r}", hint=did_you_mean(name, traits) or f"known: {', '.join(traits)}")
    entry = str(traits[name].name)
    try:
        if entry not in PPLab.class_traits():
            return entry, getattr(FrontEnd(**{entry: value}), entry)
        configuration = PPLab()
        set_value(configuration, entry, value)
    except (BadInput, TraitError) as error:
        hint = error.hint if isinstance(error, BadInput) else str(error)
        raise BadInput(f"{name}={value!r} is not allowed", hint=hint) from None
    return entry, getattr(configuration, entry)
