"""Variants of a prompt: what a model is asked, and how its answer is read, in whatever form it comes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.errors import BadInput
from pplab.plan.suggestions import check_count, check_suggestible, read_suggestions, request_text

OWN = "Why does it rain?"
TWO = ("Why does it snow?", "Why does it hail?")


@pytest.mark.parametrize(
    "answer",
    [
        '["Why does it snow?", "Why does it hail?"]',
        'Sure:\n\n```json\n[\n "Why does it snow?",\n "Why does it hail?",\n]\n```\nEnjoy!',
        '["1. Why does it snow?", "2. Why does it hail?"]',
        '{"tasks": [{"topic": "snow", "prompt": "Why does it snow?"}, {"topic": "hail", "prompt": "Why does it hail?"}]}',
        '{"1": "Why does it snow?", "2": "Why does it hail?"}',
        '{"prompt": "Why does it snow?"}\n{"prompt": "Why does it hail?"}',
        '[\n {"question": "Why does it snow?"},\n {"question": "Why does it hail?"},\n]',
        "Here are two:\n\n1. Why does it snow?\n\n2. **Why does it hail?**\n\nLet me know if [you] want more!",
        "2) Why does it snow?\n3) Why does it hail?",
        "1.Why does it snow?\n2.Why does it hail?",
        "**1.** Why does it snow?\n**2.** Why does it hail?",
        "- “Why does it snow?”\n- 'Why does it hail?'",
        "* Why does it snow?\n* Why does it hail?",
        "**Prompt 1:** Why does it snow?\n\n**Prompt 2:** Why does it hail?",
        "### Task 1:\nWhy does it snow?\n\n### Task 2:\nWhy does it hail?",
        "1. Why does\n   it snow?\n   - Topic: snow\n2. Why does it hail?\n   - Topic: hail",
        "Here are two more:\nWhy does it snow?\nWhy does it hail?",
        "```\nWhy does it snow?\nWhy does it hail?\n```",
        '"Why does it snow?",\n"Why does it hail?"',
        "1. Why does it snow?\n2. Why does it hail?\n3. Why is there fog?",
    ],
)
def test_a_list_is_read_in_whatever_form_it_comes(answer: str) -> None:
    assert read_suggestions(answer, OWN, 2).prompts == TWO


def test_the_prompt_itself_and_repetitions_are_left_out_and_counted() -> None:
    found = read_suggestions("1. why does it  rain\n2. Why does it snow?\n3. Why does it snow.\n4. Why does it hail?", OWN, 4)
    assert (found.prompts, found.repeated) == (TWO, 2)
    assert read_suggestions("1. What is 3 + 4?\n2. What is 3 - 4?", "What is 1 + 1?", 2).repeated == 0


@pytest.mark.parametrize(
    "answer",
    ["", "   ", "Rain is water that falls.", "...", "1.\n2.\n3.", "[]", "{}", "[[1, 2]]", '{"a": null}', "```\n```", "[" * 9999],
)
def test_what_is_no_list_holds_no_prompts(answer: str) -> None:
    assert read_suggestions(answer, OWN, 3).prompts == ()


@pytest.mark.parametrize("answer", ["1. Why does it snow?\n2. Why does it h", '["Why does it snow?", "Why does it h'])
def test_of_an_answer_that_was_cut_only_whole_prompts_count(answer: str) -> None:
    assert read_suggestions(answer, OWN, 2, cut=True).prompts == TWO[:1]


def test_json_within_a_prompt_belongs_to_it() -> None:
    listed = ('Sort ["b", "a"].', 'Return {"x": 1} as YAML.')
    assert read_suggestions("\n".join(f"{i}. {text}" for i, text in enumerate(listed, 1)), "Sort [2, 1].", 2).prompts == listed


def test_what_a_spreadsheet_would_run_is_left_out() -> None:
    assert read_suggestions('["=HYPERLINK(1)", "@SUM(1)", "Why does it snow?"]', OWN, 3).prompts == TWO[:1]


def test_prompts_of_several_lines_keep_them() -> None:
    own, variants = "Write a haiku.\nUse no commas.", ["Write a limerick.\nUse no rhymes.", "Write a sonnet.\nUse no verbs."]
    assert read_suggestions(json.dumps(variants), own, 2).prompts == tuple(variants)
    assert read_suggestions("\n\n".join(variants), own, 2).prompts == tuple(variants)
    assert "JSON list of 2 strings" in request_text(own, 2)
    assert "numbered list" in request_text(OWN, 2)


@given(st.text(max_size=300), st.text("[]{}\"'`*-#123.,:=\n ab\\", max_size=80), st.booleans())
def test_any_answer_is_read(answer: str, marks: str, cut: bool) -> None:
    for text in (answer, marks):
        found = read_suggestions(text, OWN, 5, cut=cut)
        assert len(set(found.prompts)) == len(found.prompts) <= 5
        assert all(prompt == prompt.strip() != "" for prompt in found.prompts)


@pytest.mark.parametrize("prompt", ["Explain {topic}.", "Say { user name } hello", "{question}"])
def test_a_template_is_refused_in_one_line_that_names_its_placeholder(prompt: str) -> None:
    with pytest.raises(BadInput, match=r"the prompt is a template: \{ ?(topic|user name|question) ?\}"):
        check_suggestible(prompt)


@pytest.mark.parametrize(
    "prompt", ['Return {"a": 1}.', r"Simplify \frac{a}{b}.", "Say {{x}}.", "x^{n} and x_{i}", "f{x}", "{1, 2}"]
)
def test_braces_of_code_and_formulas_make_no_template(prompt: str) -> None:
    assert check_suggestible(prompt) == prompt


@pytest.mark.parametrize("n", [0, -1, 101, 2.5, True, "5", None])
def test_a_number_of_variants_that_cannot_be_asked_for_is_refused(n: object) -> None:
    with pytest.raises(BadInput, match="give a whole number from 1 to 100"):
        check_count(n)
