"""Bad input of every kind, through the lab, the magic and the terminal: one clear line, and nothing written elsewhere."""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pplab
from pplab import cli
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.errors import BadInput, PplabError
from tests.unit.experiment_labs import SOAK

NOTHING = argparse.Namespace()
HUGE = "x" * (10_000_000 if SOAK else 3_000_000)
TRAVERSALS = [
    "../outside.csv",
    "a/../../outside.csv",
    "/tmp/outside.csv",
    "..",
    "exports/../../x.csv",
    "a\0.csv",
    "~/x.csv",
    "CON\n.csv",
]
IDS = [
    "'; DROP TABLE experiments; --",
    "../../etc/passwd",
    "%",
    "_",
    "a\0b",
    "\ud800",
    "x" * 10_000,
    " ",
    "latest'",
    "🙂" * 8,
    "*",
]


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A working folder inside another one, and what stands in both before; checks at the end that nothing else was written."""
    inside = tmp_path / "work"
    inside.mkdir()
    monkeypatch.chdir(inside)
    before = set(tmp_path.rglob("*"))
    yield inside
    allowed = {inside / ".pplab", inside / "exports"}
    new = {path for path in set(tmp_path.rglob("*")) - before if not allowed & {path, *path.parents}}
    assert new == set()


@pytest.fixture
def lab(watched):
    with pplab.Lab() as opened:
        yield opened


def is_one_clear_line(error):
    return str(error).isprintable() and len(str(error)) <= 1300 and error.hint


IMPOSSIBLE = [
    {"n": 0}, {"n": -1}, {"n": 1.5}, {"n": math.nan}, {"n": math.inf}, {"n": "many"}, {"n": True}, {"n": 10**30}, {"n": [1]},
    {"sweep": {"temperature": [math.nan]}}, {"sweep": {"temperature": [-0.1]}}, {"sweep": {"temperature": []}},
    {"sweep": {"temperature": "0:2"}}, {"sweep": {"temperature": "a,b"}}, {"sweep": {"temprature": [1]}},
    {"sweep": {"temperature": "0:2:1000", "top_p": "0.1:1:900"}}, {"sweep": {"temperature": "0:2:1000"}, "n": 1000},
    {"sweep": {"temperature": "0:2:999999999"}}, {"sweep": {"top_p": [0]}}, {"sweep": {"max_tokens": [1.5]}},
    {"parameters": {"temperature": 10**400}}, {"parameters": {"presence_penalty": "1e309"}}, {"parameters": {"api_key": "x"}},
    {"settings": []}, {"settings": [{"temperature": None, "x": 1}]}, {"settings": 3}, {"settings": -1},
    {"seed": -1}, {"seed": 2**60}, {"seed": "x"}, {"deadline": 0}, {"deadline": math.nan}, {"deadline": -math.inf},
    {"max_cost": math.nan}, {"max_cost": -1}, {"max_concurrency": 0}, {"max_concurrency": 1e9}, {"calibration": "nowhere-1"},
    {"calibration": 3}, {"sweeep": {}}, {"data": "nowhere.csv"}, {"data": 3}, {"cluster": "x"}, {"data": "a\0b.csv"},
]  # fmt: skip


def test_an_impossible_request_is_refused_and_nothing_is_sent(lab):
    for options in IMPOSSIBLE:
        with pytest.raises(PplabError) as refused:
            lab.run("hello", **options)
        assert is_one_clear_line(refused.value), options
        assert refused.value.code in ("bad_input", "not_found"), options
    assert lab.counts()["responses"] == lab.counts()["experiments"] == 0


def test_a_prompt_that_cannot_be_sent_is_refused(lab):
    for prompt in ("", " \n", "a\0b", HUGE, "\ud800", 3, None, [], [""], ["hello", "\0"], b"bytes", {"a": 1}, object()):
        with pytest.raises(PplabError) as refused:
            lab.run(prompt)
        assert is_one_clear_line(refused.value), ascii(prompt)[:30]
        assert refused.value.code == "bad_input", ascii(prompt)[:30]


ODD = ["\u202eevil", "\x1b[31mred", "Z̵̡͓͇a̶l̶g̷o̵", "🙂👩‍👩‍👧", "\ufffe\uffff", "\u2028x", "<script>alert(1)</script>", "%s{}{{x}}"]


def test_odd_but_legal_prompts_are_asked_stored_and_read_back_exactly(lab):
    made = lab.run(ODD, n=1, parameters={"max_tokens": 3})
    assert list(made.responses["prompt"]) == ODD
    assert list(lab.sql("SELECT prompt FROM responses ORDER BY prompt_index").prompt) == ODD
    assert "completed" in repr(lab.experiment(made.id).status)


def test_an_id_that_is_none_is_refused_or_not_found_by_every_verb(lab):
    verbs = (lab.experiment, lab.trace, lab.calibration, lab.export, lab.responses)
    for number, name in enumerate(IDS):
        for verb in verbs if SOAK or number == 0 else (verbs[number % len(verbs)],):
            with pytest.raises(PplabError) as refused:
                verb(name)
            assert is_one_clear_line(refused.value), (verb, name)
            assert refused.value.code in ("bad_input", "not_found"), refused.value
    assert lab.verify().ok


def test_an_export_never_leaves_the_folder_through_a_door(lab, watched):
    lab.run("hello", n=1, parameters={"max_tokens": 3})
    for path in TRAVERSALS:
        for words in (["export", "--path", path], ["export", "--what", "audit", "--path", path]):
            with pytest.raises(PplabError) as refused:
                command_table.perform(words, Session(lambda: lab, "notebook"))
            assert is_one_clear_line(refused.value), words
    assert not (watched.parent / "outside.csv").exists()
    assert not Path("/tmp/outside.csv").exists()


QUERIES = (
    *(
        "",
        "DROP TABLE responses",
        "SELECT 1; SELECT 2",
        "COPY (SELECT 1) TO 'x.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "a\0b",
    ),
    *(
        "ATTACH 'x.duckdb'",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "\ud800",
        "SELECT (((((",
    ),
    *("INSERT INTO audit_logs SELECT * FROM audit_logs", "SELECT ?", 3, None),
)


def test_a_query_that_is_not_one_harmless_select_is_refused(lab):
    for query in QUERIES:
        with pytest.raises(PplabError) as refused:
            lab.sql(query)
        assert is_one_clear_line(refused.value), query
        assert refused.value.code == "bad_input", query


def test_a_sweep_of_too_many_calls_names_their_number(lab):
    with pytest.raises(BadInput, match=r"100,000"):
        lab.run("hello", n=101, sweep={"temperature": "0:2:1000"})


@settings(max_examples=25 if SOAK else 6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        [n for n in command_table.COMMANDS if n not in ("run", "doctor", "calibrate", "check", "replay", "probe", "record")]
    ),
    st.lists(st.one_of(st.sampled_from(IDS[:8]), st.text(max_size=12)), max_size=3),
)
def test_any_command_with_any_words_answers_or_refuses_in_words(lab, name, words):
    try:
        command_table.perform([name, *words], Session(lambda: lab, "terminal"))
    except PplabError as refused:
        assert refused.code != "internal", refused  # noqa: PT017 - whether it raises depends on the words
        assert str(refused).isprintable()  # noqa: PT017


@pytest.mark.parametrize(
    "words", [["run", HUGE], ["results", HUGE], ["config", f"model={HUGE}\n"], ["run", "hi", "--set", HUGE], [HUGE]]
)
def test_megabytes_of_anything_are_refused_in_a_short_line(watched, capfd, words):
    assert cli.main(words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err) < 1500
    assert err.count("\n") == 1


def test_a_user_named_by_a_path_or_a_query_is_just_a_name(watched):
    for user in ("../../etc/passwd", "'; DROP TABLE audit_logs; --", "<b>ada</b>"):
        with pplab.Lab(user=user) as lab:
            lab.calibrate("precise")
            assert set(lab.audit(actor=user)["actor"]) == {user}
    with pplab.Lab() as lab:
        assert lab.verify().ok


MISTAKEN_PATHS = ["s3://bucket/x", "$MISSING/x", "C:\\x", "a\0", " ", "~nobody-here/x", "a\u200bb\n"]


PATH_COMMANDS = (
    ["export", "--what", "audit", "--path"],
    ["check", "latest", "--junit"],
    ["run", "--prompt-file"],
    ["run", "{text}", "--prompts"],
    ["calibrate", "--answers"],
    ["import"],
    ["verify"],
    ["record"],
)


def test_a_path_that_can_only_be_a_mistake_is_refused_by_every_command_that_takes_one(lab, watched):
    for words, path in itertools.product(PATH_COMMANDS, MISTAKEN_PATHS):
        with pytest.raises(BadInput) as refused:
            command_table.perform([*words, path], Session(lambda: lab, "terminal"))
        assert is_one_clear_line(refused.value), (words, path)
    assert not list(watched.glob("*x*"))
