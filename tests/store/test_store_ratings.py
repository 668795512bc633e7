"""Ratings in the tables: kept whole through kill and rebuild, changed by revision, read as those that stand, and traced."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random

import duckdb
import pytest
from store_processes import start
from store_records import batch, event, experiment, metric, rating, response, run

from pplab.errors import BadInput, NotFound, StoreError
from pplab.store import migrate
from pplab.store.ratings import COLUMNS
from pplab.store.rows import RatingRow
from pplab.store.store import Store, open_store
from pplab.store.trace import Edge

SOAK = bool(os.environ.get("PPLAB_SOAK"))
ROUNDS = 30 if SOAK else 1
DAY = "2026-11-24T00:00:00.00000"
RATING = "f" * 32
ONE_OF_THEM = "SELECT * FROM ratings LIMIT 1"

VICTIM = """
import itertools, sys
import pplab.store.store as store_module
from pplab.store.store import open_store
from store_records import experiment, rating, response
store_module.DRAIN_EVERY_S = 0.001  # so that many a kill hits a drain
store = open_store(sys.argv[1])
store.append(experiment("e-000001"), response("e-000001", "r-000001"), durable=True)
for number in itertools.count():
    row = rating("r-000001", "e-000001", position=number, choice="12345"[number % 5], note=f"note {number}")
    store.append(row, durable=True)
    print(row.rating_id, number, flush=True)
"""


@pytest.fixture
def answers(store):
    """An experiment with three stored answers."""
    store.append(experiment("experiment-1", status="completed"))
    store.append(*(response("experiment-1", f"response-{number}", replicate=number) for number in range(3)))
    return store


def pair(left, right, rating_id=None, **given):
    given = {"choice": "left", "other_revision": 0} | given
    return rating(left, "experiment-1", rating_id, other_id=right, **given)


def standing(store):
    return list(store.ratings()["rating_id"])


def test_a_rating_comes_back_from_the_tables_as_it_was_given(answers):
    one = rating("response-0", "experiment-1", position=7, response_revision=2, note="“Grüße” 研究\nsecond line\x00")
    two = pair("response-1", "response-2", choice="both_bad", position=8, other_revision=3)
    answers.append(one, two)
    assert answers.rating_rows("experiment-1") == sorted([one, two], key=lambda row: row.position)
    assert answers.sql("SELECT * FROM ratings ORDER BY position")["choice"].tolist() == ["4", "both_bad"]
    assert answers.counts()["ratings"] == 2
    assert answers.find("rating", one.rating_id[:8]) == one.rating_id


def test_ratings_are_read_by_rater_in_the_order_in_which_they_were_given(answers):
    rows = [
        rating("response-0", "experiment-1", rater=rater, created_at=f"{DAY}{second}", position=position)
        for rater, second, position in itertools.product(("ada", "grace"), (1, 2), (0, 1))
    ]
    shuffled = random.Random(5).sample(rows, len(rows))
    assert shuffled != rows
    answers.append(*shuffled)
    assert answers.rating_rows("experiment-1") == rows
    assert answers.rating_rows("experiment-1", "grace") == rows[4:]
    assert answers.rating_rows("experiment-1", rater="nobody") == []
    assert standing(answers) == [row.rating_id for row in rows]
    with pytest.raises(NotFound):
        answers.rating_rows("experiment-9")


def test_the_highest_revision_of_a_rating_stays_in_whatever_order_they_come(answers):
    """The revisions of each rating come in another order, one of each rating between two drains."""
    revisions = {
        order: [
            rating("response-0", "experiment-1", f"rating-{number}", position=number, revision=revision, choice=choice, note=note)
            for revision, (choice, note) in enumerate([("4", None), ("undone", None), ("2", "on second thought")])
        ]
        for number, order in enumerate(itertools.permutations(range(3)))
    }
    for turn in range(3):
        answers.append(*(rows[order[turn]] for order, rows in revisions.items()))
        answers.drain()
    assert answers.rating_rows("experiment-1") == [rows[2] for rows in revisions.values()]
    assert answers.verify().ok
    assert answers.rebuild(swap=False).equal


def test_a_rating_that_was_taken_back_is_kept_and_does_not_stand(answers):
    kept, undone = (rating("response-0", "experiment-1", position=position) for position in (0, 1))
    answers.append(kept, undone, dataclasses.replace(undone, revision=1, choice="undone"))
    assert [row.choice for row in answers.rating_rows("experiment-1")] == ["4", "undone"]
    assert standing(answers) == [kept.rating_id]


def test_ratings_of_an_answer_that_was_replaced_do_not_stand(answers):
    answers.append(response("experiment-1", "response-3", replicate=3, status="failed"))
    alone = rating("response-3", "experiment-1")
    on_the_left, on_the_right = pair("response-3", "response-0"), pair("response-0", "response-3")
    other = pair("response-0", "response-1", position=1)
    answers.append(alone, on_the_left, on_the_right, other)
    assert len(standing(answers)) == 4
    answers.append(response("experiment-1", "response-3", replicate=3, revision=1))
    assert standing(answers) == [other.rating_id]
    assert len(answers.rating_rows("experiment-1")) == 4
    again = pair("response-3", "response-0", response_revision=1, position=2)
    answers.append(again)
    assert standing(answers) == [other.rating_id, again.rating_id]


def test_the_table_of_ratings_is_that_of_one_experiment_or_of_all(answers):
    assert list(answers.ratings().columns) == list(COLUMNS)
    assert answers.ratings().empty
    answers.append(experiment("experiment-2"), response("experiment-2", "response-9"))
    answers.append(rating("response-0", "experiment-1"), rating("response-9", "experiment-2", note="mine"))
    assert set(answers.ratings()["experiment_id"]) == {"experiment-1", "experiment-2"}
    assert answers.ratings("experiment-2")["note"].tolist() == ["mine"]


def test_a_secret_in_a_note_never_reaches_the_journal(answers, folder):
    answers.add_secret("sk-very-secret-1234567890")
    answers.append(rating("response-0", "experiment-1", note="it echoes sk-very-secret-1234567890"))
    (row,) = answers.rating_rows("experiment-1")
    assert row.note.startswith("it echoes ")
    assert "very-secret" not in row.note
    assert not [path for path in folder.rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()]


def test_a_rating_altered_removed_or_added_behind_the_stores_back_is_found(answers):
    answers.append(*(rating("response-0", "experiment-1", f"rating-{number}", position=number) for number in range(3)))
    answers.drain()
    assert answers.verify().ok
    for statement, kind in (
        ("UPDATE ratings SET choice = '5' WHERE rating_id = 'rating-0'", "content"),
        ("DELETE FROM ratings WHERE rating_id = 'rating-1'", "count"),
        (f"INSERT INTO ratings SELECT 'forged ' || n, r.* EXCLUDE rating_id FROM ({ONE_OF_THEM}) r, range(3) t(n)", "count"),
    ):
        with duckdb.connect(answers.path) as connection:
            connection.execute(statement)
        assert kind in {problem.kind for problem in answers.verify().problems}, statement
    report = answers.rebuild(swap=True)
    wrong = {table.table: (table.missing, table.added, table.different) for table in report.tables if not table.equal}
    assert wrong == {"ratings": (3, 1, 1)}
    assert answers.verify().ok


@pytest.mark.soak  # of responses, test_store_crash shows it
def test_kill_9_loses_no_rating_that_was_acknowledged(folder):
    chance = random.Random(11)
    acknowledged = {}
    for _ in range(ROUNDS):
        victim = start(VICTIM, folder)
        lines = [victim.stdout.readline() for _ in range(chance.randrange(1, 60))]
        victim.kill()
        out, err = victim.communicate()
        assert err == ""
        acknowledged |= dict(line.split() for line in [*lines, *out.splitlines(keepends=True)] if line.endswith("\n"))
        store = Store(folder)
        stored = {row.rating_id: row for row in store.rating_rows("e-000001")}
        for rating_id, number in acknowledged.items():
            assert (stored[rating_id].position, stored[rating_id].note) == (int(number), f"note {number}")
        assert store.verify().ok
        assert store.rebuild(swap=False).equal
        store.end()
    assert len(acknowledged) >= ROUNDS


def test_a_lab_of_the_second_schema_is_backed_up_migrated_and_takes_ratings_and_batches(folder, monkeypatch):
    second = migrate.migrations()[:2]
    with monkeypatch.context() as older:
        older.setattr(migrate, "migrations", lambda: second)
        store = open_store(folder)
        rows = run(2)
        store.append(*rows)
        store.drain()
        assert "ratings" not in store.sql("SHOW TABLES")["name"].tolist()
        store.close()
    (one, answer) = rows[0].experiment_id, next(row.response_id for row in rows if hasattr(row, "response_id"))
    store = open_store(folder)
    assert {"ratings": 0, "experiments": 1, "responses": 2}.items() <= store.counts().items()
    (backup,) = (folder / "backup").iterdir()
    assert backup.name.startswith("lab-v2-")
    assert store.verify().ok
    store.append(rating(answer, one), batch(one))
    assert [row.response_id for row in store.rating_rows(one)] == [answer]
    assert len(store.batches(one)) == 1
    assert store.verify().ok
    assert store.rebuild(swap=False).equal
    store.close()
    with monkeypatch.context() as older:
        older.setattr(migrate, "migrations", lambda: second)
        reopened = open_store(folder)
        with pytest.raises(StoreError, match="written by a newer pplab"):
            reopened.ratings()
    reopened.close()


@pytest.fixture
def rated(answers):
    """The three answers, two of them rated as a pair and one alone, in an operation of its own."""
    answers.append(
        metric("operation-rate", name="rate", correlation_id=RATING, span_id="span-rate"),
        event("event-rate", event="rating_started", entity="experiment", entity_id="experiment-1", correlation_id=RATING),
        pair("response-0", "response-1", "rating-pair", correlation_id=RATING),
        rating("response-2", "experiment-1", "rating-alone", choice="5", correlation_id=RATING),
        experiment("experiment-2"),
        response("experiment-2", "response-9"),
        rating("response-9", "experiment-2", "rating-elsewhere"),
    )
    return answers


def test_an_experiment_leads_to_its_ratings_and_what_they_were_given_in(rated):
    trace = rated.trace("experiment-1")
    labels = {node.id: node.label for node in trace.nodes if node.kind == "rating"}
    assert labels == {"rating-pair": "pair left", "rating-alone": "answer 5"}
    assert {
        Edge(("response", "response-0"), ("rating", "rating-pair"), "was rated as"),
        Edge(("response", "response-1"), ("rating", "rating-pair"), "was rated as"),
        Edge(("response", "response-2"), ("rating", "rating-alone"), "was rated as"),
        Edge(("operation", "operation-rate"), ("rating", "rating-pair"), "made"),
    } <= set(trace.edges)
    assert {"operation-rate", "event-rate"} <= {node.id for node in trace.nodes}


def test_a_rating_leads_to_its_answers_and_their_experiment(rated):
    trace = rated.trace("rating-pair")
    found = {node.id for node in trace.nodes}
    assert trace.anchor == ("rating", "rating-pair")
    assert {"experiment-1", "response-0", "response-1", "rating-pair", "operation-rate"} <= found
    assert not {"response-2", "rating-alone", "experiment-2", "rating-elsewhere"} & found
    assert [node.id for node in trace.before(("rating", "rating-pair"))] == ["response-0", "response-1", "operation-rate"]
    on_the_right = {node.id for node in rated.trace("response-1").nodes}
    assert "rating-pair" in on_the_right
    assert not {"response-0", "rating-alone"} & on_the_right


def test_the_correlation_of_ratings_leads_to_their_experiment(rated):
    trace = rated.trace(RATING)
    assert trace.anchor == ("correlation", RATING)
    assert {"experiment-1", "rating-pair", "rating-alone"} <= {node.id for node in trace.nodes}
    with pytest.raises(BadInput, match="several records begin with 'rating'"):
        rated.trace("rating")


def test_a_row_of_a_rating_names_every_column_of_its_table(store):
    found = store.sql("SELECT column_name FROM duckdb_columns() WHERE table_name = 'ratings' ORDER BY column_index")
    assert found["column_name"].tolist() == [field.name for field in dataclasses.fields(RatingRow)]
