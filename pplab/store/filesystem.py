"""What a lab needs of its file system (permission, room), and the words for what is missing. Nothing is stored here."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from pplab.errors import StoreError
from pplab.files import NO_LOCKS

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = "use a lab elsewhere: --store PATH or PPLAB_STORE"
NO_FOLDER_SYNC = frozenset({*NO_LOCKS, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR})
"""What systems answer where a folder cannot be synced; its names are then as safe as that system makes them."""

HINTS = {
    errno.ENOSPC: "free some space on the lab's disk; what was saved before is safe",
    getattr(errno, "EDQUOT", errno.ENOSPC): "your disk quota is used up: free some space; what was saved before is safe",
    errno.EFBIG: "the lab's files may not grow further: raise the limit with ulimit -f unlimited",
    errno.EMFILE: "this process may not open more files: raise the limit with ulimit -n 4096, or close some",
    errno.ENFILE: "the system has no file descriptors left: end some programs",
    errno.EROFS: f"the lab's file system is read-only: {ELSEWHERE}",
    errno.EACCES: f"ask its owner for chmod -R g+rwX on the lab's folder, or {ELSEWHERE}",
    errno.EPERM: f"ask its owner for chmod -R g+rwX on the lab's folder, or {ELSEWHERE}",
    errno.ENAMETOOLONG: "choose a shorter path",
}
OTHERWISE = "check the free space and the permissions of the lab's folder; what was saved before is safe"

WRITTEN = (
    "",
    "journal",
    "journal/sealed",
    "journal/damaged",
    "running",
    "lab.lock",
    "lab.duckdb",
    "lab.duckdb.wal",
    "ledger.jsonl",
)
"""What a lab writes to, relative to its folder, in the order in which it is named when it cannot be."""


def os_refusal(doing: str, error: OSError) -> StoreError:
    """Error for what the system refused, in its words, with what to do about it.

    Examples
    --------
    >>> str(os_refusal("the record was not saved", OSError(errno.EFBIG, "File too large")))
    "the record was not saved: File too large. the lab's files may not grow further: raise the limit with ulimit -f unlimited"
    """
    return StoreError(f"{doing}: {in_short(error)}", hint=advice(error))


def in_short(error: OSError) -> str:
    """Return the system's words and the file's name, without its folder."""
    where = f": '{os.path.basename(error.filename)}'" if isinstance(error.filename, str) else ""  # noqa: PTH119 - for a message
    return f"{error.strerror or error}{where}"


def advice(error: OSError) -> str:
    """Return what to do about something that the system refused."""
    return HINTS.get(error.errno or 0, OTHERWISE)


def cannot_be_written(why: str) -> StoreError:
    """Error of everything that would write to a lab that can only be read."""
    return StoreError(
        f"the lab cannot be written: {why}",
        hint=f"its results can be read; to write, ask its owner for chmod -R g+rwX on the lab's folder, or {ELSEWHERE}",
    )


def obstacle(folder: Path) -> str:
    """Return why a lab's folder cannot be written, or an empty string; this only looks and changes nothing.

    Everything a lab writes to is looked at, so that nothing is begun that another part of the lab would refuse.
    """
    if not os.path.lexists(folder):
        above = next((place for place in folder.parents if os.path.lexists(place)), folder)
        may = not above.is_dir() or _may(above, os.W_OK | os.X_OK)  # what is no folder is named when the lab's folder is made
        return "" if may else f"{_denied(above)}: the folder '{above.name or above}'"
    for name in WRITTEN:
        path = folder / name
        if os.path.lexists(path) and not _may(path, os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)):
            return f"{_denied(path)}: {name or 'its folder'}"
    return ""


def readable(path: Path) -> bool:
    """Return whether this process may read a file."""
    return _may(path, os.R_OK)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _denied(path: Path) -> str:
    with contextlib.suppress(OSError, AttributeError):  # not every system can say
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return os.strerror(errno.EROFS)
    return os.strerror(errno.EACCES)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; of what cannot be made whole, nothing is left behind.

    Raises
    ------
    StoreError
        Naming what the system refused.
    """
    created: list[Path] = []
    try:
        for place in (*reversed(folder.parents), folder):
            if not place.is_dir():
                with contextlib.suppress(FileExistsError):  # made by another process this moment, or no folder
                    place.mkdir()
                    created.append(place)
                if not place.is_dir():
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    except OSError as error:
        for place in reversed(created):
            with contextlib.suppress(OSError):  # somebody else has begun to use it
                place.rmdir()
        raise os_refusal("the lab's folder cannot be made", error) from None
