"""The lines of batch files, and a provider's answers that are not what they should be."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.errors import BadInput
from pplab.models.batch_format import read_result, request_line
from pplab.models.batches import BatchLimits, OpenAIBatches
from pplab.models.client import ModelClient
from pplab.models.queries import QueryError
from pplab.plan.batches import call_runs, calls_of_runs
from pplab.plan.plan import Plan, make_plan
from tests.servers import ask
from tests.servers.faults import completion
from tests.servers.plain import PlainServer
from tests.unit.experiment_labs import KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, and not often."""
    monkeypatch.setattr(OpenAIBatches, "limits", BatchLimits(retries=2, backoff=0.01))


def at(answer: Callable[[str], Any], use: Callable[[OpenAIBatches], Any]) -> tuple[Any, list[str]]:
    """Return what use is made of a provider that answers so, and the paths that were asked."""

    async def main(server: PlainServer) -> Any:
        client = ModelClient("here", server.base_url, KEY)
        try:
            return await use(OpenAIBatches(client))
        finally:
            await client.aclose()

    with PlainServer(answer) as server:
        return asyncio.run(main(server)), [path for path, _ in server.asked]


def refused(answer: Callable[[str], Any], use: Callable[[OpenAIBatches], Any]) -> str:
    with pytest.raises(QueryError) as error:
        at(answer, use)
    return str(error.value)


def json_answer(value: object, status: int = 200) -> Callable[[str], Any]:
    return lambda _path: (status, json.dumps(value).encode(), {})


def test_a_request_in_a_file_is_what_the_client_sends_alone() -> None:
    call = ask("o3-mini", "Say it.", max_tokens=9, temperature=0.5, **{"x.top_a": 0.2})
    sent: list[Any] = []

    async def main(server: PlainServer) -> None:
        client = ModelClient("here", server.base_url, None)
        await client.complete(call, deadline=10)
        sent.append(json.loads(OpenAIBatches(client).request("a", call))["body"])
        await client.aclose()

    with PlainServer() as server:
        asyncio.run(main(server))
        assert sent == server.bodies
        assert sent[0]["top_a"] == 0.2


def test_an_answer_in_a_file_is_read_as_one_that_comes_alone() -> None:
    client = ModelClient("here", "http://127.0.0.1:9/v1", None)
    call = ask("m", "Say it.", temperature=0.5)
    for body, status in [
        (completion("Hello."), "ok"),
        (completion("Hel", finish="length"), "truncated"),
        (completion(None, refusal="No."), "refused"),
        ({"error": {"message": "upstream broke", "code": 502}}, "failed"),
        ([1], "failed"),
    ]:
        reply = client.read(call, 200, json.dumps(body).encode(), started_at="2026-11-29T00:00:00.000000", latency_ms=5.0)
        assert (reply.status, reply.latency_ms, reply.requested) == (status, None, {"temperature": 0.5})
        [attempt] = reply.attempts
        assert (attempt.latency_ms, attempt.started_at, attempt.http_status) == (5.0, "2026-11-29T00:00:00.000000", 200)
        assert json.loads(attempt.raw or b"") == body


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[1]", b"7", b'{"custom_id": 7}', b'{"custom_id": "a", "response": {"status_code": "200"}}', b"\xff\xfe"],
)
def test_what_is_no_result_is_none(line: bytes) -> None:
    assert read_result(line) is None


def test_results_of_other_servers_are_read_too() -> None:
    bare = read_result(json.dumps({"custom_id": "a", "response": completion("Hello.")}).encode())  # as older documentation has it
    assert bare is not None
    assert json.loads(bare.body)["choices"]
    vllm = read_result(b'{"custom_id": "a", "response": {"status_code": 400, "request_id": "r", "body": null}, "error": "bad"}')
    assert vllm is not None
    assert (vllm.http_status, json.loads(vllm.body)) == (400, {"error": {"message": "bad"}})
    nothing = read_result(b'{"custom_id": "a", "response": null, "error": null}')
    assert nothing is not None
    assert "neither an answer nor an error" in nothing.body.decode()


def test_a_request_line_is_one_line_whatever_the_prompt_holds() -> None:
    line = request_line("a", {"messages": [{"role": "user", "content": "one\ntwo\u2028three \N{GRINNING FACE}"}]})
    assert line.count(b"\n") == 1
    assert json.loads(line)["body"]["messages"][0]["content"].startswith("one\ntwo")


def test_a_server_that_redirects_gets_no_key_sent_elsewhere() -> None:
    with PlainServer() as other:
        where = {"Location": f"{other.base_url}/files"}
        words = refused(lambda _path: (307, b"", where), lambda provider: provider.look("b"))
        assert "redirects" in words
        assert other.asked == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (json_answer({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401), "access denied (HTTP 401)"),
        (json_answer({"object": "batch"}), "a batch that has no id"),
        (lambda _path: (200, b"<html>sign in</html>", {}), "unreadable reply: <html>sign in"),
        (json_answer({"error": {"message": "no room"}}, 503), "the server failed (HTTP 503): no room"),
    ],
)
def test_an_answer_that_is_no_batch_is_told_in_plain_words_without_the_key(answer: Callable[[str], Any], words: str) -> None:
    said = refused(answer, lambda provider: provider.look("b"))
    assert words in said
    assert KEY not in said


def test_an_id_that_a_server_gives_stays_one_step_of_the_path() -> None:
    _, asked = at(json_answer({"id": "x", "status": "completed"}), lambda provider: provider.look("../../secret?a=b"))
    assert asked == ["/v1/batches/..%2F..%2Fsecret%3Fa=b"]


def test_a_last_line_without_its_end_is_whole_if_it_is_json_and_asked_for_again_if_not() -> None:
    file = io.BytesIO()
    there, asked = at(lambda _path: (200, b'{"a": 1}\n{"b": 2}', {}), lambda p: p.results("f", file, whole=True))
    assert (there, len(asked), file.getvalue()) == (True, 1, b'{"a": 1}\n{"b": 2}')
    torn = lambda _path: (200, b'{"a": 1}\n{"b":', {})  # noqa: E731 - an answer, as above
    assert "broke off within a line" in refused(torn, lambda p: p.results("f", io.BytesIO(), whole=True))
    there, asked = at(torn, lambda p: p.results("f", io.BytesIO(), whole=False))
    assert (there, len(asked)) == (True, 1)


def test_the_runs_of_calls_are_few_and_mean_the_same_after_a_top_up() -> None:
    plan = make_plan([f"p{number}" for number in range(50)], model="m", n=4, sweep={"temperature": [0, 1, 2]})
    calls = list(plan)
    assert call_runs(plan, calls) == [[0, 0, 200], [1, 0, 200], [2, 0, 200]]
    some = calls[7:31] + calls[100:101]
    runs = call_runs(plan, some)
    assert set(calls_of_runs(plan, runs)) == set(some)
    assert len(runs) <= 6
    more = make_plan(plan.prompts, model="m", n=9, sweep={"temperature": [0, 1, 2]})
    assert set(calls_of_runs(more, runs)) == set(some)


def test_a_plan_that_is_not_in_batches_is_stored_as_before() -> None:
    plan = make_plan(["a"], model="m")
    assert "batch" not in plan.as_dict()
    batched = make_plan(["a"], model="m", batch=True)
    assert batched.as_dict()["batch"] is True
    assert Plan.from_dict(batched.as_dict()).batch


def test_a_key_goes_to_no_address_that_only_a_labs_folder_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".pplab").mkdir()
    (tmp_path / ".pplab" / "config.json").write_text(json.dumps({"PPLab": {"base_url": "http://127.0.0.1:9/v1", "model": "m"}}))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pplab.Lab() as lab:
        with pytest.raises(BadInput, match="you have not approved that OPENAI_API_KEY may be sent there"):
            lab.run("Say hello.", batch=True)
        assert lab.run("Say hello.", n=1, batch="asked.jsonl").status == "paused"  # nothing is sent
