"""Reading answers, whole and streamed, and the words of providers that refuse: pure functions over what servers really send."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.models.records import STATUSES
from pplab.models.refusals import excerpt, judge, judge_in_success, one_line, provider_error
from pplab.models.replies import StreamReader, count_tokens, parse_json, plain_text, read_completion

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "delta", "usage", "error", "code", "text"]), inner)
    ),
    max_leaves=12,
)


def event(delta, finish=None, **more):
    return f"data: {json.dumps({'choices': [{'delta': delta, 'finish_reason': finish}], **more}, ensure_ascii=False)}\n\n"


STREAM = (
    ": welcome\n\n"
    + event({"role": "assistant", "content": ""})
    + event({"content": "Grüße, "})
    + event({"content": "Welt 🙂"})
    + event({}, "stop")
    + f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 3, 'completion_tokens': 5}})}\n\n"
    + "data: [DONE]\n\n"
).encode()


@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.booleans())
def test_where_a_stream_is_cut_into_pieces_changes_nothing(cuts, crlf):
    data = STREAM.replace(b"\n", b"\r\n") if crlf else STREAM
    edges = [0, *sorted(cuts), len(data)]
    reader = StreamReader()
    told = "".join(reader.feed(data[low:high]) for low, high in itertools.pairwise(edges))
    reply = reader.reply({})
    assert told == reply.text == "Grüße, Welt 🙂"
    assert (reader.done, reader.fault, reply.status, reply.input_tokens, reply.output_tokens) == (True, None, "ok", 3, 5)


@given(st.integers(0, len(STREAM) - 1))
def test_a_stream_that_ends_early_is_never_taken_for_a_complete_one(at):
    reader = StreamReader()
    reader.feed(STREAM[:at])
    reader.close()
    complete = STREAM[:at].endswith((b"[DONE]", b"[DONE]\n"))
    assert reader.done is complete
    assert "Grüße, Welt 🙂".startswith(reader.text)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_stream_reader_raise(data):
    reader = StreamReader()
    reader.feed(b"data: " + data)
    reader.feed(b"\ndata: {}\n\n")
    reader.close()
    assert reader.reply({}).status in STATUSES


@settings(max_examples=300)
@given(json_values)
def test_no_json_makes_a_reader_raise(value):
    body = value if isinstance(value, dict) else {"choices": value}
    reply = read_completion(body, {"temperature": 1})
    assert reply.status in STATUSES
    assert reply.status != "ok" or reply.text.strip()
    assert judge(400, json.dumps(value), "", {"temperature": 1}).error
    reader = StreamReader()
    reader.feed(f"data: {json.dumps(value)}\n\n".encode())
    assert reader.reply({}).status in STATUSES


@settings(max_examples=300)
@given(st.integers(300, 599), st.text(max_size=300))
def test_every_refusal_is_one_printable_line(status, body):
    refusal = judge(status, body, "", {"temperature": 1})
    assert refusal.error
    assert refusal.error.isprintable()
    assert len(refusal.error) < 300
    assert not (refusal.retry and refusal.stop_run)


@pytest.mark.parametrize(
    ("about", "counts"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, (3, 4)),
        (
            {"usage": {"input_tokens": 3, "output_tokens": 4, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 5}},
            (10, 4),
        ),
        ({"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}}, (3, 4)),
        ({"prompt_eval_count": 3, "eval_count": 4}, (3, 4)),
        ({"timings": {"prompt_n": 3, "cache_n": 7, "predicted_n": 4}}, (10, 4)),
        ({"usage": None}, (None, None)),
        ({"usage": {}}, (None, None)),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 4.0}}, (None, None)),
        ({"usage": {"prompt_tokens": 0, "completion_tokens": 0}}, (None, None)),
        ({"usage": {"completion_tokens": 4}}, (None, 4)),
    ],
)
def test_token_counts_are_found_under_every_name_and_otherwise_unknown(about, counts):
    assert count_tokens(about, "some text")[:2] == counts


def test_zero_output_tokens_of_an_empty_answer_are_zero():
    assert count_tokens({"usage": {"prompt_tokens": 3, "completion_tokens": 0}}, "")[:2] == (3, 0)


def test_reasoning_is_counted_and_kept_out_of_the_text():
    message = {"content": "42", "reasoning_content": "six times seven"}
    reply = read_completion({"choices": [{"message": message, "finish_reason": "stop"}]}, {})
    assert reply.text == "42"
    assert reply.usage == {"reasoning_characters": 15}


def test_parameters_that_the_server_repeats_are_taken_as_confirmed():
    body = {"choices": [{"message": {"content": "Hi"}}], "temperature": 1.0, "generation_settings": {"top_p": 0.9}}
    assert read_completion(body, {"temperature": 0.2, "top_p": 0.9, "seed": 3}).applied == {"temperature": 1.0, "top_p": 0.9}


def test_whitespace_alone_is_an_empty_answer():
    assert read_completion({"choices": [{"message": {"content": " \n"}, "finish_reason": "stop"}]}, {}).status == "empty"


def test_lone_surrogates_become_replacement_characters_and_pairs_become_one():
    assert plain_text("a\ud800b") == "a\ufffdb"
    assert plain_text("\ud83d\ude42") == "🙂"


def test_json_that_is_nested_too_deeply_is_a_value_error():
    with pytest.raises(ValueError, match="deep"):
        parse_json("[" * 200_000)


def test_nan_in_a_body_becomes_null():
    assert parse_json('{"a": NaN}') == {"a": None}


@pytest.mark.parametrize(
    ("status", "error", "code", "retry", "stop_run"),
    [
        (429, {"code": "rate_limit_exceeded"}, "rate_limited", True, False),
        (429, {"type": "insufficient_quota"}, "quota", False, True),
        (429, {"message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}, "rate_limited", True, False),
        (400, {"message": "Your credit balance is too low to access the API"}, "quota", False, True),
        (402, {"message": "Insufficient Balance"}, "quota", False, True),
        (401, {"message": "bad key"}, "auth", False, True),
        (403, {"message": "no access"}, "auth", False, True),
        (404, {"message": "no model"}, "unknown_model", False, True),
        (413, {"message": "too big"}, "too_large", False, False),
        (400, {"message": "messages must not be empty", "param": "messages"}, "bad_request", False, False),
        (500, {}, "server_error", True, False),
        (501, {}, "server_error", False, False),
        (529, {}, "server_error", True, False),
        (408, {}, "server_error", True, False),
        (418, {}, "bad_request", False, False),
        (302, {}, "redirected", False, True),
    ],
)
def test_each_status_has_its_meaning(status, error, code, retry, stop_run):
    refusal = judge(status, json.dumps({"error": error}), "http://elsewhere/", {"temperature": 1})
    assert (refusal.code, refusal.retry, refusal.stop_run) == (code, retry, stop_run)


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({"error": {"message": "Unsupported parameter", "param": "temperature"}}, ["temperature"]),
        ({"error": {"message": "`temperature` is deprecated for this model."}}, ["temperature"]),
        ({"error": {"message": "temperature: range: 0..1"}}, ["temperature"]),
        ({"error": {"message": "temperature and top_p cannot both be specified"}}, ["temperature", "top_p"]),
        ({"error": "litellm.UnsupportedParamsError: openai does not support parameters: {'temperature': 0.2}"}, ["temperature"]),
        ({"detail": [{"loc": ["body", "top_p"], "msg": "Input should be less than or equal to 1"}]}, ["top_p"]),
        ({"object": "error", "message": "top_p must be in (0, 1], got 0.0.", "code": 400}, ["top_p"]),
        ([{"error": {"message": "Invalid value at 'top_p'"}}], ["top_p"]),
        ({"error": {"message": "Invalid role", "param": "messages[0].role"}}, []),
        ({"error": {"message": "The temperature of your account is fine"}}, []),
        ({"error": {"message": "prompt is too long; only 10 tokens"}}, []),
        ({"error": {"message": "my_top_p_thing is invalid"}}, []),
    ],
)
def test_a_rejected_parameter_is_found_in_the_providers_words(body, blamed):
    sent = {"temperature": 0.2, "top_p": 0.0, "max_tokens": 5}
    assert list(judge(400, json.dumps(body), "", sent).rejected) == blamed


@pytest.mark.parametrize(
    ("sent", "message", "rename"),
    [
        ("max_tokens", "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", True),
        ("max_completion_tokens", "Unknown parameter max_completion_tokens: use max_tokens", True),
        ("max_completion_tokens", "Use 'max_completion_tokens' instead.", False),
        ("max_tokens", "'max_tokens' or 'max_completion_tokens' is too large: 5000", False),
        ("temperature", "Use 'max_completion_tokens' instead.", False),
    ],
)
def test_a_wish_for_the_other_name_of_the_token_limit_is_understood(sent, message, rename):
    assert judge(400, json.dumps({"error": {"message": message}}), "", {sent: 5000}).rename is rename


def test_an_error_in_a_success_with_a_status_for_code_means_what_that_status_means():
    assert judge_in_success(provider_error({"error": {"code": 429, "message": "slow"}}), {}).retry
    assert judge_in_success(provider_error({"error": {"code": "insufficient_quota", "message": "empty"}}), {}).stop_run
    assert not judge_in_success(provider_error({"error": {"message": "broke"}}), {}).retry


def test_an_html_page_is_shown_as_its_text():
    page = "<!DOCTYPE html><html><head><style>b {color: red}</style><title>502</title></head><body><b>Try</b> later</body></html>"
    assert excerpt(page) == "502 Try later"


def test_a_long_message_is_cut_at_200_characters():
    assert len(one_line("word " * 1000)) == 200
