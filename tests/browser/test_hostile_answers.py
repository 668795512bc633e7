"""Hostile model text in a real browser: nothing of it runs, asks for anything or leaves its place, live and as converted HTML."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.texts import hostile

ROOM = 3500  # characters of an answer, so that none of it stands behind "show more"
SHOWN = 100  # cards of a page
LEFT = """root => [...root.querySelectorAll('[data-pplab=text]')].flatMap(text => {
    const tags = new Set('P BR HR H4 H5 H6 BLOCKQUOTE UL OL LI TABLE THEAD TBODY TR TH TD A EM STRONG S CODE PRE KBD'.split(' '));
    const attributes = { A: ['href', 'target', 'rel'], OL: ['start'], KBD: ['class'] };
    return [...text.querySelectorAll('*')].filter(element => !tags.has(element.tagName)
        || [...element.attributes].some(a => !(attributes[element.tagName] ?? []).includes(a.name))
        || (element.tagName === 'A' && element.href && !/^(https?|mailto):/.test(element.href))
        || (element.tagName === 'A' && element.rel !== 'noopener noreferrer')
        || (element.tagName === 'KBD' && element.className !== 'pplab-badge')).map(element => element.outerHTML.slice(0, 200));
})"""


def answers():
    """Pack the payloads into as few answers as have room for them, each a paragraph of its own."""
    packed = [""]
    for payload in hostile():
        if len(packed[-1]) + len(payload) > ROOM:
            packed.append("")
        packed[-1] += f"{payload[:ROOM]}\n\n"
    return packed


@pytest.fixture(scope="module")
def texts():
    return answers()


@pytest.fixture(scope="module")
def model(texts):
    """A model that answers ``Text 7`` with the seventh hostile text."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = texts[int(asked["messages"][-1]["content"].split()[-1])]
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            body = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reached(page):
    """Return the list of hosts off this machine that the page asked for, and of scripts that made themselves heard."""
    seen: list[str] = []
    context = page.context
    context.route(
        lambda url: urlsplit(url).hostname not in (None, "127.0.0.1"),
        lambda route: (seen.append(route.request.url), route.abort()),
    )
    context.on("dialog", lambda dialog: (seen.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    return seen


def test_hostile_answers_stay_text_in_jupyterlab_and_in_converted_html(own_notebook, page, model, texts, reached):
    environment = {"PPLAB_BASE_URL": model, "PPLAB_MODEL": "hostile", "OPENAI_API_KEY": "sk-test-" + "0" * 20}
    ask = f"import pplab\nlab = pplab.Lab()\nlab.run(['Text %d' % i for i in range({len(texts)})], n=1)"
    made = own_notebook(f"import os\nos.environ.update({environment!r})\n%load_ext pplab", ask).run_all()
    root = made.widget("cards")
    pages = -(-len(texts) // SHOWN)
    for number in range(pages):
        expect(root.locator("[data-pplab='text']")).to_have_count(min(SHOWN, len(texts) - SHOWN * number))
        assert root.evaluate(LEFT) == []
        if number < pages - 1:
            root.get_by_role("button", name="Next page").click()
    assert root.locator("form, iframe, object, embed, [srcdoc]").count() == 0
    assert reached == []

    import nbformat
    from nbconvert import HTMLExporter

    made.save()
    document = nbformat.read(made.path, 4)
    converted = made.path.with_suffix(".html")
    blank = nbformat.from_dict({**document, "cells": [{**cell, "outputs": []} for cell in document.cells]})
    other = page.context.new_page()
    for content in (blank, document):
        content.metadata.pop("widgets", None)  # as notebooks are committed
        reached.clear()
        converted.write_text(HTMLExporter().from_notebook_node(content)[0], "utf-8")
        other.goto(converted.as_uri())
        other.wait_for_load_state("load")
        if content is blank:
            own = set(reached)  # nbconvert's template asks for MathJax and RequireJS itself
    texts_shown = other.locator("[data-pplab='text']")
    expect(texts_shown).to_have_count(min(SHOWN, len(texts)))
    assert other.locator("body").evaluate(LEFT) == []
    assert set(reached) - own == set()
