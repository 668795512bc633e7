"""JupyterLab's settings as a kernel reads them: the user's, the administrator's, what is wrong, and what goes before them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pplab
from pplab.config.configuration import load_configuration, resolve
from pplab.config.jupyterlab import FrontEnd, _parse, read_settings, setting_traits

AS_JUPYTERLAB_WRITES = """{
    // Sampling lab
    // pplab:settings
    // *****************************************

    // Model
    // The model, by the name its server uses.
    "model": "qwen3", /* a // comment */
    "endpoint": "http://localhost:11434/v1",
    "concurrency": 4, "budget": 2.5,
}"""


def write(text, where=None, name="settings.jupyterlab-settings"):
    """Write settings where the kernel looks for the user's, or for an administrator's."""
    folder = Path(where or os.environ["JUPYTERLAB_SETTINGS_DIR"], "pplab" if where is None else "settings")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")


def test_there_is_nothing_to_say_where_there_are_no_settings():
    assert read_settings() == ({}, [])


def test_the_file_is_read_as_jupyterlab_writes_it():
    write(AS_JUPYTERLAB_WRITES)
    expected = {"model": "qwen3", "base_url": "http://localhost:11434/v1", "max_concurrency": 4, "max_cost": 2.5}
    assert read_settings() == (expected, [])


def test_json5_is_read_where_its_parser_is(monkeypatch):
    write("{model: 'qwen3'}")
    assert read_settings() == ({"model": "qwen3"}, [])
    monkeypatch.setitem(__import__("sys").modules, "json5", None)
    values, (line,) = read_settings()
    assert values == {}
    assert line.startswith("settings.jupyterlab-settings cannot be read")


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.text() | st.integers() | st.booleans(), st.lists)))
def test_every_json_is_read_as_it_is(value):
    assert _parse(json.dumps(value)) == _parse(json.dumps(value, ensure_ascii=False, indent=1)) == value


@pytest.mark.parametrize("text", ["", "  ", "{}", "// nothing yet"])
def test_an_empty_file_says_nothing(text):
    write(text)
    assert read_settings() == ({}, [])


@pytest.mark.parametrize("text", ["[1]", "null", "{", '{"model": }', "\x00", '"text"', "[" * 100_000])
def test_a_file_that_cannot_be_read_is_one_line_and_no_failure(text):
    write(text)
    values, (line,) = read_settings()
    assert values == {}
    assert "cannot be read" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"concurrency": 0}, "concurrency=0 is not allowed; it is not heeded. give a whole number of at least 1"),
        ({"concurrency": "many"}, "concurrency='many' is not allowed"),
        ({"budget": -1}, "budget=-1 is not allowed"),
        ({"model": 3}, "model=3 is not allowed"),
        ({"modle": "m"}, "there is no setting 'modle'; it is not heeded. did you mean 'model'?"),
        ({"api_key": "x"}, "there is no setting 'api_key'"),
        ({"endpoint": "http://ada:secret@localhost/v1"}, "is not allowed"),
        ({"footer": "no"}, "footer='no' is not allowed"),
        ({"refresh": 0}, "refresh=0 is not allowed"),
    ],
)
def test_a_bad_value_is_one_line_and_the_others_are_heeded(settings, said):
    write({**settings, "model": settings.get("model", "kept")})
    values, (line,) = read_settings()
    assert values == ({} if "model" in settings else {"model": "kept"})
    assert said in line
    assert "\n" not in line


def test_an_administrator_presets_what_the_user_does_not_set(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTERLAB_DIR", str(tmp_path / "application"))
    write(
        {"pplab:settings": {"model": "preset", "concurrency": 2}, "@other": {"model": "x"}},
        tmp_path / "application",
        "overrides.json",
    )
    write({"model": "mine", "footer": False})
    assert read_settings() == ({"model": "mine", "max_concurrency": 2}, [])


def test_the_lab_and_the_environment_go_before_the_settings(monkeypatch, tmp_path):
    folder = tmp_path / ".pplab"
    folder.mkdir()
    settings = {"model": "of the settings", "base_url": "http://localhost:1/v1", "max_concurrency": 4}
    assert resolve(configuration=load_configuration(None, settings)).model == "of the settings"
    monkeypatch.setenv("PPLAB_MODEL", "of the environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:2/v1")
    got = resolve(configuration=load_configuration(None, settings))
    assert (got.model, got.base_url) == ("of the environment", "http://localhost:2/v1")
    (folder / "config.json").write_text(json.dumps({"PPLab": {"model": "of the lab", "max_concurrency": 8}}), "utf-8")
    configuration = load_configuration(folder, settings)
    assert (resolve(configuration=configuration).model, configuration.max_concurrency) == ("of the lab", 8)


def test_each_entry_says_where_it_comes_from(monkeypatch, tmp_path):
    folder = tmp_path / ".pplab"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"PPLab": {"deadline": 9}}), "utf-8")
    monkeypatch.setenv("PPLAB_MODEL", "embedded")
    configuration = load_configuration(folder, {"model": "m", "max_concurrency": 4, "max_cost": 1.0})
    configuration.max_cost = 2.0
    names = ("deadline", "max_concurrency", "model", "max_cost", "reader")
    expected = ["the lab", "JupyterLab's settings", "PPLAB_MODEL", "this session", "default"]
    assert [configuration.source(name) for name in names] == expected


def test_a_default_budget_holds_for_a_run_that_names_none(tmp_path):
    configuration = load_configuration(None, {"max_cost": 0.5})
    with pplab.Lab(store=tmp_path / "lab", configuration=configuration) as lab:
        assert lab.run("hi", n=1, parameters={"max_tokens": 3}).plan.max_cost == 0.5
        assert lab.run("hi", n=1, parameters={"max_tokens": 3}, max_cost=2).plan.max_cost == 2
    with pplab.Lab(store=tmp_path / "other") as lab:
        assert lab.run("hi", n=1, parameters={"max_tokens": 3}).plan.max_cost is None


def test_every_setting_has_a_trait_that_explains_it():
    traits = setting_traits()
    assert all(trait.help.endswith(".") for trait in traits.values())
    assert {name for name, trait in traits.items() if trait.this_class is FrontEnd} == {"footer", "notifications", "refresh"}


def test_a_user_without_a_home_folder_has_no_settings_and_no_trouble(monkeypatch):
    def no_home(*_arguments):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("JUPYTERLAB_SETTINGS_DIR", raising=False)
    for name in ("jupyter_path", "jupyter_config_dir", "jupyter_config_path"):
        monkeypatch.setattr(f"jupyter_core.paths.{name}", no_home)
    assert read_settings() == ({}, [])
