"""Forgetting among labs that meet: the texts leave the remote with the next push, and other labs with their next pull."""

from __future__ import annotations

import gzip
import json
import os
import random

import pytest

from pplab.errors import StoreError
from tests.unit import meeting_labs
from tests.unit.forget_labs import cell, holding, run, texts
from tests.unit.meeting_labs import exchanged

CHANGES = 100 if os.environ.get("PPLAB_SOAK") else 3


def met(folder):
    """Fill a folder with two labs, of which one has an experiment of the other; return its id and its texts."""
    (folder / "team").mkdir()
    with meeting_labs.lab(folder, "ada", folder / "team") as ada, meeting_labs.lab(folder, "bob", folder / "team") as bob:
        experiment = run(ada)
        ada.push()
        bob.pull()
        return experiment.id, texts(experiment)


@pytest.fixture
def labs(made_once, tmp_path, team):
    opened = meeting_labs.copied(made_once(met)[0], tmp_path, ("ada", "bob"))
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
def told(made_once):
    """The id of the experiment and its texts."""
    return made_once(met)[1]


def without_exchange(tables):
    return {name: rows for name, rows in tables.items() if name != "audit_logs"}


def test_with_the_next_push_and_pull_no_byte_is_on_the_remote_or_in_another_lab(labs, told, team, tmp_path):
    (ada, bob), (id_, searched) = labs, told
    bob.context.store.append(cell(f"lab.run({searched[0]!r})"))
    bob.experiment(id_).label("by bob", note=f"Bob says: {searched[0]}")
    bob.push()
    head = bob.context.store.head()
    report = ada.forget(id_)
    assert report.remotes == ("team",)
    assert "until the next push" in report.words
    assert holding(ada.folder, searched) == []
    assert holding(team, searched) != []
    assert ada.verify().ok
    assert ada.push().segments == 2, "the one that was there, and the tombstone"
    pulled = bob.pull()
    assert pulled.ok, pulled.problems
    assert holding(bob.folder, searched) == []
    bob.push()
    assert holding(team, searched) == []
    assert bob.context.store.verify([(head.seq, head.hash)]).ok
    assert ada.pull().ok
    assert bob.pull().records == 0
    assert bob.rebuild().equal
    for lab in labs:
        assert lab.verify().ok
        assert holding(lab.folder, searched) == []
    assert without_exchange(exchanged(ada)) == without_exchange(exchanged(bob))
    late = meeting_labs.lab(tmp_path, "eve", team)
    first = late.pull()
    assert first.ok, first.problems
    assert late.verify().ok
    assert late.rebuild().equal
    assert without_exchange(exchanged(late)) == without_exchange(exchanged(ada))
    assert late.pull().records == 0
    late.close()


def test_cells_that_quote_a_text_are_put_right_on_the_remote_without_being_asked_for(labs, told, team):
    (ada, bob), (id_, searched) = labs, told
    ada.context.store.append(cell(f"lab.run({searched[0]!r})"))
    ada.push(cells=True)
    bob.pull()
    ada.forget(id_)
    ada.push()
    assert holding(team, searched) == []
    assert bob.pull().ok
    assert holding(bob.folder, searched) == []
    assert bob.verify().ok


def test_what_was_pulled_is_forgotten_here_alone_and_no_pull_brings_it_back(labs, told, team):
    (ada, bob), (id_, searched) = labs, told
    report = bob.forget(id_)
    assert report.owner == "ada@ada"
    assert "in this lab only" in report.words
    assert holding(bob.folder, searched) == []
    bob.push()
    of_bob = team / json.loads((bob.folder / "origin.json").read_text())["origin"]
    sent = b"".join(gzip.decompress(path.read_bytes()) for path in of_bob.glob("*.gz"))
    assert b'"texts_forgotten"' in sent
    assert b"from-" not in sent, "what it did to another lab's segments stays in this lab"
    assert bob.pull().ok
    other = ada.run("What else is there to say of salt?", n=1)
    ada.push()
    assert bob.pull().ok
    searched = [*searched, *other.responses.text]
    assert ada.experiment(other.id).responses.text[0] == bob.experiment(other.id).responses.text[0]
    assert holding(bob.folder, searched, but=other.responses.text) == []
    assert bob.verify().ok
    assert bob.rebuild().equal
    assert ada.experiment(id_).responses.prompt[0] == searched[0]
    ada.forget(other.id)
    ada.push()
    assert bob.pull().ok, "its lab forgot something else in the same segments"
    assert holding(bob.folder, searched) == []
    assert bob.verify().ok
    assert bob.pull().ok


def test_a_lab_whose_id_cannot_be_read_forgets_nothing_and_says_so_in_one_line(labs, told):
    ada, (id_, searched) = labs[0], told

    def held():
        """Return what holds the text; a checkpoint takes the write-ahead log into the tables."""
        return {name.removesuffix(".wal") for name in holding(ada.folder, searched)}

    id_file = ada.folder / "origin.json"
    whole, before = id_file.read_bytes(), held()
    id_file.write_text("{")
    with pytest.raises(StoreError, match=r"the lab's origin\.json cannot be read\. .*put it back"):
        ada.forget(id_)
    assert held() == before
    id_file.write_bytes(whole)
    assert ada.forget(id_).remotes == ("team",)


def test_a_lab_cannot_make_another_one_forget_or_alter_under_the_cover_of_forgetting(labs, told, team):
    """Of what a redacted segment holds on the remote one byte is changed, or a score with the text."""
    (ada, bob), (id_, _) = labs, told
    before = exchanged(bob)
    ada.forget(id_)
    ada.push()
    redacted = next(path for path in sorted(team.rglob("results-00000001-*.gz")))
    whole = redacted.read_bytes()
    plain = gzip.decompress(whole)
    chance = random.Random(5)
    changed = [bytes(_flipped(whole, chance)) for _ in range(CHANGES)]
    changed.append(gzip.compress(plain.replace(b'"creativity":0.', b'"creativity":1.', 1)))
    for data in changed:
        redacted.write_bytes(data)
        report = bob.pull()
        assert not report.ok
        assert {name: rows for name, rows in exchanged(bob).items() if name == "responses"} == {"responses": before["responses"]}
    redacted.write_bytes(whole)
    assert bob.pull().ok
    assert bob.verify().ok


def _flipped(data, chance):
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return changed


def test_a_redacted_segment_is_found_altered_in_every_lab(labs, told):
    (ada, bob), (id_, _) = labs, told
    ada.forget(id_)
    ada.push()
    bob.pull()
    for lab, place in ((ada, lambda lab: lab.folder / "segments"), (bob, lambda lab: lab.folder / "journal" / "pulled")):
        path = next(path for path in sorted(place(lab).glob("*00000001*.gz")))
        whole, chance = path.read_bytes(), random.Random(3)
        for _ in range(CHANGES):
            path.write_bytes(bytes(_flipped(whole, chance)))
            assert not lab.context.store.verify().ok
        path.write_bytes(whole)
        assert lab.verify().ok
