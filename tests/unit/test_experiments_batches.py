"""Runs in batches: what goes wrong at a provider, what a resume finds again, and that the answers are those of single calls."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.errors import BadInput, Offline
from pplab.experiments.batch_scheduler import BatchScheduler
from pplab.models.batches import BatchLimits, OpenAIBatches
from tests.servers.batches import BatchServer, answer
from tests.soak import only_soak, only_soak_cases
from tests.unit.experiment_labs import KEY, SOAK

if TYPE_CHECKING:
    from pathlib import Path

FAST = {"first_look": 0.02, "longest_look": 0.1, "backoff": 0.01}


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Look often, and let a test say how much a file may hold."""

    def limit(**values: Any) -> None:
        monkeypatch.setattr(OpenAIBatches, "limits", BatchLimits(**{**FAST, **values}))

    limit()
    return limit


def lab_at(folder: Path, server: BatchServer, model: str = "m", **options: Any) -> pplab.Lab:
    return pplab.Lab(store=folder / "lab", user="ada", model=model, base_url=server.base_url, api_key=KEY, **options)


def until(condition: Any, seconds: float = 20.0) -> None:
    """Wait for something another thread brings about."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)


def prompts(count: int) -> list[str]:
    return [f"Tell me about topic {number}." for number in range(count)]


def statuses(experiment: Any) -> dict[str, int]:
    return dict(experiment.responses["status"].value_counts())


def batches(lab: pplab.Lab, columns: str = "status") -> list[Any]:
    rows = list(lab.sql(f"SELECT {columns} FROM batches ORDER BY created_at, batch_id").itertuples(index=False, name=None))
    return [row[0] for row in rows] if "," not in columns else rows


# -- the answers are those of single calls ------------------------------------------------------------------------------------


def test_the_decision_and_every_answer_equal_those_of_the_same_calls_sent_one_by_one(tmp_path: Path, limits: Any) -> None:
    limits(requests=9)
    asked: dict[str, Any] = {"n": 2, "sweep": {"temperature": [0.1, 0.9]}, "seed": 3, "parameters": {"max_tokens": 60}}
    with BatchServer() as server, lab_at(tmp_path / "a", server) as one, lab_at(tmp_path / "b", server) as other:
        single, batched = one.run(prompts(6), **asked), other.run(prompts(6), **asked, batch=True)
        assert single.status == batched.status == "completed"
        same = ["request_key", "status", "text", "seed", "input_tokens", "output_tokens", "creativity", "finish_reason", "model"]
        assert single.responses[same].equals(batched.responses[same])
        assert single.verdict().as_dict() == batched.verdict().as_dict()
        assert server.count("POST", "/batches") == 3
        stored = [lab.sql("SELECT sent, applied, usage, error FROM responses ORDER BY prompt_index, setting_index, replicate")
                  for lab in (one, other)]  # fmt: skip
        assert stored[0].equals(stored[1])
        assert other.verify().ok


@pytest.mark.soak
def test_two_equal_prompts_have_ids_of_their_own_and_both_get_an_answer(tmp_path: Path) -> None:
    with BatchServer() as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(["the same", "another", "the same"], n=2, batch=True)
        lines = [json.loads(line) for line in server.files["file-0"].splitlines()]
        ids = [line["custom_id"] for line in lines]
        assert statuses(experiment) == {"ok": 6}
        assert len(set(ids)) == 6
        keys = experiment.responses["request_key"]
        assert keys.nunique() == 4
        assert {id_ for id_ in ids if "-" not in id_} == set(keys)
        assert sorted(id_.partition("-")[2] for id_ in ids if "-" in id_) == ["2", "2"]
        assert all((line["method"], line["url"]) == ("POST", "/v1/chat/completions") for line in lines)


def test_a_file_holds_one_model_and_no_more_than_the_provider_takes(tmp_path: Path, limits: Any) -> None:
    limits(requests=5, size=700)
    with BatchServer() as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(prompts(8), n=1, models=["m", "n"], batch=True)
        files = [content for name, content in server.files.items() if name.startswith("file-")]
        assert experiment.status == "completed"
        assert len(files) > 4  # by size, too
        assert all(len(content) <= 700 and len(content.splitlines()) <= 5 for content in files)
        assert all(len({json.loads(line)["body"]["model"] for line in content.splitlines()}) == 1 for content in files)
        assert sum(len(content.splitlines()) for content in files) == 16
        assert [row.requests for row in lab.manager.context.store.batches(experiment.id)] == [
            len(content.splitlines()) for content in files
        ]


def test_twenty_thousand_requests_go_in_files_of_at_most_the_limit(tmp_path: Path, limits: Any) -> None:
    count = 20_000 if SOAK else 300
    limits(requests=count // 5 - 7)
    with BatchServer(looks=2) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(prompts(count // 10), n=2, sweep={"temperature": [0, 0.3, 0.6, 0.9, 1.2]}, batch=True)
        assert experiment.status == "completed"
        assert len(server.batches) == 6
        assert set(server.asked.values()) == {1}
        assert len(server.asked) == len(experiment.responses) == count


# -- what goes wrong ----------------------------------------------------------------------------------------------------------


IN_PASSING = ("upload_reset", "create_reset", "look_500", "torn", "duplicates", "unknown")
ALONE = [(fault,) for fault in (*IN_PASSING, "upload_429", "create_429", "create_500")]


@pytest.mark.parametrize("faults", [IN_PASSING, *only_soak(*ALONE)], ids="-".join)
def test_what_goes_wrong_in_passing_costs_no_answer_and_asks_nothing_twice(tmp_path: Path, faults: tuple[str, ...]) -> None:
    with BatchServer(*faults) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(prompts(6), n=2, batch=True)
        assert not server.faults
        assert (experiment.status, experiment.reason) == ("completed", None)
        assert len(server.batches) == 1
        assert set(server.asked.values()) == {1}
        assert len(lab.sql("SELECT * FROM responses")) == 12
        assert batches(lab, "status, done, failed")[0] == (
            "completed",
            len(server.files["batch_0-output_file_id"].splitlines()),
            0,
        )


def test_each_line_with_an_error_has_the_status_that_a_single_call_would_have(tmp_path: Path) -> None:
    asked = ["[429] a", "[500] b", "[400] c", "[filter] d", "good"]
    with BatchServer() as server, lab_at(tmp_path / "a", server) as lab, lab_at(tmp_path / "b", server) as other:
        experiment = lab.run(asked, n=1, parameters={"temperature": 1}, batch=True)
        assert list(experiment.responses["status"]) == ["failed", "failed", "rejected", "filtered", "ok"]
        assert experiment.status == "partial"
        assert "resume" not in experiment.reason
        single = other.run(asked[2:], n=1, parameters={"temperature": 1})
        assert list(single.responses["error"]) == list(experiment.responses["error"])[2:]
        assert "Rate limit reached" in experiment.responses["error"][0]
        attempts = lab.sql("SELECT http_status, decision FROM call_attempts ORDER BY http_status")
        assert list(attempts["http_status"]) == [200, 400, 400, 429, 500]
        assert lab.sql("SELECT count(*) FROM audit_logs WHERE event = 'llm_request_failed'").iloc[0, 0] == 3
        before = len(server.asked)
        assert experiment.retry_failed().status == "partial"
        assert len(server.batches) == 2
        assert len(server.asked) == before  # the same three again


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("expire", "paused", "a batch expired: 5 requests without an answer, which resume sends again"),
        *only_soak_cases(("cancel", "paused", "a batch was cancelled: 5 requests without an answer, which resume sends again")),
        ("missing", "partial", "a batch came back without every result: 1 request without an answer, which resume sends again"),
        ("fail", "failed", "a batch failed as a whole (line 1 is bad): 10 requests without an answer, which resume sends again"),
    ],
)
def test_what_a_batch_has_finished_is_kept_and_the_rest_is_sent_again(
    tmp_path: Path, fault: str, status: str, words: str
) -> None:
    with BatchServer(fault) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(prompts(10), n=1, batch=True)
        assert (experiment.status, experiment.reason) == (status, words)
        answered = {"expire": 5, "cancel": 5, "missing": 9, "fail": 0}[fault]
        assert statuses(experiment) == {name: n for name, n in {"ok": answered, "cancelled": 10 - answered}.items() if n}
        if fault == "expire":
            said = "the provider did not begin it: This request was not executed: expired."
            assert set(experiment.responses["error"].dropna()) == {said}
        before = dict(zip(experiment.responses["response_id"], experiment.responses["text"], strict=True))
        assert experiment.resume().status == "completed"
        after = dict(zip(experiment.responses["response_id"], experiment.responses["text"], strict=True))
        assert all(after[id_] == text for id_, text in before.items() if text)
        assert sum(server.asked.values()) == 10 + (fault == "missing")
        assert len(batches(lab)) == 2


def test_a_server_without_batches_is_refused_in_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    with BatchServer("no_batches") as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run("Say hello.", n=2, batch=True)
        assert experiment.status == "failed"
        assert experiment.reason.startswith("a batch could not be submitted to 127.0.0.1")
        assert "HTTP 404" in experiment.reason
        assert batches(lab) == ["not_submitted"]
        server.faults.clear()
        assert experiment.resume().status == "completed"


def test_a_batch_that_the_provider_has_forgotten_is_sent_again_by_a_resume(tmp_path: Path) -> None:
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.start(prompts(3), n=1, batch=True)
        until(lambda: server.batches)
        with server.lock:
            server.batches.clear()
        assert experiment.wait().status == "paused"
        assert "is not known to the provider any more" in experiment.reason
        server.looks = 1
        assert experiment.resume().status == "completed"
        assert batches(lab) == ["lost", "completed"]


@pytest.mark.soak
def test_results_are_stored_as_they_grow_before_a_batch_has_ended(tmp_path: Path) -> None:
    with BatchServer(looks=40, grows=True) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.start(prompts(40), n=1, batch=True)
        until(lambda: experiment.progress["done"] > 3)
        assert batches(lab)[0] in ("validating", "in_progress")
        words = experiment.progress["waiting_for"]
        assert words.startswith("a batch at 127.0.0.1")
        assert words.endswith("of 40 requests done")
        assert experiment.wait().status == "completed"
        assert experiment.progress["waiting_for"] == ""
        assert len(lab.sql("SELECT * FROM responses WHERE revision > 0")) == 0


# -- pausing, leaving, ending ---------------------------------------------------------------------------------------------------


def test_a_closed_lab_leaves_its_batches_going_and_a_later_one_reads_them(tmp_path: Path, limits: Any) -> None:
    limits(requests=4)
    with BatchServer(looks=10**6) as server:
        lab = lab_at(tmp_path, server)
        experiment = lab.start(prompts(8), n=1, batch=True)
        until(lambda: experiment.progress["in_flight"] == 8)
        begun = time.perf_counter()
        lab.close()
        assert time.perf_counter() - begun < 5
        assert {batch["status"] for batch in server.batches.values()} <= {"validating", "in_progress"}
        server.looks = 1
        with lab_at(tmp_path, server) as later:
            found = later.experiment(experiment.id)
            assert found.status == "interrupted"
            assert found.reason == "the lab was closed; 2 batches at the provider: resume reads the answers"
            assert set(found.responses["error"]) == {"its batch is at the provider: a resume reads its answer"}
            assert found.resume().status == "completed"
            assert server.count("POST", "/batches") == server.count("POST", "/files") == 2
            assert batches(later) == ["completed", "completed"]


@pytest.mark.soak
def test_whoever_leaves_cancels_nothing_however_busy_the_loop_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_loop = BatchScheduler._on_loop
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.start(prompts(4), n=1, batch=True)
        until(lambda: experiment.progress["in_flight"] == 4)
        late: list[Any] = []
        monkeypatch.setattr(BatchScheduler, "_on_loop", lambda *about: late.append(about))
        lab.manager._running[-1].leave("gone")
        looks = server.count("GET", "/batches/batch_0")
        until(lambda: server.count("GET", "/batches/batch_0") > looks + 2)  # it went on meanwhile
        for about in late:
            on_loop(*about)
        assert experiment.wait().status == "interrupted"
        assert not server.count("POST", "/batches/batch_0/cancel")


def test_cancelling_ends_batches_at_the_provider_and_keeps_what_they_have_finished(tmp_path: Path) -> None:
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.start(prompts(10), n=1, batch=True)
        until(lambda: experiment.progress["in_flight"] == 10)
        experiment.cancel()
        experiment.wait()
        assert (experiment.status, experiment.reason) == ("interrupted", "cancelled by the user")
        assert statuses(experiment) == {"ok": 5, "cancelled": 5}
        assert server.count("POST", "/batches/batch_0/cancel") == 1
        assert batches(lab) == ["cancelled"]


@pytest.mark.parametrize("fault", [pytest.param("no_cancel", marks=pytest.mark.soak), "silent"])
def test_a_batch_that_cannot_be_cancelled_is_left_to_a_resume(tmp_path: Path, fault: str) -> None:
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.start(prompts(4), n=1, batch=True)
        until(lambda: experiment.progress["in_flight"] == 4)
        server.faults.append(fault)
        experiment.cancel()
        experiment.wait()
        assert experiment.status == "interrupted"
        assert "a batch at 127.0.0.1" in experiment.reason
        assert ("could not be cancelled" if fault == "no_cancel" else "cannot be looked at") in experiment.reason
        server.faults.clear()
        server.looks = 1
        assert experiment.resume().reason in (
            None,
            "a batch was cancelled: 2 requests without an answer, which resume sends again",
        )
        assert server.count("POST", "/batches") == 1


@pytest.mark.soak
def test_a_pause_submits_nothing_more_until_it_is_over(tmp_path: Path, limits: Any) -> None:
    limits(requests=2)
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:
        held = threading.Event()
        upload = server.upload

        def slow(*sent: Any) -> None:
            upload(*sent)
            if not held.is_set():
                held.set()
                experiments[0].pause()

        server.upload = slow  # type: ignore[method-assign]
        experiments = [lab.start(prompts(8), n=1, batch=True)]
        until(held.is_set)
        server.looks = 1
        until(lambda: experiments[0].progress["done"] == 2)
        assert len(server.batches) == 1
        experiments[0].go_on()
        assert experiments[0].wait().status == "completed"
        assert len(server.batches) == 4


def test_an_intent_without_an_id_is_looked_for_at_the_provider_and_sent_anew_only_if_it_is_not_there(tmp_path: Path) -> None:
    with BatchServer(*["create_reset"], looks=10**6) as server:
        find = OpenAIBatches.find

        async def stays_away(*_: Any) -> None:
            raise BadInput("the connection is gone")

        with pytest.MonkeyPatch.context() as patched, lab_at(tmp_path, server) as lab:
            patched.setattr(OpenAIBatches, "find", stays_away)
            with pytest.raises(pplab.errors.PplabError):
                lab.run(prompts(5), n=1, batch=True)
            assert batches(lab) == ["intended"]
        assert OpenAIBatches.find is find
        server.looks = 1
        for number in range(5):  # others of the same account, on several pages of the list
            server.batches[f"other_{number}"] = {"id": f"other_{number}", "status": "completed", "metadata": None}
        with lab_at(tmp_path, server) as lab:
            experiment = lab.experiment("latest")
            assert experiment.resume().status == "completed"
            assert server.count("POST", "/batches") == 1
            assert batches(lab) == ["completed"]


@pytest.mark.soak
def test_where_the_provider_keeps_no_list_an_intent_is_sent_anew(tmp_path: Path) -> None:
    with BatchServer("no_list", *["create_500"] * 5) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(prompts(3), n=1, batch=True)
        assert experiment.status == "paused"
        assert "HTTP 500" in experiment.reason
        assert batches(lab) == ["intended"]
        assert experiment.resume().status == "completed"
        assert batches(lab) == ["not_submitted", "completed"]


# -- money --------------------------------------------------------------------------------------------------------------------


def test_a_file_is_submitted_only_if_its_worst_case_fits(tmp_path: Path, limits: Any) -> None:
    limits(requests=4)
    with BatchServer() as server, lab_at(tmp_path, server) as lab:
        lab.configuration.prices = {"m": [100.0, 1000.0]}  # an answer costs $0.021, at most $0.1047
        experiment = lab.run(prompts(12), n=1, parameters={"max_tokens": 100}, max_cost=0.45, batch=True)
        assert experiment.status == "paused"
        assert "the next batch of 4 requests could cost up to $0.4" in experiment.reason
        assert statuses(experiment) == {"ok": 4, "cancelled": 8}
        assert len(server.batches) == 1
        assert experiment.responses["cost"].sum() == pytest.approx(4 * 0.021)
        assert experiment.resume(max_cost=2).status == "completed"


@pytest.mark.soak
def test_batches_cost_half_where_the_provider_is_known_to_ask_half(tmp_path: Path) -> None:
    with BatchServer() as server, lab_at(tmp_path, server) as lab:
        cost = lab.manager.context.access.cost
        for host, share in {"api.openai.com": 0.5, "api.cerebras.ai": 0.5, "x.openai.azure.com": 0.5, "127.0.0.1:1": 1.0}.items():
            lab.configuration.prices = {"gpt-4o-mini": [0.15, 0.6]}
            assert cost("gpt-4o-mini", 1000, 1000, provider=host, batch=True) == share * cost(
                "gpt-4o-mini", 1000, 1000, provider=host
            )


@pytest.mark.soak
def test_the_preflight_shows_half_the_price_and_the_longest_wait(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="gpt-4o-mini", api_key=KEY) as lab:
        single, batched = lab.preflight(prompts(3), n=2), lab.preflight(prompts(3), n=2, batch=True)
        assert batched.cost == pytest.approx(tuple(dollars / 2 for dollars in single.cost))
        assert batched.seconds == (0.0, 86_400.0)
        assert "Time: up to 24 hours (the longest that a batch may take; many are done much sooner)." in batched.words
        assert "at 50% of the price, which OpenAI asks for batches" in batched.words
        assert not single.batch


# -- by hand ------------------------------------------------------------------------------------------------------------------


def test_requests_are_written_and_results_read_for_a_server_that_is_run_by_hand(tmp_path: Path, limits: Any) -> None:
    limits(requests=4)
    asked = {"model": "m", "base_url": "http://127.0.0.1:9/v1"}
    (tmp_path / "asked-2.jsonl").write_text("kept")
    with BatchServer() as server, pplab.Lab(store=tmp_path / "lab", **asked) as lab:
        experiment = lab.run(prompts(6), n=1, batch="asked.jsonl")
        assert experiment.status == "paused"
        assert experiment.reason.startswith("its requests are in asked.jsonl and asked-3.jsonl: have them answered, then resume")
        assert batches(lab, "status, requests") == [("written", 4), ("written", 2)]
        lines = [
            json.loads(line) for name in ("asked", "asked-3") for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()
        ]
        results = [
            {"custom_id": line["custom_id"], "response": {"status_code": 200, "request_id": "r", "body": answer(line["body"])[1]}}
            for line in lines
        ]
        results[5] = {"custom_id": lines[5]["custom_id"], "response": {"status_code": 400, "body": None}, "error": "too long"}
        (tmp_path / "first.jsonl").write_text("".join(json.dumps(result) + "\n" for result in results[3:]) + '{"custom')
        again = experiment.resume(results="first.jsonl")
        assert (again.status, again.reason) == ("paused", "first.jsonl has no result of 3 requests")
        assert statuses(again) == {"cancelled": 3, "ok": 2, "failed": 1}
        assert "too long" in again.responses["error"][5]
        (tmp_path / "all.jsonl").write_text("".join(json.dumps(result) + "\n" for result in results))
        assert experiment.resume(results=tmp_path / "all.jsonl").status == "partial"
        assert statuses(experiment) == {"ok": 5, "failed": 1}
        assert not server.requests
        assert (tmp_path / "asked-2.jsonl").read_text() == "kept"


def test_files_by_hand_need_neither_a_key_nor_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    with pplab.Lab(store=tmp_path / "lab", model="m", base_url="http://127.0.0.1:9/v1") as lab:
        with pytest.raises(Offline):
            lab.run("Say hello.", batch=True)
        assert lab.run("Say hello.", n=1, batch="asked.jsonl").status == "paused"
    assert json.loads((tmp_path / "asked.jsonl").read_text())["body"]["messages"][0]["content"] == "Say hello."


# -- what is refused, and keys ------------------------------------------------------------------------------------------------


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"stream": True}, "batch and stream were both given, and an answer in a batch comes whole"),
    ({"until": "settled"}, "batch and until were both given, and a race looks at its answers while they come"),
    ({"models": ["embedded"]}, "the embedded model answers at once and takes no batches"),
    ({"batch": "asked.csv"}, "'asked.csv' does not end in .jsonl"),
    ({"batch": "there.jsonl"}, "'there.jsonl' is there already"),
    ({"batch": 7}, "batch=7 is neither True nor a file"),
]


def test_what_cannot_go_in_batches_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "there.jsonl").write_text("kept")
    with BatchServer() as server, lab_at(tmp_path, server) as lab:
        for options, words in IMPOSSIBLE:
            with pytest.raises(BadInput) as refused:
                lab.run(prompts(8), **{"sweep": {"temperature": [0, 1]}, "batch": True, **options})
            assert words in str(refused.value)
        assert not server.requests
        assert lab.experiments().empty
    assert (tmp_path / "there.jsonl").read_text() == "kept"


def test_a_recording_in_front_and_single_answers_are_refused(tmp_path: Path) -> None:
    with BatchServer() as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(prompts(2), n=1, batch=True)
        with pytest.raises(BadInput, match="single answers are not asked for again in batches"):
            experiment.retry([experiment.responses["response_id"][0]])
        single = lab.run("one by one", n=1)
        with pytest.raises(BadInput, match="this experiment was not run in batches"):
            single.resume(results="x.jsonl")
        with pytest.raises(BadInput, match=r"there is no file 'x\.jsonl'"):
            experiment.resume(results="x.jsonl")
        lab.use_recording(tmp_path / "calls.jsonl")
        with pytest.raises(BadInput, match="a recording answers call by call"):
            lab.run(prompts(2), batch=True)


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path: Path) -> None:
    with BatchServer("upload_reset", "create_500", "torn") as server:
        with lab_at(tmp_path, server) as lab:
            assert lab.run(prompts(3), n=1, batch=True).status == "completed"
        sent = [headers for _, _, headers in server.requests]
        assert all(headers["authorization"] == f"Bearer {KEY}" for headers in sent)
        assert not any(KEY.encode() in content for content in server.files.values())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
