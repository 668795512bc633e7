"""The command table and how a line is read: whatever is typed ends in a command, help or one line of words."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pplab.commands.command import COMMON_OPTIONS
from pplab.commands.command_table import COMMANDS, complete, overview, parse, reference
from pplab.commands.line import split
from pplab.commands.parser import HelpRequest, command_help
from pplab.errors import BadInput, PplabError

known = [*COMMANDS, *(o.flag for c in COMMANDS.values() for o in c.options), *(o.flag for o in COMMON_OPTIONS)]
ODD = ["--", "-", "-h", "-1", "=", "--=", "%s", "%(prog)s", "{}"]
words = st.lists(st.one_of(st.sampled_from(known), st.text(max_size=20), st.sampled_from(ODD)), max_size=8)


def attempt(function, *arguments, **options):
    """Return what a call gave or raised."""
    try:
        return function(*arguments, **options)
    except (PplabError, HelpRequest) as raised:
        return raised


@given(words)
@example(["run", "--n", "9" * 5000])
@example(["run", "-x=%d"])
@example(["run", "--n=%(prog)s"])
@example(["help", "--json=1"])
@pytest.mark.parametrize("program", ["pplab", "%pplab"])
def test_any_words_are_read_or_refused_in_one_line(program, words):
    got = attempt(parse, words, program=program)
    if isinstance(got, HelpRequest):
        assert str(got).startswith(f"usage: {program}")
    elif isinstance(got, BadInput):
        assert str(got).isprintable()
        assert got.hint
    else:
        command, arguments = got
        assert COMMANDS[command.name] is command
        assert all(hasattr(arguments, o.name) for o in (*command.options, *COMMON_OPTIONS))


@given(st.text(max_size=60))
@example("#")
def test_any_line_is_split_or_refused(line):
    got = attempt(split, line)
    if isinstance(got, PplabError):
        assert "quote" in got.hint
    else:
        words = shlex.split(line)
        assert got[:1] == ["sql"] or got == words or any(word.startswith("#") for word in words[len(got) :])  # a comment


@given(st.text(max_size=60))
def test_completion_of_any_line_raises_nothing_and_fits_what_was_typed(line):
    if any(word in line for word in COMMANDS):
        return  # those may look into a lab, which the tests of completion do
    typed = line.split()[-1] if line.split() and not line[-1].isspace() else ""
    assert all(found.startswith(typed) for found in complete(line, session=None))


@given(st.lists(st.text("abc '=,;()*", min_size=1, max_size=12), min_size=1, max_size=5))
def test_a_query_means_the_same_with_and_without_quotes_around_it(parts):
    query = "SELECT " + " ".join(parts).strip()
    if query.count("'") % 2:
        return
    quoted = split("sql " + shlex.quote(query))
    assert quoted == ["sql", query]
    assert " ".join(split("sql " + query)[1:]).replace(" ", "") == query.replace(" ", "")


def test_options_of_sql_lose_their_quotes_but_the_query_keeps_its_own():
    line = "sql SELECT * FROM t WHERE a = 'x y' --param 'p q' --json"
    assert split(line) == ["sql", "SELECT", "*", "FROM", "t", "WHERE", "a", "=", "'x y'", "--param", "p q", "--json"]


def test_words_and_options_may_stand_in_any_order():
    _, first = parse(["run", "--n", "3", "tell", "me"], program="pplab")
    _, second = parse(["run", "tell", "--n", "3", "me"], program="pplab")
    assert first == second
    assert first.prompt == ["tell", "me"]


def test_what_follows_two_dashes_is_taken_as_it_is():
    assert parse(["run", "--n", "1", "--", "--why"], program="pplab")[1].prompt == ["--why"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_described_without_gaps(name):
    command = COMMANDS[name]
    assert command.help[0].islower()
    assert not command.help.endswith(".")
    flags = [o.flag for o in (*command.options, *COMMON_OPTIONS)]
    assert len(flags) == len(set(flags))
    for option in command.options:
        assert option.help
        assert option.convert is None or option.placeholder, f"{option.flag} does not say what its value is"
    assert command.cell is None or command.cell in [part.name for part in (*command.arguments, *command.options)]
    for text in (command_help(command, program="%pplab"), reference()):
        assert all(o.flag in text for o in command.options)


def test_the_overview_has_one_line_a_command():
    lines = overview("%pplab").splitlines()
    assert lines[0].startswith("usage: %pplab COMMAND")
    assert [line.split()[0] for line in lines[3:]] == list(COMMANDS)


def test_the_commands_of_the_design_are_there():
    assert set(COMMANDS) >= {
        *("calibrate", "run", "results", "compare", "audit", "timing", "trace", "export", "verify", "doctor", "sql", "config"),
    }


@given(st.text(st.sampled_from("ab '\"\\;=\n\t\xa0\x0c"), max_size=30))
def test_the_words_of_a_query_are_those_that_a_shell_would_find(text):
    got = attempt(split, "sql x " + text)
    if isinstance(got, list):
        plain = shlex.split("sql x " + text)
        assert len(got) == len(plain)
        assert [shlex.split(word)[0] for word in got] == plain or len(plain) == 2
