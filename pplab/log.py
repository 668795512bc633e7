"""Log of errors that were handled where they could not be raised: one logger, ``pplab``, silent unless a handler is added."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pplab.errors import one_line
from pplab.secrets import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "pplab.log"
MAX_BYTES = 100_000  # bytes; then the file becomes the former one, of which there is one
MAX_LINES = 50  # lines of this process


def log_error(action: str, error: BaseException, *, lab: Path | None = None) -> None:
    """Log an error that is handled where it cannot be raised; ``lab`` is the folder of the one lab it is about, if it is.

    The line holds no key of an open lab or of the environment, or that looks like one, and no traceback, whose values nobody has
    looked at: what one lab's calls failed on can be told in another lab's log, and in this process.
    """
    logger = _logger()
    text = f"{action}: {type(error).__name__}: {error}{_place(error)}"
    scrubs: list[Callable[[str], str]] = [Scrubber(os.environ.get("OPENAI_API_KEY"))]
    scrubs += [handler.scrub for handler in tuple(logger.handlers) if isinstance(handler, LabLog)]
    for scrub in scrubs:
        text = scrub(text)
    logger.warning("%s", one_line(text), extra={"lab": lab})


def _place(error: BaseException) -> str:
    """Return where an error was raised: file and line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno})" if trace else ""  # noqa: PTH119 - no path


def thread(target: Callable[..., object], *args: object, name: str, daemon: bool = True) -> threading.Thread:
    """Return a thread, not started, that leaves a log line when an error ends it."""

    def run() -> None:
        try:
            target(*args)
        except BaseException as error:
            log_error(f"the thread {name} ended", error)
            raise

    return threading.Thread(target=run, name=name, daemon=daemon)


def recent_lines(folder: Path | None, limit: int = 5) -> list[str]:
    """Return the last lines of a lab's log and of this process, oldest first; without keys, if ``folder``'s lab wrote them."""
    lines = [line for handler in _logger().handlers if isinstance(handler, _MemoryHandler) for line in handler.lines]
    if folder is not None:
        lines += _read(folder / FILE)
    return sorted(dict.fromkeys(lines))[-limit:]  # every line begins with its time


def _read(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:  # there is none, or it may not be read: then there is nothing to show
        return []


def _logger() -> logging.Logger:
    logger = logging.getLogger("pplab")
    if not any(isinstance(handler, _MemoryHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
        logger.addHandler(_MemoryHandler())
    return logger


class _LineHandler(logging.Handler):
    """Writes each record as one line: time, process, level, message."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        text = record.getMessage()
        if text == self._last:  # what fails once a second, or for each of a thousand answers, is logged once
            return
        self._last = text
        at = datetime.fromtimestamp(record.created, UTC)
        try:
            self.write(f"{at:%Y-%m-%dT%H:%M:%S.%fZ} process {os.getpid()} {record.levelname.lower()}: {text}")
        except OSError:  # a log that cannot be written must not fail what it is about
            self._last = ""

    def write(self, line: str) -> None:
        """Keep a line."""
        raise NotImplementedError


class _MemoryHandler(_LineHandler):
    """The last lines of this process, also of labs that cannot be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=MAX_LINES)

    def write(self, line: str) -> None:
        """Keep a line."""
        self.lines.append(line)


class LabLog(_LineHandler):
    """The file ``pplab.log`` in a lab's folder, for what concerns this lab or no lab; it is open only while a line is written.

    Parameters
    ----------
    folder
        The lab's folder.
    scrub
        Removes the lab's secrets from what is logged while it is open.
    """

    def __init__(self, folder: Path, scrub: Callable[[str], str]) -> None:
        super().__init__()
        self._folder = folder
        self.scrub = scrub

    def begin(self) -> None:
        """Write from here on."""
        _logger().addHandler(self)

    def end(self) -> None:
        """Write no more."""
        _logger().removeHandler(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is about this lab, or about none."""
        return getattr(record, "lab", None) in (None, self._folder)

    def write(self, line: str) -> None:
        """Append a line; a file that has grown large becomes the former one."""
        path = self._folder / FILE
        if path.exists() and path.stat().st_size > MAX_BYTES:
            path.replace(path.with_name(f"{FILE}.1"))
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{line}\n")
