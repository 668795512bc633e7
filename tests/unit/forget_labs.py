"""Labs of which texts are forgotten: what they hold, and every byte of every file of theirs, packed ones unpacked."""

from __future__ import annotations

import gzip
import json
import zlib

from pplab.ids import new_id, now
from pplab.store.rows import CellRow

PROMPT = 'Tell a story about a "green" dragon\nwho lives in Löndon by the river.'
SYSTEM = "You are a terse pirate who likes rum, apples & salt."
NOTE = "Ada thinks that dragons deserve better."
STAYS = "Describe rain in the hills of the north."


def run(lab):
    """Return an experiment with everything that a person may write about it."""
    experiment = lab.run([PROMPT, "Hi"], n=2, sweep={"temperature": [0.2, 0.9]}, system=SYSTEM)
    experiment.label("dragons", note=NOTE)
    return lab.experiment(experiment.id)


def cell(source):
    """Return the record of a cell."""
    return CellRow(
        execution_id=new_id(), started_at=now(), user="ada", session_id="s", notebook=None, cell_id=None, execution_count=1,
        source_sha256="0" * 64, source=source, status="ok", error_type=None, duration_ns=1, operations=0,
        correlation_id="0" * 32, span_id="0" * 16,
    )  # fmt: skip


def texts(experiment):
    """Return the texts of an experiment that are long enough to be looked for."""
    return [PROMPT, SYSTEM, NOTE, *experiment.responses.text]


def forms(text):
    """Return the bytes by which a text is found: its beginning, its middle and its end, as they are and as JSON has them."""
    pieces = {text[:30], text[len(text) // 2 - 15 : len(text) // 2 + 15], text[-30:]}
    return {
        form.encode()
        for piece in pieces
        for form in (piece, json.dumps(piece)[1:-1], json.dumps(piece, ensure_ascii=False)[1:-1])
    }


def contents(folder):
    """Return the bytes of every file below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            try:
                found[str(path.relative_to(folder))] = gzip.decompress(data) if path.suffix == ".gz" else data
            except (OSError, EOFError, zlib.error):
                found[str(path.relative_to(folder))] = data
    return found


def holding(folder, searched, but=()):
    """Return the files below a folder that hold a piece of one of some texts, other than pieces of texts that stay."""
    stay = b"".join(form for text in but for form in (text.encode(), json.dumps(text).encode()))
    pieces = {piece for piece in set().union(*map(forms, searched)) if piece not in stay}
    return [name for name, data in contents(folder).items() if any(piece in data for piece in pieces)]
