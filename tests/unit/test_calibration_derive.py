"""What follows from the answers: invariants over all answer sets, and the figures of the presets."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.calibration import PRESETS, QUESTIONS, QUIZ_VERSION, derive, partial, preset
from pplab.calibration.derive import _move
from pplab.calibration.effects import BOUNDS, EFFECTS, PERSONALITY, PRECISION
from pplab.calibration.questions import BY_ID
from pplab.plan.parameters import CALIBRATED, PARAMETERS
from pplab.plan.settings import Range, Setting
from pplab.store.rows import CalibrationRow

ANSWERS = st.fixed_dictionaries({question.id: st.sampled_from(question.values) for question in QUESTIONS})
SOME_ANSWERS = st.fixed_dictionaries({}, optional={q.id: st.sampled_from(q.values) for q in QUESTIONS})

# Each question that says something about precision, with its answers from the least to the most precise.
TOWARDS_PRECISION = {
    "task": ("creative", "chat", "translate", "data", "answers", "code"),
    "fact_cost": (1, 2, 3, 4, 5),
    "sameness": (1, 2, 3, 4, 5),
    "surprise": (5, 4, 3, 2, 1),
    "format": ("free", "tidy", "template", "machine"),
    "explore": (5, 4, 3, 2, 1),
    "variation": (5, 4, 3, 2, 1),
}
TOWARDS_PERSONALITY = {
    "task": TOWARDS_PRECISION["task"][::-1],
    "surprise": (1, 2, 3, 4, 5),
    "warmth": (1, 2, 3, 4, 5),
    "explore": (1, 2, 3, 4, 5),
    "formality": (5, 4, 3, 2, 1),
    "sameness": (5, 4, 3, 2, 1),
    "variation": (1, 2, 3, 4, 5),
}


def a_step(directions):
    """A question and two neighbouring answers, the second one step further in the given direction."""
    return st.sampled_from([(id_, a, b) for id_, order in directions.items() for a, b in itertools.pairwise(order)])


@given(SOME_ANSWERS)
def test_every_range_is_valid_and_has_something_between_its_ends(answers):
    ranges = partial(answers).ranges
    assert tuple(ranges) == CALIBRATED
    for name, range_ in ranges.items():
        low, high = BOUNDS[name]
        assert PARAMETERS[name].check(range_.low) < PARAMETERS[name].check(range_.high)
        assert low.least <= range_.low <= low.most
        assert high.least <= range_.high <= high.most


@given(SOME_ANSWERS)
def test_every_point_lies_inside_its_range_and_is_a_legal_setting(answers):
    derived = partial(answers)
    for name, points in derived.points.items():
        assert points
        assert list(points) == sorted(set(points))
        assert all(point in derived.ranges[name] for point in points)
        assert all(Setting.of(**{name: point}) for point in points)


@given(ANSWERS, a_step(TOWARDS_PRECISION))
def test_a_step_towards_precision_never_raises_the_upper_temperature(answers, step):
    question, before, after = step
    upper = derive({**answers, question: before}).ranges["temperature"].high
    assert derive({**answers, question: after}).ranges["temperature"].high <= upper


@given(ANSWERS, a_step(TOWARDS_PRECISION))
def test_a_step_towards_precision_never_lowers_the_precision_score(answers, step):
    question, before, after = step
    score = derive({**answers, question: before}).precision_score
    assert derive({**answers, question: after}).precision_score >= score


@given(ANSWERS, a_step(TOWARDS_PERSONALITY))
def test_a_step_towards_personality_never_lowers_the_personality_score(answers, step):
    question, before, after = step
    score = derive({**answers, question: before}).personality_score
    assert derive({**answers, question: after}).personality_score >= score


@given(ANSWERS, a_step({"length": BY_ID["length"].values}))
def test_a_longer_wished_answer_raises_both_ends_of_max_tokens(answers, step):
    question, before, after = step
    shorter = derive({**answers, question: before}).ranges["max_tokens"]
    longer = derive({**answers, question: after}).ranges["max_tokens"]
    assert shorter.low < longer.low
    assert shorter.high < longer.high


@given(ANSWERS, st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(answers, shuffler):
    shuffled = list(answers.items())
    shuffler.shuffle(shuffled)
    assert derive(dict(shuffled)) == derive(answers)
    assert repr(derive(dict(shuffled))) == repr(derive(answers))


@given(ANSWERS)
def test_the_more_the_two_answers_about_variation_disagree_the_lower_the_confidence(answers):
    confidence = {}
    for sameness, variation in itertools.product(range(1, 6), repeat=2):
        pair = {"sameness": sameness, "variation": variation}
        confidence.setdefault(abs(sameness + variation - 6), set()).add(derive({**answers, **pair}).confidence)
    assert confidence == {0: {1.0}, 1: {0.85}, 2: {0.7}, 3: {0.55}, 4: {0.4}}


def test_contradictory_answers_ask_the_model_at_more_temperatures():
    agreeing = derive({**preset("balanced"), "sameness": 5, "variation": 1})
    contradictory = derive({**preset("balanced"), "sameness": 5, "variation": 5})
    assert len(agreeing.points["temperature"]) == 3
    assert len(contradictory.points["temperature"]) == 5


@given(SOME_ANSWERS)
def test_the_moves_of_an_end_add_up_to_the_way_from_its_start_to_the_range(answers):
    derived = partial(answers)
    for name, (low, high) in BOUNDS.items():
        ends = {"low": low.start, "high": high.start}
        for move in derived.explanation:
            if move.parameter == name:
                ends[move.bound] += move.change
        assert ends == pytest.approx({"low": derived.ranges[name].low, "high": derived.ranges[name].high})


def test_the_answer_raises_or_lowers_an_end_and_what_it_leaves_alone_is_not_said():
    """The lower end of temperature stands at its limit, 0, so that the wish for expected words moves the upper end alone."""
    explanation = partial({"task": "code", "surprise": 2}).explanation
    sentences = [move.sentence for move in explanation if (move.parameter, move.question_id) == ("temperature", "surprise")]
    (sentence,) = sentences
    assert sentence.endswith("lowers the upper end of temperature by 0.08, to 0.22 (a higher temperature finds rarer words).")
    first = next(move for move in partial({"task": "code", "surprise": 4}).explanation if move.change == 0.08)
    assert "raises the lower end of temperature by 0.08, to 0.08" in first.sentence


@given(ANSWERS)
def test_every_sentence_of_the_explanation_names_its_question_answer_and_parameter(answers):
    for move in derive(answers).explanation:
        question = BY_ID[move.question_id]
        side = {"low": "lower", "high": "upper"}[move.bound]
        assert move.change != 0
        assert question.text in move.sentence
        assert move.answer == question.label(answers[question.id])
        assert f"“{move.answer}”" in move.sentence
        assert (
            f"{'raises' if move.change > 0 else 'lowers'} the {side} end of {move.parameter} by {abs(move.change):g}, to"
            in move.sentence
        )
        assert move.sentence.endswith(".")


@given(SOME_ANSWERS)
def test_scores_stay_within_their_scales(answers):
    derived = partial(answers)
    assert 0 <= derived.precision_score <= 100
    assert 0 <= derived.personality_score <= 100
    assert 0 <= derived.confidence <= 1


@given(ANSWERS, st.sampled_from([question.id for question in QUESTIONS if question.kind == "scale"]))
def test_an_open_question_counts_as_its_neutral_answer_and_lowers_the_confidence(answers, open_id):
    # The two answers about variation check each other, so they are left open together.
    opened = {"sameness", "variation"} if open_id in ("sameness", "variation") else {open_id}
    preview = partial({id_: value for id_, value in answers.items() if id_ not in opened})
    whole = derive({**answers, **dict.fromkeys(opened, 3)})
    assert preview.confidence < whole.confidence
    for same in ("ranges", "points", "precision_score", "personality_score", "explanation"):
        assert getattr(preview, same) == getattr(whole, same)


@given(ANSWERS)
def test_a_preview_of_a_complete_quiz_is_the_result(answers):
    assert partial(answers) == derive(answers)


def test_without_any_answer_the_preview_is_the_neutral_start_with_no_confidence():
    nothing = partial({})
    assert nothing.confidence == 0
    assert nothing.explanation == ()
    assert (nothing.precision_score, nothing.personality_score) == (50, 50)
    assert nothing.ranges == {name: Range(low.start, high.start) for name, (low, high) in BOUNDS.items()}


@pytest.mark.parametrize("parameter", CALIBRATED)
def test_no_combination_of_answers_closes_a_range(parameter):
    questions = list(dict.fromkeys(effect.question for effect in EFFECTS if effect.parameter == parameter))
    least = {"temperature": 0.2, "top_p": 0.04, "max_tokens": 60, "frequency_penalty": 0.1, "presence_penalty": 0.1}
    low, high = BOUNDS[parameter]
    choices = [sorted(_amounts(question, parameter)) for question in questions]
    closest = min(
        _end(parameter, "high", high, amounts) - _end(parameter, "low", low, amounts) for amounts in itertools.product(*choices)
    )
    assert round(closest, 2) >= least[parameter]


def _amounts(question, parameter):
    """The different pairs of amounts that the answers to a question add to the two ends of a parameter."""
    (effect,) = (e for e in EFFECTS if (e.question, e.parameter) == (question, parameter))
    return {(effect.low.get(value, 0), effect.high.get(value, 0)) for value in BY_ID[question].values}


def _end(parameter, bound, limits, amounts):
    end = limits.start
    for pair in amounts:
        end = round(min(max(end + pair[bound == "high"], limits.least), limits.most), 2)
    return end


@given(ANSWERS, st.sampled_from(CALIBRATED))
def test_the_exhaustive_search_follows_the_same_steps_as_the_derivation(answers, parameter):
    for bound, limits in zip(("low", "high"), BOUNDS[parameter], strict=True):
        effects = [effect for effect in EFFECTS if effect.parameter == parameter]
        amounts = [(e.low.get(answers[e.question], 0), e.high.get(answers[e.question], 0)) for e in effects]
        assert _end(parameter, bound, limits, amounts) == _move(parameter, bound, limits, answers)[0]


@pytest.mark.parametrize("question", TOWARDS_PRECISION)
def test_no_answer_adds_more_to_the_upper_temperature_than_a_less_precise_one(question):
    """With clamped sums this holds for the ends themselves, whatever the other answers are."""
    (effect,) = (e for e in EFFECTS if (e.question, e.parameter) == (question, "temperature"))
    added = [effect.high.get(value, 0) for value in TOWARDS_PRECISION[question]]
    assert added == sorted(added, reverse=True)


def test_every_question_that_moves_temperature_has_a_direction_towards_precision():
    assert {effect.question for effect in EFFECTS if effect.parameter == "temperature"} == set(TOWARDS_PRECISION)
    assert {weight.question for weight in PRECISION} <= set(TOWARDS_PRECISION)
    assert {weight.question for weight in PERSONALITY} == set(TOWARDS_PERSONALITY)
    for id_, order in (*TOWARDS_PRECISION.items(), *TOWARDS_PERSONALITY.items()):
        assert set(order) == set(BY_ID[id_].values)


def test_the_tables_of_effects_and_weights_know_only_real_questions_answers_and_parameters():
    assert tuple(BOUNDS) == CALIBRATED
    pairs = [(effect.question, effect.parameter) for effect in EFFECTS]
    assert len(set(pairs)) == len(pairs)
    for effect in EFFECTS:
        assert effect.parameter in CALIBRATED
        assert {*effect.low, *effect.high} <= set(BY_ID[effect.question].values)
    for weights in (PRECISION, PERSONALITY):
        assert sum(weight.weight for weight in weights) == 100
        assert all(set(weight.shares) == set(BY_ID[weight.question].values) for weight in weights)


@pytest.mark.parametrize(
    ("task", "low", "high"),
    [
        ("code", 0, 0.3),
        ("data", 0.3, 1),
        ("answers", 0, 1),
        ("translate", 0.6, 1.3),
        ("chat", 0.6, 1.3),
        ("creative", 0.8, 1.5),
    ],
)
def test_a_task_alone_starts_temperature_at_its_published_values(task, low, high):
    assert partial({"task": task}).ranges["temperature"] == Range(low, high)


@pytest.mark.parametrize("task", BY_ID["task"].values)
def test_the_wish_for_identical_answers_puts_greedy_sampling_within_reach_of_every_task(task):
    assert 0 in partial({"task": task, "sameness": 5, "variation": 1}).ranges["temperature"]


def test_scores_reach_both_ends_of_their_scales():
    for weights, name in ((PRECISION, "precision_score"), (PERSONALITY, "personality_score")):
        most = {w.question: max(w.shares, key=w.shares.get) for w in weights}
        least = {w.question: min(w.shares, key=w.shares.get) for w in weights}
        assert getattr(partial(most), name) == 100
        assert getattr(partial(least), name) == 0


def test_presets_are_ordered_in_precision_personality_and_temperature():
    precise, balanced, expressive = (derive(PRESETS[name]) for name in ("precise", "balanced", "expressive"))
    assert precise.precision_score > balanced.precision_score > expressive.precision_score
    assert precise.personality_score < balanced.personality_score < expressive.personality_score
    assert precise.ranges["temperature"].high < balanced.ranges["temperature"].high
    assert balanced.ranges["temperature"].high < expressive.ranges["temperature"].high
    assert {precise.confidence, balanced.confidence, expressive.confidence} == {1.0}


def test_a_result_becomes_a_stored_row_of_plain_json_values():
    derived = derive(preset("precise"))
    own = {"calibration_id": "c", "created_at": "t", "user": "u", "correlation_id": "x"}
    row = CalibrationRow(**own, **derived.row_fields())
    stored = json.loads(json.dumps(derived.row_fields(), allow_nan=False))
    assert stored == derived.row_fields()
    assert {f.name for f in fields(CalibrationRow)} == {*own, *stored, "origin"}
    assert derive(row.answers) == derived
    assert row.quiz_version == QUIZ_VERSION


@given(SOME_ANSWERS)
def test_max_tokens_is_a_whole_number_everywhere(answers):
    derived = partial(answers)
    ends = derived.ranges["max_tokens"]
    moves = [move.change for move in derived.explanation if move.parameter == "max_tokens"]
    assert all(isinstance(value, int) for value in (ends.low, ends.high, *derived.points["max_tokens"], *moves))


def test_the_quiz_version_changes_with_the_questions_and_their_effects():
    """A failure here means: raise QUIZ_VERSION, then put the new digest beside it."""
    described = [asdict(record) for record in (*QUESTIONS, *EFFECTS, *PRECISION, *PERSONALITY)]
    described += [[asdict(end) for end in ends] for ends in BOUNDS.values()]
    digest = hashlib.sha256(json.dumps(described, sort_keys=False).encode()).hexdigest()[:16]
    assert {"1": "5fea587be3a57696"}.get(QUIZ_VERSION) == digest
