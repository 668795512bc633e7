"""Scores of everyday answers: a tagline, a short question, a note, a haiku, and the ways in which such answers fail."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
import scoring_texts as texts

from pplab.metrics import score
from pplab.scoring.faults import fault
from pplab.scoring.surface.layout_checks import syllables
from pplab.scoring.surface.requirement_checks import verify
from pplab.scoring.surface.requirements import requirements

DATA = Path(__file__).parents[1] / "data"
PAIRS = {"everyday_pairs.jsonl": 0.95, "everyday_pairs_2.jsonl": 0.85}
"""The share of each file's pairs that the scores put right when they were mended, rounded down to a twentieth."""

SLOGAN = "Write a tagline for a bookshop."
WHO = "Who painted The Starry Night?"
WHY = "Explain why bread rises."
STORY = "Write a short story about a fox who learns to swim."


def of(metric: str, text: str, prompt: str, **kwargs) -> float:
    value = getattr(score(text, prompt, **kwargs), metric)
    assert value is not None, (metric, text)
    return value


@pytest.mark.parametrize("file", PAIRS)
def test_the_better_of_two_everyday_answers_scores_higher(file):
    right: dict[str, list[float]] = defaultdict(list)
    for pair in map(json.loads, (DATA / file).read_text("utf-8").splitlines()):
        metric, prompt = pair["metric"], pair["prompt"]
        better = getattr(score(pair["better"], prompt), metric)
        worse = getattr(score(pair["worse"], prompt, finish_reason=pair.get("finish_reason")), metric)
        right[metric].append(0.5 if better is None or worse is None else float(better > worse))
        if right[metric][-1] < 1:
            print(f"{metric} {pair['kind']}: {better} against {worse}: {prompt!r} {pair['better']!r} {pair['worse']!r}")
    for metric, points in right.items():
        print(f"{metric}: {sum(points)} of {len(points)}")
        assert sum(points) / len(points) >= 0.75
    assert sum(map(sum, right.values())) / sum(map(len, right.values())) >= PAIRS[file]


LACKING = {
    "asks back": "What kind of bookshop is it, and who are your customers?",
    "offers help": "I'd be happy to help you write a tagline! Could you tell me more about the shop?",
    "declines": "I'm sorry, but I can't help with that.",
    "echoes": "A tagline for a bookshop.",
    "announces": "Sure! Here is a tagline for your bookshop:",
    "talks about it": "A tagline is a short phrase that people remember. It should be catchy.",
    "says nothing": "There are many ways to write a tagline for a bookshop.",
    "is cut": "Every shelf a door to the",
    "loops": "Books for a bookshop. Books for a bookshop. Books for a bookshop. Books for a bookshop.",
}


@pytest.mark.parametrize("way", LACKING)
@pytest.mark.parametrize("good", ["Lose yourself between pages.", "Every spine hides a door", "Come in. Get lost."])
def test_a_tagline_need_not_echo_the_prompt_and_is_more_complete_than_what_is_none(good, way):
    assert of("completeness", good, SLOGAN) > 0.85
    assert of("completeness", LACKING[way], SLOGAN) < of("completeness", good, SLOGAN) - 0.2


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Suggest a name for a sailing boat.", "Second Wind"),
        ("Come up with a headline for an article about urban bees.", "Rooftop Hives Feed a Hungry City"),
        ("Give me a motto for a running club.", "We leave early and finish together."),
        ("Tell me a joke about a baker.", "Why did the baker quit? He could not make enough dough."),
        ("Write a birthday wish for my aunt.", "Another year of laughter to you, Meg. Save me a slice!"),
        ("Recommend one dessert for a summer party.", "Lemon sorbet in chilled glasses."),
        (
            "Text my landlord that the heating is broken.",
            "Hi Mr Roy, no warm radiators since last night. Could you send somebody?",
        ),
    ],
)
def test_a_short_piece_of_any_kind_is_complete_without_the_words_of_the_prompt(prompt, text):
    assert of("completeness", text, prompt) > 0.75
    assert of("completeness", "Could you tell me what you have in mind?", prompt) < 0.4


@pytest.mark.parametrize(
    ("prompt", "right", "wrong"),
    [
        ("Name the longest river in Africa.", "The Nile", "The longest river in Africa is a very long river."),
        ("Convert 3 hours to minutes.", "180 minutes", "Hours and minutes are units of time."),
        (WHO, "Vincent van Gogh.", "The Starry Night is a painting."),
        ("What is the capital of Norway?", "Oslo", "The capital of Norway is a city in Norway."),
        ("How many strings does a violin have?", "Four.", "A violin has strings of several kinds."),
        ("When did the Berlin Wall fall?", "In November 1989", "It fell after a long time."),
        ("Is lead heavier than iron?", "Yes.", "Lead and iron are two metals people use."),
        ("What is 12 times 9?", "108", "12 times 9 is 98."),
        ("What is 20% of 45?", "It's 9.", "It depends on the number."),
        ("Which is larger, a lake or an ocean?", "An ocean.", "Water covers much of the planet."),
        (
            'Is this review good or bad? "I would never stay here again."',
            "Bad",
            "The review says somebody would never stay again.",
        ),
        ("What's the tallest bird and where does it live?", "The ostrich, in Africa.", "It is a bird."),
    ],
)
def test_a_short_right_answer_is_complete_and_one_of_another_kind_is_not(prompt, right, wrong):
    assert of("completeness", right, prompt) > 0.8
    assert of("completeness", wrong, prompt) < of("completeness", right, prompt) - 0.1


def test_code_is_judged_as_code():
    asked = "Write a Python function that doubles a number."
    whole = of("completeness", "```python\ndef double(x):\n    return 2 * x\n```", asked)
    assert whole > of("completeness", "```python\ndef double(x):\n    # TODO\n```", asked) + 0.2
    assert whole > of("completeness", "You can double a number by multiplying it by two.", asked) + 0.2


def test_a_text_that_was_to_be_rewritten_is_not_given_back():
    asked = 'Make this more polite: "Send me the report now."'
    assert of("completeness", "Could you please send me the report when you can?", asked) > 0.8
    assert of("completeness", "Send me the report now.", asked) < 0.3


def test_an_explanation_may_speak_of_its_subject_as_it():
    good = "It rises because yeast eats sugar and gives off gas, which the sticky gluten traps in small bubbles."
    assert of("completeness", good, WHY) > of("completeness", "Bread is very popular. Bread rises.", WHY)
    assert of("completeness", good, WHY) > of("completeness", good.rsplit(" ", 5)[0], WHY) + 0.1


SOUND = (
    "The ferry left at dawn with three passengers and a crate of hens. Halfway across, the engine coughed and died. "
    "The captain shrugged, sat down on the crate, and told them about the winter when the lake froze."
)
SALADS = [
    "Left the at dawn of ferry three with passengers a and hens of crate the. Died and halfway the coughed engine across.",
    "The of ferry is was dawn to the and. A are passengers of with hens at they the crate.",
    "Ferry dawn three. Passengers crate hens. Halfway engine coughed died captain. Lake winter froze crate told.",
]


@pytest.mark.parametrize("salad", SALADS)
def test_a_word_salad_is_incoherent_and_not_creative(salad):
    assert of("coherence", salad, "") < of("coherence", SOUND, "") - 0.3
    assert of("creativity", salad, "") < of("creativity", SOUND, "")


LOOPS = [
    "The ferry left at dawn. " * 8,
    "".join(f"On day {n} the ferry left at dawn with hens. " for n in range(1, 9)),
    "".join(f"The old ferry carried a crate of {what}. " for what in ("hens", "eggs", "figs", "pears", "nails", "rope", "tea")),
]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_sinks_coherence_and_is_a_fault_also_with_a_word_or_number_changed(loop):
    assert of("coherence", loop, "") < 0.4
    assert fault(loop, STORY) == "loop"
    assert fault(loop, STORY, truncated=True) == "loop"


@pytest.mark.parametrize(
    "text",
    [
        SOUND,
        "Add the flour. Add the eggs. Add the sugar. Stir well and bake for an hour.",
        "- I like the sea.\n- I like the hills.\n- I like the woods.\n- I like the moor.\n- I like the fens.\n- I like the city.",
        "Slow mornings, strong brews",
        "I came, I saw, I conquered.",
    ],
)
def test_a_sound_answer_is_no_loop_and_is_not_cut(text):
    assert fault(text, STORY) is None


NEWS = (
    "The city council approved a new tram line on Tuesday. It will link the harbour with the university and cost 90 "
    "million euros. "
    "Work is to begin next spring and should take three years."
)
BROKEN_NEWS = {
    "cut at the end": "The city council approved a new tram line on Tuesday. It will link the harbour with the",
    "cut after a verb": "The city council approved a new tram line on Tuesday. It will link the harbour. Work is to "
    "begin next spring and should take",
    "sentences cut inside": "The city council approved a. It will link the harbour with the. Work is to begin next spring and.",
    "small beginnings": "The city council approved. a new tram line on Tuesday. will link the harbour with the "
    "university. and cost 90 million.",
    "noun phrases": "A new tram line for the city. The harbour with the university and the price of the whole. Three "
    "years from next spring on.",
    "telegram": "City council new tram line Tuesday. Harbour university 90 million. Work spring three years.",
    "copied phrases": "A new tram line a new tram line will link a new tram line with the harbour with the harbour "
    "will link the harbour.",
    "one sentence again": "The city council approved a new tram line on Tuesday. The city council approved a new tram "
    "line on Monday. "
    "The city council approved a new tram line on Friday.",
    "pieces glued": "The council of the on Tuesday approved it will the harbour with of the university and cost of "
    "next spring is three.",
    "stray marks": "The city council <unk> approved @@ tram # line <unk> Tuesday ~ ^ harbour <unk> euros.",
}


@pytest.mark.parametrize("way", BROKEN_NEWS)
def test_cut_sentences_fragments_and_copied_phrases_make_a_summary_less_coherent(way):
    whole = of("coherence", NEWS, "Summarise the article.")
    assert of("coherence", BROKEN_NEWS[way], "Summarise the article.") < whole - 0.05


HAIKU = "Fog on the harbour\na gull repeats one question\nthe tide looks away"
TABLE = "| Tool | Use |\n|---|---|\n| Saw | cutting |\n| Plane | smoothing |"
EMAIL = "Dear Ms Tran,\n\nPlease find the invoice attached.\n\nKind regards,\nOle"


@pytest.mark.parametrize(
    ("prompt", "follows", "breaks"),
    [
        ("Write a haiku about fog.", HAIKU, "Fog is wet air that hides the harbour in the morning."),
        ("Write a haiku about fog.", HAIKU, "Fog\nmore fog in the very early hours of the morning\nfog"),
        ("Compose a limerick about a goat.", "a b\nc d\ne f\ng h\ni j", "a b\nc d"),
        (
            "Write a rhyming couplet about tea.",
            "The kettle sings, the cup is hot,\nI pour the evening from the pot.",
            "Tea is nice.",
        ),
        ("Write a four-line poem about salt.", "one\ntwo\nthree\nfour", "one\ntwo\nthree"),
        ("Make a table with two columns: tool and use.", TABLE, "Saw: cutting. Plane: smoothing."),
        (
            "Make a table with two columns: tool and use.",
            TABLE,
            TABLE.replace(" |\n", " | x |\n").replace("---|\n", "---|---|\n"),
        ),
        ("Make a two-column table with 2 rows of tools.", TABLE, TABLE + "\n| File | shaping |\n| Awl | marking |"),
        ("Explain rust in exactly two sentences.", "Iron meets water. It turns red.", "Iron meets water."),
        ("Explain rust in a single sentence.", "Iron meets water and turns red.", "Iron meets water. It turns red."),
        ("Answer in one word: what is frozen water?", "Ice", "It is ice."),
        ("Is 7 prime? Answer only yes or no.", "Yes.", "Yes, since nothing divides it."),
        ("Is 7 prime? Answer with yes or no.", "Yes, since nothing divides it.", "It is prime."),
        ("What is 6 + 7? Reply with just the number.", "13", "The sum is 13."),
        ("Write an email to Ms Tran with the invoice. Include a greeting and a sign-off.", EMAIL, "the invoice is attached"),
        ("Write a story with a title.", "The Fox\n\nA fox slept.", "A fox slept. It woke up late."),
        ("List three rivers separated by commas.", "Rhine, Oder, Elbe", "Rhine\nOder\nElbe"),
        ("Give JSON with the keys name and age.", '{"name": "Bo", "age": 3}', '{"name": "Bo"}'),
        ('Start your answer with "Well".', "Well, it rained.", "It rained."),
        ("List three rivers, one per line.", "Rhine\nOder\nElbe", "Rhine, Oder, Elbe"),
        ("Give me numbered steps for making tea.", "1. Boil water.\n2. Pour it.", "Boil water, then pour it."),
        ("Name two cheeses and two wines.", "Brie, Gouda, Rioja and Chianti", "Brie and Gouda"),
    ],
)
def test_a_request_of_form_is_found_and_checked(prompt, follows, breaks):
    asked = requirements(prompt)
    assert asked
    assert all(verdict.met for verdict in verify(asked, follows)), verify(asked, follows)
    assert not all(verdict.met for verdict in verify(asked, breaks))
    assert (score(follows, prompt).structure or 1) > of("structure", breaks, prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "Describe the table in the kitchen.",
        "How do I build a table?",
        "Write a poem about a wooden table.",
        "What is a haiku?",
        "Who invented the limerick?",
        "Use the table below to answer.",
        "Summarise the first three lines below.",
        "Write 10 lines of code.",
        "What is the title role in Hamlet?",
        "Write one line for a greeting card.",
        "Why do people say yes or no?",
        "Make a table out of oak.",
        "Draft an e-mail subject line.",
        "In what column did Kafka write?",
    ],
)
def test_a_prompt_about_a_form_asks_for_none(prompt):
    assert not [r.wording for r in requirements(prompt)]


@pytest.mark.parametrize(
    ("line", "count"),
    [("An old silent pond", 5), ("A frog jumps into the pond", 7), ("the winter river", 5), ("she called and nobody came", 7)],
)
def test_syllables_are_counted_as_a_speaker_does_or_one_off(line, count):
    assert abs(syllables(line) - count) <= 1


def test_cliches_lower_creativity_and_a_fresh_line_is_not_punished_for_being_short():
    fresh = of("creativity", "Borrow a stranger's storm for the weekend.", SLOGAN)
    assert fresh > of("creativity", "The best books in town.", SLOGAN) + 0.2
    assert fresh > of("creativity", "We are a good bookshop with good books.", SLOGAN) + 0.2
    assert fresh > of("creativity", "A bookshop tagline for a bookshop.", SLOGAN) + 0.2
    assert fresh > 0.4


TEXTS = [SOUND, NEWS, texts.PROSE, texts.PLAIN]


@pytest.mark.parametrize("text", TEXTS)
def test_pasting_a_text_twice_makes_it_no_more_creative(text):
    assert of("creativity", f"{text}\n\n{text}", STORY) <= of("creativity", text, STORY)


@pytest.mark.parametrize("text", TEXTS)
def test_turning_the_sentences_round_makes_a_text_no_more_coherent(text):
    sentences = text.removesuffix(".").split(". ")
    assert of("coherence", ". ".join(reversed(sentences)) + ".", "") <= of("coherence", text, "") + 0.01


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("prompt", [STORY, WHY, SLOGAN])
def test_half_an_answer_is_less_complete(text, prompt):
    half = " ".join(text.split()[: len(text.split()) // 2])
    assert of("completeness", half, prompt) < of("completeness", text, prompt)


def test_an_answer_in_the_language_that_was_asked_for_is_not_judged_as_bad_english():
    scores = score("J'aime beaucoup la mer.", "Translate into French: I like the sea very much.")
    assert scores.coherence is None
    assert scores.detail["coherence"]["reason"] == "asked for in French, and only English is judged"
    assert scores.completeness > 0.7
