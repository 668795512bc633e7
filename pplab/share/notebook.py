"""The notebook in a package, which verifies it, shows it, and runs it again from its recording, without a key or a network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pplab.share.crate import description

if TYPE_CHECKING:
    from pplab.share.package_contents import PackageContents

OPEN = """\
import os

os.environ["PPLAB_STORE"] = ":temp:"  # a lab that ends with this notebook
os.environ["PPLAB_OFFLINE"] = "1"  # no model is asked: every answer comes from the recording
%load_ext pplab"""


def replay_notebook(contents: PackageContents) -> str:
    """Return ``replay.ipynb`` as text; run in the folder the package was unpacked to."""
    cells = [
        _markdown("title", f"# Replay\n\n{description(contents)}. Run all cells: no key and no network are needed."),
        _code("open", OPEN),
        _markdown("verify-words", "Was anything altered since it was exported?"),
        _code("verify", "%pplab verify ."),
        _markdown("replay-words", "Does the present code compute the same scores for the stored answers?"),
        _code("replay", "%pplab replay ."),
        _markdown("import-words", "The experiment as its author saw it."),
        _code("import", "%pplab import ."),
        _code("results", "%pplab results"),
        _markdown("check-words", "Run the same plan again, with every call answered from the recording in the package."),
        _code("record", "%pplab record recordings/calls.jsonl"),
        *(_code(f"check-{n}", f"%pplab check {e.experiment_id}") for n, e in enumerate(contents.experiments, 1)),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def _code(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "id": name, "metadata": {}, "outputs": [], "source": text}
