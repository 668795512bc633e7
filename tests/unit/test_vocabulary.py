"""The vocabulary: score names and statuses are listed there and nowhere else, and what is said of each covers all of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pplab
from pplab.analysis import phrasing, unused
from pplab.plan.vocabulary import ANSWERED, DECLINED, ENDED, FAILED, FINAL, RESENDABLE, SCORED, SCORES, STATUSES, SUSPENDED
from pplab.scoring.scores import Scores
from pplab.views import records

ROOT = Path(pplab.__file__).parent
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path.name != "vocabulary.py"]
GROUPS = (set(SCORES), set(STATUSES), {"running", *ENDED})
ELSEWHERE = {
    ("models/http.py", ("timeout", "filtered")),  # error codes, of which two are spelled as statuses
    ("views/widgets/studio.py", ("running", "paused")),  # what the studio's buttons can do
}
IN_SQL = re.compile(r"\(\s*'\w+'(?:\s*,\s*'\w+')+\s*\)")


def lists_of_words(source):
    """Yield the words of every tuple, list and set of strings in a program, and of every list inside its SQL."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            words = tuple(e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str))
            if len(words) > 1:
                yield words
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in IN_SQL.findall(node.value):
                yield tuple(re.findall(r"\w+", found))


def group_of(words):
    """Return whether words are a group of score names or statuses, alone or at the head of a longer list."""
    return any(set(words) <= group or (len(group & set(words)) > 2) for group in GROUPS)


@pytest.mark.parametrize(
    "source",
    [
        'usable = ["ok", "truncated"]',
        'if status in {"failed", "timeout", "rejected"}: pass',
        'FINAL = frozenset({"completed", "failed"})',
        'COLUMNS = ("prompt", "creativity", "coherence", "structure", "completeness")',
        "sql = f\"SELECT 1 FROM t WHERE {x} AND status IN ('ok', 'truncated')\"",
    ],
)
def test_a_list_of_statuses_or_scores_is_found(source):
    assert any(map(group_of, lists_of_words(source)))


@pytest.mark.parametrize(
    "source", ['a = ("warning", "error")', 'b = ["ok"]', "sql = \"x IN ('call', 'cell')\"", "c = ('n', 'ok')"]
)
def test_any_other_list_is_none(source):
    assert not any(map(group_of, lists_of_words(source)))


def test_scores_and_statuses_are_listed_in_the_vocabulary_alone():
    found = {
        (path.relative_to(ROOT).as_posix(), words)
        for path in FILES
        for words in lists_of_words(path.read_text("utf-8"))
        if group_of(words)
    }
    assert found == ELSEWHERE


@pytest.mark.parametrize("words", [phrasing.STATUS_WORDS, {"ok": "", **unused._EVERY}, {"ok": "", **records._REASONS}])
def test_every_status_is_said_in_words(words):
    assert set(words) == set(STATUSES)


def test_counts_are_named_in_the_order_of_the_statuses():
    assert tuple(phrasing.STATUS_WORDS) == STATUSES


def test_every_status_belongs_to_one_of_answered_failed_and_cancelled():
    assert sorted((*ANSWERED, *FAILED, "cancelled")) == sorted(STATUSES)
    assert {*SCORED, *DECLINED} < set(ANSWERED) < set(FINAL)
    assert set(RESENDABLE["resume"]) == set(RESENDABLE["top_up"]) < set(RESENDABLE["retry"])
    assert not set(RESENDABLE["retry"]) & set(ANSWERED)
    assert set(SUSPENDED) < set(ENDED)


def test_the_scores_of_an_answer_are_those_of_the_vocabulary():
    assert set(SCORES) < {*Scores.__dataclass_fields__}
