"""Runs the notebooks as a newcomer would: ``demo`` says where the tour's results are, ``store`` keeps what every notebook shows.

``record`` has the small model answer the tour and the migration anew, and keeps its answers beside each notebook.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
TOUR = NOTEBOOKS / "01_tour.ipynb"
RECORDING = NOTEBOOKS / "recordings" / "tour.jsonl"
MIGRATION = NOTEBOOKS / "regression" / "migrate.ipynb"
RECORDINGS = {TOUR: RECORDING, MIGRATION: MIGRATION.parent / "recordings" / "migrate.jsonl"}
MODEL_PORT = 8080  # the endpoint of both
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def execute(path: Path, folder: Path, timeout: int = 300) -> nbformat.NotebookNode:
    """Return the notebook as it is after a run in ``folder``, without widget state: its static forms say everything."""
    notebook = nbformat.read(path, as_version=4)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return notebook


def demo() -> int:
    """Run the tour in ``exports/demo`` and name what it left there."""
    results = ROOT / "exports" / "demo"
    results.mkdir(parents=True, exist_ok=True)
    shutil.copytree(RECORDING.parent, results / RECORDING.parent.name, dirs_exist_ok=True)
    notebook = execute(TOUR, results)
    nbformat.write(notebook, results / TOUR.name)
    body, _ = HTMLExporter().from_notebook_node(notebook)
    (results / f"{TOUR.stem}.html").write_text(body, "utf-8")
    print("The tour ran. Its results:")
    for path in sorted(p for p in results.rglob("*") if p.is_file() and ".pplab" not in p.parts):
        print(f"  {path.relative_to(ROOT)}")
    return 0


def store() -> int:
    """Run every notebook in its own folder and write its outputs into it."""
    for path in sorted(p for p in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts):
        nbformat.write(execute(path, path.parent), path)
        print(path.relative_to(ROOT))
    return 0


def record() -> int:
    """Run the notebooks that ask the small model with it behind its endpoint, and keep every answer."""
    sys.path.insert(0, str(ROOT))
    from tests.servers.small_model import SmallModel

    with tempfile.TemporaryDirectory() as folder, SmallModel(Path(folder) / "log.txt", MODEL_PORT):
        for path, recording in RECORDINGS.items():
            recording.unlink(missing_ok=True)
            execute(path, path.parent, timeout=3600)
            print(recording.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit({"demo": demo, "store": store, "record": record}[sys.argv[1]]())
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
