"""Who may ask the server, and for what: every route needs the token, and no address leaves the root."""

from __future__ import annotations

import http.cookiejar
import itertools
import json
import re
import urllib.error
import urllib.request

import pytest
from tornado.websocket import WebSocketHandler

import pplab
from pplab.server.file_handlers import FileAction
from pplab.server.handlers import LabAction
from pplab.server.routes import ROUTES
from tests.server.conftest import BASE, TOKEN

SAMPLES = {"lab": "work%2F.pplab", "id": "0123456789"}


def sample(path):
    """Return an address that a route answers."""
    return re.sub(r"\{(\w+)\}", lambda name: SAMPLES.get(name[1], "any"), path)


def method(route):
    """Return what a route takes, as options of `Server.ask`."""
    return {"body": {}} if issubclass(route.handler, LabAction | FileAction) else {}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
@pytest.mark.parametrize("token", [None, "wrong"])
def test_nothing_answers_without_the_token(server, route, token):
    answer = server.ask(sample(route.path), token=token, **method(route))
    assert answer.status == 403
    if not issubclass(route.handler, WebSocketHandler):
        assert set(answer.json) == {"message", "hint"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_is_below_the_base_url_and_is_found_with_the_token(server, route):
    assert re.fullmatch(route.pattern, f"/pplab/api/{sample(route.path)}")
    answer = server.ask(sample(route.path), **method(route))
    assert "text/html" not in answer.headers["Content-Type"]  # the server's own page for what it does not know
    outside = urllib.request.Request(
        server.url(sample(route.path)).replace(BASE, "/"), headers={"Authorization": f"token {TOKEN}"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(outside):
        pass
    refused.value.close()
    assert refused.value.code == 404


def test_every_address_of_ours_is_in_the_table(server):
    """What `Route` gives the server is all that it has below pplab/api."""
    assert len({route.pattern for route in ROUTES}) == len(ROUTES)
    assert server.ask("unknown").status == 404


OUTSIDE = [
    "..",
    "..%2F..%2Fetc",
    "work%2F..%2F..%2F.pplab",
    "%2Fetc",
    "%2F",
    "link-out%2F.pplab",
    "link-out",
    "work%2F..%2Fwork%2F.pplab",
]


def test_a_path_outside_of_the_root_is_refused(server, tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as outside:
        outside.calibrate("balanced")
    (server.root / "link-out").symlink_to(tmp_path)
    for lab, path in itertools.product(OUTSIDE, ("experiments", "changes")):
        answer = server.ask(f"labs/{lab}/{path}")
        assert (answer.status, "root" in answer.json["message"]) == (403, True), (lab, path)
        assert str(tmp_path) not in answer.body.decode()


def test_a_notebook_outside_of_the_root_is_refused(server):
    with pplab.Lab(store=server.root / "guarded" / ".pplab") as lab:
        lab.calibrate("balanced")
    folder = server.root / "guarded" / ".pplab"
    assert server.ask(server.of_lab(folder, "cells?notebook=..%2Fa.ipynb")).status == 403
    assert server.ask(server.of_lab(folder, "cells?notebook=%2Fetc%2Fpasswd")).status == 403


@pytest.mark.parametrize("lab", ["nowhere", "nowhere%2F.pplab", "%00", "work%252F.pplab"])
def test_a_lab_that_is_not_there_is_said_to_be_missing(server, lab):
    answer = server.ask(f"labs/{lab}/experiments")
    assert answer.status == (400 if lab == "%00" else 404)
    assert set(answer.json) == {"message", "hint"}


def test_an_order_needs_the_cross_site_token_where_a_cookie_says_who_asks(server):
    with pplab.Lab(store=server.root / "orders" / ".pplab") as lab:
        experiment = lab.run("Why does it rain?", n=1)
    url = server.url(server.of_lab(lab.folder, f"runs/{experiment.id}"))
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    browser.open(f"http://127.0.0.1:{server.port}{BASE}login?token={TOKEN}&next={BASE}api/status").close()
    login = "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)

    def order(headers):
        own = {"Cookie": f"{login}; _xsrf=a1b2c3d4"}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, json.dumps({"order": "pause"}).encode(), own | headers))
        with refused.value as error:
            return error.code, json.loads(error.read())["message"]

    assert order({})[0] == 403
    assert order({"X-XSRFToken": "a1b2c3d4"}) == (400, "this experiment is not running: it is completed")


def test_what_is_no_order_is_refused_in_words(server):
    with pplab.Lab(store=server.root / "no-orders" / ".pplab") as lab:
        lab.calibrate("balanced")
    for body in ({"order": "stop"}, {}, [], "pause", None):
        answer = server.ask(server.of_lab(lab.folder, "runs/0123456789"), body=body or {})
        assert (answer.status, "is no order" in answer.json["message"]) == (400, True), body
