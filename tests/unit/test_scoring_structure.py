"""Structure: requests found in prompts, verdicts on them, and markup that is well-formed or broken."""

from __future__ import annotations

import json

import pytest
import scoring_texts as texts
from hypothesis import given
from hypothesis import strategies as st

from pplab.metrics import score
from pplab.scoring.surface import markup
from pplab.scoring.surface.quantities import CEILING, bounds, number, times
from pplab.scoring.surface.requirement_checks import verify
from pplab.scoring.surface.requirements import requirements

RICH = f"""# Ships

{texts.PLAIN}

1. A **sloop** has one mast.
2. A brig has two.
3. A barque has `three`.

| ship | masts |
| ---- | ----- |
| brig | 2 |
| sloop | 1 |

See [the list](https://example.org/list).

```python
masts = 3
```
"""
DATA = json.dumps({"ships": [{"name": "sloop", "masts": 1}, {"name": "brig", "masts": 2}]}, indent=1)


def wordings(prompt: str) -> list[str]:
    return [found.wording for found in requirements(prompt)]


def met(prompt: str, text: str) -> list[bool]:
    return [verdict.met for verdict in verify(requirements(prompt), text)]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("at least 3 words", 3, CEILING),
        ("no fewer than three words", 3, CEILING),
        ("more than 1,200 words", 1201, CEILING),
        ("300+ words", 300, CEILING),
        ("400 or more words", 400, CEILING),
        ("at most 150 words", 0, 150),
        ("under 20 words", 0, 19),
        ("200 words or less", 0, 200),
        ("100 to 120 words", 100, 120),
        ("between 100 and 120 words", 100, 120),
        ("exactly five words", 5, 5),
    ],
)
def test_bounds_are_read_as_a_person_reads_them(text, low, high):
    assert bounds(f"Write {text} about it.", r"words?\b") == (low, high)


def test_bounds_that_agree_are_joined_and_absent_ones_are_none():
    assert bounds("Use at least 3 sentences, but fewer than 10 sentences.", "sentences?") == (3, 9)
    assert bounds("Write a poem about words.", r"words?\b") is None


@given(st.integers(0, 999_999))
def test_numbers_in_digits_are_read_back(value):
    assert number(f"{value:,}") == value == number(str(value))


@pytest.mark.parametrize(("text", "expected"), [("at most once", (0, 1)), ("only twice", (2, 2)), ("3 to 5 times", (3, 5))])
def test_frequencies_in_words_are_read(text, expected):
    assert times(text) == expected


def test_requests_are_worded_for_people():
    prompt = (
        'Write a poem in at least 2 paragraphs, in all lowercase letters, without using any commas. Include the word "moon" '
        'and do not use the word "sun". End your poem with "good night".'
    )
    assert wordings(prompt) == [
        "no commas",
        "only lower case",
        "the word 'moon'",
        "not the word 'sun'",
        "ends with 'good night'",
        "at least 2 paragraphs",
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        "Tell me about the history of the comma.",
        "Why do people use words with all their friends?",
        "Explain how sentences are passed in court.",
        "What is the capital of France?",
        "Describe a table in the kitchen, and the French cuisine on it.",
        "Don't forget to say hello to my sister.",
        "Who wrote the letter to the emperor?",
        "What does it mean to end with a bang?",
    ],
)
def test_nothing_is_read_into_a_prompt_that_asks_for_nothing_verifiable(prompt):
    assert wordings(prompt) == []


def test_a_negation_ends_with_its_clause():
    asked = requirements('The email must include the keywords "grow" and "intern" and should not use any commas.')
    assert [(r.kind, r.values) for r in asked if r.kind.startswith("keywords")] == [
        ("keywords:existence", ("grow",)),
        ("keywords:existence", ("intern",)),
    ]


@pytest.mark.parametrize(
    ("prompt", "follows", "breaks"),
    [
        ("Give me five ideas for a party.", "1. a b\n2. c d\n3. e f\n4. g h\n5. i j", "1. a b\n2. c d\n3. e f"),
        ("Answer with a markdown table.", "| a | b |\n|---|---|\n| 1 | 2 |", "a is 1 and b is 2"),
        ("Answer in JSON format.", '{"a": 1}', '{"a": 1'),
        ("Answer as a numbered list.", "1. one\n2. two", "one and two"),
        ("Structure it with headings.", "# One\ntext\n# Two\ntext", "One. Text. Two. Text."),
        ("Reply in German.", texts.FRENCH.replace(texts.FRENCH, "Das ist nicht der Hund, das ist die Katze."), "It is a cat."),
        ("Write less than 10 words.", "Only a few words.", "one two three four five six seven eight nine ten eleven"),
        ("Use the word 'moon' at least twice.", "Moon and moon.", "One moon."),
        ("Do not use the letter e.", "A dog ran.", "The dog."),
    ],
)
def test_a_request_is_met_by_an_answer_that_follows_it_and_not_by_one_that_does_not(prompt, follows, breaks):
    assert all(met(prompt, follows))
    assert not all(met(prompt, breaks))
    assert score(follows, prompt).structure > score(breaks, prompt).structure


def test_well_formed_markup_has_no_faults_and_is_counted():
    shape = markup.inspect(RICH)
    assert shape.faults == ()
    assert (shape.headings, shape.numbered, shape.tables, shape.code_blocks) == (1, 3, 1, 1)
    assert score(RICH).structure == 1


BREAKS = {
    "open fence": lambda t: t.rstrip().removesuffix("```"),
    "open bold": lambda t: t.replace("**sloop**", "**sloop"),
    "open code": lambda t: t.replace("`three`", "`three"),
    "open link": lambda t: t.replace("list).", "list."),
    "no line under the header": lambda t: t.replace("| ---- | ----- |\n", ""),
    "missing cell": lambda t: t.replace("| brig | 2 |", "| brig |"),
    "wrong number": lambda t: t.replace("2. A brig", "5. A brig"),
    "glued heading": lambda t: t.replace("# Ships", "##Ships"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_markdown_scores_lower(name):
    broken = BREAKS[name](RICH)
    assert broken != RICH
    assert score(broken).structure < score(RICH).structure


@pytest.mark.parametrize("index", [i for i, c in enumerate(DATA) if c in '{}[]":,'])
def test_json_that_lost_a_mark_never_scores_higher(index):
    broken = DATA[:index] + DATA[index + 1 :]
    assert score(broken).structure <= score(DATA).structure
    assert score(broken, "Answer in JSON format.").structure < score(DATA, "Answer in JSON format.").structure


def test_bullets_are_neither_better_nor_worse_than_prose():
    sentences = [s.rstrip(".") + "." for s in texts.PROSE.split(". ")]
    assert score("\n".join(f"- {s}" for s in sentences)).structure == score(texts.PROSE).structure


def test_a_wall_of_text_is_less_orderly_than_paragraphs():
    paragraphs = [texts.PROSE] * 8
    assert score(" ".join(paragraphs)).structure < score("\n\n".join(paragraphs)).structure == 1


def test_structure_is_judged_in_any_language_when_the_request_can_be_verified():
    scores = score(texts.FRENCH, "Explain in French why the sky is blue. Do not use any commas.")
    assert scores.coherence is None
    assert 0 < scores.structure < 1
    assert scores.detail["structure"]["requirements_met"] == 0.5
