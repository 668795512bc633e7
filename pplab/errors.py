"""Every exception of pplab: one family, each with a code, a hint and the correlation id of the operation that failed."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LIMIT = 600  # characters of a message or a hint; what a user gave may be megabytes long


class PplabError(Exception):
    """Something went wrong and pplab can say what and what to do.

    Parameters
    ----------
    message
        One line: what is wrong.
    hint
        One line: what to do next. May be empty.
    code
        A stable word for programs; each subclass has its own default.

    Attributes
    ----------
    code, hint : str
    correlation_id : str or None
        Set by the operation in which the error happened.

    Examples
    --------
    >>> error = PplabError("the lab is closed", hint="open it again with pplab.Lab()")
    >>> error.as_dict()["code"]
    'failed'
    """

    code = "failed"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        self.message = one_line(message)
        super().__init__(self.message)
        self.hint = one_line(hint)
        self.code = code or type(self).code
        self.correlation_id: str | None = None

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message

    def scrub(self, scrub: Callable[[str], str]) -> None:
        """Take keys out of the words."""
        self.message, self.hint = scrub(self.message), scrub(self.hint)
        self.args = (self.message,)

    def as_dict(self) -> dict[str, Any]:
        """Return the ``error`` part of the one result shape."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "correlation_id": self.correlation_id}


class BadInput(PplabError, ValueError):
    """What the user gave cannot be used; nothing was done."""

    code = "bad_input"
    exit_code = 2


class NotFound(PplabError, LookupError):
    """No record has this id or name."""

    code = "not_found"


class StoreError(PplabError):
    """The lab's files could not be read or written; what the journal acknowledged is safe."""

    code = "store"


class StoreBusy(StoreError):
    """The tables are held by another process for longer than a reader waits."""

    code = "store_busy"


class StoreTampered(StoreError):
    """Verification found altered, missing, inserted or reordered records."""

    code = "altered"


class RemoteError(PplabError):
    """A remote could not be reached, read or written; nothing in this lab is lost or changed by that."""

    code = "remote"


class ModelError(PplabError):
    """The model could not be reached or refused the request as a whole."""

    code = "model"


class Offline(ModelError):
    """A call would have opened a socket while ``PPLAB_OFFLINE=1`` is set, or has no recording to be answered from."""

    code = "offline"


class Interrupted(PplabError):
    """The user stopped it; what had arrived is kept."""

    code = "interrupted"
    exit_code = 130


def told_by(words: Mapping[str, Any]) -> PplabError:
    """Return the error that another process had, of the kind that it was there, from its `PplabError.as_dict`.

    Examples
    --------
    >>> told_by({"code": "bad_input", "message": "n=0 is out of range", "hint": ""})
    BadInput('n=0 is out of range')
    """
    kinds = [PplabError]
    for kind in kinds:  # grows by those below
        kinds += kind.__subclasses__()
    kind = next((kind for kind in kinds if kind.code == words["code"]), PplabError)
    return kind(words["message"], hint=words["hint"], code=words["code"])


def in_words(error: Exception, doing: str) -> PplabError:
    """Return ``error`` as one of ours; what the system refused says so, anything else is a defect of pplab.

    Examples
    --------
    >>> in_words(ZeroDivisionError("division by zero"), "summary").message
    'summary met an unexpected fault (ZeroDivisionError: division by zero)'
    """
    if isinstance(error, PplabError):
        return error
    if isinstance(error, OSError) and error.strerror:
        where = f": {Path(error.filename).name!r}" if isinstance(error.filename, (str, os.PathLike)) else ""
        return PplabError(f"{doing} failed: {error.strerror}{where}", hint="what was stored before is safe", code="system")
    return PplabError(
        f"{doing} met an unexpected fault ({type(error).__name__}: {error})",
        hint="this is a defect of pplab; please report it",
        code="internal",
    )


def one_line(text: str) -> str:
    r"""Return ``text`` in one line of at most `LIMIT` characters; what cannot be seen is written as its escape.

    Examples
    --------
    >>> one_line("unknown name 'a\nb\x00'")
    "unknown name 'a b\\x00'"
    """
    if len(text) > LIMIT:
        text = f"{text[: LIMIT - 120]} ... {text[-100:]}"
    if text.isprintable():
        return text
    shown = (c if c.isprintable() else " " if c in "\r\n\t\u2028\u2029\x0b\x0c\x85" else ascii(c)[1:-1] for c in text)
    return "".join(shown)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest known word, or an empty string.

    Examples
    --------
    >>> did_you_mean("temprature", ["temperature", "top_p"])
    "did you mean 'temperature'?"
    """
    near = difflib.get_close_matches(word[:60].lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""
