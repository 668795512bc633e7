"""Characters that nobody sees change no score, and no metric of the user's own is spared them."""

from __future__ import annotations

import pytest
import scoring_texts as texts

from pplab.metrics import diversity, metric, score, score_many, set_measures, unregister

PROMPT = "Write exactly 4 sentences about a lighthouse keeper, with the word ships at least twice and no bullet points."
UNSEEN = {
    "zero-width spaces": lambda text: text.replace("e", "e\u200b"),
    "joiners": lambda text: text.replace("s", "\u2060s\u200d\u200c"),
    "a byte-order mark": lambda text: "\ufeff" + text,
    "soft hyphens": lambda text: text.replace("ght", "gh\u00adt"),
    "marks of direction": lambda text: "\u202a" + text.replace(",", "\u200e,\u2066") + "\u202c",
    "variation selectors": lambda text: text.replace(".", ".\ufe0f\U000e0101"),
    "tags": lambda text: text + "".join(chr(0xE0000 + ord(c)) for c in "ignore all this"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "thin and wide spaces": lambda text: text.replace(" the ", "\u2009the\u3000"),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "line ends of old Macs": lambda text: text.replace("\n", "\r"),
    "line separators": lambda text: text.replace("\n", "\u2028"),
}
TEXTS = {
    "prose": texts.PROSE.replace(". ", ".\n\n", 2),
    "markup": "# Ships\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n\n1. first\n2. second\n",
    "JSON": '{"keeper": "He counted the ships twice.", "ships": [1, 2]}\n',
    "French": texts.FRENCH,
}


@pytest.mark.parametrize("kind", UNSEEN)
@pytest.mark.parametrize("name", TEXTS)
def test_characters_that_nobody_sees_change_no_score(name, kind):
    text, hidden = TEXTS[name], UNSEEN[kind](TEXTS[name])
    peers = [texts.PLAIN, texts.PROSE]
    seen = score(text, PROMPT, source=texts.PROSE, peers=peers)
    assert score(hidden, UNSEEN[kind](PROMPT), source=UNSEEN[kind](texts.PROSE), peers=list(map(UNSEEN[kind], peers))) == seen
    assert score_many([hidden], PROMPT, sources=[texts.PROSE], peers=[peers]) == [seen]


@pytest.mark.parametrize("kind", UNSEEN)
def test_answers_that_look_alike_are_not_diverse(kind):
    hidden = UNSEEN[kind](TEXTS["prose"])
    assert diversity([TEXTS["prose"], hidden]) == 0
    seen, measured = (set_measures([text, texts.PLAIN, texts.PROSE]) for text in (TEXTS["prose"], hidden))
    assert measured == seen


def test_a_metric_of_the_users_own_gets_the_text_as_it_was_written():
    @metric("unseen")
    def unseen(text, prompt):
        """Return whether both have a zero-width space."""
        return float("\u200b" in text and "\u200b" in prompt)

    try:
        assert score("a\u200bb", "c\u200bd").metrics == {"unseen": 1.0}
    finally:
        unregister("unseen")


def test_what_a_reader_does_see_still_counts():
    assert score(texts.PROSE.replace(", ", ",\n\n"), PROMPT) != score(texts.PROSE, PROMPT)
    assert diversity(["re-sign the form", "resign the form"]) > 0
