"""Removes keys from text: by value, in the forms a key travels in, and by the patterns that keys are known by."""

from __future__ import annotations

import base64
import re
import string
from typing import NoReturn, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

MASK = "[secret]"
WINDOW = 24  # any run of this many characters of a key counts as the key
ANCHOR = 8
PATTERN_LENGTH = 19  # the shortest text that PATTERN finds

# Public prefixes of provider keys; each is followed by enough random characters to leave ordinary prose alone. "sk-" must begin
# a word, or follow an escape in a line of JSON, and hold a digit: "risk-management" and "sk-learn-compatible" are words.
PATTERN = re.compile(
    r"(?:(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))sk-(?=[A-Za-z_-]{0,80}[0-9])[A-Za-z0-9_-]{16,}"
    r"|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}"
    r"|xai-[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}|AIza[0-9A-Za-z_-]{35}|xox[abprs]-[A-Za-z0-9-]{20,}|github_pat_[A-Za-z0-9_]{40,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
)
URL_CREDENTIALS = re.compile(r"""(?<=://)[^\s/@:"'<>\\]{0,200}:[^\s/@"'<>\\]{1,500}(?=@)""")
KEY_CHARACTERS = frozenset(string.ascii_letters + string.digits + "+/=_-.%~")


class Scrubber:
    """Replaces secrets in text by ``[secret]``.

    A secret is found as it is, reversed, in hexadecimal, in base64 (standard and URL-safe, at any alignment), percent-encoded,
    and by any 24 consecutive characters of one of these forms. Text that looks like a provider's key, and user and password in a
    URL, are replaced even if they were never added.

    The time is linear in the text. Ordinary text costs about a nanosecond a character, because secrets are only looked for
    in unbroken runs of the characters that keys are made of.

    Parameters
    ----------
    *values
        Known secrets. Values shorter than 8 characters are ignored: they would mask ordinary words.

    Examples
    --------
    >>> Scrubber("my-secret-value-1234567890")("the key is my-secret-value-1234567890.")
    'the key is [secret].'
    """

    def __init__(self, *values: str | None) -> None:
        self._forms: dict[str, None] = {}
        self._anchors: dict[str, list[tuple[str, int]]] = {}
        self._search: re.Pattern[str] | None = None
        self._shortest = PATTERN_LENGTH
        self._table = _table(KEY_CHARACTERS)
        for value in values:
            self.add(value)

    def add(self, value: str | None) -> None:
        """Learn one more secret."""
        if not value or len(value) < ANCHOR or value in self._forms:
            return
        for form in _forms(value):
            if form in self._forms:
                continue
            self._forms[form] = None
            for at in range(0, len(form) - ANCHOR + 1, ANCHOR):
                self._anchors.setdefault(form[at : at + ANCHOR], []).append((form, at))
        self._search = re.compile("|".join(re.escape(anchor) for anchor in self._anchors))
        self._shortest = min(PATTERN_LENGTH, *map(len, self._forms))
        self._table = _table(KEY_CHARACTERS.union(*self._forms))

    def __call__(self, text: str) -> str:
        """Return ``text`` with every secret masked."""
        if self._suspect(text):
            if self._search is not None:
                text = self._mask_known(text)
            text = PATTERN.sub(MASK, text)
        return URL_CREDENTIALS.sub(MASK, text) if "@" in text and "://" in text else text

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Scrubber holds keys, which are never written to a file or sent to another process")

    def _suspect(self, text: str) -> bool:
        """Return whether some run of key characters in ``text`` is worth a full search."""
        marked = text.encode("latin-1", "replace").translate(self._table)  # one byte a character: 1 if it may be in a key
        wanted = b"\1" * self._shortest
        end = 0
        while (start := marked.find(wanted, end)) >= 0:
            end = marked.find(b"\0", start)
            end = len(marked) if end < 0 else end
            if PATTERN.search(text, start, end) or (self._search is not None and self._search.search(text, start, end)):
                return True
        return False

    def _mask_known(self, text: str) -> str:
        assert self._search is not None
        out, done, start = [], 0, 0
        while hit := self._search.search(text, start):
            span = self._widest(text, hit)
            if span is None:
                start = hit.start() + 1
                continue
            out += [text[done : max(done, span[0])], MASK]
            done = start = span[1]
        return "".join([*out, text[done:]])

    def _widest(self, text: str, hit: re.Match[str]) -> tuple[int, int] | None:
        """Return where the longest run around ``hit`` that a secret's form contains begins and ends, if it is long enough."""
        best: tuple[int, int] | None = None
        for form, at in self._anchors[hit.group()]:
            low, left = hit.start(), at
            while low > 0 and left > 0 and text[low - 1] == form[left - 1]:
                low, left = low - 1, left - 1
            high, right = hit.end(), at + ANCHOR
            while high < len(text) and right < len(form) and text[high] == form[right]:
                high, right = high + 1, right + 1
            if high - low >= min(WINDOW, len(form)) and (best is None or high - low > best[1] - best[0]):
                best = (low, high)
        return best


def _table(characters: frozenset[str]) -> bytes:
    """Return the table that makes each Latin-1 byte 1 if it is one of ``characters`` and 0 if not."""
    marks = bytearray(256)
    for byte in "".join(characters).encode("latin-1", "replace"):  # what Latin-1 has not stands as "?" here and in the text
        marks[byte] = 1
    return bytes(marks)


def _forms(value: str) -> list[str]:
    raw = value.encode("utf-8", "surrogatepass")
    forms = [value, value[::-1], raw.hex(), raw.hex().upper(), quote(value, safe="")]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        # The characters at both ends mix in neighbouring bytes; those between are the same at this alignment.
        body = coded[(0, 2, 3)[shift] :].decode().rstrip("=")
        body = body[: len(body) - (1 if (shift + len(raw)) % 3 else 0)]
        forms += [body, body.replace("+", "-").replace("/", "_")]
    return [form for form in dict.fromkeys(forms) if len(form) >= ANCHOR]


def split_credentials(url: str) -> tuple[str, list[str]]:
    """Return ``url`` without user and password, and the secrets that stood in it."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, []
    user, _, host = parts.netloc.rpartition("@")
    credentials = [unquote(piece) for piece in (user, *user.split(":", 1)) if piece]
    return urlunsplit(parts._replace(netloc=host)), credentials
