"""A server extension made of tables, which stands in the page in the place of the real one: any number of rows, any failure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route, WebSocketRoute

API = re.compile(r"/pplab/api/(.*)")
CHANGES = re.compile(r"/pplab/api/labs/([^/]+)/changes")
VIEWS = re.compile(r"/pplab/api/labs/[^/]+/views/")


def lab(path: str = "work/.pplab", **changes: Any) -> dict[str, Any]:
    """Return a record of ``GET labs``."""
    name = path.removesuffix("/.pplab").rpartition("/")[2]
    known = {"experiments": 0, "running": 0, "spent_today": 0.0, "model": "qwen3:8b", "endpoint": "local"}
    return {"lab": path, "name": name, "readable": True, "note": ""} | known | changes


def experiment(number: int, **changes: Any) -> dict[str, Any]:
    """Return a record of ``GET labs/{lab}/experiments``."""
    row = {
        "id": f"0192f0c1-0000-7000-8000-{number:012d}",
        "name": "",
        "created_at": f"2026-11-{1 + number % 28:02d}T14:{number % 60:02d}:00Z",
        "status": "completed",
        "prompt": f"List six ideas for a picnic, number {number}.",
        "prompts": 8,
        "models": ["qwen3:8b"],
        "planned": 48,
        "answers": 48,
        "cost": 0.12,
        "verdict": "Use temperature 0.7: the best of the 3 for your balance (95% sure).",
    }
    return row | changes


def run(**changes: Any) -> dict[str, Any]:
    """Return a record of ``GET labs/{lab}/runs``."""
    asked = {"id": "0192f0c1-0000-7000-8000-000000000000", "prompt": "List six ideas for a picnic.", "own": True}
    model = {"model": "qwen3:8b", "endpoint": "local"}
    figures = {"done": 120, "planned": 600, "failed": 0, "cost": 0.42, "rate": 60.0, "until": None}
    return {"status": "running"} | asked | model | figures | changes


class FakeLabs:
    """The addresses below ``pplab/api/`` of one page.

    Attributes
    ----------
    labs, experiments, runs, calibrations, packages
        What there is; all but the first by the lab's path.
    orders : list
        The orders that were given: lab, run and order.
    missing : bool
        Answer as a server without pplab does.
    refusal : str
        What every request is refused with, if anything.
    """

    def __init__(self, page: Page) -> None:
        self.labs: list[dict[str, Any]] = []
        self.experiments: dict[str, list[dict[str, Any]]] = {}
        self.runs: dict[str, list[dict[str, Any]]] = {}
        self.calibrations: dict[str, list[dict[str, Any]]] = {}
        self.packages: dict[str, list[dict[str, Any]]] = {}
        self.orders: list[tuple[str, str, str]] = []
        self.missing = False
        self.refusal = ""
        self._sockets: dict[str, list[WebSocketRoute]] = {}
        page.route(API, self._answer)
        page.route_web_socket(CHANGES, self._connect)
        page.route_web_socket(VIEWS, lambda socket: None)  # opens, and shows nothing

    def changed(self, lab: str, *, experiments: bool = True, spent_today: float = 0.0) -> None:
        """Say that the lab changed, as the server does."""
        self._say(lab, self._frame(lab, experiments, spent_today))

    def ended(self, lab: str, **run: Any) -> None:
        """Say that a run ended, as the server does."""
        known = {"id": "0192f0c1-0000-7000-8000-000000000000", "status": "completed", "reason": "", "prompt": "List six ideas."}
        self._say(lab, {"kind": "ended", "run": known | {"done": 600, "planned": 600, "cost": 2.1} | run})

    def lose(self, lab: str) -> None:
        """End the lab's connections."""
        for socket in self._sockets.pop(lab, []):
            socket.close()

    def connections(self, lab: str) -> int:
        """Return how many connections the lab has."""
        return len(self._sockets.get(lab, []))

    def _frame(self, lab: str, experiments: bool, spent_today: float) -> dict[str, Any]:
        return {"kind": "changed", "experiments": experiments, "runs": self.runs.get(lab, []), "spent_today": spent_today}

    def _say(self, lab: str, frame: dict[str, Any]) -> None:
        for socket in self._sockets.get(lab, []):
            socket.send(json.dumps(frame))

    def _connect(self, socket: WebSocketRoute) -> None:
        lab = unquote(CHANGES.search(socket.url).group(1))
        self._sockets.setdefault(lab, []).append(socket)
        spent = next((known["spent_today"] for known in self.labs if known["lab"] == lab), 0.0)
        socket.send(json.dumps(self._frame(lab, True, spent)))

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        path = API.search(address.path).group(1).split("/")
        if self.missing:
            route.fulfill(status=404, content_type="text/html", body="<html>404</html>")
        elif self.refusal:
            route.fulfill(status=500, json={"message": self.refusal, "hint": ""})
        elif path == ["labs"]:
            route.fulfill(json={"version": "0.1.0", "root": "~", "labs": self.labs})
        elif route.request.method == "POST":
            self.orders.append((unquote(path[1]), path[3], route.request.post_data_json["order"]))
            route.fulfill(json={})
        else:
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            route.fulfill(json=self._listed(unquote(path[1]), path[2], query))

    def _listed(self, lab: str, what: str, query: dict[str, str]) -> dict[str, Any]:
        if what != "experiments":
            return {what: getattr(self, what).get(lab, [])}
        words = query.get("query", "").lower()
        found = [row for row in self.experiments.get(lab, []) if words in json.dumps(row).lower()]
        offset, limit = int(query["offset"]), int(query["limit"])
        return {"total": len(found), "experiments": found[offset : offset + limit]}
