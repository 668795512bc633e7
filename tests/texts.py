"""The texts that tests measure with: a part of each collection, kept here, and the whole where it lies beside it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

PART = Path(__file__).parent / "data" / "texts"
WHOLE = Path(__file__).parents[2] / "shared" / "data"
PAYLOAD = re.compile(r'"payload": ("(?:[^"\\]|\\.)*")')


def records(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of JSON lines, which may be compressed."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode("utf-8").split("\n") if line]


def ifeval() -> list[Any]:
    """Return the files of IFEval's prompts that are here: the part, and the whole."""
    return [path for path in (PART / "ifeval.jsonl", WHOLE / "metrics" / "ifeval.jsonl") if path.exists()]


def hostile() -> list[str]:
    """Return texts that attack whoever shows them."""
    folder = WHOLE / "security"
    if not folder.is_dir():
        return [text for texts in json.loads((PART / "hostile.json").read_text("utf-8")).values() for text in texts]
    dompurify = (folder / "dompurify_expect.mjs").read_text("utf-8")
    return [
        *json.loads((folder / "blns.json").read_text("utf-8")),
        *(folder / "payloadbox_xss.txt").read_text("utf-8").splitlines(),
        *map(_javascript_string, PAYLOAD.findall(dompurify)),
    ]


def _javascript_string(literal: str) -> str:
    as_json = re.sub(r"\\x([0-9a-fA-F]{2})", r"\\u00\1", literal).replace("\\'", "'")
    return str(json.loads(as_json, strict=False))
