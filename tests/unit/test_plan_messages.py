"""Conversations as prompts: what can be sent, what is refused in one line, and where they come from."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pplab.errors import BadInput
from pplab.plan.messages import check_prompt, transcript
from pplab.plan.plan import PlannedCall, make_plan
from pplab.plan.prompts import fill
from pplab.plan.request import RunRequest, build_plan
from pplab.plan.settings import ModelAsked
from pplab.plan.tables import as_table, read_table

SYSTEM = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello"}
YES = {"role": "assistant", "content": "Yes?"}
WHY = {"role": "user", "content": "Why?"}
TALK = [HELLO, YES, WHY]
FIRST = PlannedCall(0, 0, 0)


class Calibration:
    """The part of a calibration that a plan is built from."""

    def __init__(self):
        self.ranges, self.points, self.persona = {}, {}, "You are kind."
        self.personas = {"light": "Be kind.", "strong": "Be very kind."}


def plan(*, calibration=None, **wanted):
    return build_plan(
        RunRequest(n=1, **wanted),
        model="m",
        calibration=calibration,
        deadline=9.0,
        max_concurrency=2,
        scrub=lambda text: text.replace("sk-secret", "***"),
        resolve=ModelAsked,
    )


def refused(words):
    return pytest.raises(BadInput, match=words)


# -- what a prompt may be -----------------------------------------------------------------------------------------------------


def test_a_list_of_messages_is_one_prompt_and_a_list_of_such_lists_are_several():
    one = plan(prompt=TALK)
    assert one.messages(FIRST) == tuple(TALK)
    assert one.prompts == ("user: Hello\n\nassistant: Yes?\n\nuser: Why?",)
    several = plan(prompt=[TALK, "Say hello.", (SYSTEM, HELLO)])
    assert [several.messages(PlannedCall(i, 0, 0)) for i in range(3)] == [
        tuple(TALK),
        ({"role": "user", "content": "Say hello."},),
        (SYSTEM, HELLO),
    ]
    assert several.prompts[1] == "Say hello."


def test_one_message_of_the_user_is_a_text_prompt_like_any_other():
    assert plan(prompt=[HELLO]) == plan(prompt="Hello") == plan(prompt=[[HELLO]])


def test_parts_of_text_count_as_text():
    parts = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    assert check_prompt([SYSTEM, {"role": "user", "content": parts}])[1]["content"] == "One.\nTwo."


def test_an_answer_is_judged_by_the_last_message():
    assert plan(prompt=[SYSTEM, *TALK]).question(FIRST) == "Why?"
    assert plan(prompt="Say hello.").question(FIRST) == "Say hello."


def test_a_developers_message_is_sent_as_such():
    told = {"role": "developer", "content": "Be brief."}
    assert plan(prompt=[told, HELLO]).messages(FIRST) == (told, HELLO)


IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ([HELLO, YES], "the prompt ends with an assistant's message, not with the user's. leave it out: the model writes"),
        ([HELLO, SYSTEM], "ends with a system message"),
        ([[], "a"], "prompt 1 of 2 is a conversation without messages"),
        ([HELLO, "x"], "message 2 of the prompt must have a role and content, not be str"),
        ([[HELLO, {"role": "bot", "content": "x"}]], "message 2 of the prompt has the role 'bot'"),
        ([{"role": "usr", "content": "x"}], "did you mean 'user'"),
        ([{"content": "x"}], "has no role"),
        ([{"role": "user"}, HELLO], r"message 1 of the prompt \(user\) is missing"),
        ([{"role": "system", "content": " "}, HELLO], r"message 1 of the prompt \(system\) is empty"),
        ([{"role": "user", "content": 3}], "must be text, not int"),
        ([{"role": "user", "content": [IMAGE]}], "a part of type 'image_url', and only text can be sent yet"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "'input_audio', and only text"),
        ([{"role": "user", "content": [{"type": "file"}]}], "'file', and only text"),
        ([{"role": "user", "content": ["x"]}], "'str', and only text"),
        ([{"role": "tool", "content": "x", "tool_call_id": "1"}, HELLO], "role 'tool', which cannot be sent yet"),
        ([{"role": "assistant", "content": None, "tool_calls": [{}]}, HELLO], "has 'tool_calls', which cannot be sent yet"),
        ([{**HELLO, "name": "Ann"}], "has 'name', which is not sent"),
        ([SYSTEM, {"role": "user", "content": "a\0"}], "contains a NUL character"),
        ([SYSTEM, {"role": "user", "content": "\ud800"}], "half a surrogate pair"),
        ([SYSTEM, {"role": "user", "content": "x" * 1_000_001}], "1,000,001 characters, more than"),
        ([{"role": "user", "content": "x" * 600_000}, YES, {"role": "user", "content": "x" * 600_000}], "1,200,004 characters"),
        (HELLO, "the prompt is one message. put it in a list"),
        ([], "there is no prompt"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_one_line(prompt, words):
    with refused(words) as caught:
        plan(prompt=prompt)
    assert "\n" not in str(caught.value)


def test_a_field_of_a_message_that_is_null_is_none():
    assert check_prompt([SYSTEM, {**HELLO, "name": None, "tool_calls": None}]) == (SYSTEM, HELLO)


def test_keys_are_taken_out_of_conversations_rows_and_personas():
    told = plan(prompt=[SYSTEM, {"role": "user", "content": "my key is sk-secret"}])
    assert "sk-secret" not in json.dumps(told.as_dict())
    tabled = plan(prompt="{q}", data=[{"q": "a", "note": "sk-secret"}], systems={"a": "sk-secret", "b": ""})
    assert "sk-secret" not in json.dumps(tabled.as_dict())


# -- a conversation's own system message --------------------------------------------------------------------------------------


def test_a_system_message_given_for_the_run_goes_before_a_conversation():
    assert plan(prompt=TALK, system="Be kind.").messages(FIRST) == ({"role": "system", "content": "Be kind."}, *TALK)


def test_a_second_system_message_is_refused():
    with refused("the prompt has a system message of its own, and system was given"):
        plan(prompt=[SYSTEM, HELLO], system="Be kind.")
    with refused("prompt 2 of 2 has a system message of its own, and systems was given"):
        plan(prompt=["Hello", [{"role": "developer", "content": "x"}, HELLO]], systems={"a": "x", "b": "y"})


def test_a_conversations_own_system_message_stands_in_place_of_a_calibrations_persona():
    found = plan(prompt=[[SYSTEM, HELLO], TALK], calibration=Calibration())
    assert found.messages(FIRST) == (SYSTEM, HELLO)
    assert found.messages(PlannedCall(1, 0, 0))[0] == {"role": "system", "content": "You are kind."}


def test_a_persona_without_text_sends_no_system_message():
    chosen = plan(prompt="Hello", calibration=Calibration(), systems={"none": "", "warm": "Be warm."})
    assert [len(chosen.messages(PlannedCall(0, s, 0))) for s in (0, 1)] == [1, 2]


# -- tables -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    def read(name, content):
        (tmp_path / name).write_text(content, "utf-8")
        return read_table(tmp_path / name)

    return read


LINES = "\n".join(json.dumps({"messages": talk, "id": i, "tags": ["x", 1.50]}) for i, talk in enumerate([TALK, [HELLO]]))


def test_lines_of_json_with_messages_are_conversations_and_keep_their_other_columns(table):
    found = plan(data=table("p.jsonl", LINES))
    assert found.messages(FIRST) == tuple(TALK)
    assert found.rows == ({"id": "0", "tags": '["x", 1.5]'}, {"id": "1", "tags": '["x", 1.5]'})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.json", json.dumps([TALK, [HELLO]])),
        ("p.jsonl", f"{json.dumps(TALK)}\n{json.dumps([HELLO])}"),
        ("p.json", json.dumps({"messages": [TALK, [HELLO]]})),
        ("p.json", json.dumps([{"prompt": TALK}, {"prompt": "Hello"}])),
        ("p.csv", pd.DataFrame({"messages": [json.dumps(TALK), json.dumps([HELLO])]}).to_csv(index=False)),
    ],
)
def test_conversations_are_taken_however_a_file_lists_them(table, name, content):
    found = plan(data=table(name, content))
    assert [found.messages(PlannedCall(i, 0, 0)) for i in (0, 1)] == [tuple(TALK), (HELLO,)]


@pytest.mark.parametrize("content", [json.dumps(TALK), json.dumps({"messages": TALK})])
def test_a_file_of_one_conversation_is_one_prompt(table, content):
    assert plan(data=table("p.json", content)).messages(FIRST) == tuple(TALK)


@pytest.mark.parametrize(
    "data",
    [
        [{"messages": TALK}],
        [TALK],
        pd.DataFrame({"messages": [TALK]}),
        pd.DataFrame({"messages": [np.array(TALK, dtype=object)]}),
        pd.Series([TALK], name="messages"),
    ],
)
def test_conversations_are_taken_in_the_forms_that_python_users_have_them(data):
    assert plan(data=data).messages(FIRST) == tuple(TALK)


def batch(**changes):
    body = {"model": "gpt-x", "messages": TALK, "max_tokens": 50}
    return {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body, **changes}


def test_batch_lines_of_openai_give_their_messages_and_keep_what_else_they_ask_for_as_columns(table):
    found = plan(data=table("b.jsonl", f"{json.dumps(batch())}\n{json.dumps(batch(custom_id='b'))}"))
    assert found.messages(FIRST) == tuple(TALK)
    assert found.settings[0].given() == {}
    assert found.rows[1] == {"custom_id": "b", "body.model": "gpt-x", "body.max_tokens": "50"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (batch(body={"model": "m", "input": "x"}), "row 2: its body has no messages"),
        ({"prompt": "x"}, "row 2 is no batch line, as others are"),
        (batch(body={"messages": [YES]}), "prompt 2 of 2 ends with an assistant's message"),
    ],
)
def test_a_batch_line_that_is_no_chat_is_refused_by_its_row(table, line, words):
    with refused(words):
        plan(data=table("b.jsonl", f"{json.dumps(batch())}\n{json.dumps(line)}"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.csv", "messages\nHello\n", "row 1, column 'messages' holds no conversation"),
        ("p.csv", 'messages\n"[1, 2]"\n', "row 1, column 'messages' holds no conversation"),
        ("p.jsonl", '{"messages": []}', "a conversation without messages"),
        ("p.jsonl", '{"messages": [{"role": "robot", "content": "x"}]}', "the role 'robot'"),
        ("p.jsonl", '{"messages": null}', "row 1, column 'messages' is empty"),
        ("p.jsonl", '{"messages": {"role": "user"}}', "row 1, column 'messages' holds an object"),
        (
            "p.jsonl",
            '{"messages": [{"role": "user", "content": "x"}], "prompt": "y"}',
            "both a column 'prompt' and",
        ),
        ("p.jsonl", '{"text": "x"}', "no column 'prompt' and no column 'messages'"),
        ("p.jsonl", '{"messages": ' + "[" * 100_000, "nested too deep|is not JSON"),
        ("p.csv", "messages\n" + "[" * 100_000 + "\n", "holds no conversation"),
    ],
)
def test_a_table_whose_conversations_cannot_be_sent_says_where(table, name, content, words):
    with refused(words) as caught:
        plan(data=table(name, content))
    assert "\n" not in str(caught.value)


def test_a_template_over_conversations_is_refused():
    with refused("uses no column of its table.*leave the template out to send its conversations"):
        plan(prompt="Answer this.", data=[{"messages": TALK}])
    with refused("row 1, column 'messages' holds a list"):
        plan(prompt="{messages}", data=[{"messages": TALK}])
    assert plan(prompt="About {topic}", data=[{"messages": TALK, "topic": "rain"}]).prompts == ("About rain",)


def test_a_conversation_can_be_the_template_for_a_table():
    template = [{"role": "system", "content": "You know {field}."}, {"role": "user", "content": "About {topic}: {{why}}?"}]
    found = plan(prompt=template, data={"field": ["art", "law"], "topic": ["rain", "snow"]})
    assert found.messages(PlannedCall(1, 0, 0)) == (
        {"role": "system", "content": "You know law."},
        {"role": "user", "content": "About snow: {why}?"},
    )
    with refused("uses no column of its table"):
        plan(prompt=TALK, data={"topic": ["rain"]})


def test_the_columns_of_a_row_stay_with_its_prompt_as_text_or_json():
    rows = [{"q": "Why?", "n": 3, "x": [1, {"a": None}], "none": None, "odd": object()}]
    found = plan(prompt="{q}", data=rows)
    assert found.rows == ({"q": "Why?", "n": "3", "x": '[1, {"a": null}]', "none": None, "odd": None},)
    assert plan(data=[{"prompt": "Why?", "expected": "x"}]).rows == ({"expected": "x"},)
    assert plan(data=["Why?"]).rows is None


def test_numbers_in_stored_json_are_written_as_in_the_file(table):
    found = plan(data=table("p.jsonl", '{"prompt": "a", "x": [1.50, 12345678901234567890, true, "007"]}'))
    assert found.rows == ({"x": '[1.50, 12345678901234567890, true, "007"]'},)


def test_a_plan_with_conversations_and_rows_is_read_back_as_it_was():
    found = plan(data=[{"messages": [SYSTEM, *TALK], "id": 1}, {"messages": [HELLO]}])
    assert type(found).from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_a_stored_plan_whose_conversations_do_not_fit_its_prompts_is_refused():
    data = plan(prompt=[TALK, "a"]).as_dict()
    with pytest.raises(ValueError, match="one conversation"):
        type(plan(prompt="a")).from_dict({**data, "prompts": ["x"]})


def test_a_transcript_names_the_role_of_each_message():
    assert transcript(tuple(TALK)) == "user: Hello\n\nassistant: Yes?\n\nuser: Why?"
    assert transcript("Hello") == "Hello"


def test_prompts_that_are_texts_make_the_plan_that_they_always_made():
    data = make_plan(["a", "b"], model="m").as_dict()
    assert not {"conversations", "rows", "systems", "wordings", "models"} & set(data)


def test_filling_a_text_and_reading_a_column_are_as_before():
    assert fill("{a}", as_table([{"a": 1}, {"a": 2}]))[0] == ["1", "2"]
