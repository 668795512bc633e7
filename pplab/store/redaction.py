"""Redaction of journal lines: the texts of a record and their quotations give way to markers; a line keeps its length in bytes.

Since no line changes its length, everything that counts bytes of journals (the drain log, what was pushed, who listens) stays
right. Room that a marker leaves is filled with spaces behind the record, which every reader of JSON passes over.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from pplab.store.forgotten import TINY, has_marker, is_marker, marker, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pplab.store.forget_target import ForgetTarget
    from pplab.store.forgotten import Stamp

SHORTEST = 12
"""Characters that a text must have to be looked for in other records: a shorter one says nothing by being there."""
CUT = 40
"""Characters of the beginning of a text that count as a quotation of it: errors and previews show the first ones."""

QUOTING = frozenset({"cell", "event", "metric", "label", "export", "batch"})
"""Records in which quotations are looked for wherever they stand; of other experiments' own records none is changed."""


class Quotations:
    """Finds texts, their lines and their beginnings in other texts, also as they stand in JSON, in code and in HTML.

    Parameters
    ----------
    texts
        What to look for.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._forms: dict[str, list[tuple[str, str]]] = {}
        for text in texts:
            pieces = [text, text.strip(), *(line.strip() for line in text.splitlines() if len(line.strip()) >= CUT)]
            for form in {form for piece in pieces if len(piece) >= SHORTEST for form in _written(piece)}:
                self._forms.setdefault(form[:SHORTEST], []).append((form, text))

    def replaced(self, text: str, stamp: Stamp) -> str:
        """Return a text with markers in the place of quotations."""
        parts, end = [], 0
        for start, stop, quoted in self._found(text):
            parts += [text[end:start], marker(quoted, stamp, size(text[start:stop]))]
            end = stop
        return "".join([*parts, text[end:]]) if parts else text

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        start, last, known = 0, len(text) - SHORTEST, self._forms
        while start <= last:
            forms = known.get(text[start : start + SHORTEST])
            if forms is None:
                start += 1
                continue
            length, quoted = max((_common(text, start, form), quoted) for form, quoted in forms)
            if length:
                yield start, start + length, quoted
            start += length or 1


def _written(text: str) -> set[str]:
    """Return the ways in which a text stands in other texts."""
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {text, *escaped, *(json.dumps(form)[1:-1] for form in escaped), html.escape(text), html.escape(text, quote=False)}


def _common(text: str, start: int, form: str) -> int:
    """Return how much of a form stands at a place of a text: all of it, a beginning that is long enough, or nothing."""
    if text.startswith(form, start):
        return len(form)
    length = SHORTEST
    while length < len(form) and start + length < len(text) and text[start + length] == form[length]:
        length += 1
    return length if length >= CUT else 0


class Redaction:
    """The redaction of one forgetting: what belongs to its target is replaced whole, elsewhere what is quoted.

    Parameters
    ----------
    target
        What is forgotten.
    texts
        Its texts, as `texts_of` found them in all lines.
    stamp
        When, and by whom.
    """

    def __init__(self, target: ForgetTarget, texts: Iterable[str], stamp: Stamp) -> None:
        self.target = target
        self.stamp = stamp
        self._quotations = Quotations(texts)

    def line(self, line: bytes) -> bytes:
        """Return a line, without its newline, as it is to stand there; the same where nothing of it is forgotten."""
        try:
            parsed = json.loads(line)
            kind, record = parsed["k"], parsed["r"]
            own = list(self.target.texts(kind, record))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return b" " * len(line) if self.target.is_named_in(line) else self.anything(line)
        for container, key in own:
            container[key] = marker(container[key], self.stamp)
        if own or kind in QUOTING:
            parsed["r"] = self._quoted(record)
        if not own and parsed["r"] == record:
            return line
        redacted = json.dumps(parsed, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return redacted.ljust(len(line)) if redacted.rstrip() != line.rstrip() else line

    def anything(self, data: bytes) -> bytes:
        """Return bytes that are no record with markers in the place of quotations."""
        text = data.decode("utf-8", "surrogateescape")
        replaced = self._quotations.replaced(text, self.stamp)
        return data if replaced == text else replaced.encode("utf-8", "surrogateescape").ljust(len(data))

    def _quoted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._quotations.replaced(value, self.stamp)
        if isinstance(value, dict):
            return {self._quotations.replaced(name, self.stamp): self._quoted(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._quoted(item) for item in value]
        return value


def only_forgotten(before: bytes, after: bytes) -> bool:
    """Return whether two lines differ in nothing but texts, of which the second has markers in the place of some."""
    if before == after:
        return True
    try:
        return len(before) == len(after) and _only_forgotten(json.loads(before), json.loads(after))
    except (ValueError, RecursionError):
        return False


def _only_forgotten(before: Any, after: Any) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        return before == after or has_marker(before) or has_marker(after) or after in TINY
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_only_forgotten(before[name], after[name]) for name in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_only_forgotten, before, after))
    return type(before) is type(after) and bool(before == after)


def merged_line(here: bytes, there: bytes) -> bytes:
    """Return a line of which something was forgotten here and something there, and in which neither stands."""
    if here == there:
        return there
    old, new = json.loads(here), json.loads(there)
    merged = _merged(old, new)
    return there if merged == new else json.dumps(merged, ensure_ascii=False, separators=(",", ":")).encode().ljust(len(there))


def _merged(here: Any, there: Any) -> Any:
    if isinstance(here, str):
        return here if has_marker(here) and not is_marker(there) else there
    if isinstance(here, dict):
        return {name: _merged(value, there[name]) for name, value in here.items()}
    if isinstance(here, list):
        return list(map(_merged, here, there))
    return there
