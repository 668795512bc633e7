"""The training text of the embedded model as records: topics with their keywords, and passages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Topic:
    """One file of the training text: what prompts about it say, and what good answers look like."""

    name: str
    keywords: tuple[str, ...]
    passages: tuple[str, ...]


_HEAD = "# keywords:"
_LIST_STARTS = ("- ", "* ", "1. ")


def read_topics() -> tuple[Topic, ...]:
    """Return the topics shipped with the package, sorted by name."""
    folder = resources.files(__package__) / "corpus"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".txt")), key=lambda f: f.name)
    return tuple(parse_topic(f.name.removesuffix(".txt"), f.read_text(encoding="utf-8")) for f in files)


def parse_topic(name: str, text: str) -> Topic:
    r"""Return the topic written in ``text``: a line ``# keywords: a, b``, then passages between blank lines.

    A passage may hold blank lines of its own only around its list and under its heading: a block that begins a list
    belongs to the passage whose last line ends in a colon or is a heading.

    Examples
    --------
    >>> parse_topic("tea", "# keywords: tea, cup\n\nWarm the pot.\n\nYou need:\n\n- a cup").passages
    ('Warm the pot.', 'You need:\n\n- a cup')
    """
    head, _, body = text.partition("\n")
    if not head.startswith(_HEAD):
        raise ValueError(f"the first line of the topic '{name}' must start with '{_HEAD}'")
    keywords = tuple(word.strip().lower() for word in head.removeprefix(_HEAD).split(",") if word.strip())
    passages: list[str] = []
    for block in (b.strip("\n") for b in body.split("\n\n")):
        if not block:
            continue
        if passages and _belongs_together(passages[-1], block):
            passages[-1] += "\n\n" + block
        else:
            passages.append(block)
    return Topic(name, keywords, tuple(passages))


def _belongs_together(passage: str, block: str) -> bool:
    last_line = passage.rsplit("\n", 1)[-1]
    return last_line.startswith("#") or (last_line.endswith(":") and block.startswith(_LIST_STARTS))


def fingerprint() -> str:
    """Return twelve hexadecimal digits that change with the training text or with the code of this room."""
    digest = hashlib.sha256()
    here = resources.files(__package__)
    for folder, ending in ((here, ".py"), (here / "corpus", ".txt")):
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(ending):
                digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
