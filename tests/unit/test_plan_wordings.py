"""Personas and wordings: named texts that settings combine, and the row of a table as the unit that pairs them."""

from __future__ import annotations

import json

import pytest
from test_plan_messages import FIRST, TALK, Calibration, plan, refused

from pplab.analysis.response_matrix import layout
from pplab.analysis.statistics import compare
from pplab.experiments.factors import for_analysis, with_factors
from pplab.plan.plan import PlannedCall

WORDINGS = {"short": "Sum up {text}", "long": "Sum up {text} for {reader}, please"}
ROWS = {"text": ["A", "B", "A", "A"], "reader": ["me", "me", "you", "me"]}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A working folder with two texts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").write_text("Be plain about {text}.\n", "utf-8")
    (tmp_path / "warm.txt").write_bytes("\ufeffBe wärm about {text}.\r\n".encode())
    return tmp_path


def test_every_persona_is_combined_with_every_setting():
    found = plan(prompt="Hi", systems={"plain": "Be plain.", "none": ""}, sweep={"temperature": [0, 1]})
    assert [setting.label() for setting in found.settings] == [
        "system plain, temperature 0",
        "system plain, temperature 1",
        "system none, temperature 0",
        "system none, temperature 1",
    ]
    assert found.factors == ("system", "temperature")
    assert [len(found.messages(PlannedCall(0, s, 0))) for s in range(4)] == [2, 2, 1, 1]


@pytest.mark.parametrize("values", ["@plain.txt,@warm.txt", " @plain.txt , @warm.txt", ["@plain.txt", "@warm.txt"]])
def test_files_give_personas_their_names(files, values):
    for wanted in ({"sweep": {"system": values}}, {"systems": values}):
        assert plan(prompt="Hi", **wanted).systems == {"plain": "Be plain about {text}.", "warm": "Be wärm about {text}."}


def test_paths_give_wordings_their_names(files):
    found = plan(sweep={"prompt": [files / "plain.txt", files / "warm.txt"]}, data={"text": ["A", "B"]})
    assert [(w.name, w.prompts) for w in found.wordings] == [
        ("plain", ("Be plain about A.", "Be plain about B.")),
        ("warm", ("Be wärm about A.", "Be wärm about B.")),
    ]


def test_a_sweep_over_the_system_message_alone_takes_the_strengths_of_the_calibrations_persona():
    assert list(plan(prompt="Hi", sweep={"system": None}, calibration=Calibration()).systems) == ["light", "strong"]
    for name in ("system", "prompt", "model"):
        with refused(f"the sweep over {name} has no values"):
            plan(prompt=None if name == "prompt" else "Hi", sweep={name: None})


@pytest.mark.parametrize(
    ("systems", "words"),
    [
        ("plain,warm", "each persona needs a name. write .*@plain.txt,@warm.txt"),
        ("@missing.txt", "the file 'missing.txt' cannot be read"),
        ("@s3://bucket/a.txt", "the file of a persona is at s3://"),
        ("@", "the file of a persona '' is empty"),
        ("@plain.txt,@./plain.txt", "two of the files have one name"),
        ({}, "there is no persona"),
        ({"a": 3}, "the persona 'a' must be text, not int"),
        ({"a": "x\0"}, "the persona 'a' contains a NUL character"),
        ({"a": "\ud800"}, "the persona 'a' contains half a surrogate pair"),
        ({"a": "x", "b": "x"}, "the personas 'a' and 'b' are the same text"),
        ({"": "x"}, "'' cannot name a persona"),
        ({"a\n": "x"}, "cannot name a persona"),
        ({"a" * 61: "x"}, "cannot name a persona"),
        ({"a": TALK}, "the persona 'a' is a conversation, which it cannot be yet"),
        (["x", "y"], "each persona needs a name"),
    ],
)
def test_personas_that_cannot_be_told_apart_or_sent_are_refused_in_one_line(files, systems, words):
    with refused(words) as caught:
        plan(prompt="Hi", systems=systems)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"prompt": {"a": TALK}}, "the wording 'a' is a conversation"),
        ({"prompt": {"a": "x", "b": "x"}}, "the wordings 'a' and 'b' are the same text"),
        ({"prompt": {"a": " "}}, "the wording 'a' is empty"),
        ({"prompt": "Hi", "sweep": {"prompt": {"a": "x"}}}, "a prompt and a sweep over the prompt were both given"),
        ({"prompt": "Hi", "systems": {"a": "x"}, "sweep": {"system": "@plain.txt"}}, "systems and a sweep over the system"),
        ({"prompt": "Hi", "systems": {"a": "x"}, "system": "y"}, "system and systems were both given"),
        ({"prompt": {"a": "no column"}, "data": {"text": ["A"]}}, "the template uses no column of its table"),
        ({"prompt": {"a": "x"}, "cluster": "c"}, "cluster was given without data"),
        ({"prompt": "Hi", "settings": [{"system": "cold"}], "systems": {"warm": "x", "plain": "y"}}, "names the system 'cold'"),
    ],
)
def test_wordings_that_contradict_the_rest_are_refused_in_one_line(files, wanted, words):
    with refused(words) as caught:
        plan(**wanted)
    assert "\n" not in str(caught.value)


def test_each_row_is_asked_in_every_wording():
    found = plan(prompt=WORDINGS, data=ROWS)
    assert [found.prompt(PlannedCall(2, s, 0)) for s in (0, 1)] == ["Sum up A", "Sum up A for you, please"]
    assert found.question(PlannedCall(2, 1, 0)) == "Sum up A for you, please"
    assert found.rows[2] == {"text": "A", "reader": "you"}
    assert type(found).from_dict(json.loads(json.dumps(found.as_dict()))) == found


@pytest.mark.parametrize("wordings", [WORDINGS, dict(reversed(WORDINGS.items()))])
def test_rows_that_some_wording_does_not_tell_apart_are_one_unit_whatever_their_order(wordings):
    assert plan(prompt=wordings, data=ROWS).clusters == ("row 1", "row 2", "row 1", "row 1")


def test_a_cluster_that_was_named_groups_the_rows():
    assert plan(prompt=WORDINGS, data=ROWS, cluster="reader").clusters == ("me", "me", "you", "me")


def answers(found, value):
    """Responses as the statistics take them, with a score for each planned call."""
    import pandas as pd

    rows = [
        {
            "prompt_index": call.prompt_index,
            "prompt": found.prompt(call),
            "setting_index": call.setting_index,
            "replicate": call.replicate,
            "status": "ok",
            "creativity": value(call),
            **dict.fromkeys(("endpoint", "temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty")),
        }
        for call in found.calls()
    ]
    return for_analysis(found, with_factors(found, pd.DataFrame(rows)))


def test_a_difference_between_wordings_is_paired_by_row():
    found = plan(prompt=WORDINGS, data={"text": list("ABCDEFGH"), "reader": ["me"] * 8})
    frame = answers(found, lambda call: call.prompt_index / 10 + 0.05 * call.setting_index + 0.001 * (call.prompt_index % 3))
    matrix = layout(frame)
    assert (matrix.labels, matrix.prompts, matrix.unit, matrix.repeated) == (("wording short", "wording long"), 8, "prompt", 0)
    difference = compare(frame, 0, 1, ["creativity"]).differences[0]
    assert difference.prompts == 8
    assert difference.difference == pytest.approx(-0.05)


def test_equal_rows_count_once_in_a_difference_between_wordings():
    found = plan(prompt=WORDINGS, data={"text": [*"ABCDEFGH", "A", "A"], "reader": ["me"] * 10})
    matrix = layout(answers(found, lambda call: call.prompt_index / 10))
    assert (matrix.prompts, matrix.repeated) == (8, 2)


def test_one_prompt_without_a_table_can_have_wordings_too():
    found = plan(prompt={"short": "Why?", "long": "Tell me why."})
    assert (len(found.prompts), found.clusters, found.rows) == (1, None, None)
    assert [found.prompt(PlannedCall(0, s, 0)) for s in (0, 1)] == ["Why?", "Tell me why."]
    matrix = layout(answers(found, lambda _: 0.5))
    assert (matrix.prompts, matrix.labels) == (1, ("wording short", "wording long"))


def test_a_lone_persona_or_wording_is_no_factor():
    found = plan(prompt={"only": "Why?"}, systems={"kind": "Be kind."})
    assert (found.factors, found.settings[0].label()) == ((), "server defaults")
    assert found.messages(FIRST) == ({"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"})
