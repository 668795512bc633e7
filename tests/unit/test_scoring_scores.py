"""Scores of single responses: their range, what they notice, when they decline to judge, and that nothing breaks them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

import pytest
import scoring_texts as texts
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.errors import BadInput
from pplab.metrics import score, score_many
from tests.soak import only_soak

FOUR = ("creativity", "coherence", "structure", "completeness")
EXAMPLES = 1000 if os.environ.get("PPLAB_SOAK") == "1" else 100
STORY = "Write a story about a lighthouse keeper who counts ships."


def values(scores) -> list[float | None]:
    return [getattr(scores, name) for name in FOUR]


def sound(scores) -> bool:
    return all(v is None or (isinstance(v, float) and math.isfinite(v) and 0 <= v <= 1) for v in values(scores))


@settings(max_examples=EXAMPLES)
@given(
    st.text(max_size=400),
    st.text(max_size=120),
    st.none() | st.text(max_size=200),
    st.none() | st.sampled_from(["stop", "length", "content_filter"]),
    st.lists(st.text(max_size=60), max_size=3),
)
def test_any_string_gets_scores_in_range_or_none_with_a_reason(text, prompt, source, reason, peers):
    scores = score(text, prompt, source=source, finish_reason=reason, peers=peers)
    assert sound(scores)
    for name in FOUR:
        if getattr(scores, name) is None:
            assert scores.detail[name]["reason"]
    json.dumps(scores.detail, allow_nan=False)
    assert scores.explain()


MARKS = st.lists(st.sampled_from(["```", "|", "\n", "- ", "1. ", "# ", "**", "`", "[x](", ")", '{"a": ', "}", "]", "word ", "."]))


@settings(max_examples=EXAMPLES)
@given(MARKS)
def test_any_mixture_of_markup_is_scored(pieces):
    assert sound(score("".join(pieces), "Answer as a table with 3 bullet points in JSON."))


LIKE_OTHERS = [f"1 MB of {what}" for what in ("square brackets", "stars", "quotation marks", "pipes", "open fences", "newlines")]


@pytest.mark.parametrize("name", [*(name for name in texts.HOSTILE if name not in LIKE_OTHERS), *only_soak(*LIKE_OTHERS)])
def test_a_hostile_text_is_scored_within_five_seconds(name):
    text = texts.HOSTILE[name]
    start = time.process_time()
    assert sound(score(text, text[:30_000], source=text[:30_000], finish_reason="length", peers=[text, "other"]))
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", texts.NOT_PROSE)
def test_wording_is_not_judged_where_there_is_no_english_prose(name):
    scores = score(texts.NOT_PROSE[name])
    assert scores.creativity is None
    assert scores.coherence is None
    assert "Not scored on" in scores.explain()


def test_an_answer_of_three_words_is_too_short_for_wording_but_not_for_completeness():
    scores = score("It was Paris.", "What is the capital of France?")
    assert scores.creativity is None
    assert scores.detail["creativity"]["reason"] == "fewer than 4 words"
    assert scores.completeness is not None


def test_a_json_answer_is_judged_on_its_strings():
    scores = score(json.dumps({"story": texts.PROSE}))
    assert scores.creativity == pytest.approx(score(texts.PROSE).creativity, abs=0.05)


def test_unusual_wording_is_more_creative_than_plain_wording():
    assert score(texts.PROSE).creativity > score(texts.PLAIN).creativity + 0.1


def test_gibberish_is_neither_creative_nor_coherent_nor_excused():
    scores = score(texts.SALAD)
    assert scores.creativity < 0.05
    assert scores.coherence < 0.05
    assert "gibberish" in scores.explain()


def test_pasting_a_text_twice_raises_neither_creativity_nor_coherence():
    once, twice = score(texts.PROSE), score(texts.PROSE + "\n\n" + texts.PROSE)
    assert twice.creativity < once.creativity
    assert twice.coherence < once.coherence


def test_a_loop_is_incoherent_and_named():
    loop = score("The boat sank slowly in the bay. " * 12)
    assert loop.coherence < 0.2
    assert 'Says one sentence 12 times: "the boat sank slowly in the bay".' in loop.explain()


def test_connectives_do_not_buy_coherence():
    sentences = texts.PROSE.split(". ")
    joined = ". Moreover, therefore, ".join(sentences)
    assert score(joined).coherence <= score(texts.PROSE).coherence + 0.01


def test_a_list_of_short_items_is_as_coherent_as_prose():
    items = "\n".join(f"- {item}" for item in ("Bowling night", "Picnic in the park", "Movie marathon", "Karaoke evening"))
    assert score(items).coherence > 0.85


def test_words_of_the_prompt_are_not_gibberish():
    text = "The Qorvath rose over Zelmir, and every Qorvath in the valley of Zelmir sang to the Thrandil moon at once."
    assert score(text, "Write about the Qorvath of Zelmir and the Thrandil moon.").coherence > score(text).coherence


def test_being_like_its_peers_lowers_creativity():
    alone = score(texts.PROSE, STORY)
    same = score(texts.PROSE, STORY, peers=[texts.PROSE, texts.PROSE])
    other = score(texts.PROSE, STORY, peers=[texts.PLAIN, texts.FRENCH])
    assert same.creativity < alone.creativity < other.creativity
    assert "Nearly the same as the other answers" in same.explain()


def test_cutting_a_text_in_half_lowers_completeness():
    half = texts.PROSE[: len(texts.PROSE) // 2].rsplit(" ", 1)[0]
    assert score(half, STORY).completeness < score(texts.PROSE, STORY).completeness


@given(st.sampled_from([texts.PROSE, texts.PLAIN, texts.SALAD, "Yes."]), st.sampled_from(["", STORY, "Say yes in 3 words."]))
def test_a_cut_off_answer_is_never_more_complete(text, prompt):
    assert score(text, prompt, finish_reason="length").completeness <= score(text, prompt).completeness


def test_an_answer_on_another_subject_is_incomplete_and_says_what_is_missing():
    scores = score(texts.PLAIN, STORY)
    assert scores.completeness < 0.4
    assert scores.detail["completeness"]["raw"]["missing"][0] == "lighthouse"
    assert "Does not mention 'lighthouse'" in scores.explain()


def test_inflected_words_cover_the_prompt():
    assert score("A keeper counted one ship near two lighthouses.", STORY).detail["completeness"]["coverage"] == 1


def test_a_refusal_is_incomplete():
    scores = score("I'm sorry, but I can't help with that.", STORY)
    assert scores.completeness < 0.1
    assert "Declines to answer." in scores.explain()


def test_a_correct_short_answer_is_more_complete_than_a_refusal():
    question = "What is the capital of France?"
    assert score("Paris.", question).completeness > score("Sorry, I cannot say.", question).completeness + 0.2


def test_each_question_of_a_prompt_has_to_be_taken_up():
    prompt = "Why do volcanoes erupt? How do glaciers move? What makes deserts dry?"
    full = "Volcanoes erupt when magma rises. Glaciers move by sliding on melted ice. Deserts are dry as air sinks there."
    scores = score("Volcanoes erupt when magma rises and gas breaks free.", prompt)
    assert "Leaves out 2 of 3 things asked." in scores.explain()
    assert scores.completeness < score(full, prompt).completeness - 0.3


def test_a_summary_is_measured_by_its_source():
    source = texts.PROSE + " " + texts.PLAIN
    good = "A lighthouse keeper with a limp counted ships from the cliff and saw a mast against the rocks in the storm."
    off = "A farmer with many sheep sold his house in the town and bought a bakery by the river in the spring."
    prompt = "Summarise the text."
    assert score(good, prompt, source=source).completeness > score(off, prompt, source=source).completeness + 0.2


def test_unmet_requests_are_explained_in_plain_words():
    said = score("Here are three.\n- one thing\n- two things\n- three things", "Give me exactly 5 bullet points.").explain()
    assert said.startswith("Asked for exactly 5 bullet points, has 3.")


def test_score_many_gives_what_score_gives_one_by_one():
    responses = [texts.PROSE, texts.PLAIN, texts.SALAD, texts.FRENCH, "", texts.PROSE]
    peers = [[r for r in responses if r is not own] for own in responses]
    many = score_many(responses, STORY, finish_reasons=["stop"] * 5 + ["length"], peers=peers)
    one = [score(r, STORY, finish_reason="length" if i == 5 else "stop", peers=peers[i]) for i, r in enumerate(responses)]
    assert many == one


def test_score_many_wants_one_prompt_for_all_or_one_each():
    assert len(score_many(["a b c d e", "f g h i j"], ["What?", "Why?"])) == 2
    with pytest.raises(BadInput, match="1 prompts for 2 texts"):
        score_many(["a", "b"], ["What?"])


def test_scores_do_not_depend_on_the_hash_seed_of_the_process():
    code = (
        "import sys; sys.path[:0] = ['tests/unit']\n"
        "import scoring_texts as t; from pplab.metrics import score, diversity\n"
        "print([score(x, 'Write about a keeper, ships and milk.', peers=[t.PLAIN]) for x in (t.PROSE, t.PLAIN, t.SALAD)],"
        " diversity([t.PROSE, t.PLAIN, t.SALAD]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=__file__.rsplit("/tests/", 1)[0],
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


def test_importing_the_room_loads_nothing_heavy():
    code = (
        "import sys, pplab.metrics\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'duckdb', 'openai', 'plotly', 'pyarrow', 'gzip'}\n"
        "print(sorted(heavy & set(sys.modules)), sorted(m for m in sys.modules if m.startswith('pplab.') "
        "and m.split('.')[1] not in ('metrics', 'scoring', 'plan', 'inputs', 'errors', 'log', 'secrets')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] []"
