"""A key goes only where its owner said: an address in a lab's folder is somebody's, perhaps not the user's."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

import pplab
from pplab.config.addresses import normal_address
from pplab.config.approvals import Grant, approve, unapproved, withdraw
from pplab.config.configuration import change_configuration, load_configuration
from pplab.errors import BadInput, PplabError
from tests.servers.plain import PlainServer

KEY = "canary-0123456789abcdefghij"
OTHER = "another-canary-0123456789abc"


@pytest.fixture
def server():
    with PlainServer() as running:
        yield running


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def cloned(tmp_path, **configuration):
    """Return the folder of a lab that came with a configuration."""
    folder = tmp_path / "repository" / ".pplab"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"PPLab": configuration}))
    return folder


def run(**options):
    with pplab.Lab(**options) as lab:
        return lab.run("hello", n=1, parameters={"max_tokens": 5})


def approvals():
    return Path(os.environ["XDG_CONFIG_HOME"], "pplab", "approved_keys.json")


def test_a_cloned_lab_gets_no_key_before_its_owner_has_said_so(tmp_path, server, key, monkeypatch):
    folder = cloned(tmp_path, base_url=server.base_url, model="m")
    below = folder.parent / "notebooks"
    below.mkdir()
    monkeypatch.chdir(below)
    with pytest.raises(BadInput) as refused:
        run()
    assert server.asked == []
    words = str(refused.value)
    assert words.count(server.base_url) >= 2
    assert "OPENAI_API_KEY" in words
    assert f"pplab config base_url={server.base_url}" in words
    assert f"PPLAB_APPROVE={server.base_url}" in words
    assert KEY not in words


@pytest.mark.parametrize("how", ["store", "PPLAB_STORE", "link", "another user or model"])
def test_however_a_lab_is_reached_the_rule_is_the_same(tmp_path, server, key, monkeypatch, how):
    folder = cloned(tmp_path, base_url=server.base_url, model="m")
    options = {"store": folder}
    if how == "PPLAB_STORE":
        monkeypatch.setenv("PPLAB_STORE", str(folder))
        options = {}
    elif how == "link":
        (tmp_path / ".pplab").symlink_to(folder)
        options = {}
    elif how == "another user or model":
        options |= {"user": "grace", "model": "other", "configuration": load_configuration(folder)}
    with pytest.raises(BadInput, match="not approved"):
        run(**options)
    assert server.asked == []


def test_a_key_given_in_python_needs_approval_too_unless_the_address_is_given_with_it(tmp_path, server):
    folder = cloned(tmp_path, base_url=server.base_url, model="m")
    with pytest.raises(BadInput, match="not approved"):
        run(store=folder, api_key=KEY)
    assert server.asked == []
    assert run(store=folder, api_key=KEY, base_url=server.base_url).status == "completed"
    assert server.keys == [f"Bearer {KEY}"]


def test_without_a_key_a_cloned_lab_works_and_nothing_is_sent(tmp_path, server):
    assert run(store=cloned(tmp_path, base_url=server.base_url, model="m")).status == "completed"
    assert server.keys == [None]


@pytest.mark.parametrize("name", ["PPLAB_BASE_URL", "OPENAI_BASE_URL", "PPLAB_APPROVE"])
def test_an_address_in_the_users_environment_is_the_users_word(tmp_path, server, key, monkeypatch, name):
    monkeypatch.setenv(name, server.base_url.upper().replace("/V1", "/v1/"))
    assert run(store=cloned(tmp_path, base_url=server.base_url, model="m")).status == "completed"
    assert server.keys == [f"Bearer {KEY}"]


def test_programs_may_approve_several_addresses_and_hear_of_one_that_is_none(tmp_path, server, key, monkeypatch):
    folder = cloned(tmp_path, base_url=server.base_url, model="m")
    monkeypatch.setenv("PPLAB_APPROVE", f"https://models.example.org/v1,{server.base_url}\n http://x.example.org")
    assert run(store=folder).status == "completed"
    monkeypatch.setenv("PPLAB_APPROVE", "models.example.org")
    with pytest.raises(BadInput, match="PPLAB_APPROVE"):
        run(store=folder)


def test_what_the_user_types_approves_once_and_outside_of_the_lab(tmp_path, server, key):
    folder = tmp_path / "lab"
    change_configuration(load_configuration(folder), {"base_url": server.base_url, "model": "m"}, folder)
    assert run(store=folder).status == "completed"
    assert unapproved([Grant.of("OPENAI_API_KEY", server.base_url)]) == []
    assert [one.name for one in folder.glob("*approv*")] == []
    assert server.base_url in approvals().read_text()
    assert KEY not in approvals().read_text()
    assert stat.S_IMODE(approvals().stat().st_mode) == 0o600
    assert [one.name for one in approvals().parent.iterdir()] == [approvals().name]


def test_changing_another_setting_approves_nothing(tmp_path, server, key):
    folder = cloned(tmp_path, base_url=server.base_url, model="m")
    change_configuration(load_configuration(folder), {"deadline": 9}, folder)
    with pytest.raises(BadInput, match="not approved"):
        run(store=folder)


def test_without_a_place_for_approvals_a_server_without_key_can_still_be_set(tmp_path, server, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    folder = tmp_path / "lab"
    change_configuration(load_configuration(folder), {"base_url": server.base_url, "model": "m"}, folder)
    assert run(store=folder).status == "completed"
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(PplabError, match="cannot be written"):
        change_configuration(load_configuration(folder), {"base_url": server.base_url}, folder)


def test_emptying_a_setting_withdraws_what_it_approved(tmp_path, server, key):
    folder = tmp_path / "lab"
    change_configuration(load_configuration(folder), {"base_url": server.base_url}, folder)
    change_configuration(load_configuration(folder), {"base_url": ""}, folder)
    assert unapproved([Grant.of("OPENAI_API_KEY", server.base_url)]) != []


def test_an_approval_is_of_one_variable_at_one_address():
    approve([Grant.of("LOCAL_KEY", "http://localhost:1/v1")])
    wanted = [
        Grant.of("LOCAL_KEY", "http://LOCALHOST:1/v1/?api-version=2"),
        Grant.of("OPENAI_API_KEY", "http://localhost:1/v1"),
        Grant.of("LOCAL_KEY", "http://localhost:1/other"),
        Grant.of("LOCAL_KEY", "https://localhost:1/v1"),
        Grant.of("LOCAL_KEY", "http://localhost:2/v1"),
        Grant.of("LOCAL_KEY", "http://localhost.example.org:1/v1"),
    ]
    assert unapproved(wanted) == wanted[1:]
    withdraw(wanted[:1])
    assert unapproved(wanted) == wanted


def test_openais_key_is_at_home_at_openai_over_https_only():
    assert unapproved([Grant.of("OPENAI_API_KEY", "https://api.openai.com/v1")]) == []
    for address in ("http://api.openai.com/v1", "https://api.openai.com.example.org/v1", "https://api.openai.com:444/v1"):
        assert unapproved([Grant.of("OPENAI_API_KEY", address)]) != []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Host.example:443/v1/", "https://host.example/v1"),
        ("http://host.example:80", "http://host.example/"),
        ("http://host.example/v1/chat/completions", "http://host.example/v1?x=1"),
    ],
)
def test_two_ways_of_writing_an_address_are_one(one, other):
    assert normal_address(one) == normal_address(other)


def test_a_damaged_file_of_approvals_approves_nothing_and_is_named(tmp_path, server, key):
    approvals().parent.mkdir(parents=True)
    approvals().write_text("{")
    with pytest.raises(BadInput, match="approved_keys"):
        run(store=cloned(tmp_path, base_url=server.base_url, model="m"))
    assert server.asked == []


def test_a_home_that_is_no_path_is_not_looked_for_in_the_working_folder(tmp_path, server, key, monkeypatch):
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: "~/.config/pplab")
    planted = Path("~/.config/pplab")
    planted.mkdir(parents=True)
    grant = {"variable": "OPENAI_API_KEY", "address": server.base_url}
    (planted / "approved_keys.json").write_text(json.dumps({"approved": [grant]}))
    with pytest.raises(BadInput, match="not approved"):
        run(store=cloned(tmp_path, base_url=server.base_url, model="m"))
    with pytest.raises(PplabError, match="no configuration folder"):
        approve([Grant.of("OPENAI_API_KEY", server.base_url)])


def test_a_place_that_cannot_be_written_is_named_with_another_way(tmp_path, server, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(PplabError, match="cannot be written") as refused:
        approve([Grant.of("OPENAI_API_KEY", server.base_url)])
    assert "PPLAB_APPROVE" in refused.value.hint


def test_what_is_recorded_is_answered_without_approval_and_nothing_else_is_asked(tmp_path, server, key):
    with pplab.Lab(store=tmp_path / "own", model="m", base_url=server.base_url) as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        lab.run("hello", n=1, parameters={"max_tokens": 5})
    with pplab.Lab(store=cloned(tmp_path, base_url=server.base_url, model="m")) as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        assert lab.run("hello", n=1, parameters={"max_tokens": 5}).status == "completed"
        with pytest.raises(PplabError, match="not approved"):
            lab.run("something else", n=1)
    assert len(server.asked) == 1
    assert "approv" not in (tmp_path / "calls.jsonl").read_text()


def test_another_model_in_the_studio_gets_no_key_either(tmp_path, server, key):
    from pplab.views.widgets.studio import Studio
    from pplab.views.widgets.studio_draft import request_of

    with pplab.Lab(store=cloned(tmp_path, base_url=server.base_url, model="m")) as lab:
        studio = Studio(lab)
        try:
            with pytest.raises(BadInput, match="not approved"):
                lab.start(**request_of({**studio.draft, "prompt": "hello", "models": "another"}).given())
        finally:
            studio.close()
    assert server.asked == []


def test_a_redirect_carries_no_key_to_another_host(tmp_path, server, key):
    with PlainServer(lambda path: (307, b"", {"Location": f"{server.origin}{path}"})) as first:
        assert run(store=tmp_path / "lab", model="m", base_url=first.base_url).status == "failed"
        assert first.keys == [f"Bearer {KEY}"]
    assert server.asked == []


# -- the commands -------------------------------------------------------------------------------------------------------------


def pplab_program(capsys, *words):
    from pplab.cli import main

    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out + err


def test_what_the_line_says_to_type_is_enough(tmp_path, server, key, capsys, monkeypatch):
    folder = cloned(tmp_path, base_url=server.base_url, model="m")
    monkeypatch.chdir(folder.parent)
    code, said = pplab_program(capsys, "run", "hello", "--n", "1")
    assert code == 2
    assert server.asked == []
    assert pplab_program(capsys, "doctor")[0] == 1
    assert f"OPENAI_API_KEY is not approved for {server.base_url}" in pplab_program(capsys, "config")[1]
    typed = said.split("type once: pplab ")[1].split(" (in a notebook")[0]
    assert f"OPENAI_API_KEY may go to {server.base_url}" in pplab_program(capsys, *typed.split())[1]
    assert pplab_program(capsys, "run", "hello", "--n", "1")[0] == 0
    assert server.keys == [f"Bearer {KEY}"]
    doctor = pplab_program(capsys, "doctor", "--json")[1]
    assert f"OPENAI_API_KEY may go to {server.base_url}" in doctor
    assert KEY not in doctor


def test_a_lab_elsewhere_is_approved_without_changing_the_one_that_is_near(tmp_path, server, key, capsys):
    folder = cloned(tmp_path, base_url=server.base_url, model="m")
    _, said = pplab_program(capsys, "run", "hello", "--n", "1", "--store", str(folder))
    typed = said.split("type once: pplab ")[1].split(" (in a notebook")[0]
    assert pplab_program(capsys, *typed.split())[0] == 0
    assert load_configuration(tmp_path / ".pplab").base_url == ""
    assert pplab_program(capsys, "run", "hello", "--n", "1", "--store", str(folder))[0] == 0
    assert server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize("text", ["http://x.example/v1", "KEY", "KEY=", "KEY=x.example", "a-b=http://x.example"])
def test_an_approval_that_cannot_be_read_is_refused(capsys, text):
    assert pplab_program(capsys, "config", "--approve", text)[0] == 2


def test_an_address_typed_for_one_command_is_the_users_word(tmp_path, server, key, capsys):
    folder = cloned(tmp_path, base_url="http://127.0.0.1:9/v1", model="m")
    words = ("run", "hello", "--n", "1", "--store", str(folder), "--base-url", server.base_url)
    assert pplab_program(capsys, *words)[0] == 0
    assert server.keys == [f"Bearer {KEY}"]
