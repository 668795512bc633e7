"""A view over the socket of a real server: its frames, several at a time, and the address of plotly.js."""

from __future__ import annotations

import asyncio
import json

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

import pplab
from tests.server.conftest import BASE, PATIENCE, TOKEN

ANSWER_ALL = {"page": 0, "sort": "", "status": "", "setting": -1, "levels": {}}


@pytest.fixture(scope="module")
def lab(server):
    folder = server.root / "views" / ".pplab"
    with pplab.Lab(store=folder, user="ada") as made:
        made.run("Write a tagline for a notebook.", n=3)
    return folder


class Socket:
    """The browser's end of one view."""

    def __init__(self, connection):
        self._connection = connection

    async def next(self, kind, matches=lambda _frame: True):
        while True:
            text = await asyncio.wait_for(self._connection.read_message(), PATIENCE)
            assert text is not None
            frame = json.loads(text)
            if frame["kind"] == kind and matches(frame):
                return frame

    async def ask(self, **content):
        await self._connection.write_message(json.dumps({"kind": "custom", "content": content}))


async def opened(server, folder, view, token=TOKEN):
    url = server.url(server.of_lab(folder, f"views/{view}")).replace("http:", "ws:")
    assert BASE in url
    return await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {token}"}))


def test_views_of_one_lab_speak_each_for_itself_until_their_socket_closes(server, lab):
    async def look():
        connections = [await opened(server, lab, view) for view in ("cards", "dashboard", "cards?id=nothing")]
        cards, dashboard, missing = map(Socket, connections)
        assert (await cards.next("state"))["values"]["state"] == "done"
        await connections[0].write_message("no JSON")
        await connections[0].write_message("[]")
        await cards.ask(kind="ask", wanted=ANSWER_ALL)
        page = await cards.next("custom")
        assert (page["content"]["kind"], page["content"]["total"]) == ("page", 3)
        await dashboard.ask(kind="ready")
        figure = await dashboard.next("figure")
        assert figure["figure"]["layout"]["autosize"] is True
        assert "nothing" in (await missing.next("error"))["message"]
        for connection in connections:
            connection.close()
            while await connection.read_message() is not None:
                pass

    asyncio.run(look())
    with pplab.Lab(store=lab) as looked_at:
        assert {"run"} == set(looked_at.context.store.timing("operation")["name"])


def test_a_view_is_refused_without_the_token(server, lab):
    with pytest.raises(HTTPClientError) as refused:
        asyncio.run(opened(server, lab, "cards", token="wrong"))
    assert refused.value.code == 403


def test_plotly_comes_from_the_installed_package_and_is_kept(server):
    answer = server.ask("plotly.js")
    assert (answer.status, b"plotly.js v" in answer.body[:500]) == (200, True)
    assert server.ask("plotly.js", headers={"If-None-Match": answer.headers["Etag"]}).status == 304
