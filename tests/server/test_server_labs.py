"""The list of labs and what is in one: what the server reads without a kernel, and that reading leaves nothing behind."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import duckdb
import pytest

import pplab
from pplab.store.migrate import migrations
from pplab.store.store import TABLES
from tests.server.large_labs import lab_of

PROMPT = "Write a tagline for a notebook."


def listed(server, name):
    (one,) = (lab for lab in server.get("labs")["labs"] if lab["name"] == name)
    return one


@pytest.fixture(scope="module")
def folder(server):
    """The folder of a lab with a calibration, two experiments, a package and the audit of a cell."""
    folder = server.root / "work" / ".pplab"
    with pplab.Lab(store=folder, user="ada") as lab:
        calibration = lab.calibrate("balanced")
        lab.run(PROMPT, n=2, sweep={"temperature": [0, 0.7]}, calibration=calibration, name="taglines")
        lab.run(["Why does it rain?", "Why is the sky blue?"], n=1)
        lab.export("latest", "package", folder.parent / "shared.zip")
    return folder


def test_a_lab_is_listed_with_what_answers_in_it(server, folder):
    one = listed(server, "work")
    assert server.get("labs")["version"] == pplab.__version__
    assert (one["lab"], one["readable"], one["note"]) == ("work/.pplab", True, "")
    assert (one["model"], one["endpoint"], one["experiments"], one["running"]) == ("embedded", "embedded", 2, 0)


def test_labs_lie_anywhere_below_the_root_but_not_behind_links(server, folder, tmp_path):
    with pplab.Lab(store=server.root / "a" / "b" / "my-lab") as lab:
        lab.calibrate("balanced")
    with pplab.Lab(store=tmp_path / "elsewhere" / ".pplab") as lab:
        lab.calibrate("balanced")
    (server.root / "link").symlink_to(tmp_path / "elsewhere")
    names = {lab["lab"] for lab in server.get("labs")["labs"]}
    assert {"a/b/my-lab", "work/.pplab"} <= names
    assert "link/.pplab" not in names


def test_what_was_spent_today_is_the_users_own(server):
    folder = server.root / "spent" / ".pplab"
    lab_of(folder, 3, created=f"{datetime.now(UTC):%Y-%m-%d}", user="ada", cost=0.5)
    lab_of(folder, 2, created=f"{datetime.now(UTC):%Y-%m-%d}", user="eve", cost=7, first=3)
    lab_of(folder, 4, created="2026-01-01", user="ada", cost=9, first=5)
    one = listed(server, "spent")
    assert (one["experiments"], one["spent_today"]) == (9, pytest.approx(1.5))


# -- experiments ----------------------------------------------------------------------------------------------------------------


def reach(condition):
    until = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < until
        threading.Event().wait(0.05)
    return found


def test_experiments_come_newest_first_and_in_pages(server, folder):
    page = server.get(server.of_lab(folder, "experiments"))
    assert page["total"] == 2
    newest, oldest = page["experiments"]
    assert (newest["prompt"], newest["prompts"], newest["planned"], newest["answers"]) == ("Why does it rain?", 2, 2, 2)
    assert (oldest["name"], oldest["status"], oldest["models"], oldest["cost"]) == ("taglines", "completed", ["embedded"], 0)
    assert datetime.fromisoformat(oldest["created_at"]).tzinfo == UTC
    second = server.get(server.of_lab(folder, "experiments?limit=1&offset=1"))
    assert (second["total"], [one["id"] for one in second["experiments"]]) == (2, [oldest["id"]])


def test_verdicts_are_made_for_the_page_that_is_shown_and_are_then_found_by_the_search(server, folder):
    def verdicts():
        shown = server.get(server.of_lab(folder, "experiments"))["experiments"]
        return shown if all(one["verdict"] for one in shown) else None

    newest, oldest = reach(verdicts)
    with pplab.Lab(store=folder, user="ada") as lab:
        for one in (newest, oldest):
            assert one["verdict"] == lab.experiment(one["id"]).verdict().headline
    word = oldest["verdict"].split()[0].lower()
    found = server.get(server.of_lab(folder, f"experiments?query={word}"))
    assert oldest["id"] in [one["id"] for one in found["experiments"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("RAIN", ["Why does it rain?"]),
        ("sky blue", ["Why does it rain?"]),
        ("taglines", [PROMPT]),
        ("embedded%20completed", ["Why does it rain?", PROMPT]),
        ("nobody%20asked", []),
        ("%25", []),
        ("'%20OR%201=1", []),
    ],
)
def test_a_search_finds_every_word_in_prompts_models_status_and_name(server, folder, query, found):
    page = server.get(server.of_lab(folder, f"experiments?query={query.replace(' ', '%20')}"))
    assert [one["prompt"] for one in page["experiments"]] == found
    assert page["total"] == len(found)


def test_an_experiment_is_found_by_its_id(server, folder):
    (first, _) = server.get(server.of_lab(folder, "experiments"))["experiments"]
    page = server.get(server.of_lab(folder, f"experiments?query={first['id']}"))
    assert [one["id"] for one in page["experiments"]] == [first["id"]]


def test_one_experiment_has_its_summary_and_its_decision(server, folder):
    oldest = server.get(server.of_lab(folder, "experiments"))["experiments"][1]
    one = server.get(server.of_lab(folder, f"experiments/{oldest['id']}"))
    with pplab.Lab(store=folder, user="ada") as lab:
        experiment = lab.experiment(oldest["id"])
        decision = experiment.verdict()
        assert [row["setting"] for row in one["summary"]] == list(experiment.summary()["setting"])
    assert (one["decision"]["headline"], one["decision"]["outcome"]) == (decision.headline, decision.outcome)
    assert one["verdict"] == decision.headline
    assert {name: one[name] for name in oldest if name != "verdict"} == {n: oldest[n] for n in oldest if n != "verdict"}


@pytest.mark.parametrize("query", ["limit=-1", "limit=many", "offset=1.5"])
def test_what_is_no_number_is_refused_in_words(server, folder, query):
    answer = server.ask(server.of_lab(folder, f"experiments?{query}"))
    assert answer.status == 400
    assert "is not a whole number" in answer.json["message"]


def test_an_experiment_that_is_not_there_is_said_to_be_missing(server, folder):
    answer = server.ask(server.of_lab(folder, "experiments/0123456789abcdef"))
    assert answer.status == 404
    assert set(answer.json) == {"message", "hint"}


# -- what else is in a lab ------------------------------------------------------------------------------------------------------


def test_calibrations_and_packages_are_listed(server, folder):
    (calibration,) = server.get(server.of_lab(folder, "calibrations"))["calibrations"]
    assert (calibration["user"], list(calibration["ranges"])[:3]) == ("ada", ["temperature", "top_p", "max_tokens"])
    (folder.parent / "other.zip").write_bytes(b"no package")
    (package,) = server.get(server.of_lab(folder, "packages"))["packages"]
    assert (package["path"], package["name"]) == ("work/shared.zip", "shared.zip")
    assert package["size"] == (folder.parent / "shared.zip").stat().st_size


def test_the_cells_of_a_notebook_have_their_latest_run_and_what_it_caused(server):
    from pplab.store.rows import CellRow
    from pplab.store.store import open_store
    from tests.store.store_records import build, experiment, metric, response

    folder = server.root / "audited" / ".pplab"
    cell = {"user": "ada", "cell_id": "c1", "notebook": "sub/a.ipynb", "status": "ok"}
    runs = [
        build(CellRow, execution_id="1", started_at="2026-11-23T01:00:00.000000", correlation_id="t1", duration_ns=1, **cell),
        build(
            CellRow, execution_id="2", started_at="2026-11-23T02:00:00.000000", correlation_id="t2", duration_ns=3_000_000, **cell
        ),
    ]
    run = experiment(status="completed", correlation_id="t2")
    answers = [
        response(run.experiment_id, correlation_id="t2", input_tokens=2, output_tokens=5, cost=0.5),
        response(run.experiment_id, correlation_id="t2", status="cancelled", cost=None),
    ]
    store = open_store(folder)
    store.append(*runs, run, *answers, metric(kind="call", correlation_id="t2"))
    store.close()
    (one,) = server.get(server.of_lab(folder, "cells?notebook=audited%2Fsub%2Fa.ipynb"))["cells"]
    assert (one["cell_id"], one["correlation_id"], one["duration_ms"], one["status"]) == ("c1", "t2", 3, "ok")
    assert (one["calls"], one["tokens"], one["cost"]) == (1, 7, 0.5)
    assert server.get(server.of_lab(folder, "cells?notebook=audited%2Fa.ipynb"))["cells"] == []


def test_plotly_is_served_and_kept_by_the_browser(server):
    answer = server.ask("plotly.js")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert b"plotly.js" in answer.body[:200]
    again = server.ask("plotly.js", headers={"If-None-Match": answer.headers["Etag"]})
    assert (again.status, again.body) == (304, b"")


# -- what looking does not do ---------------------------------------------------------------------------------------------------


def contents(folder):
    """Return every file of a lab's folder but the lock, which names the last reader."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lab.lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_looking_writes_nothing(server, folder):
    server.get(server.of_lab(folder, "experiments"))  # whoever reads first moves the journals to the tables
    before = contents(folder)
    experiment = server.get(server.of_lab(folder, "experiments"))["experiments"][0]["id"]
    for path in ("experiments?query=rain", f"experiments/{experiment}", "calibrations", "packages", "runs"):
        server.get(server.of_lab(folder, path))
    server.get(server.of_lab(folder, "cells?notebook=work%2Fa.ipynb"))
    server.get("labs")
    after = contents(folder)
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name]] == []


@pytest.mark.parametrize(("change", "words"), [(1, "newer pplab"), (-1, "older pplab")])
def test_a_lab_of_another_schema_is_listed_and_left_as_it_is(server, change, words):
    folder = server.root / f"schema{change}" / ".pplab"
    lab_of(folder, 1)
    latest = migrations()[-1].version
    with duckdb.connect(str(folder / TABLES)) as tables:
        if change > 0:
            tables.execute("INSERT INTO schema_version VALUES (?, 'x', now()::TIMESTAMP)", [latest + 1])
        else:
            tables.execute("DELETE FROM schema_version WHERE version = ?", [latest])
        tables.execute("CHECKPOINT")
    before = contents(folder)
    one = listed(server, f"schema{change}")
    assert (one["readable"], words in one["note"]) == (False, True)
    answer = server.ask(server.of_lab(folder, "experiments"))
    assert (answer.status, words in answer.json["message"]) == (500, True)
    assert contents(folder) == before


def test_a_damaged_lab_is_listed_with_what_is_wrong_and_keeps_no_other_from_being_listed(server, folder):
    damaged = server.root / "damaged" / ".pplab"
    damaged.mkdir(parents=True)
    (damaged / TABLES).write_bytes(b"no tables at all, but some bytes")
    one = listed(server, "damaged")
    assert (one["readable"], "not a DuckDB file" in one["note"]) == (False, True)
    assert listed(server, "work")["readable"]
