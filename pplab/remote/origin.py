"""Identity of a lab among others: an id that is made once, a name that people know it by, and the lock of its exchange."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.config.configuration import LAB_FOLDER
from pplab.files import write_atomically
from pplab.store.lease import Lease
from pplab.store.origin_chains import ORIGIN_FILE, stored_origin
from pplab.store.shared_segments import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pplab.context import LabContext

LOCK = "exchange.lock"
WAIT_S = 60.0
"""How long a push or pull waits for another one of the same lab."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A lab as others see it.

    Attributes
    ----------
    id
        32 hexadecimal digits, made with the first push and kept in ``origin.json``.
    name
        ``user@folder``; no two labs need differ in it.
    """

    id: str
    name: str


@contextlib.contextmanager
def exchanging(folder: Path, wait: float = WAIT_S) -> Iterator[None]:
    """Hold the exchange of a lab: one process at a time makes and takes its segments.

    Raises
    ------
    StoreBusy
        When another process holds it for longer than ``wait`` seconds.
    """
    lease = Lease(folder / LOCK)
    try:
        lease.acquire(wait)
        yield
    finally:
        lease.release()


def own_origin(context: LabContext) -> Origin:
    """Return the lab as others see it; its id is made where it has none. The caller holds the exchange."""
    folder = context.folder
    id_ = stored_origin(folder)
    if id_ is None:
        id_ = uuid.uuid4().hex
        write_atomically(folder / ORIGIN_FILE, (json.dumps({"origin": id_}) + "\n").encode())
    place = folder.parent if folder.name == LAB_FOLDER else folder
    name = "".join(c if c.isprintable() else "?" for c in f"{context.user}@{place.name}")
    return Origin(id_, name[:LONGEST_NAME])
