"""Metrics of the user's own, the list of all metrics, and their pages."""

from __future__ import annotations

import pytest

from pplab.errors import BadInput, NotFound
from pplab.metrics import doc, metric, registered, score, score_many, unregister
from pplab.scoring.pages import PAGES
from pplab.scoring.registry import user_scores


@pytest.fixture
def brevity():
    @metric("brevity", low=0, high=1)
    def shortness(text, prompt):
        """One over the number of words.

        More below.
        """
        return 1 / max(1, len(text.split()))

    yield shortness
    unregister("brevity")


def test_a_registered_metric_is_listed_after_the_four_with_its_docstring(brevity):
    names = [info.name for info in registered()]
    assert names == ["creativity", "coherence", "structure", "completeness", "brevity"]
    assert registered()[-1].doc == "One over the number of words."
    assert [info.built_in for info in registered()] == [True] * 4 + [False]


def test_a_registered_metric_is_scored_with_every_response(brevity):
    assert score("one two three four", "").metrics == {"brevity": 0.25}
    assert [s.metrics["brevity"] for s in score_many(["one two", "one"])] == [0.5, 1.0]


def test_its_page_is_its_docstring(brevity):
    assert doc("brevity").startswith("# brevity\n\nOne over the number of words.")


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (float("nan"), "returned nan"),
        (float("inf"), "returned inf"),
        (7, "returned 7, outside [0, 1]"),
        ("high", "returned str, not a number"),
        (None, "not applicable"),
    ],
)
def test_a_value_that_is_no_value_becomes_none_with_the_reason(returned, reason):
    @metric("odd_one")
    def odd_one(text, prompt):
        """Return what it should not."""
        return returned

    try:
        scores = score("Some text to be scored.")
        assert scores.metrics == {"odd_one": None}
        assert scores.detail["odd_one"]["reason"] == reason
    finally:
        unregister("odd_one")


def test_a_metric_that_raises_is_none_and_spoils_nothing_else():
    @metric("fragile")
    def fragile(text, prompt):
        """Break always."""
        raise ZeroDivisionError("no words")

    try:
        scores = score("Some text to be scored.")
        assert scores.coherence is not None
        assert scores.metrics == {"fragile": None}
        assert scores.detail["fragile"]["reason"] == "raised ZeroDivisionError: no words"
        assert "Not scored on fragile" in scores.explain()
    finally:
        unregister("fragile")


@pytest.mark.parametrize("name", ["creativity", "diversity", "", "Two Words", "1st", "x" * 41, None])
def test_a_bad_or_taken_name_is_refused(name):
    with pytest.raises(BadInput):
        metric(name)(lambda text, prompt: 0.5)
    assert len(registered()) == 4


def test_a_metric_without_docstring_wrong_arguments_or_range_is_refused():
    def documented(text, prompt):
        """Return one half."""
        return 0.5

    def no_argument():
        """Return one half."""
        return 0.5

    def four_arguments(text, prompt, row, more):
        """Return one half."""
        return 0.5

    def keyword(text, *, more):
        """Return one half."""
        return 0.5

    def bare(text, prompt):
        return 0.5

    with pytest.raises(BadInput, match="no docstring"):
        metric("mine")(bare)
    for other in (no_argument, four_arguments, keyword):
        with pytest.raises(BadInput, match="must take"):
            metric("mine")(other)
    with pytest.raises(BadInput, match="is no version"):
        metric("mine", version="1 2")(documented)
    with pytest.raises(BadInput, match="empty"):
        metric("mine", low=1, high=1)(documented)
    assert len(registered()) == 4


def test_a_metric_takes_the_text_the_prompt_and_the_row_or_the_first_of_them():
    def text_alone(text):
        """Return how many there are."""
        return 0.1

    def own_third(text, prompt, weight=0.2):
        """Return the third."""
        return weight

    def row_by_default(text, prompt, row=None):
        """Return a cell."""
        return row["n"]

    def everything(*given):
        """Return how many there are."""
        return len(given) / 10

    functions = {"one": text_alone, "own": own_third, "cell": row_by_default, "all": everything}
    for name, function in functions.items():
        metric(name)(function)
    try:
        found = {name: score.value for name, score in user_scores("a text", "a prompt", {"n": 0.5}).items()}
    finally:
        for name in functions:
            unregister(name)
    assert found == {"one": 0.1, "own": 0.2, "cell": 0.5, "all": 0.2}


def test_a_changed_function_is_another_version_and_the_same_one_is_not():
    def registered_version(function, **options):
        metric("mine", **options)(function)
        version = registered()[-1].version
        unregister("mine")
        return version

    def half(text):
        """Return one half."""
        return 0.5

    first = half

    def half(text):
        """Return one half."""
        return 0.6

    assert registered_version(first) == registered_version(first) != registered_version(half)
    assert registered_version(half, version="2026-11") == "2026-11"


def test_running_a_cell_twice_replaces_the_metric_but_another_function_is_refused(brevity):
    def other(text, prompt):
        """Return one half."""
        return 0.5

    metric("brevity")(brevity)
    with pytest.raises(BadInput, match="already registered"):
        metric("brevity")(other)


@pytest.mark.parametrize("name", PAGES)
def test_every_metric_has_a_page_with_formula_source_and_limits(name):
    page = doc(name)
    assert page.startswith(f"# {name.capitalize()}")
    assert len(page) > 800
    if name != "custom":
        for part in ("## Formula", "## What it cannot see", "## Agreement with people", "## Sources"):
            assert part in page


def test_an_unknown_page_suggests_the_nearest():
    with pytest.raises(NotFound, match="did you mean 'coherence'"):
        doc("coherense")
