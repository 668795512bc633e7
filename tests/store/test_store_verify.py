"""Verification: whatever is altered, deleted, inserted or reordered behind the store's back is found and named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_records import build, event, export, run

from pplab.store.chain import CHAINED, GENESIS, SQL_HASH, Head, canonical_text, link, row_hash
from pplab.store.digests import _DIGEST, DIGESTED, digest, digest_of
from pplab.store.drain import _arrow
from pplab.store.record_types import RECORD_TYPES, parse_time
from pplab.store.store import Store, open_store
from tests.soak import only_soak

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TIMES = st.datetimes(min_value=parse_time("1000-01-01"), max_value=parse_time("9999-01-01"))


@st.composite
def audit_rows(draw):
    row = {"seq": draw(st.integers(1, 2**62)), "prev_hash": draw(st.just(GENESIS) | TEXT.map(_sha))}
    for column in RECORD_TYPES["event"].columns:
        values = TIMES if column.holds == "time" else TEXT
        row[column.name] = draw(st.none() | values) if column.nullable else draw(values)
    return row


def _sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def memory():
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        yield connection


@given(st.lists(audit_rows(), min_size=1, max_size=4))
def test_the_hash_is_the_same_in_python_and_in_sql(memory, written):
    columns = {
        name: pa.array(
            [row[name] for row in written],
            pa.int64() if name == "seq" else pa.timestamp("us") if name == "occurred_at" else pa.string(),
        )
        for name in CHAINED
    }
    memory.register("written", pa.table(columns))
    computed = [value for (value,) in memory.execute(f"SELECT {SQL_HASH} FROM written").fetchall()]
    assert computed == [row_hash(row) for row in written]


VALUES = {
    "str": TEXT,
    "json": TEXT,
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "time": TIMES,
}


@st.composite
def stored_rows(draw):
    record_type = draw(st.sampled_from(DIGESTED))
    row = st.fixed_dictionaries(
        {
            column.name: st.none() | VALUES[column.holds] if column.nullable else VALUES[column.holds]
            for column in record_type.columns
        }
    )
    return record_type, draw(st.lists(row, max_size=2))


@given(stored_rows())
def test_the_digest_is_the_same_in_python_and_in_sql(memory, written):
    record_type, rows = written
    memory.register("written", _arrow(record_type, rows))
    assert digest_of(record_type, rows) == digest(memory, record_type.table, "written")


@given(audit_rows(), audit_rows())
def test_no_two_rows_share_a_canonical_text(one, other):
    assert (canonical_text(one) == canonical_text(other)) == (one == other)


def test_the_text_tells_null_from_nothing_and_where_a_field_ends():
    row = dict.fromkeys(CHAINED) | {"seq": 1}
    texts = {canonical_text(row | change) for change in ({}, {"event": ""}, {"event": "ab"}, {"event": "a", "actor": "b"})}
    assert len(texts) == 4


def test_the_first_row_is_chained_to_64_zeros_and_each_other_to_the_row_before(store):
    store.append(*(event() for _ in range(5)))
    frame = store.audit()
    assert frame.seq.tolist() == [1, 2, 3, 4, 5]
    assert frame.prev_hash.tolist() == [GENESIS, *frame.hash[:-1]]
    assert store.head() == Head(5, frame.hash.iloc[-1])


def test_an_empty_lab_verifies(store):
    report = store.verify()
    assert (report.ok, report.rows, report.head) == (True, 0, Head(0, GENESIS))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """The folder of a lab of 20 audit rows, drained twice, which nobody has open."""
    folder = tmp_path_factory.mktemp("untouched") / ".pplab"
    store = Store(folder)
    store.append(*run(4), *(event(entity_id=f"entity-{n}") for n in range(9)))
    store.drain()
    store.append(*(event(entity_id=f"entity-{n}") for n in range(9, 18)))
    store.drain()
    store.end()
    return folder


@pytest.fixture
def lab(untouched, folder):
    """A copy of that lab, and a hand that reaches into its file."""
    shutil.copytree(untouched, folder)
    store = Store(folder)

    def tamper(*statements):
        with duckdb.connect(folder / "lab.duckdb") as connection:
            for statement in statements:
                connection.execute(statement)

    store.tamper = tamper
    yield store
    store.end()


def found(store, **given):
    return {
        (problem.kind, problem.seq)
        for problem in store.verify(**given).problems
        if problem.kind not in ("count", "content", "summary")
    }


def rehash(store, seq, **changes):
    """Return the statement with which somebody who knows the hash rewrites one row."""
    with store.reading() as cursor:
        names = [*CHAINED, "hash"]
        row = dict(
            zip(names, cursor.execute(f"SELECT {', '.join(names)} FROM audit_logs WHERE seq = {seq}").fetchone(), strict=True)
        )
    row |= changes
    assigned = ", ".join(f"{name} = '{value}'" for name, value in changes.items())
    return f"UPDATE audit_logs SET {assigned}, hash = '{row_hash(row)}' WHERE seq = {seq}"


def test_an_untouched_lab_verifies_with_all_heads_compared(lab):
    report = lab.verify()
    assert report.ok
    assert report.rows == 20
    assert report.heads_checked == 3, "the last drain, and two in the drain log"
    assert report.words == "20 audit rows verified, nothing was altered"


def test_any_altered_column_of_an_audit_row_is_found_and_named(lab):
    columns = {2 * place: name for place, name in enumerate((name for name in CHAINED if name not in ("seq", "event_id")), 1)}
    assert max(columns) <= 20
    values = {column: "TIMESTAMP '2020-01-01'" if column == "occurred_at" else "'x'" for column in columns.values()}
    lab.tamper(*(f"UPDATE audit_logs SET {column} = {values[column]} WHERE seq = {seq}" for seq, column in columns.items()))
    assert found(lab) == {("altered", seq) for seq in columns}


def test_null_for_an_empty_text_is_found(lab):
    lab.tamper("UPDATE audit_logs SET span_id = '' WHERE seq = 7")
    assert found(lab) == {("altered", 7)}


def test_an_altered_row_with_its_hash_made_to_fit_is_found_by_the_row_behind_it_and_the_last_one_by_the_heads(lab):
    lab.tamper(rehash(lab, 7, actor="eve"), rehash(lab, 20, actor="eve"))
    assert found(lab) == {("altered", 7), ("altered", 20)}


@pytest.mark.parametrize("seq", [1, *only_soak(2), 7, *only_soak(19)])
def test_a_deleted_row_is_found_and_named(lab, seq):
    lab.tamper(f"DELETE FROM audit_logs WHERE seq = {seq}")
    problems = found(lab)
    assert ("deleted", seq) in problems
    assert all(kind == "deleted" for kind, _ in problems)


def test_a_run_of_deleted_rows_is_named_by_its_ends(lab):
    lab.tamper("DELETE FROM audit_logs WHERE seq BETWEEN 5 AND 9")
    assert "audit rows 5 to 9 are missing" in lab.verify().words


def test_deleted_rows_with_the_later_ones_renumbered_are_found(lab):
    lab.tamper("DELETE FROM audit_logs WHERE seq = 7", "UPDATE audit_logs SET seq = seq - 1 WHERE seq > 7")
    assert ("altered", 7) in found(lab)


@pytest.mark.parametrize("count", [1, *only_soak(5), 20])
def test_the_removal_of_the_last_rows_is_found_because_the_drains_remember_their_heads(lab, count):
    lab.tamper(f"DELETE FROM audit_logs WHERE seq > {20 - count}")
    assert found(lab) == {("deleted", 21 - count)}


def hide_last_rows(lab, folder, keep):
    """Remove the last rows and every trace of them in the lab's own files."""
    with lab.reading() as cursor:
        (head,) = cursor.execute(f"SELECT hash FROM audit_logs WHERE seq = {keep}").fetchone()
    lab.tamper(
        f"DELETE FROM audit_logs WHERE seq > {keep}",
        f"UPDATE drained SET row_count = {keep}, head_hash = '{head}' WHERE table_name = 'audit_logs'",
    )
    (folder / "ledger.jsonl").unlink()


def test_the_removal_of_the_last_rows_is_found_when_an_export_mentions_a_later_head(lab, folder):
    head = lab.head()
    lab.append(export(head_seq=head.seq, head_hash=head.hash))
    lab.drain()
    hide_last_rows(lab, folder, 18)
    assert found(lab) == {("deleted", 19)}


def test_the_removal_of_the_last_rows_is_found_by_a_head_that_somebody_kept(lab, folder):
    head = lab.head()
    hide_last_rows(lab, folder, 18)
    assert lab.verify().ok, "nothing in the lab remembers them"
    assert found(lab, heads=[(head.seq, head.hash)]) == {("deleted", 19)}


def test_rows_removed_from_the_end_stay_missing_when_others_follow(lab):
    lab.tamper("DELETE FROM audit_logs WHERE seq > 18")
    lab.append(event())
    assert ("deleted", 19) in found(lab)


def test_an_inserted_row_is_found_wherever_it_stands(lab):
    copy = "INSERT INTO audit_logs SELECT {seq}, 'forged', * EXCLUDE (seq, event_id) FROM audit_logs WHERE seq = 7"
    lab.tamper(copy.format(seq=7))
    assert ("inserted", 7) in found(lab) or ("altered", 7) in found(lab)
    lab.tamper("DELETE FROM audit_logs WHERE event_id = 'forged'", copy.format(seq=21))
    assert ("inserted", 21) in found(lab)


def test_an_inserted_row_chained_to_the_end_by_the_rules_is_found_by_the_drains_head(lab):
    head = lab.head()
    forged = {column.name: None for column in RECORD_TYPES["event"].columns}
    forged |= {"event_id": "forged", "occurred_at": parse_time("2026-01-01"), "event": "x", "actor": "eve", "payload": "{}"}
    link(head, [forged])
    values = ", ".join("NULL" if forged[name] is None else f"'{forged[name]}'" for name in [*CHAINED, "hash"])
    lab.tamper(f"INSERT INTO audit_logs ({', '.join([*CHAINED, 'hash'])}) VALUES ({values})")
    assert found(lab) == {("inserted", 21)}


def test_two_rows_that_changed_places_are_found_and_said_where_they_belong(lab):
    lab.tamper("UPDATE audit_logs SET seq = CASE seq WHEN 5 THEN 11 ELSE 5 END WHERE seq IN (5, 11)")
    assert {("reordered", 5), ("reordered", 11)} <= found(lab)
    assert "row 11 belongs after row 4" in "; ".join(problem.what for problem in lab.verify().problems)


def test_a_chain_written_anew_from_some_row_on_differs_from_the_heads_that_were_mentioned(lab):
    with lab.reading() as cursor:
        names = [*CHAINED, "hash"]
        rows = [
            dict(zip(names, row, strict=True))
            for row in cursor.execute(f"SELECT {', '.join(names)} FROM audit_logs ORDER BY seq").fetchall()
        ]
    rows[4]["actor"] = "eve"
    link(Head(4, rows[3]["hash"]), rows[4:])
    lab.tamper(
        "UPDATE audit_logs SET actor = 'eve' WHERE seq = 5",
        *(f"UPDATE audit_logs SET prev_hash = '{r['prev_hash']}', hash = '{r['hash']}' WHERE seq = {r['seq']}" for r in rows[4:]),
    )
    report = lab.verify()
    assert {(problem.kind, problem.seq) for problem in report.problems} == {("altered", 11), ("altered", 20)}
    assert "another hash than the drain log" in report.words


def test_a_removed_or_added_row_of_any_other_table_shows_in_the_counts(lab):
    lab.tamper(
        "DELETE FROM responses WHERE replicate = 0",
        "INSERT INTO call_attempts SELECT 'forged', * EXCLUDE attempt_id FROM call_attempts LIMIT 1",
    )
    what = [problem.what for problem in lab.verify().problems if problem.kind == "count"]
    assert what == ["responses has 3 rows, pplab wrote 4", "call_attempts has 5 rows, pplab wrote 4"]


def test_an_improved_score_shows_in_the_summaries(lab):
    lab.tamper("UPDATE responses SET creativity = creativity + 1e-6 WHERE replicate = 2")
    content, summary = lab.verify().problems
    assert (content.kind, summary.kind) == ("content", "summary")
    assert summary.what == "creativity of ada, uncalibrated does not match the responses"


@pytest.fixture(scope="module")
def two_of_each(tmp_path_factory):
    """A lab with two rows of each kind."""
    store = Store(tmp_path_factory.mktemp("two") / ".pplab")
    store.append(*(build(kind.row, **{kind.key: f"row-number-{number}"}) for kind in DIGESTED for number in (1, 2)))
    store.drain()
    yield store
    store.end()


@pytest.mark.parametrize("kind", DIGESTED, ids=lambda kind: kind.name)
def test_any_altered_column_of_any_other_table_changes_its_digest(two_of_each, kind):
    values = {"time": "TIMESTAMP '2020-01-01'", "int": "7", "float": "0.1", "str": "'x y'", "json": "'[1]'"}
    versions = [f"SELECT *, '' AS altered FROM {kind.table}"]
    for column in kind.columns:
        one = f"CASE {kind.key} WHEN 'row-number-1' THEN {values[column.holds]} ELSE {column.name} END AS {column.name}"
        versions.append(f"SELECT * REPLACE ({one}), '{column.name}' AS altered FROM {kind.table}")
    of_each = f"SELECT altered, {_DIGEST[kind.table]} FROM ({' UNION ALL '.join(versions)}) GROUP BY altered"
    with two_of_each.reading() as cursor:
        (drained,) = cursor.execute("SELECT digest FROM drained WHERE table_name = ?", [kind.table]).fetchone()
        assert digest(cursor, kind.table, kind.table) == int(drained, 16)
        digests = dict(cursor.execute(of_each).fetchall())
    untouched = digests.pop("")
    assert untouched == int(drained, 16)
    assert digests.keys() == {column.name for column in kind.columns}
    assert [name for name, altered in digests.items() if altered == untouched] == []


def test_an_altered_answer_shows_although_no_figure_depends_on_it(lab):
    lab.tamper("UPDATE responses SET text = 'better' WHERE replicate = 2")
    (problem,) = lab.verify().problems
    assert problem.what == "responses was changed by something other than pplab; pplab rebuild names the rows"


def test_a_flood_of_altered_rows_is_counted_and_the_first_are_named(folder):
    store = open_store(folder)
    store.append(*(event() for _ in range(300)))
    store.drain()
    with duckdb.connect(folder / "lab.duckdb") as connection:
        connection.execute("UPDATE audit_logs SET actor = 'eve'")
    report = store.verify()
    assert len(report.problems) == 101
    assert report.problems[100].what == "200 more audit rows do not fit the chain"
    assert report.words.count(";") == 2
    store.close()


def test_damaged_lines_of_the_drain_log_are_passed_over(lab, folder):
    drain_log = folder / "ledger.jsonl"
    with drain_log.open("ab") as file:
        file.write(b'{"seq": 1}\nrubbish\n{"seq": "x", "hash": 1, "read": {"a": 1}}\n{"torn')
    lab.append(event())
    report = lab.verify()
    assert report.ok
    assert report.heads_checked == 4
    assert json.loads(drain_log.read_bytes().splitlines()[-1])["seq"] == 21


@pytest.mark.soak
def test_a_million_audit_rows_are_verified_and_the_time_is_printed(folder):
    count = 1_000_000 if os.environ.get("PPLAB_SOAK") else 20_000
    store = open_store(folder)
    rows = []
    for number in range(count):
        rows.append(event(f"{number:08x}-0000", payload={"n": number}))
        if len(rows) == 20_000:
            store.append(*rows)
            rows.clear()
    started = time.perf_counter()
    store.drain()
    drained = time.perf_counter() - started
    report = store.verify()
    assert report.ok
    assert report.rows == count
    print(f"\n{count} audit rows: drained at {count / drained:,.0f} rows/s, verified in {report.seconds:.2f} s")
    store.close()
