"""Values of parameters as users write them: every kind can be set and swept from a line, and what cannot be read is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.errors import BadInput
from pplab.plan.parameters import PARAMETERS, as_text, parameter
from pplab.plan.written import parse_value, parse_values

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("top_k=40", 40),
        ("min_p=0.05", 0.05),
        ("reasoning_effort=xhigh", "xhigh"),
        ("stop=END", ["END"]),
        ("stop=a,b", ["a,b"]),
        (r'stop=["\n\n", "END"]', ["\n\n", "END"]),
        ("logprobs=true", True),
        ('response_format={"type": "json_object"}', {"type": "json_object"}),
        ("x.mirostat=2", 2),
        ("x.cache_prompt=false", False),
        ("x.user=ada", "ada"),
        ('x.user="@ada"', "@ada"),
        ('x.chat_template_kwargs={"enable_thinking": false}', {"enable_thinking": False}),
    ],
)
def test_a_value_of_every_kind_can_be_written(text: str, value: object) -> None:
    name, _, written = text.partition("=")
    assert parse_value(name, written) == value
    assert type(parse_value(name, written)) is type(value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("reasoning_effort=low,high", ("low", "high")),
        ("x.mirostat=0,2", (0, 2)),
        ("logprobs=true,false", (True, False)),
        ("stop=END,###", (["END"], ["###"])),
        ('stop=["a, b", ["c", "d"]]', (["a, b"], ["c", "d"])),
        ("min_p=0:0.2:3", (0, 0.1, 0.2)),
        ("top_k=10:50:3", (10, 30, 50)),
        ("temperature=[0, 0.5]", (0, 0.5)),
        ('response_format=[{"type": "text"}, {"type": "json_object"}]', ({"type": "text"}, {"type": "json_object"})),
        ("x.user=a:b,c", ("a:b", "c")),
    ],
)
def test_a_sweep_over_every_kind_can_be_written(text: str, values: tuple[object, ...]) -> None:
    name, _, written = text.partition("=")
    assert parse_values(name, written) == values


def test_json_can_stand_in_files(tmp_path: Path) -> None:
    for name, content in (("a", {"type": "text"}), ("b", {"type": "json_object"})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    a, b = f"@{tmp_path / 'a.json'}", f"@{tmp_path / 'b.json'}"
    assert parse_value("response_format", a) == {"type": "text"}
    assert parse_values("response_format", f"{a},{b}") == ({"type": "text"}, {"type": "json_object"})
    assert parse_value("x.grammar", b) == {"type": "json_object"}
    assert parse_value("stop", "@home") == ["@home"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("response_format=@missing.json", "missing.json"),
        ("response_format={", "cannot be read"),
        ("response_format=text", "write it as JSON, or as @FILE"),
        ("logprobs=yes", "write true or false"),
        ("reasoning_effort=extreme", "use one of none, minimal"),
        ("repeat_penalty=1.1", "use repetition_penalty; to send it as it is, write x.repeat_penalty"),
        ("max_completion_tokens=9", "use max_tokens"),
        ("thinking_token_budget=9", "use thinking_budget"),
        ("mirostat=2", "to send it as it is, write x.mirostat"),
        ("temprature=1", "did you mean 'temperature'"),
        ("x.model=m", "set by the lab itself"),
        ("n=3", "set by the lab itself"),
        ("x.messages=[]", "set by the lab itself"),
        ("x.a b=1", "cannot be the name"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_with_what_to_write(text: str, words: str) -> None:
    name, _, written = text.partition("=")
    with pytest.raises(BadInput) as refused:
        parse_value(name, written)
    said = f"{refused.value} {refused.value.hint}"
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('response_format={"a": 1, "b": 2}', "is one value"),
        ("x.dry_multiplier=0:1:3", "low:high:count is for known numbers"),
        ("stop=[1", "as a JSON list"),
        ("stop=a,,b", "as a JSON list"),
        ("top_k=1:9:1", "count from 2 to 1,000"),
        ("verbosity=[5]", "use one of low, medium, high"),
    ],
)
def test_a_sweep_that_cannot_be_read_says_how_to_write_it(text: str, words: str) -> None:
    name, _, written = text.partition("=")
    with pytest.raises(BadInput) as refused:
        parse_values(name, written)
    assert words in f"{refused.value} {refused.value.hint}"


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(BadInput, match="is not JSON"):
        parse_value("response_format", f"@{tmp_path / 'a.json'}")


def test_what_is_shown_of_a_value_can_be_written_again() -> None:
    for name, value in (("temperature", 0.7), ("stop", ["a, b", "\n"]), ("logprobs", False), ("logit_bias", {"5": -1})):
        assert parameter(name).parse(as_text(value)) == value


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("run --set reasoning_e", ["reasoning_effort="]),
        ("run --set reasoning_effort=", ["reasoning_effort=none", "reasoning_effort=max"]),
        ("run --set verbosity=m", ["verbosity=medium"]),
        ("run --sweep verbosity=low,h", ["verbosity=low,high"]),
        ("run --sweep=verbosity=low,", ["--sweep=verbosity=low,medium", "--sweep=verbosity=low,high"]),
        ("run --sweep logprobs=", ["logprobs=true", "logprobs=false"]),
        ("run --sweep mod", ["model="]),
        ("run --set x", ["x."]),
    ],
)
def test_names_and_choices_are_completed(line: str, some: list[str]) -> None:
    completions = command_table.complete(line, Session(lambda: None, "terminal"))
    assert set(some) <= set(completions)
    assert all(completion.startswith(line.rsplit(maxsplit=1)[-1]) for completion in completions)


def test_a_choice_that_was_written_is_not_offered_again() -> None:
    assert command_table.complete("run --sweep verbosity=low,", Session(lambda: None, "terminal")) == [
        "verbosity=low,medium",
        "verbosity=low,high",
    ]
    assert command_table.complete("run --set temperature=0", Session(lambda: None, "terminal")) == []


def test_every_parameter_is_completed_by_name() -> None:
    assert {f"{name}=" for name in PARAMETERS} <= set(command_table.complete("run --set ", Session(lambda: None, "terminal")))
