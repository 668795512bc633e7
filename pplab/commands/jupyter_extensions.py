"""Whether Jupyter, as installed with this Python, has our two extensions: read from its files, with none of them imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER: Final = "pplab.server"
FRONT_END: Final = "pplab"
INSTALL: Final = "not installed here (pip install 'pplab[lab]'); the widgets work without it"


def server_extension() -> str:
    """Return the state of the server extension in words, as ``jupyter server extension list`` has it."""
    enabled: bool | None = None
    for folder in _config_folders():
        above = [*sorted((folder / "jupyter_server_config.d").glob("*.json")), folder / "jupyter_server_config.json"]
        for path in above:  # what is read later goes before
            said = _read(path).get("ServerApp", {}).get("jpserver_extensions", {})
            enabled = said.get(SERVER, enabled) if isinstance(said, dict) else enabled
    if enabled is None:
        return INSTALL
    return f"{SERVER} is enabled" if enabled else f"{SERVER} is disabled; run: jupyter server extension enable {SERVER}"


def lab_extension() -> str:
    """Return the state of the JupyterLab extension in words, as ``jupyter labextension list`` has it."""
    from jupyter_core.paths import jupyter_path

    places = (Path(folder) / FRONT_END / "package.json" for folder in jupyter_path("labextensions"))
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return INSTALL
    disabled = False
    for folder in _config_folders():
        said = _read(folder / "labconfig" / "page_config.json").get("disabledExtensions", {})
        listed = dict.fromkeys(said, True) if isinstance(said, list) else said
        disabled = listed.get(FRONT_END, disabled) if isinstance(listed, dict) else disabled
    version = _read(found).get("version", "")
    words = f"{FRONT_END} {version}".strip()
    return f"{words} is disabled; run: jupyter labextension enable {FRONT_END}" if disabled else f"{words} is enabled"


def _config_folders() -> Iterator[Path]:
    """Yield the folders of Jupyter's configuration; what stands in a later one goes before."""
    from jupyter_core.paths import jupyter_config_path

    yield from map(Path, reversed(jupyter_config_path()))


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):  # there is none, or Jupyter cannot read it either, and says so when it starts
        return {}
    return said if isinstance(said, dict) else {}
