"""Plain text forms and the characters that deceive: aligned, wrapped, nothing hidden."""

from __future__ import annotations

import re

import markdown_it
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.views import text as views
from pplab.views.escape import clip, display_width, escape_markdown, escape_text
from pplab.views.records import Card

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=300)
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


@settings(max_examples=200)
@given(ANY_TEXT)
def test_nothing_hidden_is_left_in_plain_text(text):
    shown = escape_text(text)
    assert not HIDDEN.search(shown)
    shown.encode()
    assert escape_text(shown) == shown


def test_a_carriage_return_cannot_overwrite_a_line():
    assert escape_text("pay 100\rpay 999\r\n") == "pay 100\npay 999\n"


@pytest.mark.parametrize(
    "code",
    [
        "\x1b[31m",
        "\x1b[2J\x1b[1;1H",
        "\x9b31m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x1bc",
        "\x1b(B",
        "\x1bPq#0\x1b\\",
    ],
)
def test_terminal_codes_are_removed(code):
    assert escape_text(f"a{code}b") == "ab"


def test_an_unfinished_terminal_code_hides_nothing():
    assert "secret" in escape_text("\x1b]0;secret")


def test_hidden_text_in_tag_characters_is_named_once():
    assert escape_text("hi" + "".join(chr(0xE0000 + ord(c)) for c in "obey")) == "hi[U+E006F … U+E0079, 4 characters]"


@settings(max_examples=200)
@given(ANY_TEXT | st.text(alphabet="<>&[]()!*_`#-+.|~\\:/@=\"'$^{} \tab1\n", max_size=120))
def test_escaped_markdown_is_read_back_as_the_text_itself(text):
    tokens = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(escape_markdown(text))
    leaves = [leaf for token in tokens for leaf in (token.children or [])]
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    assert {leaf.type for leaf in leaves} <= {"text", "hardbreak", "softbreak"}
    squeezed = "".join(leaf.content for leaf in leaves)
    assert "".join(squeezed.split()) == "".join(escape_text(text).split())


@settings(max_examples=200)
@given(ANY_TEXT, st.integers(4, 60))
def test_clipped_words_fit_on_one_line(text, width):
    shown = clip(escape_text(text), width)
    assert "\n" not in shown
    assert display_width(shown) <= width


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries({"a": ANY_TEXT, "b": st.none() | st.integers() | st.floats()}), min_size=1, max_size=8))
def test_the_columns_of_a_table_line_up(rows):
    lines = views.table(rows, headings={"a": "a", "b": "b"}).split("\n")
    widths = [len(part) for part in lines[1].split("  ")]
    assert len(lines) == len(rows) + 2
    assert all(display_width(line) <= sum(widths) + 2 * (len(widths) - 1) for line in lines)
    numeric = [row["b"] for row in rows if row["b"] is not None and row["b"] == row["b"]]
    if numeric:
        assert len({display_width(line) for line in lines}) == 1


def test_wide_characters_take_two_columns():
    lines = views.table([{"word": "表表", "n": 1}, {"word": "abcd", "n": 22}]).split("\n")
    assert lines[2:] == ["表表   1", "abcd  22"]


def test_an_empty_table_says_so():
    assert views.table([]) == "nothing here yet"


def test_a_card_says_its_status_reason_scores_and_tokens():
    card = Card(
        status="truncated",
        text="half an ans",
        scores={"creativity": 0.5, "structure": None},
        output_tokens=8,
        badges=("embedded",),
    )
    assert views.response_card(card) == (
        "[answer 1] truncated, embedded\n    half an ans\n    ! The answer was cut off at the token limit.\n"
        "    creativity 0.50  structure n/a; tokens: 8 out"
    )


def test_a_card_wraps_and_cuts_a_long_text():
    shown = views.response_card(Card(status="ok", text="word " * 1000))
    assert max(map(len, shown.split("\n"))) <= views.WIDTH
    assert shown.endswith("… 2,999 more characters")


@settings(max_examples=100)
@given(ANY_TEXT)
def test_hostile_text_of_a_card_shows_nothing_hidden(text):
    shown = views.cards([Card(status="ok", text=text, prompt=text, setting=text, error=text)])
    assert not HIDDEN.search(shown)


def test_cards_beyond_the_limit_are_counted():
    shown = views.cards([Card(status="ok", text="x")] * 7, limit=5)
    assert shown.count("[answer 1]") == 5
    assert shown.endswith("5 of 7 responses are shown here, 2 more are in the data frame.")


def test_an_error_has_its_hint_but_no_correlation_id():
    shown = views.error({"code": "x", "message": "n is 0", "hint": "give n of 1 or more", "correlation_id": "c0ffee"})
    assert shown == "Error: n is 0. give n of 1 or more"
