"""Folder where labs meet, on a disk or in an object store: the only use of fsspec, and the words for what it refuses.

Each lab has a folder of its own there, named by its id, into which it alone writes. A file is there whole or not at all: on a
disk it is written under another name and then moved, an object store puts it in one step.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from pplab.config.remotes import PACKAGES
from pplab.errors import PplabError, RemoteError
from pplab.store.filesystem import in_short
from pplab.store.shared_segments import is_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = ".part-"
"""How the name of a file begins that is still being written."""

WAITS = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}}
"""What botocore is told: a store that cannot be reached is named within seconds."""
LISTINGS = 50
"""How often a folder that changes is listed before a pull gives up."""
OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": WAITS}}


class RemoteFolder:
    """A remote that was opened; nothing is asked of it before the first method.

    Parameters
    ----------
    name
        Its name in the configuration.
    url
        A path, or the address of an object store (`pplab.config.remotes.check_remote_url`).

    Raises
    ------
    RemoteError
        When the package that reaches it is not installed.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        scheme, separator, _ = url.partition("://")
        self._is_store = bool(separator)
        try:
            import fsspec

            # an instance that fsspec remembers goes on with the keys and the endpoint of when it was made
            kind, fresh = scheme if separator else "file", {"use_listings_cache": False, "skip_instance_cache": True}
            self._fs = fsspec.filesystem(kind, **fresh, **OPTIONS.get(kind, {}))
        except ImportError:
            package = f"pplab[remote] {PACKAGES[scheme]}" if separator else "pplab[remote]"
            raise RemoteError(
                f"the remote '{name}' needs a package that is not installed",
                hint=f"pip install {' '.join(repr(part) if '[' in part else part for part in package.split())}",
            ) from None
        self._root = url.rstrip("/")

    def origins(self) -> list[str]:
        """Return the ids of the labs that pushed, in order."""
        with self._in_words("read"):
            if not self._is_store and not self._fs.isdir(self._root):
                raise RemoteError(
                    f"the remote '{self.name}' cannot be reached: its folder is not there",
                    hint="mount it, or make it where it should be; nothing here is lost",
                )
            try:
                entries = self._fs.ls(self._root, detail=False)
            except FileNotFoundError:  # an object store has no folder before something is in it
                if self._fs.exists(self._root.partition("://")[2].partition("/")[0]):
                    return []
                raise RemoteError(
                    f"the remote '{self.name}' cannot be read: there is no such bucket", hint="look at its address"
                ) from None
            return sorted(filter(is_origin, (entry.rstrip("/").rpartition("/")[2] for entry in entries)))

    def files(self, origin: str) -> dict[str, int]:
        """Return the files in the folder of an origin, with their sizes in bytes."""
        with self._in_words("read"):
            entries = self._entries(f"{self._root}/{origin}")
            return {e["name"].rpartition("/")[2]: int(e["size"] or 0) for e in entries if e["type"] == "file"}

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        """Return what lies in a folder; one on a disk is listed again where a file was moved while it was."""
        for _ in range(LISTINGS):
            try:
                entries: list[dict[str, Any]] = self._fs.ls(folder, detail=True)
            except FileNotFoundError:
                if self._is_store or not self._fs.isdir(folder):
                    return []
            else:
                return entries
        raise RemoteError(f"the remote '{self.name}' changes all the time", hint="try again")

    def read(self, origin: str, file: str, size: int) -> bytes | None:
        """Return a file, of a longer one than this no more than one byte beyond it; ``None`` where there is none."""
        path = f"{self._root}/{origin}/{file}"
        with self._in_words("read"):
            try:
                data: bytes = self._fs.cat_file(path, start=0, end=size + 1)
            except FileNotFoundError:
                return None
            except OSError:
                if self._fs.size(path):
                    raise
                return b""  # a store has no part of an empty file to give
            return data

    def write(self, origin: str, file: str, data: bytes) -> None:
        """Put a file into the folder of an origin, whole or not at all."""
        folder = f"{self._root}/{origin}"
        with self._in_words("written"):
            if self._is_store:
                self._fs.pipe_file(f"{folder}/{file}", data)
                return
            self._fs.makedirs(folder, exist_ok=True)
            part = f"{folder}/{PART}{os.getpid()}-{os.urandom(4).hex()}"
            try:
                with self._fs.open(part, "wb") as target:
                    target.write(data)
                self._fs.mv(part, f"{folder}/{file}")
            except BaseException:
                with contextlib.suppress(OSError):  # the next push removes it
                    self._fs.rm_file(part)
                raise

    def remove(self, origin: str, file: str) -> None:
        """Remove a file from the folder of an origin."""
        with self._in_words("written"):
            self._fs.rm_file(f"{self._root}/{origin}/{file}")

    @contextlib.contextmanager
    def _in_words(self, doing: str) -> Iterator[None]:
        """Turn whatever a file system or a library of a provider raises into one line."""
        try:
            yield
        except PplabError:
            raise
        except Exception as error:
            why = in_short(error) if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
            raise RemoteError(
                f"the remote '{self.name}' cannot be {doing}: {why or type(error).__name__}",
                hint="nothing here is lost: try again when it can be reached",
            ) from error
