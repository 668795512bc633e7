"""Whether Jupyter, as installed with this Python, has our two extensions: read from its files, with none of them imported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pplab.config.jupyter_folders import config_folders, data_folders, json_files

if TYPE_CHECKING:
    from pathlib import Path

SERVER: Final = "pplab.server"
FRONT_END: Final = "pplab"
INSTALL: Final = "not installed here (pip install 'pplab[lab]'); the widgets work without it"


def server_extension() -> str:
    """Return the state of the server extension in words, as ``jupyter server extension list`` has it."""
    enabled: bool | None = None
    for folder in reversed(config_folders()):
        above = [*json_files(folder / "jupyter_server_config.d"), folder / "jupyter_server_config.json"]
        for path in above:  # what is read later goes before
            said = _read(path).get("ServerApp", {}).get("jpserver_extensions", {})
            enabled = said.get(SERVER, enabled) if isinstance(said, dict) else enabled
    if enabled is None:
        return INSTALL
    return f"{SERVER} is enabled" if enabled else f"{SERVER} is disabled; run: jupyter server extension enable {SERVER}"


def lab_extension() -> str:
    """Return the state of the JupyterLab extension in words, as ``jupyter labextension list`` has it."""
    places = (folder / FRONT_END / "package.json" for folder in data_folders("labextensions"))
    found = next((said for place in places if (said := _read(place))), None)
    if found is None:
        return INSTALL
    disabled = False
    for folder in reversed(config_folders()):
        said = _read(folder / "labconfig" / "page_config.json").get("disabledExtensions", {})
        listed = dict.fromkeys(said, True) if isinstance(said, list) else said
        disabled = listed.get(FRONT_END, disabled) if isinstance(listed, dict) else disabled
    words = f"{FRONT_END} {found.get('version', '')}".strip()
    return f"{words} is disabled; run: jupyter labextension enable {FRONT_END}" if disabled else f"{words} is enabled"


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):  # there is none, or Jupyter cannot read it either, and says so when it starts
        return {}
    return said if isinstance(said, dict) else {}
