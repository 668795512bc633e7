"""The notebook that JupyterLab's launcher makes runs as it is, on fewer topics; `make soak` runs it in a kernel, too."""

from __future__ import annotations

from pathlib import Path

import nbformat

TEMPLATE = Path(__file__).parents[2] / "widgets" / "extension" / "experiment_notebook.json"


def test_the_cells_of_a_new_experiment_run_in_an_empty_folder_with_nothing_configured(shell, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    shown = {}
    for cell in nbformat.read(TEMPLATE, as_version=4).cells:
        if cell.cell_type == "code":
            assert shell.run_cell(cell.source).success, cell.source
            shown[cell.source] = capsys.readouterr().out
            if "topics" in shell.user_ns:
                shell.user_ns["topics"]["topic"] = shell.user_ns["topics"]["topic"][:3]
    assert (tmp_path / ".pplab").is_dir()
    assert "temperature" in shown["%pplab results"]
    assert "client.chat.completions.create" in shown["%pplab results --as python"]
