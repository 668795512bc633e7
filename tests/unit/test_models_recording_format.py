"""What a line of a recording keeps, and which recorded call comes nearest to one that is missing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.models.recording_format import RecordedCall, RecordedRequest, from_line, nearest, sole_model, to_line
from pplab.models.types import Attempt, Reply
from pplab.plan.vocabulary import STATUSES
from pplab.secrets import Scrubber

KEY = "sk-test-4f3a9b1c8d7e6f5a4b3c2d1e0f9a8b7c"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NUMBER = st.floats(0, 1e6).map(lambda x: round(x, 1))


def request(
    prompt: str = "Hello", replicate: int = 0, model: str = "m", system: str | None = None, **parameters: object
) -> RecordedRequest:
    messages = ({"role": "system", "content": system},) if system else ()
    messages = (*messages, {"role": "user", "content": prompt})
    return RecordedRequest(provider="p", model=model, messages=messages, parameters=parameters, replicate=replicate)


attempts = st.builds(
    Attempt,
    attempt=st.integers(1, 9),
    started_at=st.just("2026-11-23T01:00:00.000000"),
    latency_ms=NUMBER,
    http_status=st.none() | st.sampled_from([200, 400, 429, 500]),
    decision=st.sampled_from(["accept", "retry", "pause", "stop"]),
    wait_s=st.none() | NUMBER,
    error_code=st.none() | TEXT,
    error=st.none() | TEXT,
)
replies = st.builds(
    Reply,
    status=st.sampled_from(STATUSES),
    text=TEXT,
    error=st.none() | TEXT,
    error_code=st.none() | TEXT,
    finish_reason=st.none() | TEXT,
    model=st.none() | TEXT,
    input_tokens=st.none() | st.integers(0, 10**6),
    output_tokens=st.none() | st.integers(0, 10**6),
    usage=st.none() | st.dictionaries(TEXT, st.integers(0, 99), max_size=3),
    sent=st.dictionaries(TEXT, NUMBER, max_size=3),
    rejected=st.dictionaries(TEXT, TEXT, max_size=2),
    applied=st.none() | st.dictionaries(TEXT, NUMBER, max_size=2),
    latency_ms=st.none() | NUMBER,
    first_token_ms=st.none() | NUMBER,
    attempts=st.lists(attempts, max_size=3).map(tuple),
    resume_at=st.none() | NUMBER,
    stop_run=st.booleans(),
)


@given(replies, TEXT, st.integers(0, 50), st.integers(0, 5))
def test_a_line_gives_back_what_was_recorded(reply, prompt, replicate, attempt):
    call = request(prompt, replicate, temperature=0.7)
    whole = RecordedCall(request=call, reply=reply, recorded_at="2026-11-23T01:00:00.000000", attempt=attempt)
    line = to_line(whole, str)
    back = from_line(line)
    assert line.count("\n") == 1
    assert (back.request, back.attempt, back.request.key) == (call, attempt, call.key)
    for name in (
        "status",
        "text",
        "error",
        "error_code",
        "model",
        "sent",
        "rejected",
        "applied",
        "usage",
        "stop_run",
        "resume_at",
    ):
        assert getattr(back.reply, name) == getattr(reply, name)
    assert [a.decision for a in back.reply.attempts] == [a.decision for a in reply.attempts] or not reply.attempts
    assert to_line(back, str) == line


def test_a_line_of_a_good_answer_is_small_and_does_not_say_anything_twice():
    reply = Reply(
        status="ok",
        text="An answer.",
        requested={"temperature": 0.7},
        sent={"temperature": 0.7},
        latency_ms=12.345,
        attempts=(Attempt(attempt=1, started_at="x", latency_ms=12.3, http_status=200, raw=b'{"choices": []}' * 50),),
    )
    line = to_line(RecordedCall(request=request(temperature=0.7), reply=reply, recorded_at="2026-11-23T01:00:00.000000"), str)
    assert len(line) < 300
    back = from_line(line).reply
    assert dict(back.sent) == dict(back.requested) == {"temperature": 0.7}
    assert [a.http_status for a in back.attempts] == [200]


@given(st.text(max_size=200) | st.dictionaries(TEXT, TEXT | st.integers() | st.none(), max_size=4).map(json.dumps))
def test_a_line_that_is_no_recorded_call_is_refused_in_words(line):
    with pytest.raises(ValueError):  # noqa: PT011 - the words differ, the kind does not
        from_line(line)


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"request":' * 50_000])
def test_a_line_nested_without_end_is_refused(deep):
    with pytest.raises(ValueError):  # noqa: PT011
        from_line(deep)


def test_a_key_in_the_answer_the_error_or_the_prompt_is_not_recorded():
    reply = Reply(
        status="failed",
        text=f"your key is {KEY}",
        error=f"bad key {KEY}",
        usage={"note": KEY[::-1]},
        attempts=(Attempt(attempt=1, started_at="x", latency_ms=1, decision="stop", raw=KEY.encode().hex().encode()),),
    )
    line = to_line(RecordedCall(request=request(f"use {KEY}"), reply=reply, recorded_at="x"), Scrubber(KEY))
    for form in (KEY, KEY[::-1], KEY.encode().hex()):
        assert form not in line


@given(
    st.lists(st.tuples(st.sampled_from(["Hello", "Hallo", "What is rain?"]), st.integers(0, 3), NUMBER), min_size=1, max_size=8)
)
def test_the_nearest_call_is_always_named_with_what_differs(known):
    recorded = [request(p, r, temperature=t) for p, r, t in known]
    words = nearest(request("Hello", 9, temperature=0.123), recorded)
    assert words.startswith("the nearest recorded call differs in")
    assert "replicate (9 asked" in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (request("Hello", temperature=0.8), "temperature (0.8 asked, 0.7 recorded)"),
        (request("Hello", temperature=0.7, top_p=0.9), "top_p (0.9 asked, none recorded)"),
        (request("Hello!", temperature=0.7), "the prompt ('Hello!' asked, 'Hello' recorded)"),
        (request("Hello", system="Be brief.", temperature=0.7), "the system message ('Be brief.' asked, none recorded)"),
        (request("Hello", model="other", temperature=0.7), "model ('other' asked, 'm' recorded)"),
        (request("Hello", 2, temperature=0.7), "replicate (2 asked, 0 recorded)"),
    ],
)
def test_a_miss_says_what_differs(missing, named):
    others = [request("Something else entirely", temperature=0.7), request("Hello", temperature=1.9)]
    assert nearest(missing, [*others, request("Hello", temperature=0.7)]).endswith(f"differs in {named}")


def test_nothing_recorded_is_said_so():
    assert nearest(request(), []) == "nothing is recorded yet"


def test_a_recording_of_one_model_names_it_and_one_of_several_does_not():
    assert sole_model([request(), request(replicate=1)], None) == ("p", "m")
    assert sole_model([request(), request(model="other")], None) is None
    assert sole_model([request(), request(model="other")], "other") == ("p", "other")
    assert sole_model([], None) is None
