"""The dashboard without a browser: what it shows, what changes it, what it sends, and its end."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import ipywidgets
import pytest

import pplab
from pplab.errors import StoreBusy
from pplab.views.charts import figures
from pplab.views.charts.figures import Look
from pplab.views.widgets.dashboard import Dashboard
from tests.soak import only_soak
from tests.unit.test_dashboard_scores import score

WAIT_S = 60
TIMES = 20 if os.environ.get("PPLAB_SOAK") else 5
PROMPT = "Write a tagline for a notebook."
RUN_ELSEWHERE = "import pplab, sys; lab = pplab.Lab(store=sys.argv[1], user='eve'); lab.run('Elsewhere.', n=2); lab.close()"


class Changes:
    """Lets a test wait for a change of a trait."""

    def __init__(self, widget, *names):
        self._changed = threading.Condition()
        widget.observe(self._note, names)

    def _note(self, _change):
        with self._changed:
            self._changed.notify_all()

    def wait(self, done):
        with self._changed:
            assert self._changed.wait_for(done, WAIT_S)


def ran_lab(folder):
    """Fill a lab with an experiment in a calibration; return its id."""
    with pplab.Lab(store=folder, user="ada") as lab:
        lab.calibrate("balanced")
        return lab.run(PROMPT, n=5, sweep={"temperature": [0, 0.8, 1.6]}, calibration="latest").id


@pytest.fixture
def lab(tmp_path, request, made_once):
    """A lab, with an experiment where the test asks for one."""
    if "ran" in request.fixturenames:
        shutil.copytree(made_once(ran_lab)[0], tmp_path / ".pplab")
    with pplab.Lab(store=tmp_path / ".pplab", user="ada") as lab:
        yield lab


@pytest.fixture
def ran(lab, made_once):
    return lab.experiment(made_once(ran_lab)[1])


@pytest.fixture
def dashboard(lab, ran):
    made = Dashboard(lab)
    yield made
    made.close()


@pytest.fixture
def sent(monkeypatch):
    messages = []
    monkeypatch.setattr(Dashboard, "send", lambda self, content, buffers=None: messages.append(content))
    return messages


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def draw(widget):
    receive(widget, kind="ready")
    widget._drawing.join()
    assert widget.problem is None


def run_elsewhere(lab):
    subprocess.run([sys.executable, "-c", RUN_ELSEWHERE, str(lab.folder)], check=True, timeout=WAIT_S)


def in_cell(monkeypatch, execution):
    parent = {"msg_type": "execute_request", "header": {"msg_id": execution}, "metadata": {"cellId": "cell-1"}}
    shell = SimpleNamespace(get_parent=lambda: parent)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_it_says_what_is_stored_and_the_front_joins_the_settings_that_no_other_beats(dashboard, ran):
    tiles = dashboard.board["tiles"]
    assert (tiles["experiments"], tiles["responses"], tiles["ok"]) == (1, 15, 15)
    assert (tiles["usable_share"], tiles["unusable"]) == (1, "")
    assert [row["label"] for row in dashboard.board["settings"]] == ["temperature 0", "temperature 0.8", "temperature 1.6"]
    summary = ran.summary()
    for row, mean in zip(dashboard.board["settings"], summary["creativity"], strict=True):
        assert row["scores"]["creativity"]["value"] == pytest.approx(mean, abs=1e-4)
    assert dashboard.board["recent"][0]["prompt"] == PROMPT
    points = dashboard._content.content.settings
    places = [(p.precision.value, p.personality.value) for p in points]
    for point, (x, y) in zip(points, places, strict=True):
        beaten = any(a >= x and b >= y and (a, b) != (x, y) for a, b in places)
        assert point.on_front is not beaten


def test_it_begins_with_what_is_decided_on_the_one_experiment_that_it_shows(dashboard, lab, ran):
    changes = Changes(dashboard, "headline")
    changes.wait(lambda: dashboard.headline != "")
    decision = ran.verdict()
    assert dashboard.headline == f"{decision.headline} {decision.next_step}"
    static = dashboard.static().text
    assert static.index(decision.headline[:30]) < static.index("experiments")
    lab.run(PROMPT, n=2)
    changes.wait(lambda: dashboard.headline == "")  # two experiments over the same prompt
    dashboard.comparison = ran.id
    changes.wait(lambda: dashboard.headline.startswith(decision.headline))


def test_without_experiments_it_says_how_to_get_one(lab):
    made = Dashboard(lab)
    assert "Run one" in made.board["empty"]
    assert "Run one" in made.static().html
    made.close()


def test_its_static_form_has_charts_beside_tables_and_is_the_same_in_every_lab_that_ran_the_same(dashboard, ran, tmp_path):
    with pplab.Lab(store=tmp_path / "other", user="eve") as other:
        other.calibrate("balanced")
        other.run(PROMPT, n=5, sweep={"temperature": [0, 0.8, 1.6]}, calibration="latest")
        again = Dashboard(other)
        assert again.static() == dashboard.static()
        again.close()
    assert dashboard._repr_mimebundle_()[0]["text/plain"] == repr(dashboard)
    drawn = dashboard.static()
    assert drawn.html.count("data:image/svg+xml;base64,") == 2
    assert drawn.html.count("<table") == 4
    for varying in (ran.id, ran.id[:8], "latency", "cost", "ada"):
        assert varying not in drawn.text


def test_setting_a_filter_reads_the_figures_again_and_experiments_are_found_and_listed_by_name(dashboard, lab):
    lab.run("Something else.", n=1, name="Slogans", tags=["shop"])
    dashboard.calibration = lab.calibration().id
    assert (dashboard.board["tiles"]["experiments"], dashboard.took["operation"]) == (1, "dashboard")
    dashboard.calibration, dashboard.user = None, "nobody"
    assert dashboard.board["empty"] == "No experiment matches these filters."
    dashboard.user, dashboard.factor = None, "max_tokens"
    assert dashboard._content.content.factor == "max_tokens"
    assert dashboard.problem is None
    dashboard.search = "SHOP"
    assert [(line["name"], line["prompt"]) for line in dashboard.board["recent"]] == [("Slogans", "Something else.")]
    assert "Slogans" in dashboard.static().text
    dashboard.search = "nobody calls it so"
    assert dashboard.board["empty"] == "No experiment matches these filters."


def test_a_result_of_this_kernel_appears_by_itself_and_is_no_update_from_elsewhere(dashboard, lab):
    changes = Changes(dashboard, "board")
    lab.run("Another prompt.", n=2)
    changes.wait(lambda: dashboard.board["tiles"]["responses"] == 17)
    assert dashboard.board["recent"][0]["status"] == "completed"
    assert len(lab.audit(event="realtime_update_received")) == 0


def test_a_result_of_another_kernel_appears_by_itself_and_is_audited_once(dashboard, lab):
    changes = Changes(dashboard, "board")
    run_elsewhere(lab)
    changes.wait(lambda: dashboard.board["tiles"]["responses"] == 17)
    assert (dashboard.board["recent"][0]["user"], dashboard.board["recent"][0]["status"]) == ("eve", "completed")
    dashboard.close()
    received = lab.audit(event="realtime_update_received")
    assert len(received) == 1
    assert json.loads(received["payload"][0])["experiments"] == [lab.experiment().id]
    assert received["actor"][0] == "ada"


def test_a_line_of_the_journal_shows_before_the_tables_are_read(dashboard, lab, monkeypatch):
    monkeypatch.setattr(dashboard, "_on_batch", lambda _changes: None)
    monkeypatch.setattr(dashboard._live, "_on_batch", lambda _changes: None)
    changes = Changes(dashboard, "board")
    with pplab.Lab(store=lab.folder, user="eve") as eve:
        eve.run("Elsewhere.", n=2)
    changes.wait(lambda: dashboard.board["recent"][0]["status"] == "completed")
    line = dashboard.board["recent"][0]
    assert (line["user"], line["planned"], line["responses"]) == ("eve", 2, 0)
    assert dashboard.board["tiles"]["experiments"] == 2


@pytest.mark.soak
def test_experiments_outside_of_the_filters_do_not_appear(dashboard, lab):
    dashboard.user = "ada"
    changes = Changes(dashboard, "board")
    run_elsewhere(lab)
    lab.run("Mine.", n=1)
    changes.wait(lambda: dashboard.board["tiles"]["responses"] == 16)
    assert {line["user"] for line in dashboard.board["recent"]} == {"ada"}


def test_when_the_tables_cannot_be_read_it_says_so_and_retry_helps(dashboard, monkeypatch):
    read = dashboard._rollup.read

    def held(_filters):
        raise StoreBusy("the lab's tables are held by process 7", hint="close it there")

    monkeypatch.setattr(dashboard._rollup, "read", held)
    dashboard.factor = "top_p"
    assert (dashboard.problem["message"], dashboard.problem["hint"]) == (
        "the lab's tables are held by process 7",
        "close it there",
    )
    monkeypatch.setattr(dashboard._rollup, "read", read)
    receive(dashboard, kind="retry")
    assert dashboard.problem is None
    assert dashboard._content.content.factor == "top_p"


def test_the_figure_is_made_once_when_a_view_asks_and_stays_the_same_one_through_every_change(dashboard):
    assert dashboard.figure == ""
    draw(dashboard)
    reference = dashboard.figure
    assert reference == f"anywidget:{dashboard._figure.model_id}"
    draw(dashboard)
    assert dashboard.figure == reference
    figure, uids = dashboard._figure, [trace.uid for trace in dashboard._figure.data]
    dashboard.look = {"dark": True, "narrow": True, "still": True}
    dashboard.factor = "top_p"
    assert dashboard._figure is figure
    assert [trace.uid for trace in figure.data] == uids == [f"pplab-{name}" for name in _names()]
    assert figure.layout.font.color == "#E6E8EB"
    assert figure.layout.annotations[1].text == "<b>Scores by top_p</b>"
    assert figure.layout.annotations[-1].text == "no experiment sets top_p"


def _names():
    return [*(f"settings-{k}" for k in range(4)), *(f"curve-{k}" for k in range(4)), "front", "plane", "latency", "tokens"]


def test_scores_of_checks_stand_first_once_there_are_some_and_those_of_the_surface_can_be_chosen(dashboard, lab, ran):
    draw(dashboard)
    assert (dashboard.board["sources"], dashboard.board["source"]) == (("surface",), "surface")
    changes = Changes(dashboard, "board")
    answers = lab.context.store.response_rows(ran.id)
    lab.context.store.append(*(score(answer, "correct", "check", float(answer.replicate < 2)) for answer in answers))
    changes.wait(lambda: dashboard.board["source"] == "check")
    with dashboard._turn:  # the figure is drawn behind the board
        pass
    figure, shown = dashboard._figure, [row["scores"] for row in dashboard.board["settings"]]
    assert [list(scores) for scores in shown] == [["correct"]] * 3
    assert [scores["correct"]["value"] for scores in shown] == [0.4] * 3
    titles = ["<b>Pass rate by setting</b>", "<b>Pass rate by temperature</b>"]
    assert [figure.layout.annotations[k].text for k in (0, 1)] == titles
    assert [list(trace.x) for trace in figure.data[:4]] == [[0.4] * 3, [], [], []]
    assert [list(trace.y) for trace in figure.data[4:8]] == [[0.4] * 3, [], [], []]
    assert "Precision and personality are by the surface's scores." in dashboard.board["note"]
    assert "Pass rate by temperature" in dashboard.static().html
    dashboard.source = "surface"
    assert [len(trace.x) for trace in figure.data[:4]] == [3] * 4
    assert figure.layout.annotations[0].text == "<b>Scores by setting</b>"
    assert list(dashboard.board["settings"][0]["scores"]) == ["creativity", "coherence", "structure", "completeness"]
    dashboard.source = "reeder"
    assert "reader" in dashboard.problem["hint"]
    dashboard.source = None
    assert (dashboard.problem, dashboard.board["source"]) == (None, "check")


def test_a_view_gets_the_whole_figure_before_it_draws_whatever_the_page_is_thought_to_have(dashboard, sent, monkeypatch):
    draw(dashboard)
    dashboard.factor = "top_p"
    receive(dashboard, kind="draw", view="v1")
    assert [message for message in sent if message.get("kind") == "draw"] == [{"kind": "draw", "view": "v1", "seq": 1}]
    assert dashboard._figure._widget_layout["annotations"][1]["text"] == "<b>Scores by top_p</b>"
    states = []
    monkeypatch.setattr(dashboard._figure, "_send", lambda message, buffers=None: states.append(message["state"]))
    receive(dashboard, kind="draw", view="v")
    whole = states[-1]
    assert [trace["uid"] for trace in whole["_widget_data"]] == [trace.uid for trace in dashboard._figure.data]
    assert whole["_widget_layout"]["xaxis"]["domain"] == list(dashboard._figure.layout.xaxis.domain)


def test_an_update_of_the_figure_is_small_and_nothing_travels_where_motion_is_not_welcome(dashboard, monkeypatch):
    draw(dashboard)
    messages = []
    dashboard._figure.observe(lambda change: messages.append(change["new"]), ["_py2js_update", "_py2js_animate"])
    dashboard.factor = "max_tokens"
    assert sum(len(json.dumps(message, default=str)) for message in messages) < 40_000
    moved = []
    animate = dashboard._figure._send_animate_msg
    monkeypatch.setattr(type(dashboard._figure), "_send_animate_msg", lambda self, *a, **k: moved.append(1) or animate(*a, **k))
    dashboard.factor = "top_p"
    assert moved
    moved.clear()
    dashboard.look = {"dark": False, "narrow": False, "still": True}
    dashboard.factor = "temperature"
    assert not moved


def test_the_selected_experiments_are_exported_and_sent_to_the_view_that_asks(dashboard, lab, ran, sent):
    changes = Changes(dashboard, "exporting")
    receive(dashboard, kind="export", ids=[ran.id], format="csv")
    changes.wait(lambda: dashboard.exporting and dashboard.exporting["state"] == "done")
    assert dashboard.exporting["words"] == "15 answers of 1 experiment exported as csv."
    receive(dashboard, kind="download", view="v1")
    parts = [message for message in sent if message.get("kind") == "part"]
    data = b"".join(base64.b64decode(part["data"]) for part in parts)
    assert {part["view"] for part in parts} == {"v1"}
    assert data.count(b"\r\n") == 16
    exports = lab._store.exports()
    assert exports["sha256"].tolist() == [hashlib.sha256(data).hexdigest()]


def test_what_cannot_be_done_is_said(dashboard):
    for message, words in (
        ({"kind": "export", "ids": [], "format": "csv"}, "no experiment is selected"),
        ({"kind": "download", "view": "v1"}, "nothing was exported yet"),
    ):
        receive(dashboard, **message)
        assert dashboard.problem["message"] == words


def test_an_export_that_fails_says_so_and_can_be_retried(dashboard, ran):
    changes = Changes(dashboard, "problem")
    receive(dashboard, kind="export", ids=[ran.id], format="xlsx")
    changes.wait(lambda: dashboard.problem is not None)
    assert "xlsx" in dashboard.problem["message"]
    assert dashboard.exporting is None
    assert dashboard._failed["format"] == "xlsx"


def test_running_its_cell_again_and_again_leaves_one_set_of_models_and_threads(lab, ran, monkeypatch):
    models = ipywidgets.widgets.widget._instances
    before = set(models)
    for run in range(TIMES):
        in_cell(monkeypatch, f"run-{run}")
        made = Dashboard(lab)
        if run % 3 == 0:
            draw(made)
    draw(made)
    assert sorted(type(models[one]).__name__ for one in set(models) - before) == ["Dashboard", "Figure", "Layout"]
    assert sum(thread.name == "pplab-live" for thread in threading.enumerate()) == 1
    made.close()
    assert set(models) - before == set()


@pytest.mark.parametrize("loaded", [pytest.param(True, marks=pytest.mark.soak), False])
def test_running_its_cell_again_keeps_the_figure_even_one_that_is_being_made(lab, ran, monkeypatch, loaded):
    made, go_on = [], threading.Event()
    make = figures.figure_widget

    def counted(*arguments):
        assert go_on.wait(WAIT_S)
        made.append(make(*arguments))
        return made[-1]

    monkeypatch.setattr(figures, "figure_widget", counted)
    in_cell(monkeypatch, "run-1")
    first = Dashboard(lab)
    receive(first, kind="ready")
    if loaded:
        go_on.set()
        first._drawing.join()
    lab.run("More.", n=1)
    in_cell(monkeypatch, "run-2")
    second = Dashboard(lab)
    go_on.set()
    draw(second)
    assert made == [second._figure]
    assert second.figure == f"anywidget:{made[0].model_id}"
    assert len(made[0].data[-1].x) == len(second.board["settings"])
    second.close()
    assert made[0].comm is None


def test_it_can_be_closed_while_plotly_is_being_loaded(dashboard, monkeypatch):
    asked, go_on = threading.Event(), threading.Event()
    make = figures.figure_widget

    def slow(*arguments):
        asked.set()
        assert go_on.wait(WAIT_S)
        return make(*arguments)

    monkeypatch.setattr(figures, "figure_widget", slow)
    models = ipywidgets.widgets.widget._instances
    before = set(models)
    receive(dashboard, kind="ready")
    assert asked.wait(WAIT_S)
    dashboard.close()
    go_on.set()
    dashboard._drawing.join()
    assert set(models) <= before


@pytest.mark.parametrize("look", [Look(), *only_soak(Look(dark=True), Look(narrow=True))])
def test_the_figure_is_valid_plotly_with_and_without_experiments(lab, look):
    from plotly import graph_objects as go

    made = Dashboard(lab)
    for _ in range(2):
        content = made._content.content
        figure = go.Figure(data=figures.traces(content), layout=figures.layout(content, look))
        assert len(figure.data) == len(_names())
        assert figures.height(figures.Drawing(content, look)) > 400
        for trace in figure.data:
            for values, axis in ((trace.x, trace.xaxis), (trace.y, trace.yaxis)):
                low, high = sorted(figure.layout[f"{axis[0]}axis{axis[1:]}"].range)
                assert all(low <= value <= high for value in values if value is not None), trace.name
        lab.run("One.", n=2)
        receive(made, kind="refresh")
    made.close()


def labelled(widget) -> list[str]:
    return [row["label"] for row in widget.board["settings"]]


def test_scores_by_a_factor_of_words_stand_in_columns_that_are_named(lab):
    settings = [{"reasoning_effort": "high"}, {"reasoning_effort": "low"}, {"stop": ["<b>x</b>"], "reasoning_effort": "low"}]
    lab.run(PROMPT, n=2, settings=settings)
    dashboard = Dashboard(lab)
    assert [choice["value"] for choice in dashboard.board["factors"]] == ["stop", "reasoning_effort"]
    dashboard.factor = "reasoning_effort"
    draw(dashboard)
    axis = dashboard._figure.layout.xaxis2
    assert (axis.tickmode, list(axis.ticktext), list(axis.range)) == ("array", ["low", "high"], [-0.5, 1.5])
    assert dashboard._figure.data[4].mode == "markers"
    assert "Scores by reasoning_effort" in dashboard.static().html
    dashboard.factor = "stop"
    assert list(dashboard._figure.layout.xaxis2.ticktext) == ['["&lt;b&gt;x&lt;/b&gt;"]', "not set"]
    lab.run(PROMPT, n=2, sweep={"temperature": [0, 1]})
    dashboard.factor, dashboard.comparison = "temperature", lab.experiment().id
    axis = dashboard._figure.layout.xaxis2
    assert (axis.tickmode, axis.ticktext, axis.range) == ("auto", None, (-0.12, 1.12))
    assert [round(x, 3) for x in dashboard._figure.data[4].x] == [0, 1]
    dashboard.close()


def test_experiments_with_unlike_prompts_stand_apart_and_it_says_so(dashboard, lab, ran):
    assert dashboard.board["note"] == ""
    lab.run(["Something else.", "And more."], n=1)
    receive(dashboard, kind="refresh")
    assert dashboard.board["note"] == (
        "These 2 experiments have 2 different sets of prompts, which are not averaged together. The charts show 1 experiment "
        "over “Something else.” and 1 more; Compare shows others."
    )
    assert (labelled(dashboard), dashboard.board["tiles"]["experiments"]) == (["server defaults"], 2)
    assert dashboard.board["note"] in dashboard.static().text.replace("\n", " ")
    dashboard.comparison = ran.id
    assert labelled(dashboard) == ["temperature 0", "temperature 0.8", "temperature 1.6"]
    assert "show one experiment;" in dashboard.board["note"]
    dashboard.comparison = "prompts:" + ran.id
    assert labelled(dashboard) == ["temperature 0", "temperature 0.8", "temperature 1.6"]
    dashboard.comparison = "no such experiment"
    assert dashboard.board["note"] == "What is chosen under Compare is not among these experiments."


def test_what_is_not_usable_is_counted_by_setting(lab):
    lab.run(PROMPT, n=3, settings=[{"max_tokens": 3}, {"max_tokens": 300}])
    dashboard = Dashboard(lab)
    cut, whole = dashboard.board["settings"]
    assert (cut["ok"], cut["unusable"], whole["ok"], whole["unusable"]) == (0, "3 truncated", 3, "")
    assert dashboard.board["tiles"]["unusable"] == "3 truncated"
    assert "not usable" in dashboard.static().text
    dashboard.close()
