"""What the dashboard asks the tables: its sums against a plain recomputation from the rows, and what a refresh reads again."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pplab.analysis.pooled import pooled
from pplab.errors import BadInput
from pplab.store import dashboard_sums
from pplab.store.dashboard_figures import Filters, Sums
from pplab.store.dashboard_queries import Rollup
from pplab.store.rows import ExperimentRow, LabelRow, ResponseRow
from pplab.store.store import open_store

PROMPTS = ["Write a tagline.", "Write a slogan.", "Write a motto."]
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
        plan={"prompts": PROMPTS, "settings": [], "replicates": 1},
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
            prompts.setdefault(row.prompt_index, []).append(value(row))
    return statistics.fmean(map(statistics.fmean, prompts.values())) if prompts else None


def precision(row: ResponseRow) -> float | None:
    known = [v for v in (row.coherence, row.completeness) if v is not None]
    return statistics.fmean(known) if known else None


@settings(max_examples=60 if os.environ.get("PPLAB_SOAK") else 3)
@given(experiments)
def test_every_figure_is_what_the_rows_say(tmp_path_factory, made) -> None:
    store = open_store(tmp_path_factory.mktemp("lab"))
    everything = [settled(number, *one) for number, one in enumerate(made)]
    for owner, rows in everything:
        store.append(owner, *rows)
    rollup = Rollup(store)  # a refresh says the same as reading everything anew, see below
    for filters in (Filters(), Filters(user="ada"), Filters(model="m2"), Filters(user="eve", model="m1")):
        figures = rollup.read(filters)
        counting = [
            (owner, rows)
            for owner, rows in everything
            if filters.user in (None, owner.user) and filters.model in (None, owner.model)
        ]
        rows = [row for _, found in counting for row in found]
        totals = figures.totals
        assert (totals.experiments, totals.responses.responses) == (len(counting), len(rows))
        assert totals.responses.ok == sum(row.status == "ok" for row in rows)
        assert totals.responses.failed == sum(row.status in FAILED for row in rows)
        assert totals.responses.counts == Counter(row.status for row in rows)
        costs = [row.cost for row in rows if row.cost is not None]
        assert totals.cost == (pytest.approx(sum(costs)) if costs else None)
        for setting in figures.settings:
            asked = (setting.asked["model_asked"], setting.asked.get("temperature"))
            of = [row for owner, found in counting for row in found if (owner.model, row.temperature) == asked]
            assert setting.responses.counts == Counter(row.status for row in of)
            for name in ("creativity", "coherence", "completeness"):
                expected = mean_of_prompts(of, lambda row, name=name: getattr(row, name))
                assert pooled(setting.measures[name]).mean == (None if expected is None else pytest.approx(expected))
            expected = mean_of_prompts(of, precision)
            assert pooled(setting.measures["precision"]).mean == (None if expected is None else pytest.approx(expected))
            tokens = [row.output_tokens for row in of if row.output_tokens is not None]
            assert setting.output_tokens == (pytest.approx(statistics.fmean(tokens)) if tokens else None)
        by_temperature = rollup.read(dataclasses.replace(filters, factor="temperature")).levels
        assert [level.number for level in by_temperature] == sorted({r.temperature for r in rows if r.temperature is not None})
        for level in by_temperature:
            expected = mean_of_prompts([row for row in rows if row.temperature == level.number], precision)
            assert pooled(level.measures["precision"]).mean == (None if expected is None else pytest.approx(expected))
    store.close()


@settings(max_examples=30 if os.environ.get("PPLAB_SOAK") else 2)
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
    assert [s.asked for s in again.settings] == [s.asked for s in anew.settings]
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
    arrow = dashboard_sums.arrow_table
    monkeypatch.setattr(dashboard_sums, "arrow_table", lambda cursor, query: read.append(arrow(cursor, query)) or read[-1])
    rollup.read(Filters())
    assert [table.num_rows for table in read] == [2]  # which experiments there are, and nothing else
    read.clear()
    store.append(dataclasses.replace(other, revision=2), response(other, 1))
    rollup.read(Filters())
    fresh = next(table for table in read if "responses" in table.column_names)
    assert fresh["responses"].to_pylist() == [2]
    assert next(table for table in read if "unit" in table.column_names)["creativity_n"].to_pylist() == [0]


def test_the_first_reading_imports_no_pandas(store, tmp_path) -> None:
    store.append(experiment(1), response(experiment(1), 0))
    store.drain()
    code = f"""
import sys
from pplab.store.dashboard_figures import Filters
from pplab.store.dashboard_queries import Rollup
from pplab.store.store import open_store
print(Rollup(open_store({str(tmp_path)!r})).read(Filters()).totals.responses.responses, "pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


@pytest.mark.parametrize(("few", "copies"), [(2, set()), (3, {"fresh"})])
def test_the_responses_of_a_few_experiments_are_copied_and_those_of_many_summed_where_they_are(store, monkeypatch, few, copies):
    owners = [experiment(number) for number in range(3)]
    store.append(*owners, *(response(owner, k, coherence=k / 10) for owner in owners for k in (1, 2)))
    monkeypatch.setattr(dashboard_sums, "FEW", few)
    sums = dashboard_sums.KeptSums()
    with store.reading() as cursor:
        sums.bring_up_to_date(cursor)
        sums.compare(cursor, dict(cursor.execute(f"SELECT {dashboard_sums.KEY}, experiment_id FROM experiments").fetchall()))
        total = cursor.execute("SELECT coherence_n, coherence_total FROM strata").fetchall()
        tables = {name for (name,) in cursor.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()}
    assert total == [(6, pytest.approx(0.9))]
    assert tables - {"changed"} == copies


def test_the_responses_of_a_running_experiment_are_read_again_each_time(store) -> None:
    owner = experiment(1, status="running")
    store.append(owner, response(owner, 0))
    rollup = Rollup(store)
    assert rollup.read(Filters()).totals.responses.responses == 1
    store.append(response(owner, 1))
    assert rollup.read(Filters()).totals.responses.responses == 2


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
    assert figures.settings[-1].responses.responses == 4


def test_the_replies_of_a_judge_are_left_out(store) -> None:
    own = experiment(1)
    plan = {**own.plan, "prompts": ["Grade this."], "judging": {"experiment": own.experiment_id}}
    judging = experiment(2, user="eve", plan=plan)
    store.append(own, judging, response(own, 1), response(judging, 1))
    figures = Rollup(store).read(Filters())
    assert figures.totals.responses.responses == 1
    assert [one.experiment_id for one in figures.recent] == [own.experiment_id]
    assert figures.choices.users == ("ada",)


def test_the_choices_are_what_was_used_the_latest_first(store) -> None:
    store.append(experiment(1, user="ada"), experiment(2, user="eve", model="m2"), experiment(3, user="ada"))
    choices = Rollup(store).read(Filters(user="eve")).choices
    assert (choices.users, choices.models) == (("ada", "eve"), ("m1", "m2"))


def test_an_unknown_parameter_is_refused_with_the_nearest_one(store) -> None:
    with pytest.raises(BadInput, match="temperature"):
        Rollup(store).read(Filters(factor="temprature"))


def asked(owner: ExperimentRow, *settings: dict, replicates: int = 2, **changes) -> list[ResponseRow]:
    """Return responses under settings, each given as columns; ``parameters`` is the whole of what is asked."""
    return [
        response(
            owner, 100 * index + k, setting_index=index, replicate=k, creativity=(index + 1) / 10 + k / 100, **setting, **changes
        )
        for index, setting in enumerate(settings)
        for k in range(replicates)
    ]


def levels(store, **filters) -> list[tuple[str, float | None]]:
    return [(level.label, level.number) for level in Rollup(store).read(Filters(**filters)).levels]


def test_scores_are_drawn_by_any_factor_that_varies(store) -> None:
    owner = experiment(1, models=["m1", "m2@local"])
    store.append(
        owner,
        *asked(
            owner,
            {"model_asked": "m1", "system": "plain", "parameters": {"reasoning_effort": "high", "x.mirostat": 0}},
            {
                "model_asked": "m2",
                "endpoint": "local",
                "system": "warm",
                "parameters": {"reasoning_effort": "low", "x.mirostat": 2},
            },
            {"model_asked": "m2", "endpoint": "local", "system": "warm", "parameters": {"stop": ["END"], "x.mirostat": 10}},
        ),
    )
    comparison = Rollup(store).read(Filters()).comparison
    assert comparison.factors == ("model_asked", "endpoint", "system", "stop", "reasoning_effort", "x.mirostat")
    assert (comparison.factor, comparison.categories) == ("model_asked", True)
    assert levels(store, factor="model") == [("m1", None), ("m2", None)]
    assert levels(store, factor="endpoint") == [("p", None), ("local", None)]
    assert levels(store, factor="system") == [("plain", None), ("warm", None)]
    assert levels(store, factor="reasoning_effort") == [("low", None), ("high", None), ("not set", None)]
    assert levels(store, factor="x.mirostat") == [("0", 0), ("2", 2), ("10", 10)]
    assert levels(store, factor="stop") == [('["END"]', None), ("not set", None)]
    assert levels(store, factor="top_k") == []


def test_unlike_prompts_are_never_pooled_and_the_latest_ones_are_compared(store) -> None:
    one, other = experiment(1, plan={"prompts": ["One."]}), experiment(2, plan={"prompts": ["Other.", "And more."]})
    again = experiment(3, plan={"prompts": ["More.", "One.", "One."]})
    store.append(one, other, again, *(row for owner in (one, other, again) for row in asked(owner, {"parameters": {"top_k": 4}})))
    figures = Rollup(store).read(Filters())
    assert (figures.totals.experiments, figures.comparison.prompt_sets) == (3, 3)
    assert figures.settings[0].responses.responses == 2
    assert (figures.comparison.prompt_set.experiments, figures.comparison.prompt_set.prompts) == (1, 2)
    alone = Rollup(store).read(Filters(comparison="experiment-2"))
    assert alone.comparison.prompt_set.prompt == "Other."
    assert Rollup(store).read(Filters(comparison="no such one")).settings == ()


def test_experiments_over_the_same_prompts_are_pooled_and_each_prompt_counts_once(store) -> None:
    one = experiment(1, plan={"prompts": ["One.", "Two.", "One."]})
    other = experiment(2, plan={"prompts": ["Two.", "One."]}, user="eve")
    rows = [response(one, k, prompt_index=k, creativity=value) for k, value in enumerate((0.1, 0.5, 0.3))]
    rows += [response(other, k, prompt_index=k, creativity=value) for k, value in enumerate((0.7, 0.2))]
    store.append(one, other, *rows)
    figures = Rollup(store).read(Filters())
    sums = figures.settings[0].measures["creativity"]
    assert (sums.answers, sums.prompts, sums.strata) == (5, 2, 2)
    assert sums.total == pytest.approx((0.1 + 0.3 + 0.2) / 3 + (0.5 + 0.7) / 2)
    assert [one.experiments for one in figures.choices.prompt_sets] == [2]
    same = Rollup(store).read(Filters(user="eve", comparison=figures.choices.prompt_sets[0].comparison))
    assert same.settings[0].measures["creativity"].answers == 2


def test_prompts_of_one_cluster_count_once(store) -> None:
    owner = experiment(1, plan={"prompts": PROMPTS, "clusters": ["a", "a", "b"]})
    store.append(owner, *(response(owner, k, prompt_index=k, creativity=0.5) for k in range(3)))
    assert Rollup(store).read(Filters()).settings[0].measures["creativity"].prompts == 2


def test_personas_of_one_name_and_other_words_are_two_settings(store) -> None:
    one = experiment(1, plan={"prompts": ["One."], "systems": {"warm": "Be warm."}})
    other = experiment(2, plan={"prompts": ["One."], "systems": {"warm": "Be very warm."}})
    without = experiment(3, plan={"prompts": ["One."]})
    store.append(one, other, without, *asked(one, {"system": "warm"}), *asked(other, {"system": "warm"}), *asked(without, {}))
    assert [label for label, _ in levels(store, factor="system")] == ["warm “Be warm.”", "warm “Be very warm.”", "none"]


def test_a_setting_of_an_older_row_is_the_same_as_that_of_a_newer_one(store) -> None:
    owner = experiment(1)
    store.append(
        owner,
        *asked(
            owner,
            {"temperature": 0.0, "max_tokens": 80},
            {"model_asked": "m1", "parameters": {"temperature": 0, "max_tokens": 80}},
        ),
    )
    assert len(Rollup(store).read(Filters()).settings) == 1


def test_every_status_is_counted_and_usable_answers_without_a_score_too(store) -> None:
    owner = experiment(1)
    statuses = ["ok", "ok", "truncated", "refused", "failed", "cancelled"]
    store.append(
        owner, *(response(owner, k, status=status, structure=0.5 if k == 0 else None) for k, status in enumerate(statuses))
    )
    counted = Rollup(store).read(Filters()).settings[0].responses
    assert (counted.responses, counted.ok, counted.scored, counted.failed, counted.cancelled) == (6, 2, 1, 1, 1)
    assert counted.counts["truncated"] == counted.counts["refused"] == 1


def test_a_model_finds_experiments_that_ask_others_as_well(store) -> None:
    store.append(experiment(1), experiment(2, model="m1, m2@local", models=["m1", "m2@local"]))
    assert Rollup(store).read(Filters(model="m2@local")).totals.experiments == 1
    assert Rollup(store).read(Filters(model="m1")).totals.experiments == 2
    assert Rollup(store).read(Filters()).choices.models == ("m1", "m2@local")


def test_experiments_are_found_by_name_tag_and_note_and_listed_by_name(store) -> None:
    label = LabelRow(
        experiment_id="experiment-1",
        revision=0,
        updated_at=AT.format(9),
        user="ada",
        name="Slogans",
        tags=["shop", "June"],
        note="For the window.",
        correlation_id="c",
    )
    store.append(experiment(1), experiment(2), label)
    for words in ("slog", "june", "WINDOW", "experiment-1", " Slogans "):
        figures = Rollup(store).read(Filters(search=words))
        assert [one.name for one in figures.recent] == ["Slogans"], words
    assert Rollup(store).read(Filters(search="nothing")).totals.experiments == 0


def test_of_many_values_those_with_most_responses_are_drawn(store) -> None:
    owner = experiment(1)
    store.append(owner, *asked(owner, *({"parameters": {"stop": [f"{k:02}"]}} for k in range(30)), replicates=1))
    figures = Rollup(store).read(Filters(factor="stop"))
    assert (len(figures.levels), figures.comparison.levels_left_out) == (20, 10)


def test_settings_without_a_number_are_counted_and_not_drawn_by_it(store) -> None:
    owner = experiment(1)
    store.append(owner, *asked(owner, {"parameters": {"top_k": 2}}, {"parameters": {"top_k": 9}}, {"parameters": {}}))
    figures = Rollup(store).read(Filters(factor="top_k"))
    assert [level.number for level in figures.levels] == [2, 9]
    assert figures.comparison.settings_without == 1


def test_with_one_prompt_the_answers_of_each_setting_are_a_stratum(store) -> None:
    owner = experiment(1, plan={"prompts": ["One."]})
    settings_ = ({"parameters": {"top_k": 1, "min_p": 0}}, {"parameters": {"top_k": 1, "min_p": 0.5}})
    store.append(owner, *asked(owner, *settings_, replicates=4))
    sums = Rollup(store).read(Filters(factor="top_k")).levels[0].measures["creativity"]
    assert (sums.answers, sums.prompts, sums.strata, sums.repeated) == (8, 1, 2, 1)
    variance = statistics.variance([0, 0.01, 0.02, 0.03])
    assert sums.within == pytest.approx(2 * 4 * variance / 8**2)


def sums(*prompts: list[float]) -> Sums:
    means = [statistics.fmean(prompt) for prompt in prompts]
    repeated = [prompt for prompt in prompts if len(prompt) > 1]
    return Sums(
        answers=sum(map(len, prompts)),
        prompts=len(prompts),
        strata=len(prompts),
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
