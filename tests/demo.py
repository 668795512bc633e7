"""Runs the tour headlessly, as a newcomer would, and says where its results are."""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
TOUR = ROOT / "notebooks" / "01_tour.ipynb"


def main() -> int:
    """Run the tour in its own folder and write what it showed to ``exports/demo``."""
    results = ROOT / "exports" / "demo"
    results.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(TOUR, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(results)}})
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, results / "01_tour.ipynb")
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter().from_notebook_node(notebook)
    (results / "01_tour.html").write_text(body, "utf-8")
    print("The tour ran. Its results:")
    for path in sorted(p for p in results.rglob("*") if p.is_file() and ".pplab" not in p.parts):
        print(f"  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
