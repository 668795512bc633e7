"""The rating form asks for one item after another, stores what is said of each once, and shows nothing that names a setting."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

import pplab
from pplab.errors import StoreError
from pplab.plan.ratings import GRADES, PREFERENCES
from pplab.views.widgets.rate import PROMPT_CAP, RatingForm
from tests.texts import hostile

SECRETS = ("temperature 0.7", "gpt-6-luna", "resp-0451", "exp-77")


@dataclass(frozen=True)
class Item:
    """An item, and beside it what nobody may see before it is rated."""

    number: int
    prompt: str
    answers: tuple[str, ...]
    setting: str = SECRETS[0]
    model: str = SECRETS[1]
    response_ids: tuple[str, ...] = (SECRETS[2],)


@dataclass
class Session:
    """A rating session that stores in a list, and fails on request."""

    items: tuple[Item, ...]
    pairs: bool = False
    before: int = 0
    experiment_id: str = SECRETS[3]
    rater: str = "tester"
    ratings: list[tuple[int, str, str]] = field(default_factory=list)
    fault: Exception | None = None
    outcome_fault: Exception | None = None

    @property
    def total(self):
        return len(self.items)

    @property
    def done(self):
        return self.before + len(self.ratings)

    @property
    def item(self):
        return self.items[self.done] if self.done < self.total else None

    @property
    def last(self):
        return self.ratings[-1][1] if self.ratings else ""

    @property
    def outcome(self):
        if self.outcome_fault:
            raise self.outcome_fault
        return f"{SECRETS[0]} comes first.\n{SECRETS[1]} wrote it."

    def rate(self, choice, note=""):
        if self.fault:
            raise self.fault
        self.ratings.append((self.item.number, choice, note))

    def undo(self):
        self.ratings.pop()


def items(count=3, answers=1):
    return tuple(Item(n, f"Prompt {n}", tuple(f"Answer {n}.{k}" for k in range(answers))) for n in range(1, count + 1))


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        yield lab


@pytest.fixture
def make(lab):
    made = []

    def form(*args, **options):
        made.append(RatingForm(lab, Session(*args, **options)))
        return made[-1]

    yield form
    for one in made:
        one.close()


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def rate(form, number, choice="4", note=""):
    receive(form, kind="rate", number=number, choice=choice, note=note)


def state(form):
    """Return everything that the page gets, but the scripts and styles that every form has."""
    return json.dumps({name: value for name, value in form.get_state().items() if name not in ("_esm", "_css", "layout")})


def test_each_rating_is_stored_with_its_note_and_brings_the_next_item(make):
    form = make(items())
    for number in (1, 2, 3):
        assert (form.standing["item"]["number"], form.standing["done"]) == (number, number - 1)
        rate(form, number, choice=str(number), note=f"note {number}")
    assert form.session.ratings == [(1, "1", "note 1"), (2, "2", "note 2"), (3, "3", "note 3")]
    assert (form.standing["item"], form.standing["done"], form.total) == (None, 3, 3)


def test_a_message_about_another_item_is_ignored(make):
    form = make(items())
    rate(form, 1)
    for number in (1, 3, 0):
        rate(form, number, choice="1")
        receive(form, kind="undo", number=number)
    assert form.session.ratings == [(1, "4", "")]
    assert form.standing["item"]["number"] == 2


def test_after_the_end_nothing_is_rated_whatever_its_number(make):
    form = make(items(1))
    rate(form, 1)
    rate(form, 0)
    rate(form, 1)
    assert len(form.session.ratings) == 1


def test_undo_brings_the_last_item_again_also_at_the_end(make):
    form = make(items(2))
    rate(form, 1, choice="2")
    rate(form, 2, choice="5")
    assert (form.standing["item"], form.standing["last"]) == (None, "5")
    receive(form, kind="undo", number=0)
    assert (form.standing["item"]["number"], form.standing["last"], form.standing["outcome"]) == (2, "2", "")
    receive(form, kind="undo", number=2)
    assert (form.standing["item"]["number"], form.standing["last"], form.standing["done"]) == (1, "", 0)


def test_what_an_earlier_session_rated_cannot_be_undone(make):
    form = make(items(), before=2)
    receive(form, kind="undo", number=3)
    assert (form.standing["done"], form.standing["item"]["number"], form.problem) == (2, 3, None)


@pytest.mark.parametrize(("pairs", "answers"), [(False, 1), (True, 2)])
def test_the_choices_are_those_of_a_rating_each_with_a_key_of_its_own(make, pairs, answers):
    form = make(items(answers=answers), pairs=pairs)
    assert {choice["value"] for choice in form.choices} == set(PREFERENCES if pairs else GRADES)
    keys = [choice["key"] for choice in form.choices]
    assert sorted(keys) == (["=", "ArrowLeft", "ArrowRight", "x"] if pairs else ["1", "2", "3", "4", "5"])
    assert {"u", "n", "Backspace"}.isdisjoint(keys)
    assert len(form.standing["item"]["answers"]) == answers


@pytest.mark.parametrize("answers", [1, 2])
def test_what_the_page_gets_names_no_setting_model_or_id_before_the_end(make, answers):
    form = make(items(2, answers), pairs=answers == 2)
    for number in (1, 2):
        found = state(form)
        assert f"Prompt {number}" in found
        assert [secret for secret in SECRETS if secret in found] == []
        assert set(form.standing["item"]) == {"number", "prompt", "answers"}
        rate(form, number, choice="equal" if answers == 2 else "3")
    assert form.standing["outcome"] == "temperature 0.7 comes first.\ngpt-6-luna wrote it."


def test_an_error_in_storing_is_shown_and_retry_stores_it_once(make):
    form = make(items())
    form.session.fault = StoreError("the disk is full", hint="make room")
    rate(form, 1, note="careful")
    assert (form.problem["message"], form.problem["hint"]) == ("the disk is full", "make room")
    assert (form.standing["item"]["number"], form.session.ratings) == (1, [])
    form.session.fault = None
    receive(form, kind="retry")
    assert (form.problem, form.session.ratings) == (None, [(1, "4", "careful")])
    receive(form, kind="retry")
    assert len(form.session.ratings) == 1


def test_another_choice_after_an_error_leaves_nothing_to_retry(make):
    form = make(items())
    form.session.fault = StoreError("the disk is full")
    rate(form, 1, choice="1")
    form.session.fault = None
    rate(form, 1, choice="5")
    receive(form, kind="retry")
    assert form.session.ratings == [(1, "5", "")]


def test_an_outcome_that_fails_costs_no_rating_and_comes_with_retry(make):
    form = make(items(1))
    form.session.outcome_fault = StoreError("the tables are locked")
    rate(form, 1)
    assert (len(form.session.ratings), form.problem["message"]) == (1, "the tables are locked")
    form.session.outcome_fault = None
    receive(form, kind="retry")
    assert (len(form.session.ratings), form.problem) == (1, None)
    assert form.standing["outcome"].startswith("temperature 0.7 comes first.")


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (False, "Rating of 3 answers on a scale, blind: run the cell to go on."),
        (True, "Rating of 3 pairs of answers, side by side, blind: run the cell to go on."),
    ],
)
def test_the_static_form_is_the_same_however_far_the_rating_is(make, pairs, words):
    form = make(items(), pairs=pairs)
    first = form.static()
    assert repr(form) == first.text == words
    assert words in first.html
    for number in (1, 2, 3):
        rate(form, number)
        assert form.static() == first


def test_hostile_texts_are_rendered_by_the_one_renderer(make):
    from pplab.views.html import model_html

    texts = hostile()[:200]
    form = make(tuple(Item(n, text, (text, f"other {text}")) for n, text in enumerate(texts, 1)), pairs=True)
    for number, text in enumerate(texts, 1):
        assert form.standing["item"]["answers"] == (model_html(text), model_html(f"other {text}"))
        rate(form, number, choice="both_bad")
    assert form.standing["item"] is None


def test_a_prompt_has_no_hidden_characters_and_an_end(make):
    form = make((Item(1, "pay\u202e001 " + "word " * PROMPT_CAP, ("yes",)),))
    prompt = form.standing["item"]["prompt"]
    assert prompt.startswith("pay[U+202E]001 word")
    assert prompt.endswith("more characters are in the data frame.)")
    assert len(prompt) < PROMPT_CAP + 100


def test_an_outcome_is_text_without_terminal_codes(make, monkeypatch):
    monkeypatch.setattr(Session, "outcome", "\x1b[31mfirst\x1b[0m\u202e place")
    assert make(()).standing["outcome"] == "first[U+202E] place"
