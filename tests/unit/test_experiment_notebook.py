"""The notebook that JupyterLab's launcher makes: it runs as it is, with nothing configured, and says what to use."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

TEMPLATE = Path(__file__).parents[2] / "widgets" / "extension" / "experiment_notebook.json"


def test_the_template_is_a_valid_notebook_without_outputs():
    notebook = nbformat.read(TEMPLATE, as_version=4)
    nbformat.validate(notebook)
    assert [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []


@pytest.mark.soak
def test_it_runs_as_it_is_in_an_empty_folder(tmp_path, monkeypatch):
    for name in ("PPLAB_STORE", "PPLAB_MODEL", "PPLAB_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY", "PPLAB_RECORDING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    notebook = nbformat.read(TEMPLATE, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = {cell.source.splitlines()[0].split(" --n")[0]: _texts(cell) for cell in notebook.cells if cell.cell_type == "code"}
    assert (tmp_path / ".pplab").is_dir()
    assert "temperature" in shown["%pplab results"]
    assert "client.chat.completions.create" in shown["%pplab results --as python"]


def _texts(cell):
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs if output)
