"""A kernel and the user's JupyterLab settings: heeded when the extension is loaded, named by ``%pplab config``."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write(**settings):
    """Write the user's settings as JupyterLab keeps them."""
    folder = Path(os.environ["JUPYTERLAB_SETTINGS_DIR"], "pplab")
    folder.mkdir(parents=True)
    (folder / "settings.jupyterlab-settings").write_text("// ours\n" + json.dumps(settings), "utf-8")


def test_a_kernel_obeys_the_settings_and_config_names_them(shell, capsys):
    write(concurrency=3)
    shell.run_cell("%load_ext pplab")
    extension = shell.magics_manager.registry["PPLabMagics"].extension
    assert extension.lab().run("hi", n=1, parameters={"max_tokens": 3}).plan.max_concurrency == 3
    shell.run_line_magic("pplab", "config --json")
    data = json.loads(capsys.readouterr().out)["data"]
    assert (data["max_concurrency"], data["sources"]["max_concurrency"]) == (3, "JupyterLab's settings")
    assert data["sources"]["deadline"] == "default"
    assert "JupyterLab's settings" in repr(shell.run_cell("%pplab config").result)


def test_a_bad_setting_is_told_in_one_line_and_the_extension_loads(shell, capsys):
    write(concurrency=0)
    assert shell.run_cell("%load_ext pplab").success
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "concurrency=0" in line] == said
    assert len(said) == 1
