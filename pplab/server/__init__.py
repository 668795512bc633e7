"""The server extension: a way in that shows the labs below a Jupyter server's root folder, without a kernel."""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return what jupyter_server loads of this package."""
    from pplab.server.application import PPLabServer

    return [{"module": "pplab.server", "app": PPLabServer}]
