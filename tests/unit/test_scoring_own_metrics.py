"""A metric of the user's own keeps its direction and range, also where it is not registered; what cannot be judged is said."""

from __future__ import annotations

import base64
import re

import pytest

import pplab
from pplab.analysis import unjudged
from pplab.errors import BadInput
from pplab.metrics import metric, registered, unregister
from pplab.views import static
from pplab.views.widgets.cards import Cards
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at


@pytest.fixture
def own():
    @metric("commas", low=0, high=50, higher_is_better=False)
    def commas(text, prompt):
        """Count commas."""
        return text.count(",")

    @metric("letters", low=0, high=None)
    def letters(text, prompt):
        """Count letters."""
        return len(text)

    @metric("share")
    def share(text, prompt):
        """Return what is no share."""
        return 2 if text else 0

    yield
    for info in registered():
        if not info.built_in:
            unregister(info.name)


def test_a_metric_named_like_a_column_of_the_results_is_refused(tmp_path):
    with pplab.Lab(store=tmp_path / "lab") as lab:
        experiment = run(lab)
        columns = {*experiment.responses.columns, *experiment.summary(latency=True).columns, "setting_label", "cluster"}
    for name in {*columns, "cost", "creativity_low", "refused"}:
        with pytest.raises(BadInput, match=f"'{name}' is (already a column of the results|one of pplab's own metrics)"):

            @metric(name)
            def own_metric(text, prompt):
                """Return nothing."""

    assert all(info.built_in for info in registered())


def pictures(html):
    return [base64.b64decode(found).decode() for found in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)]


def run(lab):
    return lab.run(["Describe rain.", "List three birds."], n=3, sweep={"temperature": [0, 0.8, 1.4]})


def test_direction_and_range_outlive_the_registration_and_travel_with_a_package(own, tmp_path):
    with pplab.Lab(store=tmp_path / "ada") as ada:
        made = run(ada)
        said, info = made.verdict().words, made.metric_info
        package = ada.export(made, "package", tmp_path / "p.zip").path
    for name in ("commas", "letters", "share"):
        unregister(name)
    with pplab.Lab(store=tmp_path / "ada") as ada, pplab.Lab(store=tmp_path / "bob") as bob:
        bob.import_package(package)
        for lab in (ada, bob):
            found = lab.experiment("latest")
            assert found.metric_info == info
            assert [(m.name, m.low, m.high, m.higher_is_better) for m in found.metric_info[4:]] == [
                ("commas", 0, 50, False),
                ("letters", 0, None, True),
                ("share", 0, 1, True),
            ]
            assert found.verdict().words == said


def test_a_verdict_a_comparison_and_a_trend_take_less_for_better(own):
    with pplab.Lab(store=":temp:") as lab:
        made = run(lab)
        commas = {row["setting_index"]: row["commas"] for row in made.summary().to_dict("records")}
        decision = made.verdict(metric="commas")
        assert commas[decision.leader] == pytest.approx(min(commas.values()))
        leads = decision.by_metric.set_index(["metric", "setting"])["lead"]
        assert all(leads["commas", other] >= 0 for other in commas if other != decision.leader)
        assert all(d.higher_is_better == (d.metric != "commas") for d in made.compare(0, 1).differences)
        assert all(d.higher_is_better == (d.metric != "commas") for d in lab.compare(made, run(lab)).differences)
        assert "highest" not in made.trend("commas").words


@pytest.mark.soak
def test_a_card_draws_a_metric_over_its_range_and_none_without_both_ends(own):
    with pplab.Lab(store=":temp:") as lab:
        made = run(lab)
        html = static.experiment(made).html
        meters = re.findall(r'<meter value="([^"]+)" min="0" max="50" optimum="0" aria-label="commas \(lower is better\)">', html)
        assert sorted(map(float, meters)) == sorted(made.responses["commas"])
        assert 'aria-label="letters"' not in html
        assert "commas (lower is better)" in static.experiment(made).text
        widget = Cards(lab, made)
        assert widget.scales["commas"] == {"low": 0, "high": 50, "higher_is_better": False}
        assert widget.scales["letters"]["high"] is None
        sent = []
        widget.tell = sent.append
        widget._take_ask({"kind": "ask", "wanted": {"page": 0, "sort": "commas", "status": "", "setting": -1, "levels": {}}})
        commas = [card["scores"]["commas"] for card in sent[0]["cards"]]
        assert commas == sorted(commas)


@pytest.mark.soak
def test_metrics_of_other_ranges_get_charts_of_their_own(own):
    with pplab.Lab(store=":temp:") as lab:
        html = static.experiment(run(lab)).html
    titles = [found[0] for svg in pictures(html) if (found := re.search(r"(\w+(?:, \w+)*) by temperature", svg))]
    assert titles == ["Scores by temperature", "commas by temperature", "letters by temperature"]
    assert "commas (lower is better) is lowest" in html


@pytest.mark.soak
def test_values_outside_the_declared_range_are_said_to_be(own):
    with pplab.Lab(store=":temp:") as lab:
        made = run(lab)
        assert "share is not judged outside its range [0, 1] (such as 2): 18 answers." in static.experiment(made).text
        assert "share is not judged outside its range [0, 1]" in static.experiment(made).html.split('data-pplab="card"')[1]


def test_a_language_that_is_not_judged_is_named_everywhere(tmp_path):
    with FaultServer() as server, lab_at(tmp_path, server, "play:german") as lab:
        made = lab.run(["Why?", "Wo ist der Hund?"], n=3, sweep={"temperature": [0, 1]})
        words = "creativity, coherence and completeness are not judged in German"
        assert f"{words}: 12 answers." in static.experiment(made).text
        assert list(made.summary()["not_judged"]) == [f"{words}: 6 answers."] * 2
        shown = static.experiment(made)
        assert shown.html.count(words) == 12 + 1
        sent = []
        widget = Cards(lab, made)
        widget.tell = sent.append
        widget._take_ask({"kind": "ask", "wanted": {"page": 0, "sort": "", "status": "", "setting": -1, "levels": {}}})
        assert {card["unjudged"] for card in sent[0]["cards"]} == {words}


def test_reasons_that_differ_in_a_message_only_are_one():
    told = unjudged.sentences([{"m": f"raised KeyError: '{i}'"} for i in range(3)] + [None, {"m": "returned nan"}])
    assert told == ["m is not judged (raised KeyError: '0'): 3 answers.", "m is not judged (returned nan): 1 answer."]
    many = unjudged.sentences([{"m": f"reason {i}"} for i in range(9)])
    assert len(many) == unjudged.MOST + 1
    assert many[-1].startswith("There are 4 further reasons")


def test_an_experiment_stored_before_ranges_were_is_read_with_what_is_registered_now(own):
    from pplab.plan.plan import Plan
    from pplab.scoring.registry import described

    plan = Plan.from_dict({"prompts": ["a"], "settings": [{}], "replicates": 1, "model": "m"})
    assert plan.metrics == ()
    assert "metrics" not in plan.as_dict()
    assert [m.higher_is_better for m in described(["commas", "forgotten"], plan.metrics)] == [False, True]
    assert described(["forgotten"])[0].share(0.5) is None
