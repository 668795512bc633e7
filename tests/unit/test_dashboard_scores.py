"""What the dashboard says of checks, the reader, judges and people: what the rows say, and at once when more is scored."""

from __future__ import annotations

import dataclasses
import statistics

import pytest

from pplab.analysis.pooled import pooled
from pplab.errors import BadInput
from pplab.ids import new_id
from pplab.plan.vocabulary import SCORES
from pplab.store.dashboard_figures import Filters
from pplab.store.dashboard_queries import Rollup
from pplab.store.rows import RatingRow, ScoreRow
from pplab.store.store import open_store
from tests.unit.test_dashboard_queries import AT, experiment, response

FIRST = experiment(1)
ANSWERS = [
    response(FIRST, k, setting_index=k % 2, prompt_index=k // 4, temperature=0.7 * (k % 2), creativity=0.5, text=f"{k % 3}")
    for k in range(12)
]


def score(answer, metric, source, value, *, version="1", at=1):
    return ScoreRow(
        score_id=new_id(),
        response_id=answer.response_id,
        response_revision=answer.revision,
        experiment_id=answer.experiment_id,
        created_at=AT.format(at),
        metric=metric,
        source=source,
        value=value,
        explanation=None,
        version=version,
        rater=None,
        cost=None,
        correlation_id="c",
    )


def rating(answer, choice, rater, **changes):
    row = RatingRow(
        rating_id=new_id(),
        revision=0,
        created_at=AT.format(1),
        experiment_id=answer.experiment_id,
        rater=rater,
        position=0,
        response_id=answer.response_id,
        response_revision=answer.revision,
        other_id=None,
        other_revision=None,
        choice=choice,
        note=None,
        correlation_id="c",
    )
    return dataclasses.replace(row, **changes)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    opened.append(FIRST, *ANSWERS)
    yield opened
    opened.close()


def means(rollup, source=None):
    figures = rollup.read(Filters(source=source))
    names = figures.comparison.scores
    return [{name: pooled(setting.measures[name]).mean for name in names} for setting in figures.settings]


def by_prompt(setting, value):
    """Return the mean over prompts of their means, as the experiment reckons."""
    of = [answer for answer in ANSWERS if answer.setting_index == setting and value(answer) is not None]
    prompts = {answer.prompt_index for answer in of}
    return statistics.fmean(statistics.fmean(value(a) for a in of if a.prompt_index == prompt) for prompt in prompts)


def test_each_source_has_its_own_scores_and_checks_come_first(store):
    right = {answer.response_id: float(k % 3 == 0) for k, answer in enumerate(ANSWERS)}
    read = {answer.response_id: k / 20 for k, answer in enumerate(ANSWERS[:7])}
    store.append(
        *(score(answer, "correct", "check", right[answer.response_id]) for answer in ANSWERS),
        *(score(answer, "coherence", "reader", read[answer.response_id]) for answer in ANSWERS[:7]),
        *(score(answer, "helpful", "judge", 1.0, version="old") for answer in ANSWERS),
        *(score(answer, "helpful", "judge", 0.25, version="new", at=2) for answer in ANSWERS),
        *(score(answer, "words", "surface", 300.0) for answer in ANSWERS),
    )
    rollup = Rollup(store)
    comparison = rollup.read(Filters()).comparison
    assert comparison.sources == ("surface", "check", "reader", "judge")
    assert (comparison.source, comparison.scores) == ("check", ("correct",))
    assert means(rollup) == [{"correct": pytest.approx(by_prompt(s, lambda a: right[a.response_id]))} for s in (0, 1)]
    expected = [{"reader_coherence": pytest.approx(by_prompt(s, lambda a: read.get(a.response_id)))} for s in (0, 1)]
    assert means(rollup, "reader") == expected
    assert means(rollup, "judge") == [{"judge_helpful": 0.25}] * 2
    assert means(rollup, "surface") == [dict.fromkeys(SCORES) | {"creativity": 0.5}] * 2
    by_temperature = rollup.read(Filters(source="check", factor="temperature")).levels
    assert [pooled(level.measures["correct"]).mean for level in by_temperature] == [
        pytest.approx(by_prompt(s, lambda a: right[a.response_id])) for s in (0, 1)
    ]


def test_a_refresh_hears_of_scores_and_ratings_that_came_later_and_of_those_taken_back(store):
    rollup = Rollup(store)
    assert rollup.read(Filters(source="reader")).comparison.source == "surface", "there is nothing of the reader's yet"
    store.append(*(score(answer, "coherence", "reader", 0.5) for answer in ANSWERS))
    assert means(rollup, "reader") == [{"reader_coherence": 0.5}] * 2
    good, bad = rating(ANSWERS[0], "5", "ada"), rating(ANSWERS[0], "1", "eve")
    store.append(good, bad)
    both = [{"person_rating": 0.5}] * 2  # of each setting, since it gave this text to this prompt
    assert means(rollup, "person") == both
    store.append(dataclasses.replace(bad, revision=1, choice="undone"))
    assert means(rollup, "person") == [{"person_rating": 1.0}] * 2


def test_answers_that_are_not_usable_do_not_count(store):
    lost = dataclasses.replace(experiment(2), plan=FIRST.plan)
    failed = response(lost, 0, temperature=0.0, status="truncated")
    store.append(lost, failed, score(failed, "correct", "check", 1.0))
    store.append(*(score(answer, "correct", "check", 0.0) for answer in ANSWERS))
    assert means(Rollup(store)) == [{"correct": 0.0}] * 2


def test_another_source_is_refused_in_one_line(store):
    with pytest.raises(BadInput, match="source='reeder' scores no answers") as refused:
        Rollup(store).read(Filters(source="reeder"))
    assert "reader" in str(refused.value)
