"""From a draft in the studio to a run: what it would be, the cell that says the same, and the run itself."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import pplab
from pplab.commands import command_table
from pplab.commands.line import split
from pplab.commands.run_request import request_of as request_of_command
from pplab.commands.session import Session
from pplab.errors import BadInput
from pplab.plan.parameters import CALIBRATED, PARAMETERS
from pplab.plan.request import RunRequest, build_plan
from pplab.plan.settings import ModelAsked
from pplab.views.widgets.studio import Studio
from pplab.views.widgets.studio_draft import Draft, Persona, code_of, request_of
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

NOBODY = Persona(name="", text="")
PROMPT = "Write a tagline for a notebook."
PATIENCE = 60


@pytest.fixture
def studio(lab):
    made = Studio(lab)
    yield made
    made.close()


def draft(**part):
    blank = Draft(
        prompt=PROMPT,
        table="",
        systems=(NOBODY,),
        models="embedded",
        calibration="",
        beyond=False,
        values={},
        written={},
        n=2,
        stream=False,
        detach=False,
    )
    return {**blank, **part}


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def edit(studio, **part):
    """Change the draft as the page does, and wait for what it would be."""
    studio.set_state({"draft": {**studio.draft, **part}})
    settle("pplab-preflight")
    return studio.ahead


def run(studio, **part):
    receive(studio, kind="run", draft={**studio.draft, **part})
    return studio


def settle(name):
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def reach(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.05)


def test_an_edit_says_what_the_run_would_be(studio):
    ahead = edit(studio, prompt=PROMPT, n=3, values={"temperature": [0, 1]})
    assert ahead["possible"]
    assert ahead["line"].startswith("6 calls to embedded · ")
    assert "cost: nothing" in ahead["line"]
    assert any(sentence.startswith("Input: ") for sentence in ahead["more"])


def test_without_a_prompt_it_asks_for_one(studio):
    assert edit(studio, prompt="  ")["line"] == "Write a prompt to see what the run takes."


def test_a_draft_that_cannot_be_run_says_why(studio):
    ahead = edit(studio, prompt=PROMPT, values={"temperature": [3]})
    assert (ahead["possible"], ahead["line"], ahead["more"]) == (
        False,
        "temperature=3 is out of range",
        ("give a value in [0, 2]",),
    )


def test_a_table_of_prompts_names_its_columns_and_fills_the_template(studio, tmp_path):
    (tmp_path / "cities.csv").write_text("city,land\nOslo,Norway\nRome,Italy\n")
    ahead = edit(studio, prompt="A tagline for {city}.", table="cities.csv", n=1)
    assert ahead["columns"] == ("city", "land")
    assert ahead["line"].startswith("2 calls")
    assert "'town'" in edit(studio, prompt="A tagline for {town}.")["line"]


def test_it_begins_in_the_latest_calibration_with_its_temperatures(lab):
    lab.calibrate("precise")
    latest = lab.calibrate("expressive")
    studio = Studio(lab)
    assert studio.draft["calibration"] == latest.id == studio.calibrations[0]["id"]
    assert studio.draft["values"] == {"temperature": latest.points["temperature"]}
    assert len(studio.calibrations) == 2
    studio.close()


def test_values_outside_of_the_calibrated_range_are_refused_until_they_are_asked_for(lab):
    lab.calibrate("precise")
    studio = Studio(lab)
    wanted = {"prompt": PROMPT, "values": {"temperature": [1.9]}}
    assert "outside of the calibrated range" in edit(studio, **wanted)["line"]
    run(studio)
    assert (studio.state, studio.problem["code"]) == ("ready", "bad_input")
    assert edit(studio, beyond=True)["possible"]
    studio.close()


def test_running_stores_what_the_draft_says_and_shows_its_cards(studio, lab):
    run(studio, prompt=PROMPT, values={"temperature": [0.2, 0.9], "max_tokens": [20]}, n=2)
    settle("pplab-studio")
    stored = lab.experiment()
    assert (studio.state, studio.problem, stored.id, stored.status) == ("ready", None, studio.experiment.id, "completed")
    assert [s.given() for s in stored.plan.settings] == [{"temperature": t, "max_tokens": 20} for t in (0.2, 0.9)]
    assert studio.cards == f"anywidget:{studio._cards.model_id}"
    assert (studio._cards.state, studio.took["correlation_id"]) == ("done", stored.correlation_id)


@pytest.fixture(scope="module")
def server():
    with FaultServer() as started:
        yield started


def test_running_never_keeps_the_kernel_busy_and_cancelling_keeps_what_arrived(tmp_path, server):
    with lab_at(tmp_path, server, "play:hang") as lab:
        studio = Studio(lab)
        run(studio, prompt=PROMPT, n=3)
        reach(lambda: studio._cards.counts and studio._cards.counts["in_flight"] == 3)
        assert (studio.state, lab.counts()["experiments"]) == ("running", 1)
        receive(studio, kind="pause")
        reach(lambda: studio._cards.counts["paused"])
        assert studio.state == "paused"
        receive(studio, kind="go_on")
        reach(lambda: not studio._cards.counts["paused"])
        receive(studio, kind="cancel")
        settle("pplab-studio")
        assert (studio.state, lab.experiment().status) == ("ready", "interrupted")
        studio.close()


def test_a_detached_run_is_shown_and_steered_and_outlives_the_studio(tmp_path, server):
    with lab_at(tmp_path, server, "play:hang") as lab:
        studio = Studio(lab)
        run(studio, prompt=PROMPT, n=3, detach=True)
        reach(lambda: studio.problem or (studio._cards.counts and studio._cards.counts["in_flight"] == 3))
        assert studio.problem is None
        receive(studio, kind="pause")
        reach(lambda: studio._cards.counts["paused"])
        studio.close()
        settle("pplab-studio")
        assert lab.runs()[["state", "detached"]].to_numpy().tolist() == [["paused", True]]
        lab.experiment().cancel()
        assert lab.experiment().wait().status == "interrupted"


@pytest.mark.soak
def test_a_detached_run_ends_in_the_studio_as_any_other(tmp_path, server):
    with lab_at(tmp_path, server, "play:ok") as lab:
        studio = Studio(lab)
        run(studio, prompt=PROMPT, n=2, detach=True)
        settle("pplab-studio")
        assert (studio.problem, studio.state, lab.experiment().status) == (None, "ready", "completed")
        assert studio._cards.state == "done"
        studio.close()


def test_a_second_run_at_the_same_time_is_refused(tmp_path, server):
    with lab_at(tmp_path, server, "play:hang") as lab:
        studio = Studio(lab)
        run(studio, prompt=PROMPT, n=1)
        run(studio, prompt=PROMPT, n=1)
        assert studio.problem["message"] == "a run is under way"
        reach(lambda: studio.state == "running")
        studio.close()
        settle("pplab-studio")
        assert lab.experiment().status == "interrupted"


@pytest.mark.soak
def test_streamed_text_is_shown_while_it_is_written(tmp_path, server, monkeypatch):
    from pplab.views.widgets import cards

    monkeypatch.setattr(cards, "WRITING_SECONDS", 0.0)
    with lab_at(tmp_path, server, "play:ok") as lab:
        studio = Studio(lab)
        told = []
        monkeypatch.setattr(studio._cards, "send", told.append)
        run(studio, prompt=PROMPT, n=1, stream=True)
        settle("pplab-studio")
        studio.close()
    statuses = [message["card"]["status"] for message in told if message.get("kind") == "arrived"]
    assert statuses[-1] == "ok"
    assert set(statuses[:-1]) <= {"writing"}


@pytest.mark.soak
def test_another_model_is_asked_at_the_same_server_and_stored_in_the_same_lab(tmp_path, server):
    with lab_at(tmp_path, server, "fast") as lab:
        studio = Studio(lab)
        run(studio, prompt="another model", n=1, models="play:ok")
        settle("pplab-studio")
        assert (studio.problem, lab.experiment().model) == (None, "play:ok")
        assert [seen["step"] for seen in server.seen("another model")] == ["ok"]
        studio.close()


@pytest.mark.soak
def test_models_and_personas_are_compared_in_one_run(lab):
    studio = Studio(lab)
    personas = (Persona(name="plain", text=""), Persona(name="warm", text="Be warm."))
    run(studio, prompt=PROMPT, n=1, systems=personas, written={"seed": "7"})
    settle("pplab-studio")
    stored = lab.experiment()
    assert (studio.problem, stored.plan.factors) == (None, ("system",))
    assert stored.responses["system"].tolist() == ["plain", "warm"]
    assert set(stored.responses["seed"]) == {7}
    studio.close()


def test_what_no_model_takes_is_said_with_the_reason_before_it_is_run(studio):
    edit(studio, models="gpt-6-luna", prompt=PROMPT)
    assert not studio.offers["temperature"]["usable"]
    assert "reasoning_effort none" in studio.offers["temperature"]["words"]
    edit(studio, written={"reasoning_effort": "none"})
    assert studio.offers.get("temperature", {"usable": True})["usable"]


def test_a_written_value_that_cannot_be_read_is_said_in_the_estimate(studio):
    ahead = edit(studio, prompt=PROMPT, written={"response_format": "{"})
    assert (ahead["possible"], "response_format" in ahead["line"]) == (False, True)
    assert studio.code.startswith("%%pplab run")


def test_models_that_were_asked_before_are_offered(lab):
    lab.run("Say hello.", n=1)
    studio = Studio(lab)
    assert studio.models == ("embedded",)
    studio.close()


def test_the_static_form_is_the_same_on_every_run(lab):
    forms = []
    for _ in range(2):
        lab.calibrate("balanced")
        studio = Studio(lab)
        forms.append((studio.static().html, studio.static().text))
        studio.close()
    assert forms[0] == forms[1]
    assert "precision 49.5, personality 52.5" in forms[0][1]


def test_a_calibration_of_another_lab_is_refused(lab, tmp_path):
    with pplab.Lab(store=tmp_path / "other") as other:
        made = other.calibrate("balanced")
    with pytest.raises(pplab.PplabError, match="not stored in this lab"):
        Studio(lab, made)


# -- the cell that says the same ------------------------------------------------------------------------------------------------

VALUES = {
    p.name: st.integers(int(p.low), 1000)
    if p.integer
    else st.floats(p.low, p.high, exclude_min=p.low_open).map(lambda x: round(x, 4))
    for p in map(PARAMETERS.__getitem__, CALIBRATED)
}
WRITTEN = {
    "stop": st.sampled_from(["END", '["END", "###"]', '[["a", "b"]]']),
    "reasoning_effort": st.sampled_from(["low", "low,high"]),
    "logprobs": st.sampled_from(["true", "true,false"]),
    "response_format": st.just('{"type": "json_object"}'),
    "x.mirostat": st.sampled_from(["2", "0, 2", '[1, "1"]', "word", '"2"']),
}
LEGAL = {
    name: st.lists(values.filter(lambda v, p=PARAMETERS[name]: not (p.low_open and v <= p.low)), max_size=3, unique=True)
    for name, values in VALUES.items()
}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=30)
DRAFTS = st.builds(
    draft,
    prompt=WORDS.filter(lambda text: text.strip()).map(str.rstrip),
    systems=st.builds(lambda text: (Persona(name="", text=text),), WORDS),
    models=st.sampled_from(["embedded", "", "other", "one, two@there"]),
    written=st.fixed_dictionaries({}, optional=WRITTEN),
    calibration=st.sampled_from(["", "latest"]),
    values=st.fixed_dictionaries({}, optional=LEGAL),
    n=st.integers(1, 50),
    stream=st.booleans(),
    detach=st.booleans(),
)


@given(DRAFTS)
@example(draft(systems=(Persona(name="", text="-: no dash"),)))
def test_the_cell_asks_for_exactly_what_the_studio_runs(made):
    line, _, body = code_of(made, "embedded").partition("\n")
    command, arguments = command_table.parse(split(line.removeprefix("%%pplab ")), program="%pplab")
    arguments.prompt = [body]
    request = request_of_command(Session(lambda: None, "notebook"), arguments)
    assert command.name == "run"
    of_command, of_draft = planned(request, arguments.model or "embedded"), planned(request_of(made), "embedded")
    assert replace(of_command, model="", models=()) == replace(of_draft, model="", models=())
    models = [of_draft.model] if not of_draft.models else [model.label for model in of_draft.models]
    assert ([of_command.model] if not of_command.models else [model.label for model in of_command.models]) == models


def planned(request, model):
    calibration = preset_calibration() if request.calibration else None
    options = {"deadline": 9, "max_concurrency": 2, "scrub": str, "resolve": lambda name: ModelAsked(*name.split("@"))}
    return build_plan(request, model=model, calibration=calibration, **options)


@cache
def preset_calibration():
    with pplab.Lab(":temp:") as lab:
        return lab.calibrate("balanced")


@given(DRAFTS, st.lists(WORDS, min_size=2, max_size=3, unique_by=lambda text: tuple(text.split())))
def test_with_several_personas_it_is_python_that_asks_for_the_same(made, texts):
    made = {**made, "systems": tuple(Persona(name=f"p{at}", text=text) for at, text in enumerate(texts))}
    calls = []

    class FakeLab:
        def run(self, prompt, **options):
            calls.append(RunRequest(prompt=prompt, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pplab, "Lab", FakeLab)
        exec(code_of(made, "embedded"), {})
    assert planned(calls[0], "embedded") == planned(request_of(made), "embedded")


@given(DRAFTS)
def test_a_draft_with_values_never_draws_settings_from_the_ranges(made):
    if made["calibration"] and any(made["values"].values()):
        assert request_of(made).sweep


def test_in_a_terminal_the_studio_says_where_to_open_it(lab):
    with pytest.raises(BadInput, match="needs a notebook"):
        command_table.perform(["studio"], Session(lambda: lab, "terminal"))


def test_the_quiz_leads_on_to_the_studio_with_its_calibration(lab):
    from pplab.calibration import preset

    quiz = command_table.perform(["calibrate"], Session(lambda: lab, "notebook")).value
    receive(quiz, kind="finish", answers=preset("expressive"))
    receive(quiz, kind="proceed")
    (opened,) = quiz._opened
    assert opened.draft["calibration"] == quiz.calibration.id
    quiz.close()
