"""Labels of an experiment: the name, the tags and the note that a user gives it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pplab.errors import BadInput
from pplab.inputs.values import as_list

LONGEST_NAME = 120
LONGEST_TAG = 60
MOST_TAGS = 20
LONGEST_NOTE = 10_000


@dataclass(frozen=True, slots=True)
class Labels:
    """The name, the tags and the note of an experiment, checked.

    Of a change, ``None`` leaves what is there, and an empty name, note or list of tags takes it away.
    """

    name: str | None = None
    tags: tuple[str, ...] | None = None
    note: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.name, self.tags, self.note))


def check_labels(name: Any, tags: Any, note: Any) -> Labels:
    """Return checked labels, or raise `BadInput` in one line.

    Examples
    --------
    >>> check_labels("baseline", ["tone", "v2"], None)
    Labels(name='baseline', tags=('tone', 'v2'), note=None)
    """
    if name is not None and (not isinstance(name, str) or len(name) > LONGEST_NAME or not name.isprintable()):
        raise BadInput(f"name={name!r} cannot name an experiment", hint=f"use at most {LONGEST_NAME} printable characters")
    if note is not None and (not isinstance(note, str) or len(note) > LONGEST_NOTE or "\0" in note):
        raise BadInput("the note is no text, or too long", hint=f"write at most {LONGEST_NOTE:,} characters")
    if name == "latest":
        raise BadInput("'latest' is the latest experiment, whatever it is called", hint="give another name")
    return Labels(name and name.strip(), None if tags is None else _tags(tags), note and note.strip())


def _tags(tags: Any) -> tuple[str, ...]:
    listed = tags.split(",") if isinstance(tags, str) else as_list(tags)
    for tag in listed:
        if not isinstance(tag, str) or len(tag) > LONGEST_TAG or not tag.isprintable() or "," in tag:
            raise BadInput(f"{tag!r} is no tag", hint=f"use at most {LONGEST_TAG} printable characters without a comma")
    distinct = tuple(dict.fromkeys(tag.strip() for tag in listed if tag.strip()))
    if len(distinct) > MOST_TAGS:
        raise BadInput(f"an experiment cannot have {len(distinct)} tags", hint=f"give at most {MOST_TAGS}")
    return distinct
