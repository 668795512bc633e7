"""The setting to use as a call: the arguments of OpenAI's client, and the code around them."""

from __future__ import annotations

import inspect
import io
import json
import os
from contextlib import redirect_stdout
from typing import TYPE_CHECKING
from unittest import mock

import pytest

import pplab
from pplab.errors import BadInput
from pplab.experiments.request_code import CLIENT_ARGUMENTS
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-test-" + "k" * 24


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def run_program(code: str, **environment: str) -> str:
    """Run a program in this process, where its client is imported already; return what it prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PPLAB_"))}
    with mock.patch.dict(os.environ, {**clean, **environment}, clear=True), redirect_stdout(io.StringIO()) as printed:
        exec(code, {"__name__": "__main__"})
    return printed.getvalue()


def test_the_client_has_every_argument_that_is_not_sent_in_its_extra_body() -> None:
    from openai.resources.chat.completions import Completions

    assert set(inspect.signature(Completions.create).parameters) >= CLIENT_ARGUMENTS


def test_the_program_sends_what_the_run_sent(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:ok") as lab:
        experiment = lab.run("say it as code", n=2, seed=3, parameters={"temperature": 0.3, "top_k": 7, "x.mirostat": 2})
        code, plain = experiment.code(), experiment.code("json")
        sent = server.seen("say it as code")[0]["body"]
    assert run_program(code, OPENAI_API_KEY=KEY).strip()
    again = server.seen("say it as code")[-1]["body"]
    assert again == {name: value for name, value in sent.items() if name != "seed"}
    assert json.loads(plain) == again


def test_a_named_endpoint_is_asked_with_its_own_key_alone(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_KEY", KEY)
    monkeypatch.setenv("LOCAL_HEADER", KEY + "h")
    place = {"base_url": server.base_url, "key_env": "LOCAL_KEY", "headers_env": {"x-tenant": "LOCAL_HEADER"}}
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        lab.configuration.endpoints = {"local": place}
        code = lab.run("at an endpoint", n=1, models=["fast@local"]).code()
    assert "api_key=os.environ['LOCAL_KEY'], default_headers={'x-tenant': os.environ['LOCAL_HEADER']}" in code
    assert KEY not in code
    assert run_program(code, LOCAL_KEY=KEY, LOCAL_HEADER="tenant", OPENAI_API_KEY="sk-other-" + "o" * 20).strip()


def test_a_lab_that_asks_another_server_by_now_names_the_one_that_was_asked(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        lab.run("elsewhere", n=1)
        folder = lab.folder
    with pplab.Lab(store=folder, model="embedded") as lab:
        code = lab.experiment().code()
    assert f"client = OpenAI(base_url='{server.base_url}', api_key='none')" in code


def test_the_embedded_model_is_said_to_be_none_that_a_server_has(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        assert lab.run("Hi", n=1).code().startswith("# The model 'embedded' answers inside pplab alone")


def test_request_takes_another_prompt_and_leaves_the_decision_as_it_is(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        decision = lab.run("Hi", n=1, system="Be kind.").verdict()
    asked = decision.request("Another")
    assert [m["content"] for m in asked["messages"]] == ["Be kind.", "Another"]
    assert decision.request()["messages"][-1]["content"] == "Hi"


def test_where_nothing_is_decided_there_is_no_setting_to_use(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        open_one = lab.run("Hi", n=2, sweep={"temperature": [0, 1]})
        with pytest.raises(BadInput, match=r"nothing is decided.*ask 9 more prompts"):
            open_one.verdict().request()
