"""Every row of the fault table, each against a real server on the loopback that misbehaves in exactly this way."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json

import pytest

from pplab.models.client import ModelClient
from pplab.plan.vocabulary import STATUSES
from tests.servers import FaultServer, ask
from tests.servers.faults import FAULTS, TEXT, WORDS, completion

KEY = "sk-canary-0123456789abcdef"
PARTIAL = "".join(WORDS)
EVERYTHING = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 50, "presence_penalty": 0.1}


@pytest.fixture(scope="module")
def server():
    with FaultServer() as running:
        yield running


@pytest.fixture(scope="module")
def play(server):
    """Return a function that plays one fault and returns its reply; each is played once."""
    played = {}

    def once(name, *, stream=False):
        if (name, stream) not in played:
            deadline = 1.0 if name in LATE else 20.0  # which none of the others meets, on however busy a machine
            played[name, stream] = ask_once(server, f"play:{name}", f"{name} {stream}", stream=stream, deadline=deadline)
        return played[name, stream]

    return once


def ask_once(server, model, prompt, *, deadline=1.0, stream=False, parameters=EVERYTHING, base_url=None, **options):
    async def main():
        client = ModelClient("test", base_url or server.base_url, KEY, backoff=0.01, **options)
        try:
            return await client.complete(ask(model, prompt, stream=stream, **parameters), deadline=deadline)
        finally:
            await client.aclose()

    return asyncio.run(main())


# name, status, error code, attempts, words of the error
TABLE = [
    ("ok", "ok", None, 1, None),
    ("rate_limited", "failed", "rate_limited", 5, "rate limited (HTTP 429)"),
    ("rate_limited_ms", "failed", "rate_limited", 5, "given up after 5 attempts"),
    ("rate_limited_600", "cancelled", "rate_limited", 1, "the server asks to wait 10 min: retry at "),
    ("quota", "failed", "quota", 1, "quota"),
    ("payment_required", "failed", "quota", 1, "Insufficient Balance"),
    ("bad_key", "failed", "auth", 1, "access denied (HTTP 401)"),
    ("forbidden", "failed", "auth", 1, "access denied (HTTP 403)"),
    ("unknown_model", "failed", "unknown_model", 1, "no such model"),
    ("server_error", "failed", "server_error", 5, "HTTP 500"),
    ("bad_gateway", "failed", "server_error", 5, "HTTP 502): Bad gateway 502 cloudy today"),
    ("unavailable", "failed", "server_error", 5, "The model is loading"),
    ("overloaded", "failed", "server_error", 5, "Overloaded"),
    ("bomb_500", "failed", "server_error", 5, "HTTP 500"),
    ("context_length", "failed", "bad_request", 1, "maximum context length"),
    ("rejects_temperature", "rejected", "rejected", 1, "the server rejects temperature"),
    ("rejects_in_words", "rejected", "rejected", 1, "temperature and top_p"),
    ("rejects_by_location", "rejected", "rejected", 1, "presence_penalty"),
    ("redirect", "failed", "redirected", 1, "http://elsewhere.invalid"),
    ("malformed_json", "failed", "unreadable", 1, "unreadable reply"),
    ("empty_body", "failed", "unreadable", 1, "the body is empty"),
    ("deep_json", "failed", "unreadable", 1, "unreadable reply"),
    ("json_array", "failed", "unreadable", 1, "unreadable reply"),
    ("broken_gzip", "failed", "unreadable", 1, "compression"),
    ("bad_http", "failed", "unreadable", 1, "not HTTP"),
    ("long_headers", "failed", "unreadable", 1, "not HTTP"),
    ("html_200", "failed", "not_json_api", 1, "not a JSON API"),
    ("error_200", "failed", "provider_error", 1, "The upstream provider broke"),
    ("error_200_429", "failed", "rate_limited", 5, "Provider returned error"),
    ("error_choice", "failed", "server_error", 5, "Upstream broke"),
    ("hostile_fields", "ok", None, 1, None),
    ("huge", "failed", "too_large", 1, "16 MB"),
    ("gzip_bomb", "failed", "too_large", 1, "16 MB"),
    ("no_choices", "empty", "empty", 1, "no text"),
    ("null_content", "empty", "empty", 1, "no text"),
    ("empty_text", "empty", "empty", 1, "no text"),
    ("reasoning_only", "empty", "empty", 1, "raise max_tokens"),
    ("thinks_in_text", "ok", None, 1, None),
    ("thinks_to_the_limit", "empty", "empty", 1, "raise max_tokens"),
    ("broken_off", "truncated", "truncated", 1, "finish_reason insufficient_system_resource"),
    ("content_filtered", "filtered", "filtered", 1, "content filter"),
    ("filtered_prompt", "filtered", "filtered", 1, "the provider's content filter stopped the prompt"),
    ("odd_end", "ok", None, 1, None),
    ("no_such_endpoint", "failed", "wrong_address", 1, "/v1/chat/completions"),
    ("rate_limited_words", "failed", "rate_limited", 5, "given up after 5 attempts"),
    ("rejects_several", "rejected", "rejected", 1, "temperature and presence_penalty"),
    ("wants_temperature_1", "rejected", "rejected", 1, "Only the default (1) value"),
    ("tool_calls", "tool_call", "tool_call", 1, "called a tool"),
    ("refusal", "refused", "refused", 1, "refused to answer"),
    ("content_filter", "filtered", "filtered", 1, "content filter"),
    ("length", "truncated", "truncated", 1, "token limit"),
    ("not_utf8", "ok", None, 1, None),
    ("lone_surrogate", "ok", None, 1, None),
    ("content_parts", "ok", None, 1, None),
    ("reset", "failed", "connection_lost", 5, "may have been billed"),
    ("goodbye", "failed", "connection_lost", 5, "may have been billed"),
    ("reset_mid_body", "failed", "connection_lost", 5, "may have been billed"),
    ("hang", "timeout", "timeout", 1, "no complete answer within 1 s; the request was sent and may have been billed"),
    ("hang_mid_body", "timeout", "timeout", 1, "may have been billed"),
    ("trickle", "timeout", "timeout", 1, "may have been billed"),
]
STREAMS = [
    ("stream_ok", "ok", None, 1, None, PARTIAL),
    ("stream_one_piece", "ok", None, 1, None, PARTIAL),
    ("stream_comments_crlf", "ok", None, 1, None, PARTIAL),
    ("stream_no_usage", "ok", None, 1, None, PARTIAL),
    ("stream_done_then_reset", "ok", None, 1, None, PARTIAL),
    ("stream_done_then_hang", "ok", None, 1, None, PARTIAL),
    ("stream_split", "ok", None, 1, None, "naïve café 🙂"),
    ("stream_reasoning", "ok", None, 1, None, PARTIAL),
    ("stream_thinks_in_text", "ok", None, 1, None, PARTIAL),
    ("stream_thinks_with_end_only", "ok", None, 1, None, PARTIAL),
    ("stream_json", "ok", None, 1, None, TEXT),
    ("stream_no_done", "truncated", "broken_stream", 1, "without [DONE]", PARTIAL),
    ("stream_no_done_but_finished", "truncated", "broken_stream", 1, "without [DONE]", PARTIAL),
    ("stream_half_line", "truncated", "unreadable", 1, "unreadable event", PARTIAL),
    ("stream_bad_json", "truncated", "unreadable", 1, "unreadable event", PARTIAL),
    ("stream_error_event", "truncated", "provider_error", 1, "The engine is overloaded", PARTIAL),
    ("stream_named_error", "truncated", "server_error", 1, "Overloaded", PARTIAL),
    ("stream_error_first", "failed", "provider_error", 1, "The engine is overloaded", ""),
    ("stream_reset", "truncated", "connection_lost", 1, "may have been billed", PARTIAL),
    ("stream_reset_first", "failed", "connection_lost", 5, "may have been billed", ""),
    ("stream_nothing", "failed", "broken_stream", 5, "may have been billed", ""),
    ("stream_hang", "timeout", "timeout", 1, "may have been billed", PARTIAL),
    ("stream_length", "truncated", "truncated", 1, "token limit", PARTIAL),
    ("stream_filter", "filtered", "filtered", 1, "content filter", PARTIAL),
    ("stream_empty", "empty", "empty", 1, "no text", ""),
    ("stream_tool_calls", "tool_call", "tool_call", 1, "called a tool", ""),
    ("stream_refusal", "refused", "refused", 1, "refused to answer", "I can't do that."),
    ("server_error", "failed", "server_error", 5, "HTTP 500", ""),
    ("quota", "failed", "quota", 1, "quota", ""),
    ("html_200", "failed", "not_json_api", 1, "not a JSON API", ""),
]
LATE = {name for name, status, *_ in [*TABLE, *STREAMS] if status == "timeout"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_each_fault_has_its_status_its_words_and_its_number_of_requests(server, play, row):
    name, status, code, attempts, words = row
    reply = play(name)
    assert (reply.status, reply.error_code) == (status, code)
    assert words is None if reply.error is None else words in reply.error
    assert len(reply.attempts) == len(server.seen(f"{name} False")) == attempts


@pytest.mark.parametrize("row", STREAMS, ids=lambda row: row[0])
def test_each_fault_of_a_stream_has_its_status_and_keeps_the_text_so_far(server, play, row):
    name, status, code, attempts, words, text = row
    reply = play(name, stream=True)
    assert (reply.status, reply.error_code, reply.text) == (status, code, text)
    assert words is None if reply.error is None else words in reply.error
    assert len(reply.attempts) == len(server.seen(f"{name} True")) == attempts


@pytest.mark.parametrize("row", TABLE + STREAMS, ids=lambda row: row[0])
def test_what_is_recorded_of_each_fault_is_complete_and_holds_no_secret(play, row):
    reply = play(row[0], stream=row in STREAMS)
    assert reply.status in STATUSES
    assert (reply.status == "ok") is (reply.error is None)
    assert reply.status != "ok" or reply.text.strip()
    assert KEY not in repr(reply)
    assert [attempt.attempt for attempt in reply.attempts] == list(range(1, len(reply.attempts) + 1))
    assert {attempt.decision for attempt in reply.attempts[:-1]} <= {"retry"}
    assert reply.attempts[-1].decision in ("accept", "pause", "stop")
    assert all((attempt.wait_s is not None) is (attempt.decision in ("retry", "pause")) for attempt in reply.attempts)
    for attempt in reply.attempts:
        assert (attempt.error is None) or "\n" not in attempt.error
        assert "Traceback" not in (attempt.error or "")
        assert (attempt.raw is None) is (attempt.http_status is None)
        assert len(attempt.raw or b"") <= 256 * 1024
        assert attempt.latency_ms > 0


def test_every_fault_the_server_can_play_is_in_a_table():
    elsewhere = {
        "rate_limited_1s", "rate_limited_reset", "rate_limited_date", "wants_max_completion_tokens", "no_stream_options",
        "echoes_key", "echoes_parameters", "no_usage", "zero_usage", "odd_usage", "ollama_usage", "anthropic_usage",
        "llamacpp_timings", "stream_trickle", "stream_huge", "german", "declines", "loop",
        "suggests", "suggests_cut", "suggests_json", "suggests_own", "suggests_repeats",
    }  # fmt: skip
    assert {row[0] for row in TABLE + STREAMS} | elsewhere == set(FAULTS)


@pytest.mark.parametrize("name", ["quota", "payment_required", "bad_key", "forbidden", "unknown_model", "redirect"])
def test_a_fault_that_every_further_call_would_meet_stops_the_run(play, name):
    assert play(name).stop_run


@pytest.mark.parametrize(
    "name", ["server_error", "rejects_temperature", "context_length", "html_200", "reset", "hang", "refusal", "filtered_prompt"]
)
def test_a_fault_that_other_calls_need_not_meet_does_not(play, name):
    assert not play(name).stop_run


def test_thinking_in_the_text_is_counted_kept_in_the_raw_body_and_not_the_answer(play):
    reply = play("thinks_in_text")
    assert reply.text == TEXT
    assert reply.usage["reasoning_characters"] == 2
    assert b"hm" in reply.attempts[0].raw


def test_thinking_in_a_stream_is_never_told_as_the_answer(server):
    pieces = []

    async def main():
        client = ModelClient("test", server.base_url, None)
        reply = await client.complete(ask("play:stream_thinks_in_text", "told", stream=True), deadline=5, on_text=pieces.append)
        await client.aclose()
        return reply

    reply = asyncio.run(main())
    assert "".join(pieces) == reply.text == PARTIAL
    assert reply.usage["reasoning_characters"] == 2


def test_every_parameter_that_the_server_rejects_is_named_with_its_own_words(play):
    assert play("rejects_several").rejected == {
        "temperature": "Input should be less than or equal to 1",
        "presence_penalty": "Input should be less than or equal to 0",
    }


def test_a_wait_that_the_server_asks_for_in_words_is_heeded(server):
    reply = ask_once(server, "play:rate_limited_words,ok", "in words")
    assert reply.status == "ok"
    assert 0.02 <= reply.attempts[0].wait_s <= 0.022


def test_an_address_without_v1_is_named_and_v1_suggested(server):
    reply = ask_once(server, "play:no_such_endpoint", "no v1", base_url=server.origin)
    assert f"asked {server.origin}/chat/completions; the base URL has no /v1: try {server.origin}/v1" in reply.error


def test_the_raw_body_is_kept_with_its_size_and_hash(play):
    attempt = play("null_content").attempts[0]
    body = json.dumps(completion(None)).encode()
    assert (attempt.raw, attempt.raw_size, attempt.raw_sha256) == (body, len(body), hashlib.sha256(body).hexdigest())


def test_of_a_body_that_is_too_large_only_the_beginning_is_kept(play):
    attempt = play("huge").attempts[0]
    assert len(attempt.raw) == 256 * 1024
    assert attempt.raw_size > 16 * 2**20


def test_a_body_that_is_not_utf8_is_kept_byte_for_byte(play):
    assert b"caf\xe9" in play("not_utf8").attempts[0].raw
    assert play("not_utf8").text == "caf\ufffd"


def test_only_headers_that_carry_no_secret_are_kept(server):
    reply = ask_once(server, "play:echoes_key", "headers")
    assert set(reply.attempts[0].headers) <= {"content-type", "x-request-id"}
    assert reply.attempts[0].headers["x-request-id"] == "Bearer [secret]"


def test_a_key_that_the_server_repeats_is_removed_from_text_and_body(server):
    reply = ask_once(server, "play:echoes_key", "key")
    assert reply.text == "You sent Bearer [secret]"
    assert KEY.encode() not in reply.attempts[0].raw


def test_the_given_scrubber_is_applied_to_all_that_is_returned(server):
    reply = ask_once(server, "play:ok", "scrub", scrub=lambda text: text.replace("lighthouse", "[hidden]"))
    assert "lighthouse" not in repr(reply)
    assert "[hidden]" in reply.text


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ok", (12, 60)),
        ("no_usage", (None, None)),
        ("zero_usage", (None, None)),
        ("odd_usage", (None, None)),
        ("ollama_usage", (26, 298)),
        ("anthropic_usage", (15, 60)),
        ("llamacpp_timings", (12, 60)),
    ],
)
def test_token_counts_are_normalised_and_missing_ones_are_none(play, name, counts):
    reply = play(name)
    assert (reply.input_tokens, reply.output_tokens) == counts


def test_a_streamed_answer_counts_its_tokens_and_times_its_first(play):
    reply = play("stream_ok", stream=True)
    assert (reply.input_tokens, reply.output_tokens) == (12, 60)
    assert 0 < reply.first_token_ms <= reply.latency_ms


def test_pieces_of_a_stream_are_told_as_they_arrive_and_together_are_the_text(server):
    pieces = []

    async def main():
        client = ModelClient("test", server.base_url, None)
        reply = await client.complete(ask("play:stream_trickle", "pieces", stream=True), deadline=0.4, on_text=pieces.append)
        await client.aclose()
        return reply

    reply = asyncio.run(main())
    assert reply.status == "timeout"
    assert "".join(pieces) == reply.text
    assert len(pieces) > 1


def test_a_stream_that_never_ends_is_given_up_at_16_megabytes(server):
    reply = ask_once(server, "play:stream_huge", "endless", stream=True, deadline=20)
    assert (reply.status, reply.error_code) == ("truncated", "too_large")
    assert len(reply.text) <= 16 * 2**20


def test_the_rejected_parameter_is_named_with_the_providers_words_and_nothing_is_dropped(server, play):
    reply = play("rejects_temperature")
    assert reply.rejected == {"temperature": "Unsupported parameter: 'temperature' is not supported with this model."}
    assert reply.requested == reply.sent == EVERYTHING
    assert server.seen("rejects_temperature False")[0]["body"]["temperature"] == 0.7


def test_fields_that_no_honest_server_sends_can_still_be_stored(play):
    reply = play("hostile_fields")
    stored = json.dumps(dataclasses.asdict(dataclasses.replace(reply, attempts=())), ensure_ascii=False).encode()
    assert len(stored) < 5000
    assert (reply.input_tokens, reply.applied, reply.system_fingerprint) == (None, None, None)


def test_a_confirmed_parameter_is_reported_as_applied(play):
    assert play("echoes_parameters").applied == {"temperature": 1.0}
    assert play("ok").applied is None


def test_only_parameters_that_the_user_set_are_sent(server):
    ask_once(server, "play:ok", "bare", parameters={})
    ask_once(server, "play:ok", "bare stream", parameters={"seed": 3, "top_p": None}, stream=True)
    assert set(server.seen("bare")[0]["body"]) == {"model", "messages"}
    assert set(server.seen("bare stream")[0]["body"]) == {"model", "messages", "seed", "stream", "stream_options"}


def test_another_name_for_the_token_limit_is_used_where_the_server_asks_for_it_and_remembered(server):
    model = "play:wants_max_completion_tokens"

    async def main():
        client = ModelClient("test", server.base_url, KEY)
        replies = [await client.complete(ask(model, f"limit {n}", max_tokens=9), deadline=5) for n in range(2)]
        await client.aclose()
        return replies

    first, second = asyncio.run(main())
    assert first.status == second.status == "ok"
    assert [attempt.decision for attempt in first.attempts] == ["retry", "accept"]
    assert len(second.attempts) == 1
    assert first.requested == {"max_tokens": 9}
    assert first.sent == second.sent == {"max_completion_tokens": 9}


def test_a_server_that_does_not_know_stream_options_is_asked_without_them(server):
    reply = ask_once(server, "play:no_stream_options", "options", stream=True)
    assert reply.status == "ok"
    assert ["stream_options" in seen["body"] for seen in server.seen("options")] == [True, False]


def test_nothing_from_the_environment_reaches_a_server_that_was_given_no_key(server, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"env-canary-{name}")

    async def main():
        client = ModelClient("test", server.base_url, None)
        reply = await client.complete(ask("play:ok", "no key"), deadline=5)
        await client.aclose()
        return reply

    assert asyncio.run(main()).status == "ok"
    headers = server.seen("no key")[0]["headers"]
    assert "authorization" not in headers
    assert "env-canary" not in repr(headers)


def test_the_given_key_is_sent_even_where_the_environment_has_another(server, monkeypatch):
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "env-canary")
    ask_once(server, "play:ok", "own key")
    assert server.seen("own key")[0]["headers"]["authorization"] == f"Bearer {KEY}"


def test_statuses_in_the_tables_cover_all_a_client_can_give():
    assert {row[1] for row in TABLE + STREAMS} == set(STATUSES)
