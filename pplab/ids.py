"""The one clock and the one source of identifiers."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%f"
NAMESPACE = uuid.UUID("8f2c1f7e-6c0b-5f0e-9b5e-2f1d0c7a9b11")


def now() -> str:
    """Return the present instant as ISO 8601 UTC text with microseconds and no offset."""
    return datetime.now(UTC).strftime(TIME_FORMAT)


def new_id() -> str:
    """Return a fresh UUID (version 4) as text."""
    return str(uuid.uuid4())


def derived_id(*parts: object) -> str:
    """Return the UUID (version 5) that belongs to these parts: the same parts give the same id in every process."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(map(str, parts))))


def new_trace_id() -> str:
    """Return a W3C trace id: 16 random bytes in hexadecimal (https://www.w3.org/TR/trace-context/)."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """Return a W3C span id: 8 random bytes in hexadecimal."""
    return os.urandom(8).hex()
