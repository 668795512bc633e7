"""The messages before an answer in static displays: escaped, with earlier and long ones folded away."""

from __future__ import annotations

import re

import pytest

from pplab.views import html, text
from pplab.views.records import MOST_TURNS, Card, last_turns

HOSTILE = "<script>alert(1)</script>\u202e[link](javascript:x) **bold** \x1b[31mred"


def turns(*texts, role="user"):
    return last_turns([{"role": role, "content": each} for each in texts])


def test_a_message_alone_is_a_prompt_and_no_conversation():
    assert turns("Why?").shown == ()
    assert 'data-pplab="conversation"' not in html.cards([Card(status="ok", text="x", prompt="Why?", turns=turns("Why?"))])


@pytest.mark.parametrize("role", ["user", "<img src=x>"])
def test_a_conversation_is_shown_as_text_whoever_wrote_it(role):
    shown = html.conversation(turns(HOSTILE, "Why?", role=role))
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert '<kbd class="pplab-badge">U+202E</kbd>[link](javascript:x) **bold** red' in shown
    plain = text.conversation(turns(HOSTILE, "Why?", role=role))
    assert "[U+202E]" in plain
    assert "\x1b" not in plain


def test_a_long_message_is_folded_and_nothing_of_it_is_lost_up_to_a_cap():
    words = " ".join(f"w{i}" for i in range(1_000))
    shown = html.conversation(turns("a", words))
    assert re.search(r"<details><summary>show more \([\d,]+ characters\)</summary><p>", shown)
    assert all(f"w{i}" in shown for i in (0, 500, 999))
    assert "more characters are in the plan" in html.conversation(turns("a", "x" * 50_000))
    assert len(html.conversation(turns("a", "x" * 1_000_000))) < 20_000


def test_earlier_messages_are_folded_and_counted():
    three, many = turns("a", "b", "c"), turns(*map(str, range(30)))
    assert "earlier messages" not in html.conversation(three)
    assert len(many.shown) == MOST_TURNS
    shown = html.conversation(many)
    assert "<summary>28 earlier messages</summary>" in shown
    assert "10 earlier messages are in the plan." in shown
    assert shown.count('data-pplab="turn"') == MOST_TURNS
    assert text.conversation(many) == "Conversation:\n  (28 earlier messages)\n  user: 28\n  user: 29"


def test_a_conversation_stands_once_above_the_answers_of_all_its_settings():
    cards = [Card(status="ok", text="x", prompt="t", setting=s, turns=turns("a", "b"), replicate=r) for s in "pq" for r in (0, 1)]
    assert html.cards(cards).count('data-pplab="conversation"') == 1
    assert text.cards(cards).count("Conversation:") == 1
