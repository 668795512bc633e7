"""A person's rating: what is shown, what is stored, and what follows for scores, decisions and ranges."""

from __future__ import annotations

import json
import re
import shutil

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.errors import BadInput, PplabError
from pplab.views import static
from pplab.views.widgets.cards import Cards
from tests.servers.faults import completion
from tests.servers.plain import PlainServer

PROMPTS = [f"Describe {place} in a line." for place in ("a harbour", "a mill", "a market", "a library", "a mine", "a bakery")]
ANSWERS = {0.0: "{0} is quiet{1}.", 0.5: "{0} smells of rain, and nobody is in a hurry{1}.", 1.0: "{0} hums{1} and glitters."}
KEY = "sk-test-0123456789abcdef"


def reply(body):
    """Write in the style of the temperature; judge by what glitters."""
    prompt = body["messages"][-1]["content"]
    if body["model"] == "judge":
        return 200, json.dumps(completion(json.dumps({"reason": "So.", "grade": 5 if "glitters" in prompt else 2}))).encode(), {}
    subject = prompt.removeprefix("Describe ").split(" in")[0].capitalize()
    text = ANSWERS[body["temperature"]].format(subject, f" on day {body['seed'] % 1000}")
    return 200, json.dumps(completion(text)).encode(), {}


@pytest.fixture(scope="module")
def server():
    with PlainServer(reply=reply) as running:
        yield running


def lab_at(folder, server):
    return pplab.Lab(store=folder, user="ada", model="writer", base_url=server.base_url, api_key=KEY)


def unrated_lab(folder, server):
    """Fill a lab with an experiment; return its id and the words of its verdict."""
    with lab_at(folder, server) as lab:
        experiment = lab.run(PROMPTS, n=2, sweep={"temperature": [0, 0.5, 1.0]}, seed=1)
        return experiment.id, experiment.verdict().words


def compared_lab(folder, server):
    """Fill a lab with an experiment of which forty pairs were compared; return what ``unrated_lab`` does."""
    made = unrated_lab(folder, server)
    with lab_at(folder, server) as lab:
        compare_all(lab.rate(pairs=True, n=40))
    return made


@pytest.fixture
def made(made_once, request, server):
    """The folder and the contents of the lab that a test asks for; ``None`` where it asks for an empty one."""
    filled = {"experiment": unrated_lab, "compared": compared_lab}
    return next((made_once(fill, server) for name, fill in filled.items() if name in request.fixturenames), None)


@pytest.fixture
def lab(server, tmp_path, made):
    folder = tmp_path / "lab" if made is None else shutil.copytree(made[0], tmp_path / "lab")
    with lab_at(folder, server) as lab:
        yield lab


@pytest.fixture
def experiment(lab, made):
    return lab.experiment(made[1][0])


@pytest.fixture
def compared(lab, made):
    """An experiment of which somebody compared forty pairs."""
    return lab.experiment(made[1][0])


def likes(text):
    """Grade: what glitters is best, rain is fair, quiet is bad."""
    return "5" if "glitters" in text else "3" if "rain" in text else "1"


def rate_all(session, grade=likes, most=10_000):
    while (item := session.item) is not None and session.done < most:
        session.rate(grade(item.answers[0]))


def compare_all(session, grade=likes):
    while (item := session.item) is not None:
        left, right = map(grade, item.answers)
        session.rate("equal" if left == right else "left" if left > right else "right")


# -- what is shown and stored ---------------------------------------------------------------------------------------------------


def test_every_answer_is_shown_once_a_tenth_twice_and_each_choice_is_stored(lab, experiment):
    session = lab.rate()
    assert (session.total, session.done, session.pairs) == (39, 0, False)  # 36 answers, and 3 of them again
    seen = []
    while (item := session.item) is not None:
        assert item.number == session.done + 1
        assert item.prompt in PROMPTS
        seen.append(item.answers)
        session.rate(likes(item.answers[0]), note="so" if item.number == 2 else "")
    assert len(set(seen)) == 36
    stored = lab.sql("SELECT * FROM ratings ORDER BY position")
    assert list(stored["position"]) == list(range(39))
    assert set(stored["rater"]) == {"ada"}
    assert stored["note"].dropna().tolist() == ["so"]
    began, ended = (json.loads(lab.audit(event=name)["payload"].item()) for name in ("rating_started", "rating_ended"))
    assert (began["pairs"], began["items"], ended["rated"]) == (False, 39, 39)


def test_what_is_shown_names_no_setting_and_no_id(lab, experiment):
    session = lab.rate(pairs=True)
    shown = repr(session.item)
    hidden = [experiment.id, *experiment.responses["response_id"], "temperature", "setting", "writer"]
    assert [words for words in hidden if words in shown] == []


def test_begun_again_it_goes_on_where_it_stopped_with_the_same_item(lab, experiment):
    first = lab.rate(n=20)
    rate_all(first, most=7)
    again = lab.rate(n=20)
    assert (again.total, again.done, again.item) == (20, 7, first.item)
    rate_all(again)
    assert (again.done, again.item) == (20, None)
    more = lab.rate()  # forty, or all there are
    assert (more.total, more.done) == (39, 20)
    assert lab.rate(n=5).total == 20  # what is rated is not taken back


def test_an_undo_takes_the_last_choice_back_and_shows_its_item_again(lab, experiment):
    session = lab.rate()
    first = session.item
    session.rate("1")
    second = session.item
    session.rate("2")
    assert session.last == "2"
    session.undo()
    assert (session.item, session.last, session.done) == (second, "1", 1)
    session.rate("4", note="better")
    session.undo()
    session.undo()
    assert (session.item, session.last, session.done) == (first, "", 0)
    with pytest.raises(BadInput, match="nothing to undo"):
        session.undo()
    assert lab.scores(experiment)["source"].eq("person").sum() == 0
    assert lab.rate().item == first
    session.rate("5")
    assert lab.scores(experiment).query("source == 'person'")["value"].tolist() == [1.0]


def test_a_choice_that_is_none_and_one_too_many_are_refused_in_one_line(lab, experiment):
    session = lab.rate(n=1)
    for wrong in ("6", "left", ""):
        with pytest.raises(BadInput, match="no choice here"):
            session.rate(wrong)
    session.rate("3")
    with pytest.raises(BadInput, match="all is rated"):
        session.rate("3")
    assert len(lab.sql("SELECT * FROM ratings")) == 1


def test_a_number_of_items_that_is_none_is_refused(lab, experiment):
    for n in (0, -1, 1.5, "many", True):
        with pytest.raises(BadInput):
            lab.rate(n=n)


def test_what_cannot_be_rated_is_refused_in_one_line(lab):
    lab.run("Describe a harbour in a line.", n=2, sweep={"temperature": [0]}, seed=1)
    with pytest.raises(BadInput, match="no two different answers"):
        lab.rate(pairs=True)
    report = lab.judge("latest", model="judge")
    with pytest.raises(BadInput, match="replies of a judge"):
        lab.rate(report.judgings[0])


def test_a_lab_that_is_full_says_so_and_keeps_the_item(lab, experiment, monkeypatch):
    session = lab.rate()
    item = session.item

    def full(*_rows, **_options):
        raise PplabError("the disk is full", code="disk_full")

    with monkeypatch.context() as patched:
        patched.setattr(lab.context.store, "append_soon", full)
        with pytest.raises(PplabError, match="full"):
            session.rate("4")
    assert (session.item, session.done, session.last) == (item, 0, "")
    session.rate("4")
    assert session.done == 1


# -- what follows ---------------------------------------------------------------------------------------------------------------


def test_ratings_are_scores_of_a_person_and_a_second_decision(lab, experiment, made):
    rate_all(lab.rate())
    frame = experiment.responses
    assert frame.groupby("temperature")["person_rating"].mean().to_dict() == {0.0: 0.0, 0.5: 0.5, 1.0: 1.0}
    scores = lab.scores(experiment).query("source == 'person'")
    assert (len(scores), set(scores["metric"]), set(scores["rater"])) == (39, {"rating"}, {"ada"})
    assert experiment.verdict().words == made[1][1]  # what the plan fixed still decides
    (second,) = experiment.second_decisions
    assert (second.source, second.metric, second.parameters) == ("person", "person_rating", {"temperature": 1.0})
    assert second.by == "people's ratings"
    assert experiment.verdict("person_rating").words == second.words
    summary = experiment.summary()
    assert summary["person_rating"].tolist() == [0.0, 0.5, 1.0]
    assert experiment.ratings.decision == second.headline
    assert "A second decision, by people's 39 ratings (one more look): " in static.experiment(experiment).text


def test_before_anybody_rated_a_decision_by_ratings_is_refused_in_one_line(lab, experiment):
    with pytest.raises(BadInput, match="nobody has rated") as refused:
        experiment.verdict("person_rating")
    assert "%pplab rate" in refused.value.hint
    assert experiment.ratings.words.startswith("Nobody has rated")
    assert experiment.ratings.size == ""


def test_comparisons_rank_the_settings_and_are_a_second_decision_of_their_own(compared):
    said = compared.ratings
    assert (said.graded, said.compared, said.raters) == (0, 40, 1)
    assert said.settings["preferred"].is_monotonic_increasing
    assert said.preference.startswith("People prefer temperature 1 (95% sure)")
    assert said.chosen == (2,)
    assert said.side == 0
    assert (said.repeated, said.same) == (4, 4)
    shown = static.experiment(compared).text
    assert re.search(r"A second decision, by people's 40 comparisons \(one more look\): People prefer", shown)
    assert "40 comparisons by one person" in shown


@pytest.mark.soak
def test_a_rater_who_goes_by_the_side_is_found(lab, experiment):
    session = lab.rate(pairs=True, n=40)
    while session.item is not None:
        session.rate("left")
    said = experiment.ratings
    assert (said.repeated, said.same, said.side) == (4, 0, 4)
    assert "4 times the same side won both times" in said.words
    assert said.preference.startswith("Not settled")
    assert said.chosen == ()


@pytest.mark.soak
def test_several_raters_are_averaged_and_their_agreement_is_said(lab, experiment, server):
    rate_all(lab.rate())
    with pplab.Lab(store=lab.folder, user="bob", model="writer", base_url=server.base_url, api_key=KEY) as bob:
        rate_all(bob.rate(), lambda text: "4" if "glitters" in text else "2")
    frame = experiment.responses
    assert frame.groupby("temperature")["person_rating"].mean().to_dict() == {0.0: 0.125, 0.5: 0.375, 1.0: 0.875}
    said = experiment.ratings
    assert said.raters == 2
    assert "by 2 people" in said.words
    assert 0.3 < said.between < 1
    assert "Krippendorff" in said.words


@pytest.mark.soak
def test_the_agreement_of_scores_and_of_a_judge_with_people_is_said(lab, experiment):
    rate_all(lab.rate())
    report = lab.judge(experiment, model="judge")
    table = experiment.ratings.agreement.set_index("score")
    assert {"creativity", "coherence", "structure", "completeness", "judge_helpful"} <= set(table.index)
    assert table.loc["judge_helpful", "agreement"] > 0.75  # it tells what glitters, and nothing else
    assert report.agreement == pytest.approx(table.loc["judge_helpful", "agreement"])
    assert report.rated == table.loc["judge_helpful", "n"]
    assert re.search(r"It orders \d+% of [\d,]+ pairs of rated answers as people do", report.words)


@pytest.mark.soak
def test_means_are_corrected_by_the_score_of_the_answers_that_were_not_rated(lab, experiment):
    rate_all(lab.rate(n=24))
    settings = experiment.ratings.settings
    assert settings["rated"].sum() < settings["answers"].sum() == 36
    assert ((settings["low"] <= settings["corrected"]) & (settings["corrected"] <= settings["high"])).all()
    assert settings["corrected"].between(0, 1).all()


def test_the_cards_say_who_rated_and_leave_unrated_answers_without_a_rating(lab, experiment):
    session = lab.rate()
    session.rate("4", note="warm")
    cards = Cards(lab, experiment)
    said = []
    cards.tell = said.append
    rated = experiment.responses.dropna(subset=["person_rating"])["response_id"].iloc[0]
    cards._take(None, {"kind": "explain", "id": rated}, [])
    assert "ada rated it 4 of 5: warm." in said[-1]["words"]
    text = " ".join(static.experiment(experiment).text.split())
    assert "person rating 0.75" in text
    assert "person rating n/a" not in text


def test_exports_and_packages_carry_ratings_to_a_lab_that_says_the_same(lab, experiment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rate_all(lab.rate(n=30))
    csv = lab.export(experiment.id, path="answers.csv")
    assert "person_rating" in csv.path.read_text("utf-8").splitlines()[0]
    package = lab.export(experiment.id, format="package", path="a.zip")
    assert lab.verify(package.path).ok
    assert lab.replay(package.path).identical
    with pplab.Lab(store=tmp_path / "second", user="eve") as second:
        second.import_package(package.path)
        assert second.experiment(experiment.id).ratings.words == experiment.ratings.words
        rate_all(second.rate(experiment.id, n=20), lambda text: "2" if "rain" in text else "4")
        returned = second.export(experiment.id, format="package", path="b.zip")
    report = lab.import_package(returned.path)
    assert (report.new, report.ratings, report.words) == (0, 20, "20 ratings of what was here imported; every hash was checked.")
    assert experiment.ratings.raters == 2
    assert experiment.ratings.graded == 50
    assert lab.import_package(returned.path).words.startswith("Nothing changed")


# -- ranges ---------------------------------------------------------------------------------------------------------------------


def test_ratings_narrow_the_ranges_and_name_the_values_to_try_next(lab):
    calibration = lab.calibrate("balanced")
    experiment = lab.run(PROMPTS, calibration=calibration, n=2, sweep={"temperature": [0, 0.5, 1.0]}, seed=1)
    compare_all(lab.rate(pairs=True))
    narrowed = lab.calibrate(experiment.ratings)
    assert (narrowed.ranges["temperature"].low, narrowed.ranges["temperature"].high) == (0.75, 1.0)
    assert narrowed.points["temperature"] == (0.75, 1.0)
    assert narrowed.answers == calibration.answers
    assert any("The ratings prefer temperature 1" in move["sentence"] for move in narrowed.explanation)
    assert lab.calibration().id == narrowed.id
    assert lab.audit(event="calibration_completed").tail(1)["entity_id"].item() == narrowed.id


@pytest.mark.soak
def test_ratings_that_tell_nothing_apart_narrow_nothing(lab, experiment):
    with pytest.raises(BadInput, match="nobody has rated"):
        lab.calibrate(experiment.ratings)
    rate_all(lab.rate(), lambda _text: "3")
    decided = experiment.ratings
    assert decided.chosen in ((), (0, 1, 2))
    with pytest.raises(BadInput, match=r"do not tell the settings apart|narrow no range"):
        lab.calibrate(decided)


# -- commands -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def perform(lab):
    said = []
    session = Session(lambda: lab, front_end="terminal", say=said.append)

    def perform(*words):
        said.clear()
        return command_table.perform(list(words), session), said

    return perform


def test_the_commands_show_what_ratings_say_and_narrow_ranges(compared, perform):
    result, _ = perform("ratings")
    assert "People prefer temperature 1" in static.as_text(result.value)
    assert result.data["compared"] == 40
    calibrated, said = perform("calibrate", "--from", "ratings")
    assert calibrated.data["ranges"]["temperature"][0] == 0.75
    assert said == ["To try next: temperature 0.75 and 1. A run in this calibration (run --calibration latest) tries them."]


def test_the_commands_refuse_what_does_not_go_together(lab, experiment, perform):
    with pytest.raises(BadInput, match="needs a notebook"):
        perform("rate")
    with pytest.raises(BadInput, match="--experiment needs --from"):
        perform("calibrate", "--experiment", "latest")
    with pytest.raises(BadInput, match="neither answers nor a preset"):
        perform("calibrate", "--from", "ratings", "--preset", "precise")
