"""The reader of text that a user hands in: files and standard input, decoded, with line ends as in Python, or refused."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING

from pplab.errors import BadInput
from pplab.inputs.paths import given_path

if TYPE_CHECKING:
    from os import PathLike

MARKS = {  # the longer ones first: the mark of UTF-32 begins as that of UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NOT_TEXT = {
    b"PK\x03\x04": "a zip",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls)",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed (gzip)",
    b"SQLite format 3": "an SQLite database",
    b"{\\rtf": "rich text (RTF)",
}


def read_text(path: str | PathLike[str], *, what: str = "the file", limit: int | None = None) -> str:
    """Return the text of a file that a user named.

    Parameters
    ----------
    path
        The file.
    what
        The noun for it in an error, such as ``the prompt file``; its name follows.
    limit
        The most bytes that are read.

    Raises
    ------
    BadInput
        When there is no such file, it is too large, or it is no text in UTF-8 (or in UTF-16 or UTF-32 with a mark).
    """
    file = given_path(path, what, "give the path of a text file")
    named = f"{what} '{file.name}'"
    try:
        if limit is not None and file.stat().st_size > limit:
            raise BadInput(f"{named} is larger than {limit / 1e6:g} MB", hint="shorten it")
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"{named} cannot be read: {reason}", hint="check the path; it must be a text file") from None
    return decode(data, named, "CSV UTF-8" if file.suffix.lower() in (".csv", ".tsv") else "UTF-8")


def decode(data: bytes, named: str, save_as: str = "UTF-8") -> str:
    r"""Return bytes as text: a byte-order mark is taken off, and every line ends with ``\n``.

    Parameters
    ----------
    data
        The bytes as read.
    named
        Its name in an error.
    save_as
        The encoding that the hint tells the user to save it in.

    Examples
    --------
    >>> decode(b"\xef\xbb\xbfSay hello.\r\n", "the file")
    'Say hello.\n'
    """
    for beginning, kind in NOT_TEXT.items():
        if data.startswith(beginning):
            content = "an Excel workbook (.xlsx)" if kind == "a zip" and b"xl/" in data else kind
            raise BadInput(f"{named} is {content}, not text", hint=f"save it as {save_as}")
    coding = next((coding for mark, coding in MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        if not coding.startswith("utf-8"):
            raise BadInput(
                f"{named} is not UTF-8: it begins as {coding.upper()}, but cannot be read as such",
                hint=f"save it as {save_as}",
            ) from None
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{named} is not UTF-8 (perhaps Windows-1252)", hint=f"save it as {save_as}; line {line:,} cannot be read as it is"
        ) from None
    if coding == "utf-8" and _looks_like_utf16(data):
        raise BadInput(f"{named} is not UTF-8 (perhaps UTF-16 without its mark)", hint=f"save it as {save_as}")
    return io.StringIO(text.lstrip("\ufeff"), newline=None).read()


def _looks_like_utf16(data: bytes) -> bool:
    """Return whether every other byte is zero, as in western text that is saved as UTF-16."""
    beginning = data[: min(len(data) & ~1, 200)]
    return len(beginning) > 1 and (not any(beginning[::2]) or not any(beginning[1::2]))
