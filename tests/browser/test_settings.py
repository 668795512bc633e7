"""Settings in a real JupyterLab: its editor shows ours, marks what cannot be, and what is set there is obeyed at once."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import expect

from pplab.config.jupyterlab import read_settings
from tests.browser.fake_labs import FakeLabs, lab, run
from tests.browser.lab_pages import notifications, open_lab, wait_until

WORK = "work/.pplab"
FIELDS = ("Model", "Endpoint", "Concurrency", "Budget", "Footer", "Notifications", "Refresh")


@pytest.fixture
def labs(page):
    made = FakeLabs(page)
    made.labs = [lab(WORK)]
    return made


@pytest.fixture
def stored(server):
    """The file of the user's settings, which is gone again after the test."""
    path = server.root.parent / "settings" / "pplab" / "settings.jupyterlab-settings"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def editor(page, server, labs, request):
    """JupyterLab's editor of our settings."""
    folder = server.root / f"settings-{request.node.execution_count}"
    folder.mkdir()
    open_lab(page, server, folder)
    page.evaluate("() => void jupyterapp.commands.execute('settingeditor:open', { query: 'Sampling lab' })")
    return page.locator(".jp-SettingsPanel")


def field(editor, name):
    """Return the input of a setting."""
    return editor.locator(f"input[id$='settings_{name}']")


def keeps(page, **values):
    """Wait until JupyterLab has stored these values."""
    script = """async values => {
        const { settings } = await (await fetch('/lab/api/settings/pplab:settings')).json();
        return Object.entries(values).every(([name, value]) => settings[name] === value);
    }"""
    wait_until(page, script, values)


def told_at_last(page, labs):
    """End one run after the other until the page tells of one: it obeys a moment after the setting was stored."""
    told = notifications(page)
    for number in range(60):
        labs.ended(WORK, id=f"told {number}", prompt="Name a lamp.")
        with contextlib.suppress(AssertionError):
            expect(told).to_have_count(1, timeout=3_000)
            break
    return told


def held_back(page, labs):
    """Report the progress of a run until the page holds it back for a minute, as it was told to; return what it shows."""
    shown = ""
    for done in range(120, 600):
        labs.runs = {WORK: [run(done=done)]}
        labs.changed(WORK, experiments=False)
        try:
            expect(page.locator("[data-pplab='status']")).to_contain_text(f"{done} of 600", timeout=3_000)
        except AssertionError:
            return shown
        shown = f"{done} of 600"
    return pytest.fail("each was shown at once")


def test_the_editor_shows_the_settings_and_what_is_set_there_is_obeyed(page, labs, editor, stored, monkeypatch):
    expect(editor.get_by_role("heading", name="Sampling lab")).to_be_visible()
    for name in FIELDS:
        expect(editor.get_by_text(name, exact=True)).to_be_visible()
    field(editor, "model").fill("qwen3:8b")
    field(editor, "notifications").uncheck()
    field(editor, "refresh").fill("60")
    keeps(page, model="qwen3:8b", notifications=False, refresh=60)
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(stored.parents[1]))
    values, lines = read_settings()  # as a kernel does
    assert (values["model"], lines) == ("qwen3:8b", [])

    shown = held_back(page, labs)
    labs.ended(WORK, id="not told")
    field(editor, "notifications").check()
    keeps(page, notifications=True)
    told = told_at_last(page, labs)
    expect(told).to_contain_text("Name a lamp.")
    expect(page.locator("[data-pplab='status']")).to_contain_text(shown)

    field(editor, "concurrency").fill("0")
    expect(editor.get_by_text("must be >= 1", exact=True)).to_be_visible()
    assert read_settings()[0]["max_concurrency"] == 32
