"""A model as judge: what it is sent, what becomes of its replies, and each known bias, found and said."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import threading
from collections import Counter

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.config.configuration import PPLab
from pplab.errors import BadInput
from pplab.views.static import as_text
from pplab.views.widgets.cards import Cards
from tests.servers.faults import completion
from tests.servers.plain import PlainServer
from tests.soak import only_soak

PROMPTS = [f"Describe {place} in a line." for place in ("a harbour", "a mill", "a market", "a library", "a mine", "a bakery")]
ANSWERS = {
    0.0: "{0} is quiet{1}.",
    0.5: "{0} smells of rain and salt, and nobody is in a hurry{1}.",
    1.0: "{0} hums{1} and glitters.",
}
KEY = "sk-test-0123456789abcdef"
REASON = "Because."


def answer(body):
    """Answer in the style of the temperature; each prompt and seed in words of its own."""
    prompt = body["messages"][-1]["content"]
    subject = prompt.removeprefix("Describe ").split(" in")[0].capitalize()
    return ANSWERS[body["temperature"]].format(subject, f" on day {body['seed'] % 1000}" if body["seed"] % 2 else " today")


class Judges:
    """A scripted server: ``writer`` answers, every other model judges by its name."""

    def __init__(self):
        self.forget()

    def forget(self):
        """Begin anew, for the next test."""
        self.asked = Counter()
        self.broken = set()
        self.let_through = threading.Semaphore(10_000)

    def __call__(self, body):
        model = body["model"]
        if model != "writer":
            self.let_through.acquire()
        if model in self.broken:
            return 500, b'{"error": {"message": "broken"}}', {}
        text = answer(body) if model == "writer" else self.judge(model, body)
        return 200, json.dumps(completion(text)).encode(), {}

    def judge(self, model, body):
        system, user = body["messages"]
        texts = [text for _, text in re.findall(r"<<< (\w+)\n(.*?)\n\1 >>>", user["content"], re.DOTALL)]
        pairs = '"better"' in system["content"]
        values = self.drawn(texts) if model == "by_chance" else [getattr(self, model, self.fair)(text) for text in texts[1:]]
        if model in ("refuses", "prose"):
            return values[0]
        if model == "left":
            values = [1.0, 0.0] if pairs else [1.0]
        if pairs:
            said = {"better": "equal" if values[0] == values[1] else "first" if values[0] > values[1] else "second"}
        else:
            said = {"grade": 1 + round(4 * values[0])}
        return json.dumps({"reason": REASON, **said})

    left = fair = staticmethod(lambda text: 1.0 if "glitters" in text else 0.5 if "rain" in text else 0.25)
    longer = staticmethod(lambda text: min(1.0, len(text.split()) / 16))
    refuses = staticmethod(lambda _: "I'm sorry, but I can't help with judging people.")
    prose = staticmethod(lambda _: "This one is rather good, I would say a 4.")

    def drawn(self, texts):
        """Draw a value for each text anew each time it is asked, whatever else is asked before."""
        self.asked[tuple(texts)] += 1
        chance = random.Random(f"{self.asked[tuple(texts)]} {texts}")
        return [chance.randrange(5) / 4 for _ in texts[1:]]


@pytest.fixture(scope="module")
def all_judges():
    return Judges()


@pytest.fixture(scope="module")
def server(all_judges):
    """One server for all tests, so that what was asked in one goes on in another."""
    with PlainServer(reply=all_judges) as running:
        yield running


@pytest.fixture(autouse=True)
def judges(all_judges, server):
    all_judges.forget()
    server.bodies.clear()
    return all_judges


def lab_at(folder, server, **more):
    return pplab.Lab(store=folder, user="ada", model="writer", base_url=server.base_url, api_key=KEY, **more)


def asked(lab):
    return lab.run(PROMPTS, n=2, sweep={"temperature": [0, 0.5, 1.0]}, seed=1)


def unjudged_lab(folder, server):
    """Fill a lab with an experiment; return its id."""
    with lab_at(folder, server) as lab:
        return asked(lab).id


def judged_lab(folder, server):
    """Fill a lab with an experiment that a fair judge has judged; return its id, its verdict before, the report and the calls."""
    with lab_at(folder, server) as lab:
        experiment = asked(lab)
        before = experiment.verdict().words
        report = experiment.judge("fair")
        return experiment.id, before, report, judged_bodies(server)


@pytest.fixture
def made(made_once, request, server):
    """The folder and the contents of the lab that a test asks for; ``None`` where it asks for an empty one."""
    filled = {"experiment": unjudged_lab, "judged": judged_lab}
    return next((made_once(fill, server) for name, fill in filled.items() if name in request.fixturenames), None)


@pytest.fixture
def lab(server, tmp_path, made):
    folder = tmp_path / "lab" if made is None else shutil.copytree(made[0], tmp_path / "lab")
    server.bodies.clear()
    with lab_at(folder, server) as lab:
        yield lab


@pytest.fixture
def experiment(lab, made):
    return lab.experiment(made[1])


@pytest.fixture
def judged(lab, made):
    """An experiment that a fair judge has judged."""
    return lab.experiment(made[1][0])


def judged_bodies(server):
    return [body for body in server.bodies if body["model"] != "writer"]


def test_grades_become_scores_beside_the_others_and_a_second_decision(lab, judged, made):
    _, before, report, _ = made[1]
    different = len({(row["prompt"], row["text"]) for row in judged.responses.to_dict("records")})
    assert (report.judged, report.missing, report.unreadable) == (different, 0, 0)
    scores = lab.scores(judged)
    scores = scores[scores["source"] == "judge"]
    assert set(scores["metric"]) == {"helpful"}
    assert set(scores["rater"]) == {"fair"}
    assert set(scores["explanation"]) == {REASON}
    frame = judged.responses
    assert frame.groupby("temperature")["judge_helpful"].mean().to_dict() == {0.0: 0.25, 0.5: 0.5, 1.0: 1.0}
    assert judged.verdict().words == before  # what the plan fixed still decides
    (second,) = judged.second_decisions
    assert (second.source, second.metric, second.parameters) == ("judge", "judge_helpful", {"temperature": 1.0})
    assert "decided by the judge (helpful)" in second.evidence
    assert judged.verdict("judge_helpful").words == second.words
    assert report.decision == second.headline
    assert report.warnings == ()
    assert (report.contradicted, report.by_order) == (0, 0)


def test_the_judge_is_told_nothing_of_the_setting_and_equal_answers_are_judged_once(judged, made):
    _, _, report, sent = made[1]
    distinct = {(row["prompt"], row["text"]) for row in judged.responses.to_dict("records")}
    assert len(sent) == report.judged + max(5, -(-len(distinct) // 10)) == len(distinct) + max(5, -(-len(distinct) // 10))
    for body in sent:
        system, user = (message["content"] for message in body["messages"])
        assert not re.search(r"temperature|0\.5|writer|setting", user)
        assert "Does the answer help" in system
        assert body["temperature"] == 0
    order = [next(i for i, prompt in enumerate(PROMPTS) if prompt in body["messages"][1]["content"]) for body in sent]
    assert order != sorted(order)


def test_judged_again_it_asks_nothing_and_after_more_answers_only_about_those(judged, made, server):
    first = made[1][2]
    assert judged.judge("fair").as_dict() == first.as_dict()
    assert server.bodies == []
    judged.top_up(3)
    answers = len(server.bodies)
    more = judged.judge("fair")
    assert answers == 18
    assert more.missing == 0
    assert more.judged > first.judged
    assert len(more.judgings) == 2
    assert judged.responses["judge_helpful"].notna().all()


def test_calls_that_failed_are_sent_again_and_nothing_is_judged_twice(lab, experiment, server, judges):
    judges.broken.add("fair")
    report = experiment.judge("fair")
    assert report.judged == 0
    assert re.search(r"have no reply \(.+\); judge again", report.words)
    assert "judge_helpful" not in experiment.responses
    judges.broken.clear()
    report = experiment.judge("fair")
    assert (report.judged > 0, report.missing, len(report.judgings)) == (True, 0, 1)
    assert experiment.responses["judge_helpful"].notna().all()


class Impatient:
    """A listener that interrupts after ten replies."""

    def __init__(self):
        self.arrivals = 0

    def progress(self, _):
        """Nobody looks at it."""

    def arrived(self, _):
        self.arrivals += 1
        if self.arrivals == 10:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_judging_keeps_what_arrived_and_goes_on_with_the_rest(lab, experiment, judges):
    judges.let_through = threading.Semaphore(10)
    first = experiment.judge("fair", on=Impatient())
    assert 0 < first.judged <= 10
    assert first.missing > 0
    lab.experiment(first.judgings[0]).wait()
    judges.let_through = threading.Semaphore(10_000)
    whole = experiment.judge("fair")
    assert (whole.missing, whole.judgings) == (0, first.judgings)
    assert experiment.responses["judge_helpful"].notna().all()


def test_a_recording_judges_again_without_a_server(server, tmp_path, monkeypatch):
    def judged(folder):
        with pplab.Lab(store=tmp_path / folder, model="writer", base_url=server.base_url, api_key=KEY) as lab:
            lab.use_recording(tmp_path / "calls.jsonl")
            experiment = lab.run(PROMPTS[:2], n=1, sweep={"temperature": [0, 1.0]}, seed=1)
            return experiment.judge("by_chance", pairs=True).words, experiment.responses["judge_helpful_wins"].tolist()

    first = judged("first")
    asked = len(server.bodies)
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    assert judged("second") == first
    assert len(server.bodies) == asked


def test_a_card_says_who_judged_and_why(lab, judged, monkeypatch):
    told = []
    monkeypatch.setattr(Cards, "tell", lambda _, message: told.append(message))
    message = {"method": "custom", "content": {"kind": "explain", "id": judged.responses["response_id"][0]}}
    Cards(lab, judged)._handle_msg({"content": {"data": message}, "buffers": []})
    assert told[-1]["words"].endswith(f"The judge fair (helpful): {REASON}")


def test_pairs_are_compared_in_both_orders_and_wins_are_scores(lab, experiment, server):
    report = experiment.judge("fair", pairs=True)
    assert report.metric == "judge_helpful_wins"
    assert report.both_orders * 2 == report.judged
    assert report.by_order == 0
    wins = experiment.responses.groupby("temperature")["judge_helpful_wins"].mean()
    assert wins.to_dict() == {0.0: 0.0, 0.5: 0.5, 1.0: 1.0}
    explained = lab.scores(experiment)
    assert "won 4 of 4 comparisons" in set(explained["explanation"])


UNREADABLE = "too many of its replies cannot be read"
BIASES = [
    ("left", True, "the order decides", r"The order decided in (\d+) of \1 pairs shown in both orders: \1 times the first"),
    ("by_chance", False, "it contradicts itself", r"contradicted itself on \d+ of \d+ items that came twice .* grades apart"),
]
MORE_BIASES = [
    ("left", False, "it tells nothing apart", "It said the same of all"),
    ("longer", True, "it prefers longer answers", r"Length explains 100% of its choices"),
    ("longer", False, "it prefers longer answers", r"longer answers get better ones \(correlation \+(1.00|0.9\d)"),
    ("by_chance", True, "it contradicts itself", r"contradicted itself on \d+ of \d+ items that came twice"),
    ("refuses", False, UNREADABLE, "no JSON object: I'm sorry"),
    ("prose", False, UNREADABLE, "no JSON object: This one is rather good"),
    ("prose", True, UNREADABLE, "no JSON object: This one is rather good"),
]


@pytest.mark.parametrize("case", [*BIASES, *only_soak(*MORE_BIASES)])
def test_each_bias_is_found_and_said(experiment, case):
    model, pairs, warned, words = case
    report = experiment.judge(model, pairs=pairs)
    assert warned in report.warnings
    assert f"Do not rely on it: {', and '.join(report.warnings)}." in report.words
    assert re.search(words, report.words)


@pytest.mark.soak
def test_of_a_fair_judge_of_pairs_nothing_is_said_that_is_not_so(experiment):
    report = experiment.judge("fair", pairs=True)
    assert (report.unreadable, report.contradicted, report.by_order) == (0, 0, 0)
    assert "it contradicts itself" not in report.warnings


def test_unreadable_replies_give_no_score_and_say_why(lab, experiment):
    experiment.judge("prose")
    scores = lab.scores(experiment)
    scores = scores[scores["source"] == "judge"]
    assert scores["value"].isna().all()
    assert scores["explanation"].str.startswith("no JSON object").all()
    assert experiment.responses["judge_helpful"].isna().all()
    assert {why["judge_helpful"][:14] for why in experiment.unjudged.values()} == {"no JSON object"}


@pytest.mark.soak
def test_a_judge_of_its_own_family_is_named(lab, experiment):
    assert "its own family" not in experiment.judge("fair").words
    assert "It judged its own family (writer)" in experiment.judge("writer-large").words


@pytest.mark.soak
def test_the_latest_experiment_is_the_one_that_was_run_and_the_judging_is_found_by_its_tag(lab, judged, made):
    report = made[1][2]
    assert lab.experiment("latest").id == judged.id
    listed = lab.experiments(search="judging")
    assert tuple(listed["experiment_id"]) == report.judgings
    assert lab.experiment(report.judgings[0]).plan.judging.experiment == judged.id
    with pytest.raises(BadInput, match="holds the replies of a judge"):
        lab.experiment(report.judgings[0]).judge("fair")


@pytest.mark.soak
def test_two_rubrics_and_two_judges_stand_apart(lab, experiment, tmp_path):
    own = tmp_path / "warm tone.md"
    own.write_text("Is it warm?\n5: yes\n1: no\n", "utf-8")
    experiment.judge("fair")
    experiment.judge("left", rubric=own)
    assert {"judge_helpful", "judge_warm_tone"} <= set(experiment.responses)
    assert [d.metric for d in experiment.second_decisions] == ["judge_helpful", "judge_warm_tone"]
    assert [(report.model, report.rubric) for report in experiment.judges] == [("fair", "helpful"), ("left", "warm_tone")]
    own.write_text("Is it very warm?\n", "utf-8")
    assert experiment.judge("left", rubric=own).judged > 0
    by_length = experiment.judge("longer")
    assert [(report.model, report.rubric) for report in experiment.judges] == [("left", "warm_tone"), ("longer", "helpful")]
    assert by_length.decision == experiment.verdict("judge_helpful").headline
    frame = experiment.responses
    assert set(frame["judge_helpful"].unique()) - {0.0, 0.25, 0.5, 0.75, 1.0} == set()
    later = lab.scores(experiment)
    assert {"fair", "longer"} == set(later[later["metric"] == "helpful"]["rater"])


def test_a_plan_may_go_by_a_judge_who_decides_once_he_has_judged(lab):
    experiment = lab.run(PROMPTS, n=2, sweep={"temperature": [0, 1.0]}, seed=1, basis="judge_helpful")
    undecided = experiment.verdict()
    assert (undecided.source, undecided.setting) == ("judge", None)
    assert lab.replay(experiment).identical
    experiment.judge("fair")
    decided = experiment.verdict()
    assert (decided.metric, decided.parameters) == ("judge_helpful", {"temperature": 1.0})
    assert [(second.source, second.metric) for second in experiment.second_decisions] == [("surface", None)]
    assert lab.replay(experiment).identical
    again = lab.experiment(experiment.id)
    assert again.verdict().words == decided.words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"basis": "judge"}, "or a judge's score such as judge_helpful"),
        ({"basis": "judge_helpful", "until": "settled", "data": {"prompt": [*PROMPTS, "a", "b"]}}, "no judge has seen them"),
        ({"basis": "judge_helpful", "checks": "regex(pattern=a)"}, "checks decide alone"),
    ],
)
def test_a_basis_that_cannot_decide_is_refused(lab, options, words):
    with pytest.raises(BadInput, match=words):
        lab.preflight(None if "data" in options else PROMPTS, sweep={"temperature": [0, 1.0]}, **options)


def test_a_decision_by_a_judge_who_has_not_judged_is_refused_and_another_one_is_a_look(experiment):
    with pytest.raises(BadInput, match="no judge has given judge_clear here"):
        experiment.verdict("judge_clear")
    with pytest.raises(BadInput, match="a judge's or people's by its score"):
        experiment.verdict(source="judge")


def test_what_is_right_is_shown_to_the_judge(lab, server):
    table = {"prompt": PROMPTS[:2], "expected": ["ships", "flour"]}
    experiment = lab.run(data=table, checks="contains", n=1, sweep={"temperature": [0, 1.0]}, seed=1)
    experiment.judge("fair")
    assert any("ships" in body["messages"][1]["content"] for body in judged_bodies(server))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "embedded"}, "follows no instructions"),
        ({"model": "fair", "rubric": "helpfull"}, "did you mean 'helpful'"),
        ({"model": "fair", "max_cost": -1}, "max_cost"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line_and_nothing_is_sent(experiment, server, options, words):
    asked = len(server.bodies)
    with pytest.raises(BadInput, match=words):
        experiment.judge(**options)
    assert len(server.bodies) == asked


@pytest.mark.soak
def test_answers_that_are_all_alike_have_no_pairs(lab):
    alone = lab.run(PROMPTS[:1], n=2, sweep={"temperature": [0]}, seed=1)
    with pytest.raises(BadInput, match="no two different answers"):
        alone.judge("fair", pairs=True)


def test_the_command_judges_and_results_show_how_far_to_rely_on_it(lab, experiment, server):
    session = Session(lambda: lab, front_end="terminal")
    line = ["judge", "--store", str(lab.folder), "--base-url", server.base_url, "--model", "left", "--rubric", "clear"]
    shown = command_table.perform(line, session)
    assert shown.data["metric"] == "judge_clear"
    assert "Do not rely on it" in as_text(shown.value)
    results = as_text(command_table.perform(["results"], session).value)
    assert "A second decision, by the judge (clear) (one more look)" in results
    assert "Do not rely on the judge left (clear): it tells nothing apart." in results
    session.close()


def test_a_run_judges_its_answers_when_they_have_arrived(lab):
    session = Session(lambda: lab, front_end="terminal")
    line = ["run", "--n", "1", "--sweep", "temperature=0,1", "--seed", "1", "--judge", "fair", "--rubric", "precise"]
    done = command_table.perform([*line, PROMPTS[0]], session)
    assert done.data["responses"]["judge_precise"].notna().all()
    assert [report["model"] for report in done.data["judges"]] == ["fair"]
    with pytest.raises(BadInput, match="--rubric needs a judge"):
        command_table.perform(["run", "--rubric", "clear", "Hello"], session)
    session.close()


def test_the_limit_of_a_run_is_that_of_its_judge_too(tmp_path, server):
    said = []

    def run(prices, limit):
        configuration = PPLab(prices=prices)
        folder = tmp_path / f"{len(prices)}"
        with pplab.Lab(store=folder, model="writer", base_url=server.base_url, api_key=KEY, configuration=configuration) as lab:
            session = Session(lambda: lab, front_end="terminal", say=said.append)
            line = ["run", "--n", "1", "--sweep", "temperature=0,1", "--seed", "1", "--set", "max_tokens=100", "--judge", "fair"]
            return command_table.perform([*line, "--max-cost", limit, PROMPTS[0]], session).data

    asked = len(server.bodies)
    with pytest.raises(BadInput, match=r"the price of fair at .* is unknown"):
        run({"writer": [1, 1]}, "1")
    assert len(server.bodies) == asked
    done = run({"writer": [1, 1], "fair": [1000, 1000]}, "1")
    assert done["status"] == "completed"
    assert re.search(r"2 more have no reply \(.+\); judge again", said[-1])
    assert judged_bodies(server) == []  # one reply might have cost more than what was left
    assert run({"writer": [1, 1], "fair": [1, 1], "other": [1, 1]}, "1")["judges"][0]["missing"] == 0


@pytest.mark.parametrize(
    ("effect", "sent"),
    [("rejected", False), *(pytest.param(effect, True, marks=pytest.mark.soak) for effect in ("honoured", None))],
)
def test_a_judge_is_told_a_temperature_where_it_takes_one(tmp_path, server, effect, sent):
    known = {"fair": {"temperature": effect}} if effect else {}
    configuration = PPLab(capabilities=known)
    with pplab.Lab(
        store=tmp_path / "lab", model="writer", base_url=server.base_url, api_key=KEY, configuration=configuration
    ) as lab:
        lab.run(PROMPTS[:1], n=1, sweep={"temperature": [0, 1.0]}, seed=1).judge("fair")
    assert {"temperature" in body for body in judged_bodies(server)} == {sent}


def test_a_package_carries_the_scores_and_a_replay_leaves_them(lab, judged, tmp_path):
    lab.export(judged, "package", tmp_path / "judged.zip")
    with pplab.Lab(store=tmp_path / "other", model="writer", base_url="http://127.0.0.1:9/v1", api_key=KEY) as other:
        other.import_package(tmp_path / "judged.zip")
        there = other.experiment(judged.id)
        assert there.responses["judge_helpful"].tolist() == judged.responses["judge_helpful"].tolist()
        assert there.judges == judged.judges
        assert other.replay(there).identical
        assert other.experiment("latest").id == judged.id
    lab.verify()  # which raises where anything was altered
