"""Files of ours in the file browser: a package and its import and replay, another zip, a recording and a table."""

from __future__ import annotations

import re
import zipfile

import pandas as pd
import pytest
from playwright.sync_api import expect

import pplab


@pytest.fixture
def folder(server, request):
    """A folder of JupyterLab's with a lab, a package of another lab, and files that are no package."""
    made = server.root / re.sub(r"\W+", "-", f"{request.node.name} {request.node.execution_count}")
    made.mkdir()
    with pplab.Lab(store=made / "elsewhere", user="ada", model="embedded") as lab:
        lab.use_recording(made / "calls.jsonl")
        experiment = lab.run(["Name a fruit.", "Name a tree."], n=2, parameters={"max_tokens": 5})
        lab.export(experiment, format="package", path=made / "ada.zip")
    with pplab.Lab(store=made / ".pplab", user="tester"):
        pass
    with zipfile.ZipFile(made / "theirs.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    pd.DataFrame({"score": [0.5] * 300, "text": ["hello"] * 300}).to_parquet(made / "scores.parquet")
    return made


@pytest.fixture
def opened(page, server, folder):
    """Return a function that opens a file by double click."""
    page.goto(f"{server.url}/lab/workspaces/{folder.name}/tree/{folder.name}")

    def open_file(name):
        page.locator(f".jp-DirListing-item[title*='Name: {name}']").dblclick()
        return page.locator(".jp-MainAreaWidget:not(.lm-mod-hidden) .pplab-file")

    return open_file


def test_a_package_opens_by_double_click_and_is_imported_without_a_kernel(page, opened, folder, server):
    view = opened("ada.zip")
    package = view.locator("[data-pplab='package']")
    expect(package).to_have_attribute("data-verified", "true")
    expect(package).to_contain_text("Name a fruit. and 1 prompt more")
    expect(package).to_contain_text("4 of 4")
    package.get_by_role("combobox").select_option(f"{folder.name}/.pplab")
    package.get_by_role("button", name="Import").click()
    expect(package).to_contain_text("1 experiment with 4 responses imported")
    sessions = page.request.get(f"{server.url}/api/sessions").json()
    assert [session["path"] for session in sessions if session["path"].startswith(folder.name)] == []
    with pplab.Lab(store=folder / ".pplab") as lab:
        assert len(lab.experiments()) == 1
        assert set(lab.audit("package_imported")["actor"]) == {"tester"}


def test_an_altered_package_says_so_when_the_file_changes(page, opened, folder):
    with zipfile.ZipFile(folder / "ada.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["data/responses.jsonl"] = files["data/responses.jsonl"].replace(b'"status":"', b'"status":"x', 1)
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    package = opened("ada.zip").locator("[data-pplab='package']")
    expect(package).to_have_attribute("data-verified", "false")
    expect(package.get_by_role("alert")).to_contain_text("responses")
    expect(package.get_by_role("button", name="Import")).to_be_disabled()


@pytest.mark.soak
def test_a_replay_opens_a_notebook_that_runs_it(page, opened, folder):
    opened("ada.zip").get_by_role("button", name="Replay").click()
    expect(page.locator(".jp-Notebook")).to_contain_text("replay 'ada.zip'")
    expect(page.locator(".jp-OutputArea-output").first).to_be_visible()
    page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")


@pytest.mark.soak
def test_another_zip_is_one_line_with_a_download(page, opened):
    view = opened("theirs.zip")
    expect(view.get_by_role("alert")).to_contain_text("not a package of pplab")
    expect(page.locator("[data-pplab='package']")).to_have_count(0)
    with page.expect_download() as download:
        view.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "theirs.zip"


@pytest.mark.soak
def test_a_recording_and_a_table_have_a_preview(opened):
    table = opened("scores.parquet").locator("[data-pplab='preview']")
    expect(table).to_contain_text("100 of 300 rows")
    expect(table.locator("tbody tr")).to_have_count(100)
    recording = opened("calls.jsonl").locator("[data-pplab='preview']")
    expect(recording).to_have_attribute("data-kind", "recording")
    expect(recording).to_contain_text("Name a tree.")
