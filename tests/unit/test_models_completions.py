"""Reading answers, whole and streamed, and the words of providers that refuse: pure functions over what servers really send."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.models.completions import StreamReader, count_tokens, parse_json, plain_text, read_completion
from pplab.models.provider_errors import excerpt, one_line, provider_error
from pplab.models.refusals import address_words, classify_error, classify_error_in_success
from pplab.plan.vocabulary import STATUSES

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
    assert (reader.done, reader.error, reply.status, reply.input_tokens, reply.output_tokens) == (True, None, "ok", 3, 5)


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
    assert classify_error(400, json.dumps(value), "", {"temperature": 1}).error
    reader = StreamReader()
    reader.feed(f"data: {json.dumps(value)}\n\n".encode())
    assert reader.reply({}).status in STATUSES


@settings(max_examples=300)
@given(st.integers(300, 599), st.text(max_size=300))
def test_every_refusal_is_one_printable_line(status, body):
    refusal = classify_error(status, body, "", {"temperature": 1})
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


def answered(content, finish="stop", **message):
    body = {"choices": [{"message": {"content": content, **message}, "finish_reason": finish}]}
    return read_completion(body, {})


THINKING = [
    "<think>\nhm\n</think>\n\nAnswer",
    "hm\n</think>\n\nAnswer",
    "hm</think>Answer",
    " \n<THINKING>hm</THINKING> Answer",
    "<thought>hm</thought>Answer",
    "[THINK]hm[/THINK]Answer",
    "◁think▷hm◁/think▷Answer",
    "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Answer<|return|>",
    "<|start|>assistant<|channel|>analysis hm <|channel|>final Answer",
    "analysisWe think.assistantfinalAnswer",
    "<think>one</think>\n<think>two</think>\nAnswer",
    "<think>\n\n</think>\n\nAnswer",
]


@pytest.mark.parametrize("text", THINKING)
def test_thinking_before_the_answer_is_not_the_answer(text):
    reply = answered(text)
    assert (reply.status, reply.text) == ("ok", "Answer")
    assert bool(reply.usage) is ("\n\n</think>" not in text or "hm" in text)


@pytest.mark.parametrize("text", THINKING)
@given(cuts=st.lists(st.integers(0, 120), max_size=6))
def test_thinking_in_a_stream_is_not_the_answer_wherever_it_is_cut(text, cuts):
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    reader = StreamReader()
    for low, high in itertools.pairwise(edges):
        reader.feed(event({"content": text[low:high]}).encode())
    reader.feed(event({}, "stop").encode() + b"data: [DONE]\n\n")
    assert reader.reply({}) == answered(text)


@pytest.mark.parametrize(
    "text",
    [
        "Write <think> before and </think> after it.",
        "The tag </think> ends the thinking.",
        "Use `</think>`, or '</think>'.",
        "```\nhm\n</think>\n```\nThat is how it looks.",
        "Answer <think>not first</think>",
        "analysis of the assistant final report",
        "<thinker>I am</thinker>",
        "  <b>bold</b> ",
        "<",
    ],
)
def test_a_text_that_mentions_thinking_stays_as_it_is(text):
    assert answered(text).text == text
    reader = StreamReader()
    told = "".join(reader.feed(event({"content": letter}).encode()) for letter in text) + reader.feed(b"data: [DONE]\n\n")
    assert told == reader.reply({}).text == text


@pytest.mark.parametrize(("finish", "words"), [("length", "raise max_tokens"), ("stop", "reasoning and no text")])
def test_an_answer_cut_within_its_thinking_is_empty(finish, words):
    reply = answered("<think>\nLet me see", finish)
    assert (reply.status, reply.text) == ("empty", "")
    assert words in reply.error


def test_reasoning_that_stands_in_two_fields_is_counted_once():
    assert answered("42", reasoning="six", reasoning_content="six").usage == {"reasoning_characters": 3}
    assert answered(
        [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "42"}]
    ).usage == {"reasoning_characters": 2}


@pytest.mark.parametrize(
    ("finish", "status"),
    [
        *dict.fromkeys([(word, "ok") for word in ("stop", "EOS", "end_turn", "stop_sequence", "eos_token", "COMPLETE", "")]),
        *[(word, "truncated") for word in ("length", "MAX_TOKENS", "FinishReason.MAX_TOKENS", "model_length", "REASON_MAX_LEN")],
        *[(word, "truncated") for word in ("insufficient_system_resource", "error", "abort", "model_context_window_exceeded")],
        *[(word, "filtered") for word in ("content_filter", "content-filter", "content_filtered", "SAFETY", "recitation")],
        *[(word, "filtered") for word in ("blocklist", "IMAGE_SAFETY", "guardrail_intervened", "sensitive", "ERROR_TOXIC")],
        ("refusal", "refused"),
        ({"type": "length"}, "truncated"),
        (None, "ok"),
    ],
)
def test_the_word_for_the_end_of_an_answer_is_understood_in_every_spelling(finish, status):
    assert answered("Half a sentence", finish).status == status


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
    refusal = classify_error(status, json.dumps({"error": error}), "http://elsewhere/", {"temperature": 1})
    assert (refusal.code, refusal.retry, refusal.stop_run) == (code, retry, stop_run)


TWO = [{"type": "value", "loc": ["body", name], "msg": "Input should be less than 1"} for name in ("temperature", "top_p")]


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
        ({"detail": TWO}, ["temperature", "top_p"]),
        ({"error": {"message": json.dumps(TWO)}}, ["temperature", "top_p"]),
        ({"message": json.dumps({"detail": TWO})}, ["temperature", "top_p"]),
        ({"object": "error", "message": str(TWO), "param": None, "code": 400}, ["temperature", "top_p"]),
        ({"error": {"message": f"2 validation errors: {json.dumps(TWO)}"}}, ["temperature", "top_p"]),
        ([{"error": {"message": "too high", "param": name}} for name in ("top_p", "temperature")], ["temperature", "top_p"]),
        ({"errors": [{"param": name, "message": "too high"} for name in ("temperature", "top_p")]}, ["temperature", "top_p"]),
        (
            {
                "error": {
                    "message": "Bad",
                    "details": [{"fieldViolations": [{"field": "generationConfig.top_p", "description": "no"}]}],
                }
            },
            ["top_p"],
        ),
        (
            {
                "error": {
                    "message": "Provider returned error",
                    "metadata": {"raw": '{"error": {"message": "no", "param": "top_p"}}'},
                }
            },
            ["top_p"],
        ),
        ({"error": {"message": "Unsupported parameters: temperature, top_p", "param": "temperature"}}, ["temperature", "top_p"]),
        ({"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "Field required"}]}, []),
        ({"error": {"message": "Invalid role", "param": "messages[0].role"}}, []),
        ({"error": {"message": "The temperature of your account is fine"}}, []),
        ({"error": {"message": "prompt is too long; only 10 tokens"}}, []),
        ({"error": {"message": "my_top_p_thing is invalid"}}, []),
    ],
)
def test_a_rejected_parameter_is_found_in_the_providers_words(body, blamed):
    sent = {"temperature": 0.2, "top_p": 0.0, "max_tokens": 5}
    assert list(classify_error(400, json.dumps(body), "", sent).rejected) == blamed


def test_of_several_rejected_parameters_each_is_named_plainly():
    refusal = classify_error(422, json.dumps({"error": {"message": json.dumps(TWO)}}), "", {"temperature": 2, "top_p": 2})
    assert refusal.error == (
        "the server rejects temperature and top_p: temperature: Input should be less than 1; top_p: Input should be less than 1"
    )
    assert refusal.rejected == dict.fromkeys(("temperature", "top_p"), "Input should be less than 1")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "content_filter", "message": "x"}}),
        (400, {"error": {"message": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        (400, {"error": {"code": "invalid_prompt", "message": "x"}}),
        (400, {"error": {"type": "content_policy_violation", "message": "x"}}),
        (400, {"code": "DataInspectionFailed", "message": "x"}),
        (400, {"error": {"message": "Content Exists Risk"}}),
        (400, {"error": {"message": "Your prompt was flagged as potentially violating our usage policy."}}),
        (403, {"error": {"message": 'this model requires moderation and your input was flagged for "violence"', "code": 403}}),
        (451, {"error": {"message": "unavailable for legal reasons"}}),
    ],
)
def test_a_filtered_prompt_is_no_failure_and_never_asked_again(status, body):
    refusal = classify_error(status, json.dumps(body), "", {"temperature": 1})
    assert (refusal.code, refusal.retry, refusal.stop_run) == ("filtered", False, False)
    assert "the provider's content filter stopped the prompt" in refusal.error


def test_a_filter_in_an_error_that_came_with_status_200_is_one_too():
    assert classify_error_in_success(provider_error({"error": {"code": "content_filter", "message": "x"}}), {}).code == "filtered"


@pytest.mark.parametrize(
    "said",
    ["Unexpected endpoint or method. (POST /chat/completions)", "404 page not found", "The path /chat/completions was not found"],
)
def test_a_success_that_says_there_is_nothing_there_means_a_wrong_address(said):
    refusal = classify_error_in_success(provider_error({"error": said}), {})
    assert (refusal.code, refusal.wrong_address) == ("wrong_address", True)


@pytest.mark.parametrize(
    ("url", "tries"),
    [
        ("http://127.0.0.1:1234/chat/completions", "http://127.0.0.1:1234/v1"),
        ("https://host.invalid/api/chat/completions", "https://host.invalid/api/v1"),
        ("http://127.0.0.1:1234/v1/chat/completions", None),
        ("https://x.openai.azure.com/openai/deployments/d/chat/completions", None),
    ],
)
def test_the_address_asked_is_named_and_v1_where_it_is_missing(url, tries):
    words = address_words(url)
    assert words.startswith(f"asked {url}")
    assert words.endswith(f"try {tries}") if tries else "/v1:" not in words


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
    assert classify_error(400, json.dumps({"error": {"message": message}}), "", {sent: 5000}).rename is rename


def test_an_error_in_a_success_with_a_status_for_code_means_what_that_status_means():
    assert classify_error_in_success(provider_error({"error": {"code": 429, "message": "slow"}}), {}).retry
    assert classify_error_in_success(provider_error({"error": {"code": "insufficient_quota", "message": "empty"}}), {}).stop_run
    assert not classify_error_in_success(provider_error({"error": {"message": "broke"}}), {}).retry


def test_an_html_page_is_shown_as_its_text():
    page = "<!DOCTYPE html><html><head><style>b {color: red}</style><title>502</title></head><body><b>Try</b> later</body></html>"
    assert excerpt(page) == "502 Try later"


def test_a_long_message_is_cut_at_200_characters():
    assert len(one_line("word " * 1000)) == 200
