"""Settings in a real JupyterLab: the editor shows ours, and a kernel obeys what was set there."""

from __future__ import annotations

from playwright.sync_api import expect


def test_the_editor_shows_the_settings_and_a_kernel_obeys_them(notebook, server):
    stored = server.root.parent / "settings" / "pplab" / "settings.jupyterlab-settings"
    try:
        opened = notebook("%load_ext pplab", "%pplab config --json")
        page = opened.page
        opened.command("settingeditor:open", query="Sampling lab")
        editor = page.locator(".jp-SettingsPanel")
        expect(editor.get_by_label("Model", exact=True)).to_be_visible()
        for label in ("Endpoint", "Budget", "Footer", "Notifications", "Refresh"):
            expect(editor.get_by_label(label, exact=True).first).to_be_visible()
        concurrency = editor.get_by_label("Concurrency", exact=True)
        expect(concurrency).to_have_value("32")
        concurrency.fill("3")
        concurrency.blur()
        page.wait_for_function("path => fetch(path).then(r => r.json()).then(s => s.settings.concurrency === 3)",
                               arg=f"{server.url}/lab/api/settings/pplab:settings")  # fmt: skip
        assert stored.is_file()
        opened.open().run_all()
        said = opened.page.locator(".jp-OutputArea-output").last
        expect(said).to_contain_text('"max_concurrency": 3')
        expect(said).to_contain_text("JupyterLab's settings")
    finally:
        stored.unlink(missing_ok=True)
