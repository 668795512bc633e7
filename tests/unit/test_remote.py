"""Push and pull over a folder: every lab comes to hold the same, nothing enters unchecked, nothing of another is overwritten."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import itertools
import json
import os
import random
import shutil

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

import pplab
from pplab.errors import BadInput, RemoteError, StoreTampered
from pplab.ids import new_id, now
from pplab.remote import own_segments as making
from pplab.remote.head import read_head, write_head
from pplab.store import origin_chains, shared_segments
from pplab.store.journal_format import encode
from pplab.store.rows import CellRow
from pplab.store.shared_segments import FIRST, DamagedSegment, Header, SegmentName, pack
from tests.soak import only_soak
from tests.unit import meeting_labs
from tests.unit.meeting_labs import exchanged

SOAK = bool(os.environ.get("PPLAB_SOAK"))
CHANGES = 1000 if SOAK else 20


USERS = ("ada", "bob", "eve")


def strangers(folder):
    """Fill a folder with three labs that never met, each with a run of its own."""
    for user in USERS:
        with meeting_labs.lab(folder, user, folder) as lab:
            lab.run(f"{user} says hello.", n=2)


@pytest.fixture
def labs(made_once, tmp_path, team):
    opened = meeting_labs.copied(made_once(strangers)[0], tmp_path, USERS)
    yield opened
    for one in opened:
        one.close()


def files(team, pattern="*/*.gz"):
    return sorted(team.glob(pattern))


def own(lab):
    """Return the first experiment that a lab ran itself."""
    return lab.experiment(lab.experiments(user=lab.user).experiment_id[0])


def refused(lab):
    """Pull what must be refused, and return what is said of it in one line."""
    report = lab.pull()
    assert not report.ok
    return " ".join(report.problems)


@contextlib.contextmanager
def nothing_enters(lab):
    before = exchanged(lab)
    yield
    assert exchanged(lab) == before


# -- what is exchanged ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(1, 2, 0), *only_soak(*(o for o in itertools.permutations(range(3)) if o != (1, 2, 0)))])
def test_all_hold_the_same_in_any_order_of_pulls_and_a_second_pull_changes_nothing(labs, order):
    ada = own(labs[0])
    ada.label("first", tags=["a"])
    for number in order:
        labs[number].push()
        labs[number].pull()
    for number in order:
        labs[number].pull()
    for lab in labs:  # each as the second revision
        lab.experiment(ada.id).label(f"by {lab.user}")
    for number in reversed(order):
        labs[number].push()
        labs[number].pull()
    for number in order:
        labs[number].pull()
    assert {lab.manager.experiment(ada.id).name for lab in labs} == {"by eve"}, "the last name counts"
    tables = [exchanged(lab) for lab in labs]
    assert tables[0] == tables[1] == tables[2]
    assert len(tables[0]["experiments"]) == 3
    assert len(tables[0]["responses"]) == 6
    for lab in labs:
        assert lab.pull().records == 0
        assert lab.push().segments == 0, "what tells of the exchange is no news for others"
        assert lab.verify().ok
    assert [exchanged(lab)["responses"] for lab in labs] == [tables[0]["responses"]] * 3
    for lab in labs if SOAK else labs[2:]:
        assert lab.rebuild().equal


def test_the_audit_says_what_came_from_where(labs):
    ada, bob, _ = labs
    pushed = ada.push()
    report = bob.pull()
    assert [(one.origin, one.name, one.segments, one.records) for one in report.origins] == [
        (pushed.origin, "ada@ada", 1, pushed.records)
    ]
    (row,) = bob.audit("segments_pulled").itertuples()
    assert (row.actor, row.entity_id) == ("bob", pushed.origin)
    payload = json.loads(row.payload)
    assert (payload["remote"], payload["lab"], payload["records"]) == ("team", "ada@ada", pushed.records)
    assert payload["last"] in files(bob.folder / "journal" / "pulled", "*.gz")[0].name
    whose = bob.sql("SELECT name FROM pulled_records JOIN origins USING (origin) WHERE id = ?", [own(ada).id])
    assert whose.name.tolist() == ["ada@ada"]


def test_cells_and_timings_are_pushed_only_when_asked_for_and_then_all_of_them(labs):
    ada, bob, eve = labs
    cell = CellRow(
        execution_id=new_id(), started_at=now(), user="ada", session_id="s", notebook=None, cell_id=None, execution_count=1,
        source_sha256="0" * 64, source=None, status="ok", error_type=None, duration_ns=1, operations=0,
        correlation_id="0" * 32, span_id="0" * 16,
    )  # fmt: skip
    ada.record(cell).result()
    ada.push()
    bob.pull()
    assert bob.cells().empty
    assert set(bob.timing().name) & {"run"} == {"run"}
    timings = len(bob.context.store.timing())
    ada.push(cells=True)
    bob.pull()
    assert bob.cells().execution_id.tolist() == [cell.execution_id]
    assert len(bob.context.store.timing()) > timings + 1
    eve.pull()
    assert len(eve.cells()) == 1


def test_a_key_that_became_known_later_is_not_pushed(labs, team):
    ada = labs[0]
    ada.run("Keep hush-hush-0123456789-hush to yourself.", n=1)
    ada.context.scrub.add("hush-hush-0123456789-hush")
    ada.push()
    assert all(b"hush-hush" not in gzip.decompress(path.read_bytes()) for path in files(team))


def test_what_is_done_to_an_experiment_of_another_stays_here_but_scores_names_and_ratings_travel(labs):
    ada, bob, _ = labs
    ada.push()
    bob.pull()
    theirs = bob.experiment(own(ada).id)
    theirs.label("of ada", tags=["nice"])
    rows = bob.context.store.response_rows(theirs.id)
    bob.record(dataclasses.replace(rows[0], revision=9, status="ok", text="another")).result()
    bob.push()
    report = ada.pull()
    assert report.ok
    assert own(ada).name == "of ada"
    assert "another" not in {row.text for row in ada.context.store.response_rows(theirs.id)}
    assert ada.verify().ok


# -- what is refused ------------------------------------------------------------------------------------------------------------


def test_a_single_changed_byte_is_found_wherever_it_is(labs, team):
    ada, bob, eve = labs
    for number in range(3):
        ada.run(f"Number {number}.", n=1)
        ada.push()
    bob.pull()
    chance = random.Random(15)
    here, there = files(bob.folder / "journal" / "pulled", "*.gz"), [*files(team), *files(team, "*/head.json")]
    drained = [path.name.removesuffix(".gz") for path in here]
    assert list(origin_chains.problems(bob.folder, drained, {}, {})) == []
    unfound = []
    for number in range(CHANGES):
        path = chance.choice(here if number % 5 else there)
        data = bytearray(path.read_bytes())
        at = chance.randrange(len(data) - (path.suffix == ".json"))  # a head may end in any white space
        data[at] ^= 1 << chance.randrange(8)
        intact = path.read_bytes()
        path.write_bytes(data)
        if number % 5:
            found = [problem.what for problem in origin_chains.problems(bob.folder, drained, {}, {})]
        else:
            found = eve.pull().problems
            for taken in files(eve.folder / "journal" / "pulled", "*.gz"):
                taken.unlink()
        if not found:
            unfound.append((path.name, at))
        path.write_bytes(intact)
    assert unfound == []
    here[1].write_bytes(here[1].read_bytes()[:-1])
    with pytest.raises(StoreTampered, match=r"segment 2 of ada@ada \(\w{8}\) was altered"):
        bob.verify()


def test_missing_swapped_renamed_and_doubled_segments_are_named(labs, team):
    ada, bob, eve = labs
    for number in range(2):
        ada.run(f"Number {number}.", n=1)
        ada.push()
    ada.run("Number 3.", n=1)
    ada.push()
    first, second, _ = files(team)
    kept = second.read_bytes()
    second.unlink()
    assert "segment 2 of ada@ada" in refused_after_first(eve)
    second.write_bytes(first.read_bytes())
    with nothing_enters(eve):
        assert "was altered" in refused(eve)
    second.write_bytes(kept)
    doubled = second.with_name(second.name.replace("00000002", "00000003"))
    doubled.write_bytes(kept)
    assert "segment 3 of ada@ada" in " ".join(eve.pull().problems)
    doubled.unlink()
    assert bob.pull().ok
    here = files(bob.folder / "journal" / "pulled", "*.gz")
    data = here[1].read_bytes()
    here[1].unlink()
    with pytest.raises(StoreTampered, match=r"segment 2 of ada@ada \(\w+\) is missing"):
        bob.verify()
    assert bob.pull().ok, "a segment that is missing here is fetched again"
    assert bob.verify().ok
    here[1].write_bytes(here[2].read_bytes())
    here[2].write_bytes(data)
    with pytest.raises(StoreTampered, match="in another place"):
        bob.verify()


def refused_after_first(lab):
    """Pull where the first segment is in order and the second is not."""
    report = lab.pull()
    assert [one.segments for one in report.origins] == [1]
    return " ".join(report.problems)


def test_an_end_that_is_cut_off_is_noticed_by_who_has_it_and_by_who_has_not(labs, team):
    ada, bob, eve = labs
    ada.push()
    (head,) = files(team, "*/head.json")
    old = head.read_bytes()
    ada.run("Another.", n=1)
    ada.push()
    bob.pull()
    files(team)[1].unlink()
    assert "segment 2" in refused_after_first(eve)
    head.write_bytes(old)
    with nothing_enters(bob):
        assert "does not know it any more" in refused(bob)


HOSTILE = {
    "no record": b'{"k":"experiment","r":7}\n',
    "an unknown type": b'{"k":"approval","r":{"variable":"OPENAI_API_KEY","address":"http://evil"}}\n',
    "a type that does not travel": b'{"k":"export","r":{}}\n',
    "not JSON": b"rubbish\n",
    "nothing": b"\n",
}


def plant(team, lines, *, origin="f" * 32, header=None, name="mallory@lab"):
    """Put a segment of an unknown lab on the remote, as somebody would who can write there."""
    first = header or Header(origin, name, "results", 1, FIRST)
    named, data = pack(first, lines)
    named = dataclasses.replace(named, origin=origin)
    shutil.rmtree(team / origin, ignore_errors=True)
    (team / origin).mkdir()
    (team / origin / named.file).write_bytes(data)
    head = {"format": "pplab-origin", "version": 1, "origin": origin, "streams": {"results": [named.number, named.sha256]}}
    (team / origin / "head.json").write_text(json.dumps(head))


def test_a_line_that_no_lab_would_write_lets_nothing_of_its_segment_in(labs, team):
    good = encode(labs[0].context.store.experiment(labs[0].experiment().id), str)
    with nothing_enters(labs[1]):
        for what, line in HOSTILE.items():
            plant(team, [good, line])
            assert "segment 1 of ffffffff on team holds" in refused(labs[1]), what


def test_rows_that_contradict_themselves_or_hold_a_key_are_refused(labs, team):
    store = labs[0].context.store
    experiment = store.experiment(labs[0].experiment().id)
    (answer, _) = store.response_rows(experiment.experiment_id)
    wrong = (
        (dataclasses.replace(experiment, experiment_id="../../etc"), "an id"),
        (dataclasses.replace(experiment, plan={"prompts": 3}), "a plan that cannot be read"),
        (dataclasses.replace(experiment, status="<b>"), "a status"),
        (dataclasses.replace(experiment, revision=-1), "a revision"),
        (dataclasses.replace(answer, replicate=7), "an id that does not fit"),
        (dataclasses.replace(answer, text="the key is sk-abcdefghijklmnop0123456789"), "a key"),
    )
    with nothing_enters(labs[1]):
        for row, why in wrong:
            plant(team, [encode(row, str)])
            assert why in refused(labs[1])


@pytest.mark.parametrize("key", ["format", "version", "origin", "streams"])
def test_a_head_of_which_a_name_was_altered_is_none(key):
    whole = write_head("a" * 32, {"results": (1, "b" * 64)})
    assert read_head("a" * 32, whole) == {"results": (1, "b" * 64)}
    with pytest.raises(DamagedSegment, match="altered"):
        read_head("a" * 32, whole.replace(f'"{key}"'.encode(), b'"x"'))


def test_headers_that_lie_and_bombs_are_refused(labs, team, monkeypatch):
    good = [encode(labs[0].context.store.experiment(labs[0].experiment().id), str)]
    lies = (
        Header("e" * 32, "x", "results", 1, FIRST),
        Header("f" * 32, "x\x1b[2J", "results", 1, FIRST),
        Header("f" * 32, "x", "results", 1, "0" * 63 + "1"),
        Header("f" * 32, "x", "cells", 1, FIRST),
    )
    with nothing_enters(labs[1]):
        for header in lies:
            plant(team, good, header=header)
            assert "ffffffff" in refused(labs[1])
        monkeypatch.setattr(shared_segments, "MAX_BYTES", 2**20)
        plant(team, [b"0" * 2**21 + b"\n"])
        assert "is larger than 1 MB" in refused(labs[1])


def test_a_record_of_another_is_not_overwritten_and_the_attempt_is_named(labs, team):
    ada, _, eve = labs
    theirs = ada.context.store.experiment(ada.experiment().id)
    ada.push()
    eve.pull()
    plant(team, [encode(dataclasses.replace(theirs, revision=99, user="mallory"), str)])
    for lab in (ada, eve):
        report = lab.pull()
        assert "1 record would have changed what is here" in report.problems[0]
        assert lab.context.store.experiment(theirs.experiment_id).user == "ada"
        with pytest.raises(StoreTampered, match="differs from a record that was here"):
            lab.verify()
        assert lab.rebuild().equal
    assert ada.context.store.verify().problems[0].kind == "conflict"


# -- what fails on the way ------------------------------------------------------------------------------------------------------


def test_an_upload_that_is_cut_off_at_any_byte_is_never_read_and_is_made_good(labs, team, monkeypatch):
    ada, bob, _ = labs
    chance = random.Random(7)

    class Cut:
        def __init__(self, file, left):
            self.file, self.left = file, left

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[: self.left])
            raise OSError(5, "Input/output error")

    whole = LocalFileSystem.open
    for _ in range(20 if SOAK else 2):
        ada.run("Once more.", n=1)
        with monkeypatch.context() as patch:
            patch.setattr(LocalFileSystem, "open", lambda self, *a, **k: Cut(whole(self, *a, **k), chance.randrange(900)))
            with pytest.raises(RemoteError, match="the remote 'team' cannot be written: Input/output error"):
                ada.push()
        assert bob.pull().ok
    for path in files(team):
        path.write_bytes(path.read_bytes()[: chance.randrange(50)])  # a disk that lost its power
    assert ada.push().segments > 0
    assert bob.pull().ok
    for path in files(team):
        path.write_bytes(path.read_bytes()[:-7])
    assert ada.push().segments == len(files(team))
    assert not list(team.rglob(".part-*"))
    assert len(bob.responses(user="ada")) == len(ada.responses(user="ada"))


def test_a_process_that_died_between_a_segment_and_its_note_makes_it_again(labs, team, monkeypatch):
    ada, bob, _ = labs
    with monkeypatch.context() as patch:
        patch.setattr(making, "_write_state", lambda *_: os.sync() or (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ada.push()
    ada.run("Another.", n=1)
    ada.push()
    assert bob.pull().ok
    assert len(bob.responses(user="ada")) == 3


def test_a_copy_of_a_lab_does_not_write_in_its_name(labs, team, tmp_path):
    ada, bob, _ = labs
    ada.push()
    ada.context.store.drain()
    shutil.copytree(ada.folder, tmp_path / "copy")
    ada.run("In the first.", n=1)
    ada.push()
    with pplab.Lab(store=tmp_path / "copy", user="ada") as copy:
        copy.run("In the copy.", n=1)
        with pytest.raises(RemoteError, match="did not make"):
            copy.push()
        (copy.folder / "origin.json").unlink()
        copy.push()
        assert bob.pull().ok, "what both hold is the same"
        assert len(bob.responses(user="ada")) == 4


def test_a_remote_that_is_gone_is_one_line_and_the_next_push_has_everything(labs, team, tmp_path):
    ada, bob, _ = labs
    team.rename(tmp_path / "elsewhere")
    for work in (ada.push, ada.pull):
        with pytest.raises(RemoteError, match="its folder is not there") as gone:
            work()
        assert "\n" not in str(gone.value)
    (tmp_path / "elsewhere").rename(team)
    ada.push()
    assert len(bob.pull().origins) == 1


def test_addresses_hold_no_key_and_remotes_have_names(labs, tmp_path):
    ada = labs[0]
    for url in (
        "s3://key:hush@bucket/lab",
        "s3://AKIAABCDEFGHIJKLMNOP@bucket",
        "gs://bucket/lab?token=hush",
        "sftp://u:hush@h/x",
    ):
        with pytest.raises(BadInput, match="holds a key") as refusal:
            ada.add_remote("other", url)
        assert "hush" not in str(refusal.value)
    for name, url in (("a b", tmp_path), ("team", tmp_path), ("x", "sftp://host/x"), ("x", "s3://"), ("x", tmp_path / "nowhere")):
        with pytest.raises(BadInput):
            ada.add_remote(name, url)
    with pytest.raises(BadInput, match="own folder"):
        ada.add_remote("x", ada.folder / "journal")
    assert list(ada.add_remote("azure", "abfs://container@account.dfs.core.windows.net/lab")) == ["team", "azure"]
    with pytest.raises(BadInput, match="2 remotes"):
        ada.push()
    with pytest.raises(BadInput, match="no remote 'taem'"):
        ada.push("taem")
    ada.remove_remote("azure")
    ada.push()
    assert "hush" not in (ada.folder / "config.json").read_text()


def test_a_store_whose_package_is_missing_is_named_with_what_to_install(labs, monkeypatch):
    def refuse(*_args, **_options):
        raise ImportError("Install it")

    monkeypatch.setattr(fsspec, "filesystem", refuse)
    labs[0].add_remote("bucket", "gs://bucket/lab")
    with pytest.raises(RemoteError, match=r"pip install 'pplab\[remote\]' gcsfs"):
        labs[0].push("bucket")


def test_names_of_segments_are_read_strictly():
    name = SegmentName("a" * 32, "results", 3, "b" * 64)
    assert SegmentName.read("a" * 32, name.file) == SegmentName.read_pulled(name.pulled) == name
    for file in ("head.json", ".part-1-x", "results-3-b.jsonl.gz", f"../{name.file}", f"{name.file}\n"):
        assert SegmentName.read("a" * 32, file) is None
    assert SegmentName.read("../x", name.file) is None


LOCKLESS = """
import errno, os, sys, fcntl
share, ada, bob = sys.argv[1:]
real = fcntl.flock
def flock(fd, operation):
    if os.readlink(f"/proc/self/fd/{fd}").startswith(share):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    return real(fd, operation)
fcntl.flock = flock
from pplab import cli
assert cli.main(["push", "--store", ada]) == 0
assert cli.main(["pull", "--store", bob]) == 0
sys.exit(cli.main(["status", "--store", f"{share}/lab"]))
"""


def test_a_share_without_locks_is_a_remote_and_no_place_for_a_lab(labs, team):
    ada, bob, _ = labs
    program = meeting_labs.start(LOCKLESS, team, ada.folder, bob.folder)
    _, err = program.communicate(timeout=300)
    assert program.returncode == 1
    assert err.count("\n") == 1
    assert "no file locks" in err
    assert "remote add NAME FOLDER" in err
    assert not bob.responses(user="ada").empty
