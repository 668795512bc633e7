"""What the dashboard asks the tables: its sums against a plain recomputation from the rows, and what a refresh reads again."""

from __future__ import annotations

import dataclasses
import os
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pplab.analysis.pooled import pooled
from pplab.errors import BadInput
from pplab.store import dashboard_queries
from pplab.store.dashboard_queries import Filters, Rollup, Sums
from pplab.store.rows import ExperimentRow, ResponseRow
from pplab.store.store import open_store

AT = "2026-11-23T01:00:{:02d}.000000"
FAILED = ("failed", "timeout", "rejected")


def experiment(number: int, **changes) -> ExperimentRow:
    row = ExperimentRow(
        experiment_id=f"experiment-{number}",
        revision=1,
        created_at=AT.format(number),
        updated_at=AT.format(number),
        user="ada",
        calibration_id=None,
        model="m1",
        provider="p",
        plan={"prompts": ["Write a tagline."], "settings": [], "replicates": 1},
        planned=4,
        status="completed",
        reason=None,
        notebook=None,
        software={},
        correlation_id="c",
    )
    return dataclasses.replace(row, **changes)


def response(owner: ExperimentRow, number: int, **changes) -> ResponseRow:
    unset = dict.fromkeys(field.name for field in dataclasses.fields(ResponseRow))
    known = {
        "response_id": f"{owner.experiment_id}-{number}",
        "revision": 0,
        "experiment_id": owner.experiment_id,
        "created_at": owner.created_at,
        "prompt_index": 0,
        "prompt": "Write a tagline.",
        "setting_index": 0,
        "replicate": number,
        "status": "ok",
        "text": "x",
        "metrics": {},
        "detail": {},
        "metrics_version": "1",
        "requested": {},
        "sent": {},
        "rejected": {},
        "attempts": 1,
        "request_key": "k",
        "correlation_id": "c",
        "span_id": "s",
    }
    return ResponseRow(**{**unset, **known, **changes})


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()


scores = st.none() | st.floats(0, 1)
answers = st.fixed_dictionaries(
    {
        "prompt_index": st.integers(0, 2),
        "setting_index": st.integers(0, 2),
        "status": st.sampled_from(["ok", "ok", "ok", "failed", "timeout", "cancelled", "truncated"]),
        "creativity": scores,
        "coherence": scores,
        "completeness": scores,
        "cost": st.none() | st.floats(0, 1),
        "output_tokens": st.none() | st.integers(0, 500),
        "latency_ms": st.none() | st.floats(0.5, 60_000),
    }
)
experiments = st.lists(
    st.tuples(st.sampled_from(["ada", "eve"]), st.sampled_from(["m1", "m2"]), st.lists(answers, max_size=12)), max_size=4
)


def settled(number: int, user: str, model: str, found: list[dict]) -> tuple[ExperimentRow, list[ResponseRow]]:
    owner = experiment(number, user=user, model=model, planned=len(found))
    temperature = [0.0, 0.7, None]
    rows = [response(owner, k, **one, temperature=temperature[one["setting_index"]]) for k, one in enumerate(found)]
    return owner, rows


def mean_of_prompts(rows: list[ResponseRow], value) -> float | None:
    prompts: dict[tuple, list[float]] = {}
    for row in rows:
        if row.status == "ok" and value(row) is not None:
            prompts.setdefault((row.experiment_id, row.setting_index, row.prompt_index), []).append(value(row))
    return statistics.fmean(map(statistics.fmean, prompts.values())) if prompts else None


def precision(row: ResponseRow) -> float | None:
    known = [v for v in (row.coherence, row.completeness) if v is not None]
    return statistics.fmean(known) if known else None


@settings(max_examples=60 if os.environ.get("PPLAB_SOAK") else 6)
@given(experiments)
def test_every_figure_is_what_the_rows_say(tmp_path_factory, made) -> None:
    store = open_store(tmp_path_factory.mktemp("lab"))
    everything = [settled(number, *one) for number, one in enumerate(made)]
    for owner, rows in everything:
        store.append(owner, *rows)
    for filters in (Filters(), Filters(user="ada"), Filters(model="m2"), Filters(user="eve", model="m1")):
        figures = Rollup(store).read(filters)
        counting = [
            (owner, rows)
            for owner, rows in everything
            if filters.user in (None, owner.user) and filters.model in (None, owner.model)
        ]
        rows = [row for _, found in counting for row in found]
        totals = figures.totals
        assert (totals.experiments, totals.responses) == (len(counting), len(rows))
        assert totals.ok == sum(row.status == "ok" for row in rows)
        assert totals.failed == sum(row.status in FAILED for row in rows)
        costs = [row.cost for row in rows if row.cost is not None]
        assert totals.cost == (pytest.approx(sum(costs)) if costs else None)
        for setting in figures.settings:
            of = [row for row in rows if row.temperature == setting.parameters["temperature"]]
            assert setting.responses == len(of)
            for name in ("creativity", "coherence", "completeness"):
                expected = mean_of_prompts(of, lambda row, name=name: getattr(row, name))
                assert pooled(setting.measures[name]).mean == (None if expected is None else pytest.approx(expected))
            expected = mean_of_prompts(of, precision)
            assert pooled(setting.measures["precision"]).mean == (None if expected is None else pytest.approx(expected))
            tokens = [row.output_tokens for row in of if row.output_tokens is not None]
            assert setting.output_tokens == (pytest.approx(statistics.fmean(tokens)) if tokens else None)
        assert [point.value for point in figures.points] == sorted({r.temperature for r in rows if r.temperature is not None})
    store.close()


@settings(max_examples=30 if os.environ.get("PPLAB_SOAK") else 4)
@given(experiments, experiments)
def test_a_refresh_says_the_same_as_reading_everything_anew(tmp_path_factory, first, then) -> None:
    store = open_store(tmp_path_factory.mktemp("lab"))
    rollup = Rollup(store)
    for number, one in enumerate(first):
        owner, rows = settled(number, *one)
        store.append(owner, *rows)
    rollup.read(Filters())
    for number, one in enumerate(then):  # some of these are the same experiments, run further
        owner, rows = settled(number, *one)
        store.append(dataclasses.replace(owner, revision=2), *(dataclasses.replace(row, revision=1) for row in rows))
    again, anew = rollup.read(Filters()), Rollup(store).read(Filters())
    assert again.totals.responses == anew.totals.responses
    assert [s.measures["creativity"].answers for s in again.settings] == [s.measures["creativity"].answers for s in anew.settings]
    assert [s.measures["creativity"].total for s in again.settings] == pytest.approx(
        [s.measures["creativity"].total for s in anew.settings]
    )
    assert again.recent == anew.recent
    store.close()


def test_a_refresh_reads_the_responses_of_changed_experiments_only(store, monkeypatch) -> None:
    one, other = experiment(1), experiment(2)
    store.append(one, other, response(one, 0), response(other, 0))
    rollup = Rollup(store)
    rollup.read(Filters())
    read = []
    arrow = dashboard_queries._arrow
    monkeypatch.setattr(dashboard_queries, "_arrow", lambda cursor, query: read.append(arrow(cursor, query)) or read[-1])
    rollup.read(Filters())
    assert [table.num_rows for table in read] == [2]  # which experiments there are, and nothing else
    read.clear()
    store.append(dataclasses.replace(other, revision=2), response(other, 1))
    rollup.read(Filters())
    fresh = next(table for table in read if "responses" in table.column_names)
    assert fresh["responses"].to_pylist() == [2]


def test_the_responses_of_a_running_experiment_are_read_again_each_time(store) -> None:
    owner = experiment(1, status="running")
    store.append(owner, response(owner, 0))
    rollup = Rollup(store)
    assert rollup.read(Filters()).totals.responses == 1
    store.append(response(owner, 1))
    assert rollup.read(Filters()).totals.responses == 2


def test_an_experiment_whose_process_ended_without_a_word_is_interrupted(store) -> None:
    store.append(experiment(1, status="running"))
    assert Rollup(store).read(Filters()).recent[0].status == "interrupted"


def test_latency_quantiles_are_right_to_within_a_bin(store) -> None:
    owner, drawn = experiment(1), np.random.default_rng(3).lognormal(6, 0.8, 500)
    store.append(owner, *(response(owner, k, latency_ms=float(ms)) for k, ms in enumerate(drawn)))
    found = Rollup(store).read(Filters()).totals.latency
    assert found.median == pytest.approx(float(np.median(drawn)), rel=0.045)
    assert found.p90 == pytest.approx(float(np.quantile(drawn, 0.9)), rel=0.045)


def test_more_than_forty_settings_are_cut_to_those_with_most_answers(store) -> None:
    owner = experiment(1)
    many = [response(owner, k, setting_index=k, temperature=k / 50) for k in range(60)]
    store.append(owner, *many, *(response(owner, 100 + k, setting_index=59, temperature=59 / 50) for k in range(3)))
    figures = Rollup(store).read(Filters())
    assert (len(figures.settings), figures.settings_left_out) == (40, 20)
    assert figures.settings[-1].responses == 4


def test_the_choices_are_what_was_used_the_latest_first(store) -> None:
    store.append(experiment(1, user="ada"), experiment(2, user="eve", model="m2"), experiment(3, user="ada"))
    choices = Rollup(store).read(Filters(user="eve")).choices
    assert (choices.users, choices.models) == (("ada", "eve"), ("m1", "m2"))


def test_an_unknown_parameter_is_refused_with_the_nearest_one(store) -> None:
    with pytest.raises(BadInput, match="temperature"):
        Rollup(store).read(Filters(parameter="temprature"))


def sums(*prompts: list[float]) -> Sums:
    means = [statistics.fmean(prompt) for prompt in prompts]
    repeated = [prompt for prompt in prompts if len(prompt) > 1]
    return Sums(
        answers=sum(map(len, prompts)),
        prompts=len(prompts),
        total=sum(means),
        squares=sum(mean * mean for mean in means),
        repeated=len(repeated),
        within=sum(statistics.variance(prompt) / len(prompt) for prompt in repeated),
    )


@given(st.lists(st.lists(st.floats(0.2, 0.8), min_size=1, max_size=4), min_size=6, max_size=20))
def test_from_six_prompts_on_the_interval_is_students_of_their_means(prompts) -> None:
    means = [statistics.fmean(prompt) for prompt in prompts]
    found = pooled(sums(*prompts))
    assert (found.scope, found.mean) == ("prompts", pytest.approx(statistics.fmean(means)))
    reach = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
    assert found.high - found.low == pytest.approx(min(found.mean + reach, 1) - max(found.mean - reach, 0), abs=1e-6)


@given(st.lists(st.floats(0.2, 0.8), min_size=5, max_size=20))
def test_with_one_prompt_the_interval_is_students_of_its_answers(answers) -> None:
    found = pooled(sums(answers))
    reach = stats.t.ppf(0.975, len(answers) - 1) * stats.sem(answers)
    assert found.scope == "replicates"
    assert found.low == pytest.approx(max(statistics.fmean(answers) - reach, 0), abs=1e-6)


@pytest.mark.parametrize("prompts", [[[0.5]], [[0.5, 0.6], [0.4]], [[0.5, 0.6], [0.4, 0.5]]])
def test_with_too_few_answers_there_is_a_mean_and_no_interval(prompts) -> None:
    found = pooled(sums(*prompts))
    assert (found.low, found.high, found.scope) == (None, None, "none")
    assert found.mean is not None
