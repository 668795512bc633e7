"""Where the configuration comes from: argument, what was configured, environment, default; and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pplab
from pplab.config.configuration import (
    PPLab,
    change_configuration,
    check_base_url,
    find_folder,
    load_configuration,
    resolve,
    set_value,
)
from pplab.errors import BadInput, PplabError

KEY = "sk-" + "a1B2" * 10


def test_with_no_key_and_no_address_the_model_is_embedded():
    got = resolve()
    assert (got.model, got.provider, got.base_url, got.api_key) == ("embedded", "embedded", None, None)


def test_a_named_model_without_key_or_address_is_refused_and_not_answered_by_another():
    with pplab.Lab(store=":temp:", model="gpt-4o") as lab, pytest.raises(BadInput, match="neither a key nor a base URL"):
        lab.run("hello")


def test_a_key_alone_means_openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    got = resolve()
    assert (got.provider, got.base_url, got.api_key) == ("api.openai.com", "https://api.openai.com/v1", KEY)


def test_an_address_means_that_server_with_or_without_a_key(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    assert resolve().provider == "localhost:1"
    monkeypatch.setenv("PPLAB_BASE_URL", "http://localhost:2/v1/")
    assert resolve().base_url == "http://localhost:2/v1"
    assert resolve(base_url="http://localhost:3/v1").provider == "localhost:3"


def test_an_argument_wins_over_the_configuration_and_that_over_the_environment(monkeypatch):
    monkeypatch.setenv("PPLAB_USER", "from the environment")
    monkeypatch.setenv("PPLAB_MODEL", "embedded")
    configuration = PPLab(user="from the configuration")
    assert resolve().user == "from the environment"
    assert resolve(configuration=configuration).user == "from the configuration"
    assert resolve(configuration=configuration, user="given").user == "given"


def test_the_user_is_the_hubs_or_the_systems_where_nothing_is_said(monkeypatch):
    monkeypatch.delenv("PPLAB_USER")
    monkeypatch.setenv("JUPYTERHUB_USER", "hub")
    assert resolve().user == "hub"
    monkeypatch.delenv("JUPYTERHUB_USER")
    monkeypatch.setattr("getpass.getuser", lambda: "system")
    assert resolve().user == "system"

    def nameless():
        raise KeyError("uid 1000")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert resolve().user == "unknown"


def test_the_key_is_never_in_a_representation(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert KEY not in repr(resolve())
    with pplab.Lab(store=":temp:") as lab:
        assert KEY not in repr(lab)


def test_credentials_in_an_address_are_taken_out_and_kept_secret():
    got = resolve(base_url="http://ada:pass%20word@localhost:1/v1")
    assert got.base_url == "http://localhost:1/v1"
    assert set(got.secrets) >= {"ada:pass word", "pass word"}


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "localhost:8000", "//x", "http://", "http:///v1", "http://x:99999/v1", "http://x y/v1", "http://x\n/",
     "javascript:x", "file:///etc/passwd", "http://[::1", "http://x:0"],
)  # fmt: skip
def test_an_address_that_is_not_http_is_refused_in_words_that_do_not_repeat_it(url):
    with pytest.raises(BadInput) as refused:
        resolve(base_url=url)
    assert "http" in str(refused.value)
    assert url not in refused.value.message


@given(st.text(max_size=40))
def test_any_text_is_an_http_address_or_refused(text):
    try:
        url, _ = check_base_url(text)
    except BadInput:
        return
    assert url.startswith(("http://", "https://"))
    assert url.isprintable()


@pytest.mark.parametrize("user", ["\n", "a\0b", "x" * 201, "\u202eada", "\ud800"])
def test_a_user_that_cannot_stand_in_a_table_is_refused(user):
    with pytest.raises(BadInput, match="user"):
        resolve(user=user)


def test_the_folder_is_found_by_walking_up_else_made_here(tmp_path, monkeypatch):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_folder(None) == below / ".pplab"
    (tmp_path / ".pplab").mkdir()
    assert find_folder(None) == tmp_path / ".pplab"
    assert find_folder(":temp:") is None
    assert find_folder("other") == below / "other"


@pytest.mark.parametrize("store", ["s3://bucket/lab", "postgres://x", "a\0b"])
def test_a_store_that_is_no_folder_is_refused(store):
    with pytest.raises(BadInput):
        find_folder(store)


def test_a_store_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadInput, match="is a file"):
        find_folder(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"PPLab": 3}', '{"other": {}}', '{"PPLab": {"modle": "x"}}', '{"PPLab": {"deadline": -1}}']
)
def test_a_damaged_config_file_is_told_in_one_line(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BadInput):
        load_configuration(tmp_path)


def test_changes_are_kept_beside_what_others_changed(tmp_path):
    change_configuration(PPLab(), {"deadline": "9"}, tmp_path)
    change_configuration(PPLab(), {"model": "embedded"}, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["PPLab"] == {"deadline": 9, "model": "embedded"}
    assert load_configuration(tmp_path).deadline == 9
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


@given(st.sampled_from([*PPLab.names(), "modle"]), st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.none()))
def test_any_value_is_taken_or_refused_in_words(name, value):
    try:
        set_value(PPLab(), name, value)
    except BadInput as refused:
        words = refused
    else:
        words = BadInput("taken", hint="taken")
    assert str(words).isprintable()
    assert words.hint


def test_a_password_in_a_setting_is_refused_and_not_repeated():
    with pytest.raises(BadInput) as refused:
        set_value(PPLab(), "base_url", "http://ada:hunter2hunter2@localhost/v1")
    assert "OPENAI_API_KEY" in str(refused.value)


ODD = {
    "C:\\labs\\x": "Windows",
    "C:/labs/x": "Windows",
    "D:": "Windows",
    "labs\\x": "Windows",
    "\\\\server\\share": "Windows",
    "%USERPROFILE%\\lab": "variable",
    "$HOME/lab": "variable",
    "${TEAM}/lab": "variable",
    "s3://bucket/lab": "s3",
    "s3:/bucket/lab": "s3",
    "file:///tmp/lab": "file",
    "s3://name:hunter2hunter2@bucket/lab": "s3",
    "~nobody-of-this-name/lab": "home",
    "a\0b": "NUL",
    "a\nb": "cannot be seen",
    "a\x1b[31mb": "cannot be seen",
    "\ud800": "cannot be seen",
    "": "empty",
    "  ": "empty",
}


@pytest.mark.skipif(os.name == "nt", reason="some of these are paths there")
@pytest.mark.parametrize(("store", "word"), ODD.items(), ids=map(ascii, ODD))
@pytest.mark.parametrize("kind", [str, Path], ids=["text", "Path"])
def test_an_odd_path_of_a_store_is_refused_in_one_line_and_leaves_nothing_behind(tmp_path, store, word, kind):
    if kind is Path and not store.strip():
        return  # an empty Path is the working folder
    with pytest.raises(BadInput, match=word) as refused:
        pplab.Lab(store=kind(store))
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("store", "word"), [(3, "int"), (["lab"], "list"), (object(), "object")])
def test_a_store_that_is_no_path_is_refused_in_one_line(store, word):
    with pytest.raises(BadInput, match=word):
        pplab.Lab(store=store)


def test_a_store_given_as_bytes_or_with_a_tilde_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert find_folder(b"lab") == tmp_path / "lab"
    assert find_folder("~/lab") == tmp_path / "lab"


def test_a_store_too_long_for_the_system_leaves_no_folder_behind(tmp_path):
    with pytest.raises(PplabError, match="cannot be made: File name too long"):
        pplab.Lab(store=tmp_path / "one" / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_looks_odd_but_is_there_is_a_store(tmp_path):
    (tmp_path / "labs\\x").mkdir()
    assert find_folder("labs\\x") == tmp_path / "labs\\x"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder that is somebody's working folder")
def test_a_working_folder_that_was_removed_is_named(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for store in (None, "lab"):
        with pytest.raises(BadInput, match="working folder was removed"):
            pplab.Lab(store=store)


def test_a_lab_takes_its_configuration_also_under_the_former_name(tmp_path):
    configuration = PPLab(user="ada")
    with pplab.Lab(tmp_path / "lab", settings=configuration) as lab:
        assert (lab.user, lab.settings, lab.configuration) == ("ada", configuration, configuration)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("deadline", "x", "give a number of at least 0.1"),
        ("deadline", "0", "give a number of at least 0.1"),
        ("deadline", "NaN", "give a number of at least 0.1"),
        ("max_concurrency", "1.5", "give a whole number of at least 1"),
        ("max_concurrency", "0", "give a whole number of at least 1"),
        ("audit_source", "all", "use one of hash, redacted, off"),
        ("prices", "3", "write a table as JSON, like {"),
        ("capabilities", "{", "write a table as JSON, like {"),
        ("capabilities", '{"m": {"seed": "broken"}}', "with rejected, ignored or honoured"),
        ("capabilities", '{"m": "ignored"}', "with rejected, ignored or honoured"),
        ("endpoints", "[]", "write a table as JSON, like {"),
        ("model", 3, "give text"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_to_give_instead(name, value, advice):
    with pytest.raises(BadInput) as refused:
        set_value(PPLab(), name, value)
    assert advice in refused.value.hint
    assert "trait" not in str(refused.value)
