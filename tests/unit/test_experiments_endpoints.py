"""Experiments over several endpoints: each has its own key, pace and trouble, and nothing of one reaches another."""

from __future__ import annotations

import json
import zipfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.config.configuration import PPLab, change_configuration, load_configuration
from pplab.errors import BadInput, Offline
from pplab.experiments.same_failure import FEW
from pplab.plan.settings import ModelAsked
from tests.servers.faults import completion
from tests.servers.plain import PlainServer, answer_well
from tests.unit.test_config_approvals import cloned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.plain import Answer

NAMES = ("a", "b", "c")
KEYS = {name: f"sk-canary-of-{name}-0123456789abcdef" for name in NAMES}
HEADERS = {name: f"header-canary-of-{name}-0123456789" for name in NAMES}
MODELS = ["m@a", "m@b", "n@c"]


def in_turn(*answers: Answer) -> Callable[[str], Answer]:
    """Return answers one after the other; the last is given from then on."""
    left = list(answers)
    return lambda _path: left.pop(0) if len(left) > 1 else left[0]


def failing(status: int, message: str = "no", **headers: str) -> Answer:
    return status, json.dumps({"error": {"message": message}}).encode(), {k.replace("_", "-"): v for k, v in headers.items()}


GOOD = answer_well("")
DENIED = failing(401, "who are you?")


@contextmanager
def servers(**answers: Callable[[str], Answer]) -> Iterator[dict[str, PlainServer]]:
    """Run a server for each endpoint; those that are not named answer well."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(PlainServer(answers.get(name, answer_well))) for name in NAMES}


def table(running: dict[str, PlainServer], **more: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "base_url": server.base_url,
            "key_env": f"{name.upper()}_KEY",
            "headers_env": {f"x-{name}": f"{name.upper()}_HEADER"},
            **more.get(name, {}),
        }
        for name, server in running.items()
    }


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(f"{name.upper()}_KEY", KEYS[name])
        monkeypatch.setenv(f"{name.upper()}_HEADER", HEADERS[name])


def lab_of(folder: Path, running: dict[str, PlainServer], model: str = "m@a", **more: Any) -> pplab.Lab:
    configuration = PPLab(endpoints=table(running, **more), prices={"m": [1, 1], "n": [2, 2]})
    return pplab.Lab(store=folder / "lab", model=model, configuration=configuration)


def statuses(experiment: Any) -> dict[str, list[str]]:
    rows = experiment.responses
    return {endpoint: sorted(set(of_one["status"])) for endpoint, of_one in rows.groupby("endpoint")}


def assert_apart(running: dict[str, PlainServer], *folders: Path) -> None:
    """Assert that each server saw its own key and header alone, and that no file holds any of them."""
    for name, server in running.items():
        for _, headers in server.asked:
            assert headers["authorization"] == f"Bearer {KEYS[name]}"
            assert headers[f"x-{name}"] == HEADERS[name]
        seen = json.dumps([server.asked, server.bodies])
        assert not [other for other in NAMES if other != name and (KEYS[other] in seen or HEADERS[other] in seen)]
    secrets = [value.encode() for value in (*KEYS.values(), *HEADERS.values())]
    for folder in folders:
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            held = [path.read_bytes()]
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    held += [archive.read(entry) for entry in archive.namelist()]
            assert not [secret for secret in secrets if any(secret in data for data in held)], path


# -- apart --------------------------------------------------------------------------------------------------------------------


def test_no_key_or_header_is_seen_at_another_endpoint_nor_in_any_file(tmp_path: Path) -> None:
    echo = json.dumps({"error": {"message": f"bad key {KEYS['c']} with {HEADERS['c']}, not {KEYS['a']}"}}).encode()
    with PlainServer() as elsewhere:
        answers = {
            "a": in_turn(failing(429, retry_after_ms="10"), failing(500), GOOD),
            "b": in_turn((307, b"", {"Location": f"{elsewhere.base_url}/chat/completions"}), GOOD),
            "c": in_turn((400, echo, {}), (200, json.dumps(completion(f"You sent {KEYS['c']}")).encode(), {})),
        }
        with servers(**answers) as running, lab_of(tmp_path, running) as lab:
            lab.use_recording(tmp_path / "calls.jsonl")
            experiment = lab.run(f"hello, my key is {KEYS['b']}", n=3, models=MODELS, sweep={"temperature": [0, 1]})
            experiment.retry_failed()
            for kind, suffix in (("csv", "csv"), ("json", "json"), ("parquet", "parquet"), ("package", "zip")):
                lab.export(experiment, format=kind, path=tmp_path / f"out.{suffix}")
            lab.export(format="json", what="audit", path=tmp_path / "audit.json")
            assert "[secret]" in experiment.responses["text"].str.cat()
            assert elsewhere.asked == []
            words = f"{experiment.reason} {experiment.responses.to_json()} {experiment!r} {lab.context.effective_configuration!r}"
            assert not [value for value in (*KEYS.values(), *HEADERS.values()) if value in words]
            assert {name: len(server.bodies) >= 6 for name, server in running.items()} == dict.fromkeys(NAMES, True)
        assert_apart(running, tmp_path)


def test_a_key_that_is_set_after_the_lab_was_opened_is_taken_out_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("B_KEY")
    late = (200, json.dumps(completion(f"You sent {KEYS['b']}")).encode(), {})
    with servers(b=lambda _: late) as running, lab_of(tmp_path, running) as lab:
        monkeypatch.setenv("B_KEY", KEYS["b"])
        experiment = lab.run("hello", n=1, models=["m@a", "m@b"])
        assert experiment.status == "completed"
        assert lab.scrub(KEYS["b"]) == "[secret]"
    assert_apart(running, tmp_path)


@pytest.mark.soak
def test_two_names_of_one_host_are_two_endpoints_with_one_identity(tmp_path: Path) -> None:
    with PlainServer() as server, lab_of(tmp_path, {"a": server, "b": server}) as lab:
        rows = lab.run("hello", n=2, models=["m@a", "m@b"]).responses
        assert rows["request_key"].nunique() == 2
        assert rows.groupby("replicate")["request_key"].nunique().tolist() == [1, 1]
        assert sorted(rows["endpoint"]) == ["a", "a", "b", "b"]
        assert [(h["authorization"], h.get("x-a"), h.get("x-b")) for _, h in sorted(server.asked, key=str)] == [
            *[(f"Bearer {KEYS['a']}", HEADERS["a"], None)] * 2,
            *[(f"Bearer {KEYS['b']}", None, HEADERS["b"])] * 2,
        ]


def test_an_endpoint_is_not_sent_the_organization_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    openai = {"work": {"base_url": "https://api.openai.com/v1", "key_env": "A_KEY"}}
    with pplab.Lab(store=tmp_path / "lab", api_key=KEYS["b"], configuration=PPLab(endpoints=openai)) as lab:
        lab.context.access.source([ModelAsked("m", None, "api.openai.com"), ModelAsked("m", "work", "api.openai.com")])
        own, work = (client._connected() for client in lab.context.access._clients.values())
        assert own.default_headers["OpenAI-Organization"] == "org-canary"
        assert "org-canary" not in work.default_headers.values()
        assert (own.api_key, work.api_key) == (KEYS["b"], KEYS["a"])


@pytest.mark.soak
def test_the_embedded_model_answers_beside_others_and_gets_no_connection(tmp_path: Path) -> None:
    with servers() as running, lab_of(tmp_path, running) as lab:
        experiment = lab.run("hello", n=2, models=["m@a", "embedded"])
        assert experiment.status == "completed"
        assert (experiment.model, experiment.models) == ("m@a, embedded", ("m@a", "embedded"))
        row = lab.experiments().iloc[0]
        assert (row["model"], row["models"]) == ("m@a, embedded", ["m@a", "embedded"])
        assert row["provider"] == f"127.0.0.1:{running['a'].port}, embedded"
        assert len(running["a"].asked) == 2


def test_an_experiment_is_found_by_each_of_its_models(tmp_path: Path) -> None:
    with servers() as running, lab_of(tmp_path, running) as lab:
        both = lab.run("hello", n=1, models=["m@a", "n@b"]).id
        one = lab.run("hello", n=1).id
        found = {model: lab.experiments(model=model)["experiment_id"].tolist() for model in ("m", "n", "n@b", "m@a, n@b", "x")}
        assert found == {"m": [both, one], "n": [both], "n@b": [both], "m@a, n@b": [both], "x": []}
        assert lab.experiments(model=["x", "n"])["experiment_id"].tolist() == [both]


# -- approval -----------------------------------------------------------------------------------------------------------------


def test_endpoints_of_a_cloned_lab_are_approved_together_before_the_first_call_and_only_those_used(tmp_path: Path) -> None:
    with servers() as running:
        folder = cloned(tmp_path, endpoints=table(running), model="embedded")
        with pplab.Lab(store=folder) as lab:
            assert lab.run("hello", n=1).status == "completed"
            with pytest.raises(BadInput) as refused:
                lab.run("hello", n=1, models=["embedded", "m@a", "n@c"])
            assert refused.value.code == "not_approved"
            addresses = [running[name].base_url for name in ("a", "c")]
            for address, name in zip(addresses, ("A", "C"), strict=True):
                assert f"{name}_KEY and {name}_HEADER may be sent to {address}" in str(refused.value)
            assert running["b"].base_url not in f"{refused.value}{refused.value.hint}"
            assert [server.asked for server in running.values()] == [[], [], []]
            assert len(lab.experiments()) == 1
        own = tmp_path / "own"  # the user types the same endpoints: their keys may go there
        change_configuration(load_configuration(own), {"endpoints": table(running)}, own)
        with pplab.Lab(store=folder) as lab:
            assert lab.run("hello", n=1, models=["embedded", "m@a", "n@c"]).status == "completed"
    assert_apart(running)


def test_offline_no_endpoint_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    with servers() as running, lab_of(tmp_path, running, model="embedded") as lab:
        with pytest.raises(Offline, match="m at 127"):
            lab.run("hello", n=1, models=["embedded", "m@b"])
        assert lab.run("hello", n=1, models=["embedded"]).status == "completed"


# -- trouble ------------------------------------------------------------------------------------------------------------------


def test_an_endpoint_that_denies_access_leaves_the_others_going_and_is_named(tmp_path: Path) -> None:
    answers = [DENIED]
    with servers(b=lambda _: answers[-1]) as running, lab_of(tmp_path, running) as lab:
        experiment = lab.run("hello", n=10, models=MODELS, max_concurrency=3)
        assert experiment.status == "partial"
        assert statuses(experiment) == {"a": ["ok"], "b": ["cancelled", "failed"], "c": ["ok"]}
        assert experiment.reason.startswith("asking b stopped: access denied (HTTP 401): who are you?")
        assert len(running["b"].asked) <= 3
        cancelled = experiment.responses.query("status == 'cancelled'")
        assert set(cancelled["error"]) == {experiment.reason}
        answers.append(GOOD)
        assert experiment.retry_failed().status == "completed"
        assert [len(running[name].asked) for name in ("a", "c")] == [10, 10]


@pytest.mark.soak
def test_an_endpoint_that_is_down_leaves_the_others_going_and_is_resumed_only_where_it_was_asked(tmp_path: Path) -> None:
    with servers() as running:
        with PlainServer() as gone:
            port = gone.port
        down = {"base_url": f"http://127.0.0.1:{port}/v1"}
        with lab_of(tmp_path, running, b=down) as lab:
            experiment = lab.run("hello", n=20, models=MODELS, max_concurrency=3, deadline=60)
            assert statuses(experiment) == {"a": ["ok"], "b": ["cancelled", "failed"], "c": ["ok"]}
            assert experiment.reason.startswith("asking b stopped after 5 calls that all failed alike")
            asked = len(running["a"].asked)
            made = experiment.id
        with lab_of(tmp_path, running) as lab:
            with pytest.raises(BadInput, match=rf"m@b is asked at 127.0.0.1:{port}, and the endpoint 'b' leads to 127.0.0.1:"):
                lab.experiment(made).resume()
            assert len(running["b"].asked) == 0
            assert len(running["a"].asked) == asked


@pytest.mark.soak
def test_a_long_retry_after_pauses_one_endpoint_and_a_resume_sends_only_what_is_missing(tmp_path: Path) -> None:
    with servers(b=in_turn(failing(429, Retry_After="600"), GOOD)) as running, lab_of(tmp_path, running) as lab:
        experiment = lab.run("hello", n=10, models=MODELS, max_concurrency=3)
        assert experiment.status == "paused"
        assert experiment.reason.startswith("b asks to wait: retry at ")
        by_endpoint = statuses(experiment)
        assert (by_endpoint["a"], by_endpoint["c"]) == (["ok"], ["ok"])
        assert "cancelled" in by_endpoint["b"]
        before = {name: len(server.asked) for name, server in running.items()}
        experiment.resume()
        assert experiment.status == "completed"
        assert {name: len(server.asked) - before[name] for name, server in running.items()} == {
            "a": 0,
            "b": 20 - 10 - before["b"] + 1,
            "c": 0,
        }


@pytest.mark.soak
def test_an_endpoint_that_asks_to_wait_a_moment_holds_up_no_other(tmp_path: Path) -> None:
    slow = in_turn(failing(429, Retry_After="2"), GOOD)
    with servers(b=slow) as running, lab_of(tmp_path, running) as lab:
        experiment = lab.start("hello", n=20, models=["m@a", "m@b"], max_concurrency=4)
        experiment.wait()
        assert experiment.status == "completed"
        rows = lab.sql("SELECT endpoint, max(created_at) AS last FROM responses GROUP BY endpoint ORDER BY endpoint")
        assert rows["last"][0] < rows["last"][1]


@pytest.mark.soak
def test_an_endpoint_takes_no_more_calls_at_once_than_it_is_configured_for(tmp_path: Path) -> None:
    with servers() as running, lab_of(tmp_path, running, b={"max_concurrency": 1}) as lab:
        preflight = lab.preflight("hello", n=50, models=["m@a", "m@b"])
        assert "m@b takes longest, assuming 1 to 10 s a call, 1 at once" in preflight.time_basis
        experiment = lab.run("hello", n=10, models=["m@a", "m@b"], max_concurrency=8)
        assert experiment.status == "completed"
        overlaps = lab.sql("""
            WITH at_b AS (SELECT attempt_id, started_at, started_at + to_microseconds((1000 * a.latency_ms)::BIGINT) AS ended
                          FROM call_attempts a JOIN responses r USING (response_id) WHERE r.endpoint = 'b')
            SELECT count(*) AS n FROM at_b x JOIN at_b y ON x.attempt_id < y.attempt_id
            WHERE x.started_at < y.ended AND y.started_at < x.ended""")
        assert overlaps["n"].tolist() == [0]


@pytest.mark.soak
def test_a_setting_whose_calls_are_all_rejected_is_not_sent_again_and_the_others_go_on(tmp_path: Path) -> None:
    refusal = {"message": "Unsupported value: 'temperature'", "param": "temperature", "code": "unsupported_value"}
    refused = (400, json.dumps({"error": {**refusal, "type": "invalid_request_error"}}).encode(), {})
    asked: list[PlainServer] = []
    with PlainServer(lambda _: refused if asked[0].bodies[-1]["temperature"] == 2 else GOOD) as server:
        asked.append(server)
        with pplab.Lab(store=tmp_path / "lab", model="m", base_url=server.base_url) as lab:
            experiment = lab.run("hello", n=40, sweep={"temperature": [0, 2]}, max_concurrency=1)
            rows = experiment.responses
            assert (rows[rows["temperature"] == 0]["status"] == "ok").all()
            counts = rows[rows["temperature"] == 2]["status"].value_counts().to_dict()
            assert counts == {"rejected": FEW, "cancelled": 40 - FEW}
            errors = rows[rows["status"] == "cancelled"]["error"].unique().tolist()
            assert len(errors) == 1
            assert errors[0].startswith(f"not sent, because {FEW} calls under this setting were rejected alike: ")
            assert experiment.status == "partial"
            assert len(server.bodies) == 40 + FEW


# -- money --------------------------------------------------------------------------------------------------------------------


def test_a_budget_holds_over_all_models(tmp_path: Path) -> None:
    with servers() as running, lab_of(tmp_path, running) as lab:
        options = {"models": ["m@a", "n@b"], "parameters": {"max_tokens": 100}}
        experiment = lab.run("hello", n=50, max_cost=0.002, **options)
        assert experiment.status == "paused"
        assert "max_cost" in experiment.reason
        rows = experiment.responses
        assert rows["cost"].sum() <= 0.002
        assert set(rows[rows["status"] == "ok"]["endpoint"]) == {"a", "b"}
        assert lab.preflight("hello", n=50, **options).cost is not None
        with pytest.raises(BadInput, match="the price of q at"):
            lab.run("hello", n=1, models=["m@a", "q@b"], max_cost=1)
        assert "no list price is known for q@b, the rest costs" in lab.preflight("hello", models=["m@a", "q@b"]).words


# -- recordings, packages, the gate -------------------------------------------------------------------------------------------


def test_a_recording_of_several_models_answers_all_of_them_where_nobody_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers() as running:
        with lab_of(tmp_path, running) as lab:
            lab.use_recording(tmp_path / "calls.jsonl")
            first = lab.run("hello", n=2, models=MODELS).responses
            asked = [len(server.asked) for server in running.values()]
        providers = {json.loads(line)["request"]["provider"] for line in (tmp_path / "calls.jsonl").read_text().splitlines()[1:]}
        assert providers == {f"127.0.0.1:{server.port}" for server in running.values()}
        monkeypatch.setenv("PPLAB_OFFLINE", "1")
        with lab_of(tmp_path / "offline", running) as lab:
            lab.use_recording(tmp_path / "calls.jsonl")
            again = lab.run("hello", n=2, models=MODELS).responses
            assert again["text"].tolist() == first["text"].tolist()
            with pytest.raises(Offline, match="PPLAB_OFFLINE is set: the nearest recorded call differs in"):
                lab.run("good bye", n=1, models=MODELS)
        assert [len(server.asked) for server in running.values()] == asked


def test_a_package_of_several_models_is_verified_imported_replayed_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers() as running:
        with lab_of(tmp_path, running) as lab:
            experiment = lab.run(["hello", "good bye"], n=2, models=["m@a", "n@b", "embedded"], sweep={"temperature": [0, 1]})
            package = lab.export(experiment, format="package").path
        with pplab.Lab(store=tmp_path / "colleague", model="embedded") as lab:
            lab.verify(package)
            lab.import_package(package)
            assert lab.replay(experiment.id).identical
            gate = lab.check(experiment.id)
            assert gate.outcome == "same"
            assert "the recorded answers" in gate.words
        asked = [len(server.asked) for server in running.values()]
        with lab_of(tmp_path / "third", running) as lab:
            live = lab.check(package)
            assert live.outcome == "same"
            assert "fresh answers of m@a, n@b, embedded" in live.words
            with pytest.raises(BadInput, match="compares several models"):
                lab.check(package, model="m")
        assert [len(server.asked) - before for server, before in zip(running.values(), asked, strict=True)] == [8, 8, 0]


@pytest.mark.soak
def test_models_are_swept_on_the_command_line(tmp_path: Path) -> None:
    with servers() as running, lab_of(tmp_path, running) as lab:
        session = Session(lambda: lab, "notebook")
        result = command_table.perform(["run", "hello", "--n", "2", "--sweep", "model=m@a,n@b", "--json"], session)
        assert result.exit_code == 0
        assert [len(server.asked) for server in running.values()] == [2, 2, 0]
        assert sorted(result.value.responses["model_asked"]) == ["m", "m", "n", "n"]
        session.close()


@pytest.mark.soak
def test_more_replicates_are_asked_of_every_model(tmp_path: Path) -> None:
    with servers() as running, lab_of(tmp_path, running) as lab:
        experiment = lab.run("hello", n=2, models=MODELS).top_up(5)
        assert experiment.status == "completed"
        assert [len(server.asked) for server in running.values()] == [5, 5, 5]
        assert lab.context.store.counts()["responses"] == 15


@pytest.mark.soak
def test_a_recording_answers_models_by_name_where_no_endpoint_is_configured(tmp_path: Path) -> None:
    with servers() as running, lab_of(tmp_path, running) as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        first = lab.run("hello", n=2, models=["m@a", "n@c"]).responses
    with pplab.Lab(store=tmp_path / "colleague") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        again = lab.run("hello", n=2, models=["m", "n"])
        assert again.responses["request_key"].tolist() == first["request_key"].tolist()
        assert again.status == "completed"
        assert again.top_up(2).status == "completed"
        with pytest.raises(Offline, match="there is no key for the model: the nearest recorded call differs in the prompt"):
            lab.run("good bye", n=1, models=["m", "n"])
