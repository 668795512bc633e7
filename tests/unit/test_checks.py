"""Checks: their writing, what each kind takes for right, the pass rates, and how a run with checks is decided."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import pplab
from pplab.analysis.pass_rates import interval, pass_rates
from pplab.cli import main
from pplab.errors import BadInput
from pplab.plan.checks import KINDS, parse_check
from pplab.plan.plan import Plan
from pplab.plan.request import RunRequest
from pplab.scoring.checks import check_answer, check_functions, checks_version, chosen_of
from pplab.views import static
from tests.servers.played_models import Adder


def judged(check, text, reference=None):
    return check_answer([parse_check(check)], text, reference)[0]


# -- what is written ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "options"),
    [
        ("exact", "exact", {}),
        ("exact()", "exact", {}),
        ("number(tolerance=0.01)", "number", {"tolerance": "0.01"}),
        ("number( tolerance = 1% , take=first )", "number", {"tolerance": "1%", "take": "first"}),
        ("json(path=answer.names[0])", "json", {"path": "answer.names[0]"}),
        ('regex(pattern="a, (b|c)\\"", case=yes)', "regex", {"pattern": 'a, (b|c)"', "case": True}),
        ("choice(of=yes|no)", "choice", {"of": "yes|no"}),
        ("contains(line=last, case=no)", "contains", {"line": "last", "case": False}),
    ],
)
def test_a_check_is_read_from_its_text_and_written_back(text, kind, options):
    check = parse_check(text)
    assert (check.kind, check.options) == (kind, options)
    assert parse_check(check.label) == check


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exat", "there is no check 'exat'. did you mean 'exact'"),
        ("xyz", "kinds: exact, contains, regex, number, json, json-schema, choice"),
        ("number(tolerence=1)", "number has no option 'tolerence'. did you mean 'tolerance'"),
        ("number(tolerance=much)", "tolerance is a number such as 0.01, or a share such as 1%"),
        ("number(tolerance=)", "the option tolerance of number has no value"),
        ("number(take=middle)", "take is last or first or only"),
        ("number(0.01)", "'0.01' is not NAME=VALUE"),
        ("exact(case=maybe)", "case is yes or no"),
        ("exact(case=yes, case=no)", "exact has the option case twice"),
        ("regex(pattern=[a)", "'[a' is no regular expression"),
        ("json(path=a..b)", "'a..b' is no path into JSON"),
        ("choice(of=yes)", "of is two choices or more, such as yes|no"),
        ("json-schema(file=none.json)", "none.json"),
        ("number(tolerance=1", "is no check"),
    ],
)
def test_a_check_that_cannot_be_is_refused_in_one_line(text, words):
    with pytest.raises(BadInput) as refused:
        parse_check(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON schema"),
        ('{"type": "nothing"}', "no JSON schema"),
        ('{"$ref": "http://x.y/z"}', "not fetched"),
    ],
)
def test_a_schema_is_read_before_anything_is_sent_and_leads_nowhere(schema, words, tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(schema, "utf-8")
    with pytest.raises(BadInput, match=words):
        parse_check(f"json-schema(file={path})")


# -- what is right ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "text", "reference", "right"),
    [
        ("exact", "  Paris\n", "Paris", 1),
        ("exact", "paris", "Paris", 1),
        ("exact(case=yes)", "paris", "Paris", 0),
        ("exact", "Paris is it", "Paris", 0),
        ("exact", "City of Paris", '["Paris", "City of Paris"]', 1),
        ("exact(line=last)", "Let me think.\n\nParis\n", "Paris", 1),
        ("exact(line=first)", "Paris\nLet me think.", "Paris", 1),
        ("exact", "Pa\u200bris", "Paris", 1),
        ("contains", "I think that it is paris.", "Paris", 1),
        ("contains", "a comparison", "Paris", 0),
        ("contains", "now or never", "no", 0),
        ("contains", "There are 12 of them", "1", 0),
        ("contains", "There are 12 of them.", "12", 1),
        ("contains", "It costs 1,200 in all", "200", 0),
        ("contains", "the United\n  Kingdom", "United Kingdom", 1),
        ("regex", "on 2024-05-01", r"\d{4}-\d\d-\d\d", 1),
        ("regex(pattern=^yes)", "Well.\nYes, it is", None, 1),
        ("regex(pattern=^yes, case=yes)", "Yes, it is", None, 0),
        ("number", "3 + 4 = 7", "7", 1),
        ("number", "The answer is 1,234.50 dollars", "1234.5", 1),
        ("number", "It is \u22125 degrees", "-5", 1),
        ("number", "about 6.02e23 of them", "6.02e23", 1),
        ("number", "7 of 12", "7", 0),
        ("number(take=first)", "7 of 12", "7", 1),
        ("number(take=only)", "7 of 12", "12", 0),
        ("number(take=only)", "7, so 7", "7", 1),
        ("number", "seven", "7", 0),
        ("number", "version v2 has it", "2", 0),
        ("number(tolerance=0.01)", "3.14", "3.1416", 1),
        ("number(tolerance=0.001)", "3.14", "3.1416", 0),
        ("number(tolerance=1%)", "101", "100", 1),
        ("number(tolerance=1%)", "102", "100", 0),
        ("number", "It is 42.", "$42", 1),
        ("json", '{"a": 1}', None, 1),
        ("json", '```json\n{"a": 1}\n```', None, 1),
        ("json", 'Here it is: {"a": 1}', None, 0),
        ("json(path=a.b[1])", '{"a": {"b": [1, "x"]}}', "x", 1),
        ("json(path=a.b[1])", '{"a": {"b": [1, 2]}}', "2", 1),
        ("json(path=a.b[2])", '{"a": {"b": [1, 2]}}', "2", 0),
        ("json(path=a)", '{"a": true}', "1", 0),
        ("json(path=a)", '{"a": true}', "true", 1),
        ("json(path=a)", '{"a": 2}', "2.0", 1),
        ("json", '{"a": [1]}', '{"a": [1]}', 1),
        ("json", "[" * 100_000, None, 0),
        ("json-schema", '{"n": 1}', '{"required": ["n"], "properties": {"n": {"type": "integer"}}}', 1),
        ("json-schema", '{"n": "1"}', '{"required": ["n"], "properties": {"n": {"type": "integer"}}}', 0),
        ("choice(of=positive|negative)", "Positive.", "positive", 1),
        ("choice(of=positive|negative)", "It is positive, not negative.", "positive", 1),
        ("choice(of=positive|negative)", "positive or negative", "positive", 0),
        ("choice(of=positive|negative)", "I would call that negative", "negative", 1),
        ("choice(of=A|B|C|D)", "**B**", "B", 1),
        ("choice(of=A|B|C|D)", "(C) because A is wrong", "C", 1),
        ("choice(of=A|B|C|D)", "The answer is A because it is.", "A", 1),
        ("choice(of=A|B|C|D)", "It is a dog.", "A", 0),
        ("choice(of=A|B|C|D)", "The answer is A. No: the answer is D.", "D", 1),
        ("choice(of=A|B|C|D)", "A good question.", "A", 0),
        ("choice(of=yes|no)", "No, it does not.", "no", 1),
    ],
)
def test_what_each_kind_takes_for_right(check, text, reference, right):
    assert judged(check, text, reference) == right


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", " \n", "\x00", "\ud800", "x" * 100_000, "9" * 5_000, "[[[", "(" * 500, "\u202e1", "1e999"])
def test_no_answer_raises(kind, text):
    options = {"regex": "(pattern=a+)", "choice": "(of=a|b)", "json-schema": ""}.get(kind, "")
    reference = '{"type": "object"}' if kind == "json-schema" else "1"
    value, words = check_answer([parse_check(f"{kind}{options}")], text, reference)
    assert value in (0.0, 1.0)
    assert len(words) < 500
    assert "\n" not in words


def test_all_checks_must_hold_and_the_first_that_does_not_is_named():
    checks = [parse_check("contains"), parse_check("regex(pattern=\\.$)")]
    assert check_answer(checks, "It is Paris.", "Paris") == (1.0, "")
    value, words = check_answer(checks, "It is Paris", "Paris")
    assert value == 0
    assert words.startswith("regex(pattern=\\.$): no match of ")


def test_without_a_reference_nothing_is_known_but_a_failure_still_counts():
    checks = [parse_check("exact"), parse_check("regex(pattern=a)")]
    assert check_answer(checks, "a", None) == (None, "exact: nothing is expected of this prompt")
    assert check_answer(checks, "b", None)[0] == 0


def test_what_is_found_stands_in_one_short_line():
    _, words = check_answer([parse_check("exact")], "a\nlong " * 200, "x")
    assert len(words) < 200
    assert "\n" not in words


@pytest.mark.parametrize(
    ("choices", "text", "chosen"), [("ABCD", "B", "B"), ("ABCD", "A or B?", None), (["yes", "no"], "Yes!", "yes")]
)
def test_a_choice_is_one_or_none(choices, text, chosen):
    assert chosen_of(text, choices) == chosen


def test_another_option_is_another_version():
    versions = {checks_version([parse_check(text)]) for text in ("exact", "exact(case=yes)", "contains", "number(tolerance=1)")}
    assert len(versions) == 4


# -- pass rates ---------------------------------------------------------------------------------------------------------------


def frame_of(right):
    """Return the responses whose answers are right or wrong, given as an array of prompts, settings and replicates."""
    prompts, settings, replicates = right.shape
    rows = [(p, s, r, "ok", float(right[p, s, r])) for p in range(prompts) for s in range(settings) for r in range(replicates)]
    return pd.DataFrame(rows, columns=["prompt_index", "setting_index", "replicate", "status", "correct"])


def test_pass_at_k_and_pass_hat_k_are_those_of_their_papers():
    right = np.array([[[1, 1, 0, 0]], [[1, 1, 1, 1]], [[0, 0, 0, 0]]])
    row = pass_rates(frame_of(right)).iloc[0]
    assert row["pass_rate"] == pytest.approx(0.5)
    assert row["pass@2"] == pytest.approx((5 / 6 + 1 + 0) / 3)
    assert row["pass^2"] == pytest.approx((1 / 6 + 1 + 0) / 3)
    assert row["pass^4"] == pytest.approx(1 / 3)
    assert (row["prompts"], row["answers"]) == (3, 12)


def test_a_cluster_is_one_and_one_prompt_has_no_interval():
    right = np.repeat(np.array([[[1, 1]], [[0, 0]]]), 5, axis=0)
    frame = frame_of(right)
    wide = pass_rates(frame.assign(cluster=[str(p // 5) for p in frame["prompt_index"]])).iloc[0]
    narrow = pass_rates(frame).iloc[0]
    assert wide["prompts"] == 2
    assert wide["high"] - wide["low"] > narrow["high"] - narrow["low"]
    assert pass_rates(frame_of(right[:1])).iloc[0][["low", "high"]].isna().all()


def test_what_cannot_be_used_is_not_counted():
    frame = frame_of(np.ones((3, 1, 2)))
    frame.loc[0, "status"] = "refused"
    frame.loc[1, "correct"] = None
    assert pass_rates(frame).iloc[0]["answers"] == 4


COVERAGE = [(12, 3, 0.7, 0.4), (25, 2, 0.9, 0.1), (40, 5, 0.5, 0.6), (8, 4, 0.8, 0.3)]


@pytest.mark.parametrize(("prompts", "each", "rate", "share"), COVERAGE)
@pytest.mark.parametrize("k", [1, 2])
def test_intervals_of_pass_hat_k_hold_what_they_say(prompts, each, rate, share, k):
    """Nominal 95 %; at least 92 in 100, over 400 labs whose prompts differ as a beta distribution says."""
    chance = np.random.default_rng(prompts + k)
    a, b = rate * (1 / share - 1), (1 - rate) * (1 / share - 1)
    truth = float((chance.beta(a, b, 400_000) ** k).mean())
    held = 0
    for _ in range(400):
        right = chance.binomial(each, chance.beta(a, b, prompts))
        values = right * (right - 1) / (each * (each - 1)) if k == 2 else right / each
        low, high = interval(values, each)
        held += low <= truth <= high
    assert held >= 368


# -- runs ---------------------------------------------------------------------------------------------------------------------

SUMS = [{"a": a, "b": b, "sum": a + b} for a in range(2, 6) for b in range(1, 4)]
ASKED = "What is {a} plus {b}?"


@pytest.fixture
def sums(lab):
    """A lab whose model adds, and is right as often as its temperature is low."""
    lab.context.access.source = lambda _models=(): Adder(seed=5)
    return lab


def test_a_run_with_checks_is_decided_by_them_whatever_the_order_of_rows_and_shown_with_why(sums):
    exp = sums.run(ASKED, data=SUMS, expected="sum", checks="number", sweep={"temperature": [0, 1]}, n=3)
    decision = exp.verdict()
    assert decision.metric == "correct"
    assert decision.headline == "Use temperature 0: better than 1 (95% sure)."
    assert exp.metrics[0] == "correct"
    rates = exp.pass_rates()
    assert rates["pass_rate"].tolist() == [1.0, pytest.approx(exp.responses.query("setting_index == 1")["correct"].mean())]
    assert exp.summary()["correct"].tolist() == rates["pass_rate"].tolist()
    scores = sums.scores(exp.id)
    assert set(scores["source"]) == {"check"}
    assert scores["explanation"].notna().sum() == (exp.responses["correct"] == 0).sum() == len(exp.wrong)
    assert all("expected '" in words for words in exp.wrong.values())
    utility = exp.verdict(metric="utility")
    assert utility.metric is None
    assert "by the checks" not in utility.words  # a further look
    shown = static.experiment(exp)
    for words in ("not right by number: expected ", ">right<", ">wrong<", "Decided by the checks: number."):
        assert words in shown.html
    assert "not right by number: expected " in " ".join(shown.text.split())
    frame = exp.responses
    order = list(frame.index)
    random.Random(3).shuffle(order)
    pd.testing.assert_frame_equal(pass_rates(frame), pass_rates(frame.loc[order].reset_index(drop=True)))


def test_a_fault_of_the_surface_does_not_overrule_a_check(sums):
    exp = sums.run(["Say: 7", "Say: 8"], expected=["7", "8"], checks="contains", n=2, parameters={"temperature": 0})
    assert exp.responses["correct"].tolist() == [1.0] * 4
    assert exp.pass_rates().iloc[0]["answers"] == 4


IMPOSSIBLE = [
    ({"checks": "exact"}, "the check exact compares with what is right, and nothing says what that is"),
    ({"expected": "sum"}, "expected was given without a check"),
    ({"checks": "exact", "expected": "smu"}, "there is no column 'smu'. did you mean 'sum'"),
    ({"checks": "exact", "expected": ["1"] * 12}, "with a table, expected is the name of a column"),
    ({"checks": "number", "expected": "a", "data": [{"a": "x", "b": 1}]}, "what is expected of prompt 1: 'x' is no number"),
    ({"checks": ["nubmer"], "expected": "sum"}, "there is no check 'nubmer'. did you mean 'number'"),
    ({"checks": [lambda text: True], "expected": "sum"}, "a check must have a name"),
    ({"checks": [3], "expected": "sum"}, "3 is no check"),
    ({"checks": "choice", "expected": "b", "data": [{"a": 1, "b": "x"}]}, "choice does not know between what to choose"),
]


def test_what_cannot_be_checked_is_refused_before_anything_is_sent(sums):
    for options, words in IMPOSSIBLE:
        with pytest.raises(BadInput) as refused:
            sums.run(ASKED, **{"data": SUMS, **options})
        assert words in str(refused.value)
    assert sums.experiments().empty


@pytest.mark.parametrize(
    ("prompts", "expected", "words"),
    [
        (["a", "b"], "x", "expected has one value for 2 prompts"),
        (["a", "b"], ["x"], "expected has 1 values for 2 prompts"),
        ("a", {1, 2}, "expected cannot be a set"),
    ],
)
def test_without_a_table_there_is_one_reference_a_prompt(prompts, expected, words, sums):
    with pytest.raises(BadInput, match=words):
        sums.preflight(prompts, expected=expected, checks="exact")


def test_a_column_called_expected_is_what_is_right(sums):
    data = [{"a": 1, "b": 2, "expected": 3}, {"a": 2, "b": 2, "expected": None}]
    words = sums.preflight(ASKED, data=data, checks="number").words
    assert 'Expected of prompt 1: "3"' in words
    exp = sums.run(ASKED, data=data, checks="number", n=2, parameters={"temperature": 0})
    assert exp.responses["correct"].fillna(-1).tolist() == [1, 1, -1, -1]
    assert exp.unjudged[exp.responses["response_id"][2]]["correct"] == "number: nothing is expected of this prompt"


def test_choices_are_those_of_the_table_unless_they_are_named(sums):
    data = [{"a": 1, "b": 2, "expected": 3}, {"a": 2, "b": 2, "expected": 4}]
    plan, _ = sums.manager.plan(RunRequest(prompt=ASKED, data=data, checks="choice"))
    assert plan.checks[0].options["of"] == "3|4"


def test_a_function_is_a_check_with_its_own_shares(sums):
    def half(text, prompt, row):
        return 0.5 if row["a"] == "2" else True

    exp = sums.run(ASKED, data=SUMS[:6], checks=half, n=2, parameters={"temperature": 0})
    assert exp.responses["correct"].tolist() == [0.5] * 6 + [1.0] * 6
    assert list(exp.wrong.values()) == ["half: it says 0.5"] * 6
    assert exp.plan.checks == (check_functions()["half"],)


def test_a_function_that_another_process_lacks_leaves_the_answers_unchecked_and_says_what_to_do(sums, monkeypatch):
    def known(text):
        return True

    exp = sums.run(ASKED, data=SUMS[:3], checks=known, n=1, parameters={"temperature": 0})
    monkeypatch.setattr("pplab.scoring.checks._functions", {})
    exp.top_up(2)
    assert exp.responses["correct"].notna().sum() == 3
    reasons = {of_one["correct"] for of_one in exp.unjudged.values() if "correct" in of_one}
    assert reasons == {"the function known is not known in this process; register it with pplab.metrics.check"}
    pplab.metrics.check(known)
    assert exp.score().responses["correct"].tolist() == [1.0] * 6


OF_A_STRANGER = [
    {"kind": "shell", "options": {}},
    {"kind": "exact", "options": {"of": "a|b"}},
    {"kind": "number", "options": {"tolerance": {"a": 1}}},
    {"kind": "function", "options": {"name": "f", "version": "1", "code": "x"}},
]


def test_a_plan_keeps_its_checks_an_earlier_plan_has_none_and_one_of_a_stranger_brings_no_others(sums):
    exp = sums.run(ASKED, data=SUMS[:3], expected="sum", checks=["number(tolerance=1%)"], n=1)
    plan = exp.plan
    assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan
    assert plan.expected == ("3", "4", "5")
    without = {name: value for name, value in plan.as_dict().items() if name not in ("checks", "expected")}
    assert Plan.from_dict(without) == replace(plan, checks=(), expected=None)
    assert "checks" not in replace(plan, checks=(), expected=None).as_dict()
    for check in OF_A_STRANGER:
        with pytest.raises(ValueError, match="a plan has no check"):
            Plan.from_dict({**plan.as_dict(), "checks": [check]})


def test_a_key_in_a_reference_is_not_stored(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab", api_key="sk-secret-of-the-tests-1234567890") as lab:
        plan, _ = lab.manager.plan(RunRequest(prompt="Hi", checks="exact", expected="it is sk-secret-of-the-tests-1234567890"))
    assert "secret-of-the-tests" not in json.dumps(plan.as_dict())


def test_a_race_is_settled_by_its_checks_with_fewer_calls(sums):
    data = [{"a": a, "b": b, "sum": a + b} for a in range(10, 30) for b in (3, 4)]
    exp = sums.run(ASKED, data=data, expected="sum", checks="number", sweep={"temperature": [0, 2]}, n=2, until="settled")
    assert exp.verdict().leader == 0
    assert "decided by the checks" in exp.verdict().evidence
    assert len(exp.plan) < exp.plan.longest


def test_a_package_carries_checks_and_a_replay_finds_the_same(sums, tmp_path):
    exp = sums.run(ASKED, data=SUMS, expected="sum", checks="number", sweep={"temperature": [0, 1]}, n=2)
    package = sums.export([exp.id], "package").path
    with pplab.Lab(store=tmp_path / "other") as other:
        other.import_package(package)
        assert other.verify(package).ok
        there = other.experiment(exp.id)
        assert there.verdict().words == exp.verdict().words
        assert there.responses["correct"].tolist() == exp.responses["correct"].tolist()
        assert there.wrong == exp.wrong
        assert other.replay(exp.id).identical
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pplab.scoring.checks._FINDERS", {"number": lambda *_: ("7", True)})
            differences = other.replay(exp.id).differences
        assert {d.metric for d in differences} == {"correct"}


def test_the_regression_gate_compares_what_is_right(sums, tmp_path):
    exp = sums.run(ASKED, data=SUMS, expected="sum", checks="number", n=2, parameters={"temperature": 0})
    package = sums.export([exp.id], "package").path
    sums.context.access.source = lambda _models=(): Adder(seed=6, wrong=0.6)
    gate = sums.check(package)
    assert gate.outcome == "drifted"
    assert gate.checks[0].metrics[0].metric == "correct"
    assert gate.checks[0].metrics[0].outcome == "drifted"


def test_the_line_takes_checks_and_says_what_they_find(tmp_path, capsys):
    (tmp_path / "sums.csv").write_text('question,answer\n"What is 1 plus 2?",3\n"What is 2 plus 2?",4\n', "utf-8")
    command = ["run", "{question}", "--prompts", "sums.csv", "--n", "1", "--json"]
    command += ["--expected", "answer", "--check", "number(tolerance=1%)", "--check", "regex(pattern=.)", "--store", "lab"]
    assert main(command) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert [row["correct"] for row in data["responses"]] == [0.0, 0.0]
    assert data["decision"]["metric"] == "correct"
    assert [row["pass_rate"] for row in data["pass_rates"]] == [0.0]
