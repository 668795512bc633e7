"""A key never reaches a byte of a recording or a package, nor the folder that an import leaves behind."""

from __future__ import annotations

import base64
import zipfile

import pytest

import pplab
from tests.servers import FaultServer
from tests.soak import only_soak
from tests.unit import share_labs

KEY = "sk-proj-canary-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
FORMS = [KEY, KEY[::-1], KEY.encode().hex(), base64.b64encode(KEY.encode()).decode().rstrip("=")[:-1], KEY[3:27], KEY[-24:]]


def leaks(folder):
    """Name every file below a folder, zips opened, in which a form of the key stands."""
    found = []
    for path in (p for p in folder.rglob("*") if p.is_file()):
        parts = {str(path): path.read_bytes()}
        if zipfile.is_zipfile(path):
            parts |= {f"{path}!{name}": content for name, content in share_labs.files(path).items()}
        found += [name for name, content in parts.items() for form in FORMS if form.encode() in content]
    return found


def test_the_search_for_leaks_finds_one(tmp_path):
    share_labs.package(tmp_path)
    assert leaks(tmp_path) == []
    (tmp_path / "a.txt").write_text(f"the key is {KEY[3:27]}")
    assert leaks(tmp_path)


@pytest.mark.parametrize("model", ["play:echoes_key", "play:bad_key", *only_soak("fast")])
def test_no_form_of_a_key_is_in_any_byte_of_recordings_packages_and_imports(tmp_path, model):
    with FaultServer() as server:
        with pplab.Lab(store=tmp_path / "lab", model=model, base_url=server.base_url, api_key=KEY, user="ada") as lab:
            lab.use_recording(tmp_path / "calls.jsonl")
            experiment = lab.run(f"My key is {KEY}, reversed {KEY[::-1]}.", n=2, system=f"Never say {KEY}.")
            lab.export(experiment, format="package", path=tmp_path / "a.zip")
            lab.replay(experiment)
        with pplab.Lab(store=tmp_path / "bob", user="bob") as bob:
            bob.import_package(tmp_path / "a.zip")
            bob.export(experiment.id, format="package", path=tmp_path / "b.zip")
    assert leaks(tmp_path) == []


def test_a_key_that_became_known_only_after_it_was_stored_is_masked_on_export(tmp_path):
    late = "a-secret-nobody-knew-of-0123456789"
    with pplab.Lab(store=tmp_path / "lab", user="ada") as lab:
        experiment = lab.run(f"Repeat: {late}", n=1).id
    with pplab.Lab(store=tmp_path / "lab", user="ada", api_key=late) as lab:
        lab.export(experiment, format="package", path=tmp_path / "a.zip")
    for name, content in share_labs.files(tmp_path / "a.zip").items():
        assert late.encode() not in content, name
    with pplab.Lab(store=tmp_path / "bob") as bob:
        assert bob.import_package(tmp_path / "a.zip").new == 1
