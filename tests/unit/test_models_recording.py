"""Runs recorded and replayed through a lab: nothing is asked twice, nothing is asked offline, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import socket
from dataclasses import replace

import pytest

import pplab
from pplab.errors import BadInput, Offline, PplabError
from pplab.experiments.concurrency import ConcurrencyLimit
from pplab.models.recording import HEADER, RecordedSource, Recording
from pplab.models.recording_format import RecordedCall, RecordedRequest
from pplab.models.types import Call, Reply
from tests.servers import FaultServer

SOAK = os.environ.get("PPLAB_SOAK") == "1"
SAME = [
    "status",
    "text",
    "error",
    "finish_reason",
    "model",
    "input_tokens",
    "output_tokens",
    "creativity",
    "coherence",
    "request_key",
]


@pytest.fixture(scope="module")
def server():
    with FaultServer() as playing:
        yield playing


@pytest.fixture
def no_sockets(monkeypatch):
    """Make every attempt to open a connection fail the test."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a socket was opened: {args}")

    def guard():
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "connect_ex", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    return guard


def recorded(tmp_path, server, model, prompt="Tell me about rain.", **options):
    """Run once against the server, recorded; return the responses."""
    with pplab.Lab(store=tmp_path / "first", model=model, base_url=server.base_url, api_key="key-of-the-server-123456") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        return lab.run(prompt, **options).responses


def same(a, b) -> bool:
    return a[SAME].equals(b[SAME])


def test_a_recorded_run_is_replayed_without_a_key_a_server_or_a_socket(tmp_path, server, monkeypatch, no_sockets):
    first = recorded(tmp_path, server, "fast", n=3, sweep={"temperature": [0, 1]})
    monkeypatch.setenv("PPLAB_RECORDING", str(tmp_path / "calls.jsonl"))
    with pplab.Lab(store=tmp_path / "second") as lab:
        assert lab.model == "fast"
        assert lab.provider == server.base_url.split("/")[2]
        no_sockets()
        experiment = lab.run("Tell me about rain.", n=3, sweep={"temperature": [0, 1]})
        assert experiment.status == "completed"
        assert same(experiment.responses, first)


def test_calls_that_are_recorded_are_answered_from_the_file_and_only_the_others_are_asked(tmp_path, server):
    before = server.counts()["requests"]
    recorded(tmp_path, server, "fast", n=2)
    assert server.counts()["requests"] == before + 2
    again = recorded(tmp_path, server, "fast", n=5)
    assert server.counts()["requests"] == before + 5
    assert len(again) == 5
    lines = (tmp_path / "calls.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["request"]["replicate"] for line in lines[1:]] == [0, 1, 2, 3, 4]


def test_the_embedded_model_can_be_recorded_and_its_recording_answers_offline(tmp_path, monkeypatch):
    with pplab.Lab(store=tmp_path / "a") as lab:
        lab.use_recording("calls.jsonl")
        first = lab.run("Describe a lighthouse.", n=2).responses
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    with pplab.Lab(store=tmp_path / "b") as lab:
        lab.use_recording("calls.jsonl")
        assert same(lab.run("Describe a lighthouse.", n=2).responses, first)
        assert lab.recording.report().answered == 2


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("play:quota", marks=pytest.mark.soak),
        pytest.param("play:rejects_temperature", marks=pytest.mark.soak),
        pytest.param("play:malformed_json", marks=pytest.mark.soak),
        pytest.param("play:refusal", marks=pytest.mark.soak),
        pytest.param("play:no_choices", marks=pytest.mark.soak),
        "play:bad_gateway,ok",
        pytest.param("play:length", marks=pytest.mark.soak),
        pytest.param("play:rate_limited_ms,ok", marks=pytest.mark.soak),
        pytest.param("play:rate_limited_600", marks=pytest.mark.soak),
        "play:stream_reset",
    ],
)
def test_faults_are_replayed_as_they_were(tmp_path, server, model):
    options = {"n": 1, "parameters": {"temperature": 0.5}, "deadline": 5.0, "stream": "stream" in model}
    first = recorded(tmp_path, server, model, prompt=f"Tell me about rain, {model}.", **options)
    with pplab.Lab(store=tmp_path / "second") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        again = lab.run(f"Tell me about rain, {model}.", **options)
        assert same(again.responses, first)
        played = lab.sql("SELECT decision, http_status, error_code FROM call_attempts ORDER BY ALL")
    with pplab.Lab(store=tmp_path / "first") as lab:
        assert lab.sql("SELECT decision, http_status, error_code FROM call_attempts ORDER BY ALL").equals(played)


def test_a_retry_after_a_fault_is_a_second_take_and_is_replayed_as_one(tmp_path, server):
    with pplab.Lab(store=tmp_path / "a", model="play:malformed_json,ok", base_url=server.base_url) as lab:
        lab.use_recording("calls.jsonl")
        experiment = lab.run("Tell me about rain.", n=1)
        assert experiment.status == "failed"
        assert experiment.retry_failed().status == "completed"
    with pplab.Lab(store=tmp_path / "b") as lab:
        lab.use_recording("calls.jsonl")
        experiment = lab.run("Tell me about rain.", n=1)
        assert experiment.status == "failed"
        assert experiment.retry_failed().status == "completed"


def test_a_call_that_is_not_recorded_is_refused_before_anything_is_sent_naming_the_nearest(tmp_path, server, monkeypatch):
    recorded(tmp_path, server, "fast", n=2, parameters={"temperature": 0.7})
    with pplab.Lab(store=tmp_path / "second") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        for offline in ("", "1"):
            monkeypatch.setenv("PPLAB_OFFLINE", offline)
            with pytest.raises(Offline) as miss:
                lab.run("Tell me about rain.", n=2, parameters={"temperature": 0.8})
            assert "temperature (0.8 asked, 0.7 recorded)" in miss.value.message
            assert miss.value.exit_code == 1
        assert lab.counts()["responses"] == 0


def test_streamed_text_arrives_in_the_recorded_pieces_at_once(tmp_path):
    with pplab.Lab(store=tmp_path / "a") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        lab.run("Describe a lighthouse.", n=1, stream=True)
    line = json.loads((tmp_path / "calls.jsonl").read_text("utf-8").splitlines()[1])
    assert len(line["pieces"]) > 1
    recording = Recording(tmp_path / "calls.jsonl")
    source = RecordedSource(recording, "embedded", None, "this is a test")
    heard: list[str] = []
    call = Call(
        model="play:stream_ok", messages=(), parameters={}, replicate=0, request_key=recording.calls()[0].key, stream=True
    )
    reply = asyncio.run(source.complete(call, deadline=1, on_text=heard.append))
    assert [len(piece) for piece in heard] == line["pieces"]
    assert "".join(heard) == reply.text


def test_pieces_that_do_not_make_up_the_text_give_it_whole():
    call = RecordedCall(request=None, reply=Reply(status="ok", text="one two"), recorded_at="x", pieces=(4, 3))
    assert call.text_pieces() == ["one ", "two"]
    assert replace(call, pieces=(1,)).text_pieces() == ["one two"]


def recorded_call(n: int, text: str = "an answer", *, model: str = "m", at: str = "2026-11-23T01:00:00.000000") -> RecordedCall:
    request = RecordedRequest(
        provider="p", model="m", messages=({"role": "user", "content": "Hello"},), parameters={}, replicate=n
    )
    return RecordedCall(request=request, reply=Reply(status="ok", text=text, model=model), recorded_at=at)


def test_the_file_is_sorted_however_calls_arrive_and_recording_again_gives_the_same_bytes(tmp_path):
    for name, order in (("a", [2, 0, 3, 1]), ("b", [3, 2, 1, 0])):
        recording = Recording(tmp_path / name)
        for n in order:
            recording.add(recorded_call(n))
        recording.sort_lines()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def _add_many(path, start, count):
    recording = Recording(path)
    for n in range(start, start + count):
        recording.add(recorded_call(n, f"answer {n}"))
        if n % 7 == 0:
            recording.sort_lines()


def test_several_processes_record_into_one_file_and_lose_nothing(tmp_path):
    count, processes = (200, 4) if SOAK else (40, 3)
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "calls.jsonl"
    workers = [context.Process(target=_add_many, args=(path, i * count, count)) for i in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert sorted(call.replicate for call in Recording(path).calls()) == list(range(count * processes))


def test_a_last_line_cut_short_by_a_crash_is_passed_over_and_recording_goes_on(tmp_path):
    path = tmp_path / "calls.jsonl"
    recording = Recording(path)
    recording.add(recorded_call(0))
    with path.open("ab") as file:
        file.write(b'{"request":{"provider":"p"')
    again = Recording(path)
    again.add(recorded_call(1))
    assert len(again.calls()) == 2
    with pytest.raises(BadInput, match="line 3"):  # now it stands between two whole lines, and somebody has to look at it
        Recording(path)


@pytest.mark.parametrize("content", [b"hello\n", b'{"format":"other"}\n', b"PK\x03\x04", HEADER.encode() + b"{}\n"])
def test_a_file_that_is_no_recording_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(PplabError):
        Recording(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["", "a\0b", "."])
def test_a_name_that_cannot_be_a_file_is_refused(name):
    with pytest.raises(BadInput):
        Recording(name)


def test_calls_by_an_older_model_and_old_calls_are_reported_as_stale(tmp_path):
    path = tmp_path / "calls.jsonl"
    recording = Recording(path)
    recording.add(recorded_call(0, model="m-2025-01-01", at="2025-01-02T00:00:00.000000"))
    recording.add(recorded_call(1, model="m-2026-01-01", at="2026-01-02T00:00:00.000000"))
    stale = recording.report().stale
    assert [s.request.replicate for s in stale] == [0]
    assert stale[0].reason == "answered by m-2025-01-01, later calls by m-2026-01-01"
    old = Recording(path, max_age_days=1).report().stale
    assert len(old) == 2
    assert "more than 1 days ago" in old[1].reason
    assert "may be stale" in recording.words


def test_an_old_call_is_not_stale_unless_an_age_was_asked_for(tmp_path):
    recording = Recording(tmp_path / "calls.jsonl")
    recording.add(recorded_call(0, at="2001-01-02T00:00:00.000000"))
    assert recording.report().stale == ()


def test_a_rate_limited_call_is_replayed_without_slowing_the_others(tmp_path, server, monkeypatch):
    model = "play:rate_limited_ms,ok"
    recorded(tmp_path, server, model, prompt="Tell me about snow.", n=2, max_concurrency=1)

    def refused(*args, **kwargs):
        raise AssertionError("the pace heeded a recorded refusal")

    monkeypatch.setattr(ConcurrencyLimit, "refused", refused)
    with pplab.Lab(store=tmp_path / "second") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        again = lab.run("Tell me about snow.", n=2, max_concurrency=1)
        assert again.status == "completed"
        assert (lab.sql("SELECT max(attempts) AS most FROM responses")["most"] == [2]).all()


def test_ending_a_recording_gives_the_lab_its_own_model_back(tmp_path, server):
    recorded(tmp_path, server, "fast", n=1)
    with pplab.Lab(store=tmp_path / "second") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        assert lab.model == "fast"
        lab.use_recording(None)
        assert (lab.model, lab.provider) == ("embedded", "embedded")
        assert lab.run("Describe rain.", n=1).status == "completed"
