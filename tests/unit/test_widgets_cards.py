"""What the cards widget shows of an experiment, in which order, and what it does when asked."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

import pplab
from pplab.plan.plan import PlannedCall
from pplab.views import static
from pplab.views.widgets import cards as room
from pplab.views.widgets.cards import LIVE_CARDS, Cards
from tests.servers import FaultServer
from tests.unit.experiment_labs import attempts, lab_at

PROMPT = "Write a tagline for a notebook."


def stored_lab(folder):
    """Fill a lab with an experiment over two temperatures; return its id."""
    with pplab.Lab(store=folder) as lab:
        return lab.run(PROMPT, parameters={"max_tokens": 20}, n=5, sweep={"temperature": [0.3, 1.5]}).id


@pytest.fixture
def lab(tmp_path, request, made_once):
    """A lab, with an experiment where the test asks for one that is stored."""
    if "stored" in request.fixturenames:
        shutil.copytree(made_once(stored_lab)[0], tmp_path / ".pplab")
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        yield lab


@pytest.fixture
def stored(lab, made_once):
    return lab.experiment(made_once(stored_lab)[1])


@pytest.fixture
def run(lab):
    """Run on the embedded model."""
    return lambda **options: lab.run(PROMPT, parameters={"max_tokens": 20}, **options)


@pytest.fixture
def show(request, monkeypatch):
    """Show an experiment; what is sent to the page is kept in ``.told``."""

    def make(lab, experiment=None, **options):
        cards = Cards(lab, experiment, **options)
        request.addfinalizer(cards.close)
        cards.told = []
        monkeypatch.setattr(cards, "send", cards.told.append)
        return cards

    return make


@pytest.fixture(scope="module")
def server():
    with FaultServer() as started:
        yield started


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def ask(cards, **wanted):
    receive(cards, kind="ask", wanted={"page": 0, "sort": "", "status": "", "setting": -1, "levels": {}, **wanted})
    return cards.told[-1]


def place(card):
    return card["prompt_index"], card["setting_index"], card["replicate"]


def settle(cards, is_told, timeout=20):
    """Wait until a message of the widget's own thread has been sent."""
    import threading

    for thread in threading.enumerate():
        if thread.name == "pplab-resend":
            thread.join(timeout)
    assert is_told(cards)


def test_the_static_forms_are_those_of_the_experiment(lab, stored, show):
    forms, _ = show(lab, stored)._repr_mimebundle_()
    drawn = static.experiment(stored)
    assert (forms["text/html"], forms["text/plain"]) == (drawn.html, drawn.text)


def test_before_an_answer_the_static_form_is_one_constant_line(lab, show):
    assert repr(show(lab)) == repr(show(lab)) == "pplab: answers are stored as they arrive"


def test_cards_come_in_pages_in_plan_order(lab, run, show, monkeypatch):
    monkeypatch.setattr(room, "PAGE", 10)
    cards = show(lab, run(n=8, sweep={"temperature": [0, 0.7]}))
    first, second = ask(cards), ask(cards, page=1)
    assert [(m["page"], m["total"], len(m["cards"])) for m in (first, second)] == [(0, 16, 10), (1, 16, 6)]
    places = [place(card) for card in (*first["cards"], *second["cards"])]
    assert places == sorted(places)
    assert second["seq"] == first["seq"] + 1


@pytest.mark.parametrize("page", [-1, 7])
def test_a_page_that_is_not_there_is_the_nearest_one(lab, stored, show, page):
    assert ask(show(lab, stored), page=page)["page"] == 0


def test_cards_are_sorted_by_a_score_best_first_and_unknown_last(lab, stored, show):
    shown = ask(show(lab, stored), sort="creativity")["cards"]
    scores = [card["scores"].get("creativity") for card in shown]
    known = [score for score in scores if score is not None]
    assert known == sorted(known, reverse=True)
    assert scores[: len(known)] == known


def test_cards_are_filtered_by_setting_and_status(lab, stored, show):
    cards = show(lab, stored)
    assert {card["setting"] for card in ask(cards, setting=1)["cards"]} == {"temperature 1.5, max_tokens 20"}
    assert ask(cards, status="failed") | {"seq": 0} == {"kind": "page", "page": 0, "total": 0, "cards": (), "seq": 0}


def test_cards_are_filtered_by_the_levels_of_any_factors(lab, run, show):
    settings = [{"temperature": 0, "stop": ["<x>"]}, {"temperature": 0.7, "stop": ["<x>"]}, {"temperature": 0}]
    cards = show(lab, run(n=2, settings=settings))
    assert cards.factors == (
        {"name": "temperature", "title": "temperature", "levels": ("0", "0.7")},
        {"name": "stop", "title": "stop", "levels": ('["<x>"]', "not set")},
    )
    places = {(card["setting_index"], card["replicate"]) for card in ask(cards, levels={"temperature": 0})["cards"]}
    assert places == {(0, 0), (0, 1), (2, 0), (2, 1)}
    assert {card["setting_index"] for card in ask(cards, levels={"temperature": 0, "stop": 1})["cards"]} == {2}
    assert ask(cards, levels={"temperature": 1, "stop": 1})["total"] == 0
    assert ask(cards, levels={"gone": 1})["total"] == 6


def test_a_column_that_is_no_column_sorts_nothing(lab, stored, show):
    cards = show(lab, stored)
    assert ask(cards, sort="; DROP TABLE")["cards"] == ask(cards)["cards"]


def test_the_reasons_for_a_score_are_words_and_sub_scores(lab, run, show):
    cards = show(lab, run(n=1))
    card = ask(cards)["cards"][0]
    receive(cards, kind="explain", id=card["id"])
    told = cards.told[-1]
    assert (told["kind"], told["id"]) == ("explained", card["id"])
    assert set(card["scores"]) <= set(told["parts"])
    assert told["words"]


def test_model_text_reaches_the_page_as_sanitised_html_only(lab, stored, show):
    hostile = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) \x1b[31mred"
    cards = show(lab)
    row = lab.response(stored.responses["response_id"][0])
    cards.arrived(dataclasses.replace(row, text=hostile))
    card = cards.told[-1]["card"]
    assert "<img" not in card["html"]
    assert "href" not in card["html"]
    assert card["plain"] == hostile


def test_answers_appear_one_by_one_and_the_rest_is_counted(lab, stored, show):
    cards = show(lab)
    row = lab.response(stored.responses["response_id"][0])
    for replicate in range(LIVE_CARDS + 3):
        cards.arrived(dataclasses.replace(row, replicate=replicate))
    assert [m["kind"] for m in cards.told if m.get("kind")] == ["arrived"] * LIVE_CARDS


def test_the_text_of_an_answer_that_is_being_written_grows_and_gives_way_to_the_answer(lab, run, show, monkeypatch):
    monkeypatch.setattr(room, "WRITING_SECONDS", 0.0)
    experiment = run(n=1)
    cards = show(lab, blocking=False)
    cards.begin(experiment)
    for piece in ("Keep ", "**calm", "**"):
        cards.writing(PlannedCall(0, 0, 0), piece)
    cards.arrived(lab.response(experiment.responses["response_id"][0]))
    shown = [m["card"] for m in cards.told if m.get("kind") == "arrived"]
    assert [card["status"] for card in shown] == ["writing"] * 3 + [experiment.responses["status"][0]]
    assert shown[2]["plain"] == "Keep **calm**"
    assert "<strong>calm</strong>" in shown[2]["html"]
    assert {place(card) for card in shown} == {(0, 0, 0)}


@pytest.mark.parametrize(
    ("fault", "status", "badge", "failed"),
    [
        pytest.param("length", "truncated", "truncated", False, marks=pytest.mark.soak),
        ("refusal", "refused", "refused", False),
        pytest.param("content_filter", "filtered", "filtered", False, marks=pytest.mark.soak),
        pytest.param("empty_text", "empty", "empty", False, marks=pytest.mark.soak),
        ("unknown_model", "failed", "failed", True),
    ],
)
def test_what_fell_short_has_a_badge_and_says_why(tmp_path, server, show, fault, status, badge, failed):
    with lab_at(tmp_path, server, f"play:{fault}") as lab:
        card = ask(show(lab, lab.run(f"{PROMPT} {fault}", n=1)))["cards"][0]
    assert (card["status"], card["badges"], card["failed"]) == (status, (badge,), failed)
    assert card["reason"]


def test_a_rejected_parameter_has_a_badge(tmp_path, server, show):
    with lab_at(tmp_path, server, "play:rejects_temperature") as lab:
        card = ask(show(lab, lab.run(PROMPT, n=1, parameters={"temperature": 1})))["cards"][0]
    assert card["badges"] == ("parameter rejected",)


def test_the_embedded_model_is_named_on_every_card(lab, stored, show):
    assert all("embedded" in card["badges"] for card in ask(show(lab, stored))["cards"])


def test_retry_sends_just_that_call_again_and_is_audited(tmp_path, server, show):
    with lab_at(tmp_path, server, "play:unknown_model,unknown_model,ok") as lab:
        experiment = lab.run("retry one of two", n=2)
        cards = show(lab, experiment)
        failed = ask(cards)["cards"]
        assert [card["failed"] for card in failed] == [True, True]
        receive(cards, kind="resend", id=failed[1]["id"])
        settle(cards, lambda c: any(m.get("kind") == "arrived" for m in c.told))
        card = next(m["card"] for m in cards.told if m.get("kind") == "arrived")
        assert (place(card), card["status"], card["failed"]) == (place(failed[1]), "ok", False)
        assert cards.statuses == {"failed": 1, "ok": 1}
        assert len(server.seen("retry one of two")) == 3
        asked = lab.audit(event="retry_requested")["payload"]
        assert [json.loads(p)["replicates"] if isinstance(p, str) else p["replicates"] for p in asked] == [1]
        assert len(attempts(lab)) == 3


def test_two_retries_at_once_are_both_sent(tmp_path, server, show):
    with lab_at(tmp_path, server, "play:unknown_model,unknown_model,ok") as lab:
        cards = show(lab, lab.run("retry both", n=2))
        for card in ask(cards)["cards"]:
            receive(cards, kind="resend", id=card["id"])
        settle(cards, lambda c: [m["card"]["status"] for m in c.told if m.get("kind") == "arrived"] == ["ok", "ok"])
        assert cards.problem is None


def test_a_retry_that_cannot_be_sent_is_shown_as_an_error(tmp_path, server, show):
    with lab_at(tmp_path, server, "play:unknown_model") as lab:
        experiment = lab.run("retry elsewhere", n=1)
        response = ask(show(lab, experiment))["cards"][0]["id"]
    with pplab.Lab(store=tmp_path / "lab") as other:
        cards = show(other, other.experiment(experiment.id))
        receive(cards, kind="resend", id=response)
        settle(cards, lambda c: c.problem is not None)
        assert "this lab asks embedded" in cards.problem["message"]


def test_progress_says_what_is_done_failed_under_way_and_paused(lab, show):
    from pplab.experiments.dependencies import Progress

    cards = show(lab)
    progress = Progress(planned=10, done=4, in_flight=3, paused=True, waiting_until=5.0)
    progress.counts.update({"failed": 1, "timeout": 1, "ok": 2})
    cards.progress(progress)
    assert cards.state == "running"
    assert cards.counts == {"planned": 10, "done": 4, "failed": 2, "in_flight": 3, "paused": True, "until": 5.0, "unread": 0}


def test_a_card_has_the_last_messages_of_its_conversation_cut_and_made_visible(lab, show):
    talk = [{"role": "user", "content": f"{n} \u202e" + "x" * 3_000} for n in range(30)]
    experiment = lab.run([talk, "Say hello."], parameters={"max_tokens": 5}, n=1)
    first, second = ask(show(lab, experiment))["cards"]
    assert [(turn["role"], turn["text"][:11]) for turn in first["turns"][:2]] == [
        ("user", "10 [U+202E]"),
        ("user", "11 [U+202E]"),
    ]
    assert (len(first["turns"]), first["turns_before"]) == (20, 10)
    assert {(len(turn["text"]), turn["left"]) for turn in first["turns"]} == {(2_000, 1_011)}
    assert second["turns"] == ()
