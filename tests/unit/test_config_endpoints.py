"""Endpoints: named servers, how a model's name asks one, and what each is sent."""

from __future__ import annotations

import json

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.config.configuration import PPLab, change_configuration, load_configuration, resolve, set_value
from pplab.config.endpoints import read_endpoints, split_model
from pplab.errors import BadInput
from tests.servers.plain import PlainServer
from tests.soak import only_soak, only_soak_cases
from tests.unit.test_config_approvals import KEY, OTHER, cloned, pplab_program, run


@pytest.fixture
def server():
    with PlainServer() as running:
        yield running


def table(server, **fields):
    return {"local": {"base_url": server.base_url, "key_env": "LOCAL_KEY", "headers_env": {"api-key": "AZURE_KEY"}, **fields}}


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LOCAL_KEY", OTHER)
    monkeypatch.setenv("AZURE_KEY", "azure-canary-0123456789")


def test_a_model_at_an_endpoint_is_asked_there_with_its_own_key_and_headers(tmp_path, server, keys):
    configuration = PPLab(endpoints=table(server))
    with pplab.Lab(store=tmp_path / "lab", model="qwen3:8b@local", configuration=configuration) as lab:
        made = lab.run("hello", n=1)
        assert (made.status, lab.model, lab.provider) == ("completed", "qwen3:8b", f"127.0.0.1:{server.port}")
        stored = lab.experiments().iloc[0]
        assert (stored["model"], stored["provider"]) == ("qwen3:8b", f"127.0.0.1:{server.port}")
        assert lab.scrub(f"{OTHER} azure-canary-0123456789") == "[secret] [secret]"
    ((path, headers),) = server.asked
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {OTHER}"
    assert headers["api-key"] == "azure-canary-0123456789"


def deny(_path):
    return 401, b'{"error": {"message": "who are you?"}}', {}


def denied(lab):
    """Return what is said of a call; the tables are not asked, which costs more than everything else here."""
    heard = []
    lab.run("hello", n=1, on_response=heard.append)
    return heard[0].error


@pytest.mark.parametrize(
    ("fields", "environment", "reason"),
    [
        ({"headers_env": {}}, {}, "no key was sent, because LOCAL_KEY is not set"),
        *only_soak_cases(({"headers_env": {}}, {"LOCAL_KEY": " "}, "no key was sent, because LOCAL_KEY is not set")),
        ({}, {"LOCAL_KEY": OTHER}, "no header api-key was sent, because AZURE_KEY is not set"),
        ({}, {}, "no key was sent, because LOCAL_KEY is not set; no header api-key was sent, because AZURE_KEY is not set"),
        ({"key_env": None, "headers_env": {}}, {}, "no key was sent, because the endpoint 'local' has no key_env"),
        ({}, {"LOCAL_KEY": OTHER, "AZURE_KEY": KEY}, None),
    ],
)
def test_an_access_denied_where_a_variable_is_not_set_names_the_variable(tmp_path, monkeypatch, fields, environment, reason):
    for variable in ("LOCAL_KEY", "AZURE_KEY"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    with PlainServer(deny) as server:
        configuration = PPLab(endpoints=table(server, **fields))
        with pplab.Lab(store=tmp_path / "lab", model="m@local", configuration=configuration) as lab:
            error = denied(lab)
    assert error == "; ".join(filter(None, ["access denied (HTTP 401): who are you?", reason]))


def test_an_access_denied_at_a_base_url_without_a_key_names_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with PlainServer(deny) as server, pplab.Lab(store=tmp_path / "lab", model="m", base_url=server.base_url) as lab:
        error = denied(lab)
    assert error.endswith("who are you?; no key was sent, because OPENAI_API_KEY is not set")


def test_the_identity_of_a_call_is_that_of_the_plain_model_at_the_plain_address(tmp_path, server, keys):
    with pplab.Lab(store=tmp_path / "lab", model="m@local", configuration=PPLab(endpoints=table(server))) as lab:
        at_endpoint = lab.run("hello", n=1).responses["request_key"].tolist()
    with pplab.Lab(store=tmp_path / "lab2", model="m", base_url=server.base_url) as lab:
        assert lab.run("hello", n=1).responses["request_key"].tolist() == at_endpoint


def test_an_endpoint_without_key_env_gets_no_key(tmp_path, server, keys):
    configuration = PPLab(endpoints={"open": {"base_url": server.base_url}})
    with pplab.Lab(store=tmp_path / "lab", model="m@open", configuration=configuration) as lab:
        assert lab.run("hello", n=1).status == "completed"
    assert server.keys == [None]


def test_the_model_of_the_environment_may_be_at_an_endpoint(server, keys, monkeypatch):
    monkeypatch.setenv("PPLAB_MODEL", "m@local")
    monkeypatch.setenv("PPLAB_BASE_URL", "http://localhost:1/v1")
    got = resolve(configuration=PPLab(endpoints=table(server)))
    assert (got.model, got.base_url, got.api_key) == ("m", server.base_url, OTHER)


def test_a_models_own_at_sign_stays_where_no_endpoint_has_that_name(server, keys):
    configuration = PPLab(endpoints=table(server))
    assert resolve(model="claude-3-5-sonnet@20240620", configuration=configuration).model == "claude-3-5-sonnet@20240620"
    assert resolve(model="a@b@local", configuration=configuration).model == "a@b"
    assert split_model("m@anything", {}) == ("m@anything", None)


def test_a_name_that_is_nearly_an_endpoints_is_refused_with_it(server):
    with pytest.raises(BadInput, match="did you mean 'local'"):
        resolve(model="m@locl", configuration=PPLab(endpoints=table(server)))


def test_an_endpoint_and_a_base_url_exclude_each_other(server):
    with pytest.raises(BadInput, match="give one"):
        resolve(model="m@local", base_url="http://localhost:1/v1", configuration=PPLab(endpoints=table(server)))


def test_an_endpoint_limits_the_calls_under_way_where_a_run_does_not_say(tmp_path, server, keys):
    configuration = PPLab(endpoints=table(server, max_concurrency=3))
    with pplab.Lab(store=tmp_path / "lab", model="m@local", configuration=configuration) as lab:
        plans = [lab.run("hello", n=1).id, lab.run("hello", n=1, max_concurrency=5).id]
        assert [lab.experiment(one).plan.max_concurrency for one in plans] == [3, 5]


def test_the_studio_asks_another_model_at_the_same_endpoint(tmp_path, server, keys):
    from pplab.views.widgets.studio import Studio
    from pplab.views.widgets.studio_draft import request_of

    with pplab.Lab(store=tmp_path / "lab", model="m@local", configuration=PPLab(endpoints=table(server))) as lab:
        studio = Studio(lab)
        try:
            plan, _ = lab.manager.plan(request_of({**studio.draft, "prompt": "hello", "models": "n"}))
            (asked,) = plan.models
            assert (asked.name, asked.endpoint, asked.provider) == ("n", "local", lab.provider)
        finally:
            studio.close()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": "http://localhost:1", "key_evn": "K"}, "did you mean 'key_env'"),
        ({"base_ulr": "http://localhost:1"}, "did you mean 'base_url'"),
        ({"base_url": "localhost"}, "http"),
        ({}, "no base_url"),
        ("http://localhost:1", "no base_url"),
        ({"base_url": "http://a:secretsecret@localhost:1"}, "carries a key"),
        ({"base_url": "http://localhost:1?key=secretsecret"}, "carries a key"),
        ({"base_url": "http://localhost:1", "key_env": "sk-0123456789abcdef0123"}, "never the value"),
        ({"base_url": "http://localhost:1", "headers_env": {"api-key": 3}}, "never the value"),
        ({"base_url": "http://localhost:1", "headers_env": ["api-key"]}, "must be a table"),
        ({"base_url": "http://localhost:1", "headers_env": {"a b": "K"}}, "cannot set the header"),
        ({"base_url": "http://localhost:1", "headers_env": {"Host": "K"}}, "cannot set the header"),
        ({"base_url": "http://localhost:1", "max_concurrency": 0}, "max_concurrency"),
        ({"base_url": "http://localhost:1", "max_concurrency": True}, "max_concurrency"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_refused_in_words_without_its_secrets(fields, words):
    with pytest.raises(BadInput) as refused:
        set_value(PPLab(), "endpoints", json.dumps({"local": fields}))
    assert words in str(refused.value)
    assert "secretsecret" not in str(refused.value)
    assert "0123456789abcdef" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "a@b", "a b", "-x"])
def test_an_endpoint_needs_a_name_that_can_follow_the_at_sign(name):
    with pytest.raises(BadInput, match="not a name"):
        read_endpoints({name: {"base_url": "http://localhost:1"}})


# -- approval -----------------------------------------------------------------------------------------------------------------


def test_an_endpoint_in_a_cloned_lab_gets_neither_key_nor_header_before_approval(tmp_path, server, keys, capsys):
    folder = cloned(tmp_path, endpoints=table(server))
    code, said = pplab_program(capsys, "run", "hello", "--n", "1", "--store", str(folder), "--model", "m@local")
    assert code == 2
    assert server.asked == []
    assert "LOCAL_KEY and AZURE_KEY" in said
    typed = said.split("type once: pplab ")[1].split(" (in a notebook")[0]
    assert pplab_program(capsys, *typed.split())[0] == 0
    assert pplab_program(capsys, "run", "hello", "--n", "1", "--store", str(folder), "--model", "m@local")[0] == 0
    assert server.keys == [f"Bearer {OTHER}"]


def test_a_lab_cannot_ask_for_another_variable_at_an_address_that_was_approved_for_one(tmp_path, server, keys):
    own = tmp_path / "own"
    change_configuration(load_configuration(own), {"base_url": server.base_url}, own)
    fields = {"base_url": server.base_url, "headers_env": {"x-stolen": "AZURE_KEY"}}
    with pytest.raises(BadInput, match="AZURE_KEY"):
        run(store=cloned(tmp_path, endpoints={"local": fields}, model="m@local"))
    assert server.asked == []


def test_typed_endpoints_are_approved_and_withdrawn_with_the_setting(tmp_path, server, keys):
    folder = tmp_path / "lab"
    change_configuration(load_configuration(folder), {"endpoints": table(server)}, folder)
    assert run(store=folder, model="m@local").status == "completed"
    change_configuration(load_configuration(folder), {"endpoints": {}}, folder)
    with pytest.raises(BadInput, match="not approved"):
        run(store=cloned(tmp_path, endpoints=table(server)), model="m@local")


def test_a_key_in_python_for_an_endpoint_of_the_folder_needs_approval(tmp_path, server):
    with pytest.raises(BadInput, match="LOCAL_KEY"):
        run(store=cloned(tmp_path, endpoints=table(server)), model="m@local", api_key=KEY)
    assert server.asked == []


def test_no_value_of_a_header_is_stored_or_shown(tmp_path, keys, monkeypatch):
    echo = b'{"error": {"message": "wrong api-key azure-canary-0123456789 and %s"}}' % OTHER.encode()
    with PlainServer(lambda _: (401, echo, {})) as rude:
        folder = tmp_path / "lab"
        change_configuration(load_configuration(folder), {"endpoints": table(rude), "model": "m@local"}, folder)
        made = run(store=folder)
    assert made.status == "failed"
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"azure-canary" not in kept
    assert OTHER.encode() not in kept


def test_doctor_names_a_variable_that_is_not_set(tmp_path, server, capsys):
    folder = cloned(tmp_path, endpoints=table(server), model="m@local")
    code, said = pplab_program(capsys, "doctor", "--store", str(folder))
    assert code == 1
    assert "AZURE_KEY is not set" in said


def test_a_command_in_a_notebook_asks_an_endpoint_from_when_it_is_configured(tmp_path, server):
    configuration = PPLab()
    labs = []

    def open_lab():
        if not labs or labs[-1].configuration is not configuration:
            labs.append(pplab.Lab(store=tmp_path / "lab", configuration=configuration))
        return labs[-1]

    session = Session(open_lab, "notebook")
    words = ["run", "hello", "--n", "1", "--model", "m@local", "--json"]
    with pytest.raises(BadInput, match="neither a key nor a base URL"):
        command_table.perform(words, session)
    configuration = PPLab(endpoints=table(server))
    assert command_table.perform(words, session).exit_code == 0
    session.close()
    for lab in labs:
        lab.close()


@pytest.mark.parametrize("store", ["another lab", *only_soak(":temp:")])
def test_a_lab_named_by_an_option_is_asked_where_its_configuration_now_says(tmp_path, server, store):
    folder = store if store == ":temp:" else str(tmp_path / store)
    session = Session(lambda: pytest.fail("this session has no lab of its own"), "notebook")
    run, stored = ["run", "hello", "--n", "1", "--store", folder], ["results", "--list", "--store", folder]
    before = len(command_table.perform(stored, session).data)  # the temporary lab is one for the whole process
    assert command_table.perform(run, session).value.responses["model"].tolist() == ["embedded"]
    for changes in (["base_url=http://127.0.0.1:9/v1", "model=m"], [f"base_url={server.base_url}"]):
        command_table.perform(["config", "--store", folder, *changes], session)
    assert command_table.perform(run, session).value.status == "completed"
    assert len(server.asked) == 1
    assert len(command_table.perform(stored, session).data) == before + 2
    session.close()
