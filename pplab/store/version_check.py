"""Check of the version of a lab's tables, for those who may read a lab but must not migrate it. Nothing is changed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pplab.errors import StoreError
from pplab.store.connect import Connection
from pplab.store.lease import LOCK, Lease
from pplab.store.migrate import migrations, missing_steps
from pplab.store.store import TABLES

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S: Final = 5.0
"""How long the check waits for a process that has the tables open."""


def check_version(folder: Path) -> None:
    """Refuse a lab whose tables were made by another version of pplab; one without tables is of this version.

    Raises
    ------
    StoreError
        When the tables are older or newer, or no lab's, in words for whoever looks at the lab.
    StoreBusy
        When another process has them open for longer than 5 seconds.
    """
    path = folder / TABLES
    if not path.exists():
        return
    lease = Lease(folder / LOCK)
    lease.acquire(WAIT_S, shared=True)
    try:
        connection = Connection(path, read_only=True)
        try:
            older = missing_steps(connection.cursor(), migrations(), path)
        finally:
            connection.close()
    finally:
        lease.release()
    if older:
        raise StoreError("the lab was written by an older pplab", hint="run %pplab in a notebook to bring its tables up to date")
