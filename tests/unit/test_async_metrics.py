"""Metrics of the user's own that are async, that explain their values, and that cost money."""

from __future__ import annotations

import asyncio
import math
import os
import signal

import pytest

import pplab
from pplab.errors import BadInput
from pplab.experiments.repository import NOT_SCORED
from pplab.metrics import MetricValue, check, metric, registered, score, score_many, unregister
from pplab.scoring.awaited import AT_ONCE, AwaitedMetrics
from pplab.share import rerun
from pplab.share.package_contents import read_store
from pplab.views.widgets.cards import Cards
from tests.servers.plain import PlainServer

PROMPTS = ["Describe rain.", "List three birds."]


@pytest.fixture(autouse=True)
def no_metrics():
    yield
    for info in registered():
        if not info.built_in:
            unregister(info.name)


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / "lab", user="ada") as lab:
        yield lab


def register_warmth(asked, *, version="1"):
    """Register an async metric that notes each text that it is asked about."""

    @metric("warmth", version=version)
    async def warmth(text, prompt):
        """Say how warm it is."""
        asked.append(text)
        await asyncio.sleep(0)
        return MetricValue(0.5, f"half as warm as it could be, for {prompt}", cost=0.25)

    return warmth


def why(lab, exp):
    widget, sent = Cards(lab, exp), []
    widget.tell = sent.append
    widget._take_explain({"kind": "explain", "id": exp.responses["response_id"][0]})
    return sent[0]["words"]


def test_values_explanations_and_costs_of_an_async_metric_are_stored_with_the_answers_of_a_run(lab):
    asked, told = [], []
    register_warmth(asked)
    exp = lab.run(PROMPTS, n=3, on_response=told.append)
    assert exp.status == "completed"
    assert sorted(asked) == sorted(exp.responses["text"])
    assert set(exp.responses["warmth"]) == {0.5}
    scores = lab.scores(exp)
    assert set(scores["metric"]) == {"warmth"}
    assert set(scores["cost"]) == {0.25}
    assert set(scores["explanation"]) == {f"half as warm as it could be, for {prompt}" for prompt in PROMPTS}
    assert [row.metrics for row in told] == [{"warmth": 0.5}] * 6
    assert "warmth ($0.25): half as warm as it could be, for Describe rain." in why(lab, exp)
    exp.score()
    assert len(asked) == 6


def test_a_metric_that_is_not_async_explains_and_costs_as_well(lab):
    @metric("letters", high=None)
    def letters(text):
        """Count letters."""
        return MetricValue(len(text), "as many as it has", cost=0.0)

    exp = lab.run(PROMPTS, n=1)
    assert list(exp.responses["letters"]) == [len(text) for text in exp.responses["text"]]
    assert set(lab.scores(exp)["cost"]) == {0.0}
    assert "letters ($0): as many as it has." in why(lab, exp)


def test_answers_arrive_and_are_stored_while_the_first_waits_for_its_metric(tmp_path):
    count, all_stored, entered = AT_ONCE + 8, asyncio.Event(), []

    @metric("patience")
    async def patience(text):
        """Wait until every answer is stored."""
        entered.append(text)
        if len(entered) > 1:
            await all_stored.wait()
            return 1
        while await asyncio.to_thread(stored) < count:
            assert not all_stored.is_set()
        assert len(entered) == AT_ONCE
        all_stored.set()
        return 1

    def stored():
        return lab.sql("SELECT count(*) AS n FROM responses")["n"][0]

    with PlainServer() as server, pplab.Lab(store=tmp_path / "lab", model="m", base_url=server.base_url, api_key="k") as lab:
        exp = lab.run(["Describe rain."], n=count, deadline=20)
        assert list(exp.responses["patience"]) == [1.0] * count


@pytest.mark.soak
def test_no_more_than_the_bound_are_awaited_at_once(lab):
    running, most = [], []

    @metric("busy")
    async def busy(text):
        """Count how many are under way."""
        running.append(text)
        most.append(len(running))
        for _ in range(20):
            await asyncio.sleep(0)
        running.pop()
        return 1

    found = score_many([f"The text number {n} of many." for n in range(3 * AT_ONCE)])
    assert [scores.metrics for scores in found] == [{"busy": 1.0}] * (3 * AT_ONCE)
    assert max(most) == AT_ONCE


def test_a_metric_that_raises_or_never_returns_gives_no_value_and_says_why(lab):
    @metric("broken")
    async def broken(text):
        """Raise."""
        raise KeyError(text[:0])

    @metric("endless")
    async def endless(text):
        """Never return."""
        await asyncio.Event().wait()

    exp = lab.run(PROMPTS, n=1, deadline=5)
    assert exp.status == "completed"
    reasons = {"broken": "raised KeyError: ''", "endless": "gave no value within 5 s"}
    assert [of_one | reasons for of_one in exp.unjudged.values()] == list(exp.unjudged.values())
    assert len(exp.unjudged) == 2
    assert exp.responses["structure"].notna().any()


@pytest.mark.parametrize("stopped", [pytest.param(False, marks=pytest.mark.soak), True])
def test_a_metric_that_ignores_its_cancellation_is_not_waited_for(stopped):
    entered, ended = asyncio.Event(), asyncio.Event()

    @metric("stubborn")
    async def stubborn(text):
        """Go on when it is cancelled."""
        entered.set()
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                continue
        return 1

    async def scores():
        metrics = AwaitedMetrics(120 if stopped else 0.05)
        found = asyncio.ensure_future(metrics.scores("A text.", "A prompt."))
        await entered.wait()
        if stopped:
            metrics.stop()
        try:
            return await found
        finally:
            ended.set()

    found = asyncio.run(scores())
    assert [score.reason for score in found.values()] == ([] if stopped else ["gave no value within 0.05 s"])


WITHOUT_VALUE = {
    "declined": (MetricValue(None, "it is in verse", cost=0.1), "it is in verse"),
    "outside": (MetricValue(7, "seven", cost=0.1), "returned 7, outside [0, 1]"),
    "no_number": (MetricValue(math.nan, cost=0.1), "returned nan"),
    "words": (MetricValue("much", cost=0.1), "returned str, not a number"),
}


def always(returned):
    async def price(text):
        """Return what it is told to."""
        return returned

    return price


def test_what_was_paid_for_no_value_is_kept(lab):
    for name, (returned, _) in WITHOUT_VALUE.items():
        metric(name)(always(returned))
    scores = lab.scores(lab.run(["Describe rain."], n=1)).set_index("metric")
    assert scores["value"].isna().all()
    assert scores["explanation"].to_dict() == {name: reason for name, (_, reason) in WITHOUT_VALUE.items()}
    assert set(scores["cost"]) == {0.1}


@pytest.mark.parametrize("cost", [-0.01, math.inf, math.nan, "1", True])
def test_a_cost_that_is_no_amount_is_refused_and_gives_the_answer_no_value(cost):
    with pytest.raises(BadInput, match="not an amount in US dollars"):
        MetricValue(0.5, cost=cost)

    @metric("generous")
    def generous(text):
        """Cost what is impossible."""
        return MetricValue(0.5, cost=cost)

    assert "raised BadInput: a metric's cost is" in score("Some text of a few words.").detail["generous"]["reason"]


def test_an_explanation_that_is_no_text_is_refused():
    with pytest.raises(BadInput, match="a metric's explanation is 3"):
        MetricValue(0.5, 3)


def test_an_interrupt_stores_the_answers_without_the_score_and_score_gives_it_later(lab):
    asked, cancelled, patient = [], [], True

    @metric("slow")
    async def slow(text):
        """Interrupt the run when half of its answers are scored, the others being under way."""
        asked.append(text)
        if patient and len(asked) > 4:
            if len(asked) == 8:
                os.kill(os.getpid(), signal.SIGINT)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(text)
                raise
        return MetricValue(1, "in time", cost=0.5)

    exp = lab.run(["Describe rain."], n=8)
    assert exp._run.ended()
    assert len(cancelled) == 4
    assert exp.responses["slow"].notna().sum() == 4
    assert set(exp.responses["status"]) == {"ok"}
    assert [reasons["slow"] for reasons in exp.unjudged.values()] == [NOT_SCORED] * 4
    patient = False
    exp.score()
    assert list(exp.responses["slow"]) == [1.0] * 8
    assert exp.unjudged == {}
    assert len(asked) == 12
    assert lab.scores(exp)["cost"].sum() == 4.0


def test_scoring_later_asks_only_what_is_not_there_and_an_interrupt_keeps_what_came(lab):
    exp = lab.run(PROMPTS, n=4)
    asked, paid, patient = [], [], True

    @metric("slow")
    async def slow(text):
        """Interrupt at the sixth answer."""
        asked.append(text)
        if patient and len(asked) > 5:
            if len(asked) == 8:
                os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        return 1

    @metric("paid")
    def paid_for(text):
        """Cost money, and be counted."""
        paid.append(text)
        return MetricValue(1, cost=1)

    with pytest.raises(KeyboardInterrupt):
        exp.score()
    assert exp.responses["slow"].notna().sum() == 5
    assert len(paid) == 8
    patient = False
    exp.score()
    assert exp.responses["slow"].notna().all()
    assert (len(asked), len(paid)) == (8 + 3, 8)
    assert lab.audit(event="scores_added")["entity_id"].tolist() == [exp.id] * 2


@pytest.mark.soak
def test_a_replay_pays_for_nothing_again_and_says_so(lab):
    asked = []
    register_warmth(asked)

    @metric("paid")
    def paid(text):
        """Cost money, and be another each time."""
        asked.append(text)
        return MetricValue(1 / len(asked), cost=1)

    exp = lab.run(PROMPTS, n=1)
    before = len(asked)
    replay = lab.replay(exp)
    assert len(asked) == before == 4
    assert replay.identical
    assert set(replay.not_asked) == {"warmth", "paid"}
    assert "stand as they were stored, for they are async or cost money" in replay.words


@pytest.mark.soak
def test_a_gate_asks_about_the_new_answers_only_and_compares_no_two_versions(lab):
    asked = []
    register_warmth(asked)
    exp = lab.run(PROMPTS, n=3)
    gate = lab.check(exp)
    assert gate.outcome == "same"
    assert len(asked) == 12
    register_warmth(asked, version="2")
    baseline = rerun._with_current_scores(read_store(lab._store, [exp.id]))
    assert [row.metrics for row in baseline.responses] == [{"warmth": None}] * 6
    assert len(asked) == 12


def test_score_awaits_also_where_a_loop_is_running():
    register_warmth(asked := [])

    async def cell():
        return score("It is warm in here today.", "How is it?")

    for found in (score("It is warm in here today.", "How is it?"), asyncio.run(cell())):
        assert found.metrics == {"warmth": 0.5}
        assert found.detail["warmth"] == {"explanation": "half as warm as it could be, for How is it?", "cost": 0.25}
    assert len(asked) == 2


def test_a_metric_may_ask_for_the_other_scores_of_its_answer():
    @metric("plain")
    async def plain(text):
        """Use what pplab says itself."""
        found = score(text)
        assert "plain" not in found.metrics
        return found.coherence

    found = score("The lamp room smelled of oil and salt. Nobody had climbed up for years.")
    assert found.metrics["plain"] == found.coherence


def test_metrics_stand_in_the_order_of_their_registration_whichever_is_awaited():
    names = ["first", "second", "third"]

    async def later(text):
        """Come later."""
        return 1

    def sooner(text):
        """Come at once."""
        return 0

    for name, function in zip(names, (later, sooner, later), strict=True):
        metric(name)(function)
    assert list(score("Some text of a few words.").metrics) == names


def test_an_async_check_is_refused():
    async def right(text):
        return True

    with pytest.raises(BadInput, match="the check right is async"):
        check(right)
