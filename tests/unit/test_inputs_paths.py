"""How a file is found from a folder, whatever lies between them."""

from __future__ import annotations

import shutil
from pathlib import Path

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


def test_a_relative_path_is_of_the_working_folder_of_the_moment(tmp_path, monkeypatch):
    for name in ("first", "second", "first"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        assert path_from(tmp_path, "study.ipynb") == f"{name}/study.ipynb"
        assert path_from(Path(), str(tmp_path / "study.ipynb")) == "../study.ipynb"
