"""Faults: which answers are none, and which good ones must not be taken for faulty."""

import pytest

from pplab.analysis.summaries import by_setting
from pplab.metrics import score
from pplab.plan.vocabulary import FAULTS
from pplab.scoring.faults import fault
from pplab.views import static
from pplab.views.widgets.cards import Cards
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

PROMPT = "Write a story about the sea."
CALM = "The sea was calm. The keeper lit the lamp. Nobody came. "

FAULTY = {
    "loop": [
        "The cat sat. " * 10,
        "Once upon a time there was a sea. " + "I went to the shore and I looked at the sea. " * 3,
        "very " * 30,
        "\n".join(f"{n}. Be kind to the sea." for n in range(1, 9)),
        "It is. " + "我喜欢海。" * 20,
        "Так и было. Он шёл домой. " * 6,
        "I like it because " * 5 + "I like",  # broken off within a round
    ],
    "refusal": [
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "I'm unable to provide medical advice. Please see a doctor.",
        "As an AI language model, I don't have personal opinions.",
        "I cannot fulfill this request. I am just a language model.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Je suis désolé, mais je ne peux pas répondre à cette question.",
        "很抱歉\uff0c我无法回答这个问题。",
        "申し訳ありませんが、そのご要望にはお応えできません。",
        "죄송하지만 도와드릴 수 없습니다.",
        "Извините, но я не могу помочь.",
    ],
    "echo": [PROMPT, f'"{PROMPT}"', f"{PROMPT}\n\nThe sea.", PROMPT.upper()],
    "cut": [
        CALM + "Then a ship appeared on the horizon and its sails were",
        "The sea was calm and the",
        "海很平静。灯塔很亮。没有人来。后来一艘船出现在地平线上而且它的帆",
    ],
}

GOOD = [
    "Paris",
    "The Sea and Me",
    CALM,
    f"{CALM}\n\nBest regards,\nAnn Example",
    f"{CALM}\n\n- apples from the garden\n- pears that nobody wanted to eat in the winter",
    f"{CALM}\n\n| a | b |\n|---|---|\n| x | y |",
    f"{CALM} Read more at https://example.org/sea",
    "Roses are red\nviolets are blue\nsugar is sweet\nand so are you",
    "```python\nprint(1)\n```",
    ", ".join(map(str, range(99))),
    "0." + "3" * 90,
    "-" * 300,
    "ha ha ha ha ha ha",
    "We will rock you!\nWe will rock you!\nWe will rock you!",
    "\n".join(f"Day {n}:" for n in range(1, 8)),
    '[{"id": 1, "ok": true}, {"id": 2, "ok": true}, {"id": 3, "ok": true}, {"id": 4, "ok": true}]',
    "| no | no | no |\n" * 3,
    "I'm sorry to hear that your boat sank. Here is what you can do: rest.",
    "I can't believe it. The sea was calm.",
    "I'm afraid of the dark, said the boy.",
    "从前有一座山。山里有一座庙。庙里有一个和尚。",
    "ประเทศไทยอยู่ในเอเชียตะวันออกเฉียงใต้",
    "",
]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FAULTY.items() for text in texts])
def test_an_answer_that_is_none_has_its_fault(name, text):
    assert fault(text, PROMPT) == name
    assert name in FAULTS


@pytest.mark.parametrize("text", GOOD)
def test_a_good_answer_has_no_fault_whatever_its_form(text):
    assert fault(text, PROMPT) is None


def test_a_repetition_that_was_asked_for_is_no_loop_and_no_echo():
    assert fault("say hi " * 20, "Say hi 20 times, please, all in lower case.") is None
    asked = "Repeat this sentence word for word: the sea is calm."
    assert fault(asked, asked) is None


def test_an_answer_that_was_broken_off_is_cut_unless_it_was_going_round_in_circles():
    assert fault(CALM, PROMPT, truncated=True) == "cut"
    assert fault("The cat sat. " * 10, PROMPT, truncated=True) == "loop"


@pytest.mark.parametrize("mark", ["{}. ", "* "])
def test_a_list_that_goes_round_in_circles_is_a_loop_wherever_it_was_cut(mark):
    fruits = "".join(f"{mark.format(n)}Apple\n" for n in range(1, 40))
    assert {fault(fruits[:length], PROMPT, truncated=True) for length in range(200, len(fruits))} == {"loop"}


def test_a_long_answer_that_begins_with_an_apology_does_more_than_decline():
    assert fault("I'm sorry, but I can't help with that. " + "".join(f"Wave {n} came. " for n in range(30)), PROMPT) is None


def test_the_fault_comes_with_the_scores_and_sees_no_invisible_characters():
    assert score("The cat\u200b sat. " * 10, PROMPT).fault == "loop"
    assert score("The keeper lit the lamp", PROMPT, finish_reason="length").fault == "cut"
    assert score(CALM, PROMPT).fault is None


def test_a_text_of_one_character_repeated_a_million_times_is_read_in_a_moment():
    assert fault("a" * 1_000_000, PROMPT) == "loop"
    assert fault("ab" * 500_000 + ".", PROMPT) is None


@pytest.mark.parametrize(("plays", "name", "words"), [("loop", "loop", "repeats itself"), ("declines", "refusal", "declines")])
def test_a_fault_is_stored_with_the_answer_counted_and_shown(tmp_path, plays, name, words):
    with FaultServer() as server, lab_at(tmp_path, server, f"play:{plays}") as lab:
        exp = lab.run(PROMPT, n=2)
        assert list(exp.responses["fault"]) == [name] * 2
        assert list(exp.responses["status"]) == ["ok"] * 2
        assert list(exp.summary()[name]) == [2]
        assert f"2 {name}" in static.experiment(exp).html
        assert "2 of 2 answers are not usable" in static.experiment(exp).text
        assert "out: 100% not usable" in static.experiment(exp).text
        assert static.experiment(exp).html.count(f">{words}</small>") == 2
        sent = []
        widget = Cards(lab, exp)
        widget.tell = sent.append
        widget._take_ask({"kind": "ask", "wanted": {"page": 0, "sort": "", "status": "", "setting": -1, "levels": {}}})
        assert [card["badges"] for card in sent[0]["cards"]] == [(words,)] * 2


def test_an_answer_that_reached_the_limit_is_cut_and_says_so_once(tmp_path):
    with FaultServer() as server, lab_at(tmp_path, server, "play:length") as lab:
        exp = lab.run(PROMPT, n=1)
        assert list(exp.responses["fault"]) == ["cut"]
        assert "cut" not in by_setting(exp.responses)
        assert "breaks off" not in static.experiment(exp).html
