"""What stands on a ``%pplab`` line: variables put in as they are, columns before them, comments, dashes and quotes."""

# ruff: noqa: RUF001 - the ambiguous characters are what is tested

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ONE = "--n 1 --set max_tokens=3"
DRY = "--n 1 --dry-run"


@pytest.fixture
def loaded(loaded_before):
    """The same shell for all tests of this file."""
    return loaded_before


@pytest.fixture
def asked(loaded):
    """Run a cell and return the prompts it sent or, with ``DRY``, would send."""

    def run(cell, **variables):
        loaded.user_ns.update(variables)
        made = loaded.run_cell(cell)
        made.raise_error()
        return list(made.result.first_prompts if "--dry-run" in cell else made.result.responses["prompt"])

    return run


@pytest.fixture
def refused(loaded, capsys):
    """Run a cell and return the one line that refuses it."""

    def run(cell, **variables):
        loaded.user_ns.update(variables)
        assert not loaded.run_cell(cell).success
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "no experiments" not in err
        return err

    return run


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ('"{q}"', 'say "it\'s" {n} $n'),
        ("{q}", 'say "it\'s" {n} $n'),
        ("$q", 'say "it\'s" {n} $n'),
        ("{flag} please", "--stream please"),
        ("'{n} of {price:.1f}, {topics[0]} and {len(topics)}, { n }'", "3 of 2.5, rain and 2, 3"),
        ("About $topic.", "About rain."),
        ("About $topic.Then $n", "About rain.Then 3"),
        ("It costs $5, {nothing}, $nothing and {{n}}", "It costs $5, {nothing}, $nothing and {{n}}"),
        ("'{\"n\": {n}} {1} {} {open} {print} $$n$$ and $n$'", '{"n": 3} {1} {} {open} {print} $$n$$ and $n$'),
        ('\'{"n": $n, "of": "$topic"}\'', '{"n": 3, "of": "rain"}'),
        ("As {json} and {n, topic} and {n: topic}", "As {json} and {n, topic} and {n: topic}"),
    ],
)
def test_variables_are_put_in_as_they_are_and_everything_else_stays(asked, line, sent):
    values = {
        "q": 'say "it\'s" {n} $n',
        "n": np.int64(3),
        "price": 2.5,
        "topic": "rain",
        "topics": ["rain", "snow"],
        "json": json,
    }
    assert asked(f"%pplab run {line} {DRY}", **values, flag="--stream") == [sent]


def test_variables_of_a_function_are_found_too(loaded):
    loaded.run_cell(
        f"def ask(topic):\n    made = get_ipython().run_line_magic('pplab', 'run About {{topic}} {DRY}')\n    return made"
    )
    made = loaded.run_cell("ask('rain')").result
    assert made.first_prompts == ("About rain",)


def test_options_take_variables_too(asked, loaded):
    values = {"temps": np.array([0, 0.5]), "k": 2, "persona": "--Be kind, {k}", "name": "temperature"}
    assert asked("%pplab run hi --n={k} --sweep {name}={temps} --set max_tokens=3 --system $persona", **values) == ["hi"] * 4
    made = loaded.run_cell("_ = %pplab results latest\nmade = _\n%pplab results {made}").result
    assert made.plan.system == "--Be kind, {k}"
    assert made.plan.swept == ("temperature",)


@pytest.mark.parametrize(
    ("value", "words"),
    [(["a"], "is a list"), (None, "is None"), ({"a": 1}, "is a dict"), (pd.DataFrame({"a": [1]}), "is a DataFrame")],
)
def test_a_variable_that_is_no_text_is_refused(refused, value, words):
    assert words in refused("%pplab run Summarise {x}", x=value)
    assert words in refused("%pplab run hi --system {x}", x=value)


def test_an_expression_that_fails_says_why(refused):
    assert "list index out of range" in refused("%pplab run 'About {x[3]}'", x=["a"])


def test_columns_go_before_variables_and_a_clash_is_said(asked, capsys):
    Path("p.csv").write_text("text,n\nmy }} row,1\n{place},2\n", "utf-8")
    values = {"text": "my notes", "place": "Oslo {n} }}", "path": Path("p.csv")}
    sent = asked(f'%pplab run "Summarise {{text}} for {{place}}" --prompts $path {DRY}', **values)
    assert sent == ["Summarise my }} row for Oslo {n} }}", "Summarise {place} for Oslo {n} }}"]
    assert "{text} is a column of the table, so the variable of that name is not used.\n" in capsys.readouterr().out
    assert asked(f'%pplab run "Summarise {{n}}" --prompts p.csv {DRY}') == ["Summarise 1", "Summarise 2"]
    assert "column" not in capsys.readouterr().out


def test_a_clash_adds_nothing_to_the_one_line_of_json(loaded, capsys):
    Path("p.csv").write_text("text\nrow\n", "utf-8")
    loaded.user_ns["text"] = "notes"
    loaded.run_cell(f"%pplab run {{text}} --prompts p.csv --json {DRY}")
    assert json.loads(capsys.readouterr().out)["data"]["first_prompts"] == ["row"]


def test_a_table_may_be_a_frame_of_the_notebook(asked):
    frame = pd.DataFrame({"topic": ["rain", "snow"]})
    assert asked(f"%pplab run 'About {{topic}}' --prompts {{frame}} {DRY}", frame=frame) == ["About rain", "About snow"]


def test_the_body_of_a_cell_is_sent_as_it_stands(asked):
    cell = f"%%pplab run {ONE}\nSummarise {{text}}, $text, {{{{text}}}} # all of it\n“As is” — really"
    assert asked(cell, text="my notes") == [cell.partition("\n")[2]]


@pytest.mark.parametrize(
    "line",
    [
        f"hello {DRY}  # try, don't ask",
        f"{DRY} 'hello' # try",
        f"'hello' {DRY} # --n 5",
        f"--stream {DRY} hello --seed 3 # it's a \"try",
    ],
)
def test_a_comment_is_left_out(asked, line):
    assert asked(f"%pplab run {line}") == ["hello"]


def test_a_comment_is_left_out_of_every_other_line(asked, loaded):
    assert loaded.run_cell("%pplab calibrate --preset balanced          # or the quiz: %pplab calibrate").success
    assert loaded.run_cell("%pplab  # where am I?").success
    assert asked(f"%%pplab run {ONE} # twice\nhello") == ["hello"]
    assert loaded.run_cell("%pplab results latest #newest").success
    frame = loaded.run_cell("%pplab sql SELECT '# no comment' AS x").result
    assert frame["x"][0] == "# no comment"


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("Paint it #ff0000", "Paint it #ff0000"),
        ("'What is # in Python?'", "What is # in Python?"),
        ("C# or F# ?", "C# or F# ?"),
        ("-- # is a heading", "# is a heading"),
    ],
)
def test_a_sharp_that_belongs_to_the_prompt_is_sent(asked, line, sent):
    assert asked(f"%pplab run {DRY} {line}") == [sent]


@pytest.mark.parametrize("line", ["What is # in Python", "hello --n 1 #try", "'hello' #try"])
def test_what_may_be_a_comment_or_part_of_the_prompt_is_refused(refused, line):
    assert "may be a comment or part of the prompt" in refused(f"%pplab run {line}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run hi —n 3", "write --n"),
        ("run hi –-n 3", "write --n"),
        ("run hi ––n=3", "write --n"),
        ("run hi --dry–run", "write --dry-run"),
        ("calibrate —preset balanced", "write --preset"),
        ("run hi --set presence_penalty=−1", "write presence_penalty=-1"),
        ("run “Why does it rain?” --n 1", "the prompt is in curly quotes"),
        ("run „Warum?“", "the prompt is in curly quotes"),
        ("run hi --system “Be kind”", "begins with a curly quote"),
        ("run hi --sweep “temperature=0,1”", "begins with a curly quote"),
        ("run hi --model=‘m’", "begins with a curly quote"),
        ("results “latest”", "begins with a curly quote"),
        ("run “What's up”", "curly quotes do not count"),
    ],
)
def test_dashes_and_quotes_of_an_editor_are_recognised(refused, line, words):
    assert words in refused(f"%pplab {line}")


@pytest.mark.parametrize(
    "prompt",
    ["Explain — briefly — “rain”", "“Rain” means “water”", "Is it –5 or —if it rains— 3?", "the dogs’ bowl", "’Tis the season’"],
)
def test_dashes_and_quotes_that_belong_to_the_prompt_are_sent(asked, prompt):
    assert asked(f"%pplab run {prompt} {DRY}") == [prompt]
    assert asked(f'%pplab run "{prompt}" {DRY}') == [prompt]


def test_quotes_inside_plain_quotes_are_meant(asked):
    assert asked(f'%pplab run "“Why does it rain?”" {DRY}') == ["“Why does it rain?”"]


def test_wordings_from_files_need_no_prompt_and_a_prompt_beside_them_is_refused(asked, refused):
    Path("p.csv").write_text("topic\nrain\nsnow\n", "utf-8")
    Path("short.txt").write_text("About {topic}\n", "utf-8")
    Path("long.txt").write_text("All about {topic}\n", "utf-8")
    sweep = "--sweep prompt=@short.txt,@long.txt"
    assert asked(f"%pplab run --prompts p.csv {sweep} {ONE}") == [
        "About rain",
        "All about rain",
        "About snow",
        "All about snow",
    ]
    assert "a prompt and a sweep over the prompt were both given" in refused(f"%%pplab run {sweep} {ONE}\nWhy?")


def test_a_frame_of_conversations_is_sent_without_a_template(asked):
    frame = pd.DataFrame({"messages": [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]]})
    assert asked(f"%pplab run --prompts {{frame}} {ONE}", frame=frame) == ["system: Be brief.\n\nuser: Why?"]
