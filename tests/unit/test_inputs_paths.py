"""How a file is found from a folder, whatever lies between them."""

from __future__ import annotations

import shutil

from pplab.inputs.paths import path_from


def test_links_among_the_folders_are_followed_and_a_linked_file_keeps_its_name(tmp_path):
    (tmp_path / "work" / "notes").mkdir(parents=True)
    (tmp_path / "shortcut").symlink_to(tmp_path / "work")
    (tmp_path / "work" / "notes" / "linked.ipynb").symlink_to(tmp_path / "real.ipynb")
    for folder in ("work", "shortcut"):
        for seen in ("work", "shortcut"):
            assert path_from(tmp_path / folder, str(tmp_path / seen / "notes" / "linked.ipynb")) == "notes/linked.ipynb"


def test_from_a_working_folder_that_was_removed_no_path_leads_anywhere(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)
    assert path_from(tmp_path, "nowhere.ipynb") is None
    monkeypatch.chdir(tmp_path)
