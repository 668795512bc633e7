"""What a model can be told of a calibration: ranges where it honours sampling, else effort, verbosity and persona strength."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pplab
from pplab.calibration import PRESETS, QUESTIONS, Calibration, derive, preset
from pplab.calibration.model_settings import model_settings
from pplab.errors import BadInput
from pplab.plan.parameters import CALIBRATED, PARAMETERS
from pplab.plan.request import RunRequest
from pplab.store.rows import CalibrationRow
from pplab.views import static

ANSWERS = st.fixed_dictionaries({q.id: st.sampled_from(q.values) for q in QUESTIONS})
EFFECTS = ("honoured", "unknown", "ignored", "rejected", "discouraged")
EFFORTS = PARAMETERS["reasoning_effort"].choices


@dataclass(frozen=True)
class Known:
    """What is known of a parameter, as the calibration room takes it."""

    effect: str
    reason: str = "because"
    remedy: str = ""
    source: str = "https://example.org"
    dated: str = "2026-11-28"
    choices: tuple[str, ...] = ()
    highest: float | None = None


KNOWLEDGE = st.dictionaries(
    st.sampled_from([*CALIBRATED, "reasoning_effort", "verbosity"]),
    st.builds(Known, st.sampled_from(EFFECTS), highest=st.none() | st.sampled_from([0.5, 1])),
).map(
    lambda known: {
        n: Known(k.effect, highest=None if n in ("reasoning_effort", "verbosity") else k.highest) for n, k in known.items()
    }
)


def stored(answers, offered=None):
    own = {"calibration_id": "c", "created_at": "t", "user": "u", "correlation_id": "x"}
    row = CalibrationRow(**own, **derive(answers).row_fields())
    return Calibration.from_row(row) if offered is None else Calibration.from_row(row, offered)


def reasoning(*efforts, **others):
    """What is known of a model that takes an effort in place of sampling parameters."""
    sampling = dict.fromkeys(
        ("temperature", "top_p", "frequency_penalty", "presence_penalty"), Known("rejected", remedy="no way")
    )
    return {**sampling, "reasoning_effort": Known("honoured", choices=efforts), **others}


def reason(settings, name):
    return next(r for r in settings.reasons if r.parameter == name)


# -- a model that honours sampling parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_where_nothing_is_known_against_them_the_ranges_and_points_are_those_of_the_calibration(name):
    calibration = stored(PRESETS[name])
    settings = calibration.settings_for("somebodys-model")
    assert (dict(settings.ranges), dict(settings.points)) == (calibration.ranges, calibration.points)
    assert settings.sweep == {"temperature": list(calibration.points["temperature"])}
    assert settings.parameters == {"max_tokens": calibration.ranges["max_tokens"].high}
    assert settings.systems == {"medium": calibration.persona}
    assert settings.persona == calibration.persona


def test_a_highest_value_cuts_the_range_and_its_points_and_is_said():
    settings = model_settings(stored(PRESETS["expressive"]), "m", {"temperature": Known("honoured", highest=1.2)})
    assert (settings.ranges["temperature"].low, settings.ranges["temperature"].high) == (1.0, 1.2)
    assert settings.points["temperature"] == (1.0, 1.2)
    assert "of 1 to 1.5" in reason(settings, "temperature").words


def test_a_range_cut_to_one_value_is_sent_rather_than_swept():
    settings = model_settings(stored(PRESETS["expressive"]), "m", {"temperature": Known("honoured", highest=1)})
    assert settings.sweep == {}
    assert settings.parameters["temperature"] == 1


def test_a_range_out_of_the_models_reach_counts_as_not_honoured():
    settings = model_settings(stored(PRESETS["expressive"]), "m", {"temperature": Known("honoured", highest=0.5)})
    assert "temperature" not in settings.ranges
    assert list(settings.systems) == ["light", "medium", "strong"]


def test_one_parameter_may_be_refused_while_the_others_are_taken():
    settings = model_settings(stored(PRESETS["balanced"]), "m", {"presence_penalty": Known("ignored", remedy="use words")})
    assert set(settings.ranges) == {*CALIBRATED} - {"presence_penalty"}
    assert reason(settings, "presence_penalty").words == "ignored: because; use words"
    assert reason(settings, "presence_penalty").used == ""
    assert settings.sweep == {"temperature": [0.0, 0.5, 1.0]}


# -- a model that does not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "efforts", "wished"),
    [
        ("precise", EFFORTS, ("medium", "high")),
        ("balanced", EFFORTS, ("low", "medium")),
        ("expressive", EFFORTS, ("low",)),
        ("expressive", ("medium", "high", "xhigh"), ("medium",)),
        ("balanced", ("medium", "high", "xhigh"), ("medium",)),
        ("precise", ("none", "low"), ("low",)),
        ("precise", (), ("medium", "high")),
    ],
)
def test_the_effort_follows_from_the_wish_for_precision_among_those_that_the_model_takes(name, efforts, wished):
    settings = model_settings(stored(PRESETS[name]), "m", reasoning(*efforts))
    assert settings.choices["reasoning_effort"] == wished
    varied, fixed = settings.sweep.get("reasoning_effort"), settings.parameters.get("reasoning_effort")
    assert (varied, fixed) == ((list(wished), None) if len(wished) > 1 else (None, wished[0]))
    assert list(settings.systems) == ["light", "medium", "strong"]


@given(ANSWERS, st.sampled_from(["fact_cost", "sameness"]))
def test_who_wishes_for_more_precision_never_gets_less_effort(answers, question):
    def efforts(value):
        chosen = model_settings(stored({**answers, question: value}), "m", reasoning()).choices["reasoning_effort"]
        return EFFORTS.index(chosen[0]), EFFORTS.index(chosen[-1])

    steps = [efforts(value) for value in range(1, 6)]
    assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("length", "verbosity"),
    [("sentence", "low"), ("paragraph", "low"), ("paragraphs", "medium"), ("page", "medium"), ("document", "high")],
)
def test_verbosity_follows_from_the_length_wished_for(length, verbosity):
    calibration = stored({**PRESETS["balanced"], "length": length})
    settings = model_settings(calibration, "m", reasoning(verbosity=Known("honoured", choices=("low", "medium", "high"))))
    assert settings.parameters["verbosity"] == verbosity


def test_the_verbosity_of_a_translation_is_left_to_the_model():
    calibration = stored({**PRESETS["balanced"], "task": "translate"})
    settings = model_settings(calibration, "m", reasoning(verbosity=Known("honoured")))
    assert "verbosity" not in settings.parameters
    assert "translation" in reason(settings, "verbosity").words


def test_a_limit_meant_for_the_answer_is_not_put_on_the_thinking():
    settings = model_settings(stored(PRESETS["precise"]), "m", reasoning("low", "high"))
    assert "max_tokens" not in {*settings.ranges, *settings.points, *settings.parameters}
    assert "220 to 460 tokens are meant for the answer alone" in reason(settings, "max_tokens").words


def test_a_model_that_takes_neither_is_told_by_the_persona_alone():
    settings = model_settings(stored(PRESETS["balanced"]), "m", {"temperature": Known("ignored")})
    assert (settings.sweep, settings.choices) == ({}, {})
    assert list(settings.systems) == ["light", "medium", "strong"]
    assert reason(settings, "reasoning_effort").words == "nothing is known of it here"


@given(ANSWERS, KNOWLEDGE)
def test_whatever_is_known_nothing_refused_is_sent_and_everything_has_its_reason(answers, known):
    calibration = stored(answers)
    settings = model_settings(calibration, "m", known)
    sent = {*settings.sweep, *settings.parameters, *settings.ranges}
    assert not sent & {name for name, k in known.items() if k.effect in ("ignored", "rejected", "discouraged")}
    names = [r.parameter for r in settings.reasons]
    assert names == [*CALIBRATED, "reasoning_effort", "verbosity", "persona"]
    assert all(r.words for r in settings.reasons)
    assert settings.systems.items() <= calibration.personas.items()
    assert settings.persona == calibration.persona
    for name, values in settings.points.items():
        assert all(value in settings.ranges[name] for value in values)


# -- of a lab -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as opened:
        yield opened


def test_a_calibration_of_a_lab_knows_what_models_take_with_source_and_date(lab):
    calibration = lab.calibrate("precise")
    for held in (calibration, lab.calibration("latest")):
        settings = held.settings_for("gpt-6-luna")
        assert settings.sweep == {"reasoning_effort": ["medium", "high"]}
        assert settings.parameters == {"verbosity": "low"}
        why = reason(settings, "temperature")
        assert why.words.startswith("rejected: ")
        assert why.source.startswith("https://")
        assert why.dated


def test_what_a_model_takes_beside_a_given_parameter_counts(lab):
    settings = lab.calibrate("expressive").settings_for("gpt-6-luna", {"reasoning_effort": "none"})
    assert settings.sweep == {"temperature": [1.0, 1.25, 1.5]}
    assert settings.parameters == {"reasoning_effort": "none", "verbosity": "medium", "max_tokens": 800}
    assert reason(settings, "reasoning_effort").words == "given by you"


def test_two_parameters_that_exclude_each_other_are_not_both_offered(lab):
    settings = lab.calibrate("balanced").settings_for("claude-sonnet-4-5")
    assert "temperature" in settings.ranges
    assert "top_p" not in settings.ranges


def test_what_the_user_knows_goes_first(tmp_path):
    configuration = pplab.Lab(store=":temp:").configuration
    configuration.capabilities = {"my-model": {"temperature": "rejected", "reasoning_effort": "honoured"}}
    with pplab.Lab(store=tmp_path / ".pplab", configuration=configuration) as lab:
        settings = lab.calibrate("balanced").settings_for("my-model")
    assert settings.choices["reasoning_effort"] == ("low", "medium")
    assert (reason(settings, "temperature").words, reason(settings, "temperature").source) == (
        "rejected: set by you",
        "your configuration",
    )


def test_the_embedded_model_is_judged_as_it_is_and_says_nothing_of_others(lab):
    calibration = lab.calibrate("balanced")
    assert set(calibration.settings_for("embedded").ranges) == {*CALIBRATED}
    assert "reasoning_effort" in calibration.settings_for("gpt-5-mini").choices


def test_the_settings_and_the_personas_run_as_they_are(lab):
    calibration = lab.calibrate("balanced")
    settings = calibration.settings_for("embedded")
    one = lab.run("Hi", n=1, sweep=settings.sweep, parameters=settings.parameters, systems=settings.systems)
    other = lab.run("Hi", n=1, systems=calibration.personas)
    assert (one.status, other.status) == ("completed", "completed")
    assert sorted(other.responses["system"]) == ["light", "medium", "strong"]


def plan_of(lab, settings):
    """The plan of a run with these settings as they are."""
    request = RunRequest(prompt="Hi", n=1, sweep=settings.sweep, parameters=settings.parameters, systems=settings.systems)
    return lab.manager.plan(request)[0]


def test_the_settings_of_a_model_that_samples_make_a_plan_of_temperatures(lab):
    calibration = lab.calibrate("balanced")
    plan = plan_of(lab, calibration.settings_for("embedded"))
    assert [s.given() for s in plan.settings] == [{"temperature": t, "max_tokens": 800} for t in (0.0, 0.5, 1.0)]
    assert plan.system == calibration.persona or plan.systems == {"medium": calibration.persona}


def test_the_settings_of_a_model_that_reasons_make_a_plan_of_efforts_and_persona_strengths(lab):
    calibration = lab.calibrate("balanced")
    settings = calibration.settings_for("gpt-6-luna")
    plan = plan_of(lab, settings)
    assert {(s.value("reasoning_effort"), s.system) for s in plan.settings} == {
        (effort, strength) for effort in ("low", "medium") for strength in ("light", "medium", "strong")
    }
    assert plan.systems == calibration.personas


def test_a_calibration_can_be_carried_into_another_process(lab):
    calibration = lab.calibrate("balanced")
    carried = pickle.loads(pickle.dumps(calibration))
    assert carried == calibration
    assert carried.settings_for("gpt-6-luna").sweep == {"reasoning_effort": ["low", "medium"]}


@pytest.mark.parametrize("model", ["", "  ", None, 3])
def test_a_model_without_a_name_is_refused_in_one_line(model):
    with pytest.raises(BadInput, match="needs the name of a model"):
        stored(preset("balanced")).settings_for(model)


def test_given_parameters_are_checked():
    with pytest.raises(BadInput, match="reasoning_effort='most' is not allowed"):
        stored(preset("balanced")).settings_for("m", {"reasoning_effort": "most"})


# -- how it is shown ----------------------------------------------------------------------------------------------------------


def test_it_is_shown_as_a_table_in_which_like_things_are_said_once():
    calibration = stored(PRESETS["precise"], lambda _model, _parameters: reasoning("low", "medium", "high"))
    display = static.settings_of_model(calibration.settings_for("a<b"))
    assert (
        display.text
        == """\
Settings for a<b
================

temperature, top_p, frequency_penalty, presence_penalty: not sent
    rejected: because; no way (https://example.org, 2026-11-28)
max_tokens: not sent
    a model that thinks counts that too, and 220 to 460 tokens are meant for the answer
    alone
reasoning_effort: medium, high
    in place of temperature: the more precise, the more thinking, and yours is 91.5 of
    100 (https://example.org, 2026-11-28)
verbosity: not sent
    nothing is known of it here
persona: light, medium, strong
    in place of temperature: what varies is how strongly it is put

To try: 6 settings; reasoning_effort medium, high x persona light, medium, strong.

In Python, with settings for this result: lab.run(prompt, models=[settings.model],
sweep=settings.sweep, parameters=settings.parameters, systems=settings.systems)"""
    )
    assert "a&lt;b" in display.html
    assert display.html.count("rejected: because") == 1
    assert static.as_text(calibration.settings_for("a<b")) == display.text


def test_its_frame_has_a_row_a_parameter():
    frame = stored(PRESETS["balanced"]).settings_for("m").df
    assert list(frame.columns) == ["parameter", "used", "why", "source", "dated"]
    assert list(frame["parameter"]) == [*CALIBRATED, "reasoning_effort", "verbosity", "persona"]
