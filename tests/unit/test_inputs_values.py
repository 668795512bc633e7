"""Values as Python users have them: numbers, arrays, series, frames, paths, times and durations, through the verbs of a lab."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pplab.calibration import PRESETS
from pplab.errors import BadInput
from tests.soak import only_soak

SHORT = {"max_tokens": 3}


def plan(lab, prompt="hi", **options):
    return lab.run(prompt, **{"n": 1, "parameters": SHORT, **options}).plan


@pytest.mark.parametrize("kind", [pd.Series, iter, *only_soak(np.array, tuple, pd.Index)])
def test_prompts_may_be_any_list_of_texts(lab, kind):
    assert plan(lab, kind(["a", "b"])).prompts == ("a", "b")


def test_prompts_and_system_messages_may_be_paths_of_text(lab):
    Path("p.txt").write_bytes(b"\xef\xbb\xbfSay\r\nhello.\r\n")
    made = plan(lab, Path("p.txt"), system=Path("p.txt"))
    assert (made.prompts, made.system) == (("Say\nhello.",), "Say\nhello.")


def test_numbers_may_be_those_of_numpy_and_decimals(lab):
    made = plan(lab, n=np.int64(2), seed=np.int32(7), max_cost=Decimal("0.5"), max_concurrency=np.int16(3), stream=np.bool_(True))
    assert (made.replicates, made.seed, made.max_cost, made.max_concurrency, made.stream) == (2, 7, 0.5, 3, True)
    assert type(made.replicates) is int


@pytest.mark.parametrize("second", [np.timedelta64(5, "s"), *only_soak(timedelta(seconds=5), pd.Timedelta("5s"), np.float64(5))])
def test_a_deadline_may_be_a_duration(lab, second):
    assert plan(lab, deadline=second).deadline == 5.0


@pytest.mark.parametrize(
    "values",
    [np.linspace(0, 1, 2), (Decimal(0), 1), *only_soak(pd.Series([0, 1]), range(2), np.array([0, 1], "float32"), iter([0, 1]))],
    ids=lambda v: type(v).__name__,
)
def test_values_of_a_sweep_may_be_anything_that_lists_numbers(lab, values):
    assert [s.value("temperature") for s in plan(lab, sweep={"temperature": values}).settings] == [0.0, 1.0]


def test_one_value_alone_is_a_sweep_of_it_and_a_short_float_stays_as_it_is_written(lab):
    assert [s.value("temperature") for s in plan(lab, sweep={"temperature": np.float32(0.7)}).settings] == [0.7]
    assert [s.value("temperature") for s in plan(lab, sweep={"temperature": np.int64(1)}).settings] == [1.0]


def test_settings_may_be_a_frame_a_dict_or_a_count_of_numpy(lab):
    frame = pd.DataFrame({"temperature": [0, 0.5], "max_tokens": [4, None]})
    assert [s.given() for s in plan(lab, settings=frame).settings] == [
        {"temperature": 0, "max_tokens": 4},
        {"temperature": 0.5, "max_tokens": 3},
    ]
    assert [s.given() for s in plan(lab, settings={"temperature": 1}).settings] == [{"temperature": 1, "max_tokens": 3}]
    assert len(plan(lab, settings=np.int64(2), calibration=lab.calibrate("balanced")).settings) == 2


def test_parameters_and_answers_may_be_a_series(lab):
    made = plan(lab, parameters=pd.Series({"temperature": 0.5, "max_tokens": 3.0}))
    assert made.settings[0].given() == {"temperature": 0.5, "max_tokens": 3}
    derived = lab.calibrate(dict(PRESETS["balanced"])).ranges
    Path("answers.json").write_text(json.dumps(dict(PRESETS["balanced"])), "utf-8")
    numbers = {name: np.int8(value) if isinstance(value, int) else value for name, value in PRESETS["balanced"].items()}
    for answers in (pd.Series(dict(PRESETS["balanced"])), numbers, Path("answers.json")):
        assert lab.calibrate(answers).ranges == derived


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sweep": "temperature=0,1"}, "sweep must be a dict"),
        ({"parameters": "x"}, "parameters must be a dict"),
        ({"settings": ["temperature"]}, "a setting must be a dict"),
        ({"system": 3}, "system must be text"),
        ({"stream": "no"}, "neither True nor False"),
        ({"data": pd.DataFrame({"a": [1]}), "cluster": pd.Series([1])}, "cluster must be the name"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_line(lab, options, words):
    with pytest.raises(BadInput, match=words):
        lab.run("hi {a}", **options)


def test_a_missing_prompt_is_called_missing_and_a_frame_is_no_prompt(lab):
    with pytest.raises(BadInput, match="prompt 2 of 2 is missing"):
        lab.run(pd.Series(["a", None]))
    with pytest.raises(BadInput, match="pass it as data="):
        lab.run(pd.DataFrame({"prompt": ["a"]}))


@pytest.mark.parametrize("verb", ["experiments", *only_soak("responses", "audit", "timing", "cells")])
def test_since_may_be_any_kind_of_moment(lab, verb):
    plan(lab)
    listed = getattr(lab, verb)
    rows, now = len(listed()), datetime.now(UTC)
    earlier = now - timedelta(hours=1)
    unzoned = earlier.replace(tzinfo=None)
    for moment in (earlier, unzoned, date(2020, 1, 2), pd.Timestamp(earlier), np.datetime64(unzoned, "ns"), earlier.isoformat()):
        assert len(listed(since=moment)) >= rows, moment
    assert len(listed(since=now + timedelta(days=1))) == 0
    assert len(listed(limit=np.int64(1))) == min(1, rows)


@pytest.mark.parametrize("verb", ["responses", "audit", "timing", "cells"])
def test_every_list_may_begin_at_a_moment(lab, verb):
    listed = getattr(lab, verb)
    assert len(listed(since=datetime.now(UTC) + timedelta(days=1), limit=np.int64(1))) == 0


def test_filters_take_several_values_and_ids_may_come_from_a_frame(lab):
    calibration = lab.calibrate("balanced")
    first, second = lab.run("a", n=1, parameters=SHORT), lab.run("b", n=1, calibration=calibration, settings=[SHORT])
    assert len(lab.experiments(status=["completed", "failed"])) == len(lab.experiments(status=pd.Series(["completed"]))) == 2
    assert list(lab.experiments(calibration_id=calibration)["experiment_id"]) == [second.id]
    assert len(lab.experiments(status=[])) == 0
    for chosen in (lab.experiments(), lab.experiments()["experiment_id"], np.array([first.id, second.id]), (first, second)):
        assert list(lab.responses(chosen)["prompt"]) == ["a", "b"]
    assert repr(lab.trace(first)) == repr(lab.trace(first.id))


def test_parameters_of_a_query_may_be_those_of_numpy(lab):
    for params in ([np.int64(1), np.float64(0.5)], np.array([1, 0.5]), pd.Series([1, 0.5])):
        assert lab.sql("SELECT ?::INT AS a, ? AS b", params).to_dict("records") == [{"a": 1, "b": 0.5}]
    assert lab.sql("SELECT $a AS a", {"a": np.int64(3)})["a"][0] == 3
    assert lab.sql("SELECT ? AS a", "one text")["a"][0] == "one text"


def test_what_an_experiment_is_asked_for_may_be_of_numpy_too(lab):
    made = lab.run("hi", n=1, parameters=SHORT)
    assert len(made.top_up(np.int64(2)).responses) == 2
    assert len(made.retry(made.responses["response_id"]).responses) == 2
    assert lab.use_recording(Path("r.jsonl"), max_age_days=timedelta(days=3)) is not None
    assert lab.check(made, margins=pd.Series({"coherence": 0.1})) is not None
