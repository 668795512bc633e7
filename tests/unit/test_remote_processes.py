"""Labs of several processes that write while they pull, over a folder and over an object store: all come to hold the same."""

from __future__ import annotations

import os
import random
import urllib.request

import pytest

import pplab
from pplab.observe.spans import CAUSE, Span
from pplab.remote.exchange import Exchange
from tests.unit import meeting_labs
from tests.unit.meeting_labs import exchanged
from tests.unit.shard_labs import until

SOAK = bool(os.environ.get("PPLAB_SOAK"))
RUNS = 200 if SOAK else 4
USERS = ("ada", "bob", "eve") if SOAK else ("ada", "bob")
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "hush-hush-testing-0123", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def bucket(monkeypatch):
    """The address of an empty bucket on an S3 server of this machine, which the environment leads to."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}).items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()  # what it holds outlives a server
    client = boto3.client("s3")
    client.create_bucket(Bucket="team")
    yield "s3://team/lab"
    client.close()
    server.stop()


def all_hold_the_same(folder, url):
    """Run the labs at once, then pull in any order until nothing is new, and compare what they hold."""
    writers = [meeting_labs.start(meeting_labs.WRITES, folder / user, url, user, RUNS) for user in USERS]
    for writer in writers:
        meeting_labs.ended(writer)
    labs = [pplab.Lab(store=folder / user, user=user) for user in random.Random(RUNS).sample(USERS, len(USERS))]
    try:
        for lab in labs:
            assert lab.pull().ok
        first, *others = [exchanged(lab) for lab in labs]
        assert all(other == first for other in others)
        assert len(first["experiments"]) == len(first["responses"]) == len(USERS) * RUNS
        for lab in labs:
            assert lab.verify().ok
            assert not lab.audit("segments_pulled").empty
        assert labs[0].rebuild().equal
    finally:
        for lab in labs:
            lab.close()
    return labs


def holds_the_key(folder):
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return KEYS["AWS_SECRET_ACCESS_KEY"].encode() in held


def test_processes_over_a_folder_hold_the_same(tmp_path):
    (tmp_path / "team").mkdir()
    all_hold_the_same(tmp_path, tmp_path / "team")


@pytest.mark.soak
def test_processes_over_an_object_store_hold_the_same_and_keep_no_key(tmp_path, bucket):
    all_hold_the_same(tmp_path, bucket)
    assert not holds_the_key(tmp_path)


@pytest.mark.soak
def test_what_was_cut_off_in_a_bucket_is_not_taken_and_is_made_good(tmp_path, bucket):
    import boto3

    chance = random.Random(15)
    with pplab.Lab(store=tmp_path / "a", user="ada") as ada, pplab.Lab(store=tmp_path / "b", user="bob") as bob:
        for lab in (ada, bob):
            lab.add_remote("team", bucket)
        ada.run("Say hello.", n=2)
        ada.push()
        client = boto3.client("s3")
        for _ in range(20):
            for entry in client.list_objects_v2(Bucket="team")["Contents"]:
                if entry["Key"].endswith(".gz"):
                    data = client.get_object(Bucket="team", Key=entry["Key"])["Body"].read()
                    client.put_object(Bucket="team", Key=entry["Key"], Body=data[: chance.randrange(len(data))])
            assert "was altered" in bob.pull().problems[0]
            assert bob.responses().empty
            assert ada.push().segments == 1
        client.close()
        assert bob.pull().ok
        assert len(bob.responses()) == 2


def test_labs_that_exchange_by_turns_over_a_bucket_hold_the_same_and_keep_no_key(tmp_path, bucket):
    token = CAUSE.set(Span("test"))
    labs = [pplab.Lab(store=tmp_path / user, user=user) for user in ("ada", "bob")]
    for lab in labs:
        lab.add_remote("team", bucket)
    halves = [Exchange(lab.context, "team", every=0.5, tell=str, warn=pytest.fail) for lab in labs]

    def all_have(count):
        for half in halves:
            half.turn()
        return all(len(lab.context.store.experiments()) == count for lab in labs)

    for number, lab in enumerate(labs):
        lab.run(f"Number {number}.", n=1)
        until(lambda number=number: all_have(number + 1))
    assert exchanged(labs[0]) == exchanged(labs[1])
    for half, lab in zip(halves, labs, strict=True):
        half.close()
        assert lab.verify().ok
        lab.close()
    assert not holds_the_key(tmp_path)
    CAUSE.reset(token)


def test_a_bucket_that_cannot_be_reached_is_one_line(tmp_path, bucket, monkeypatch):
    with pplab.Lab(store=tmp_path / "a", user="ada") as ada:
        ada.add_remote("nowhere", "s3://nowhere/lab")
        for work in (ada.push, ada.pull):
            with pytest.raises(pplab.PplabError) as refusal:
                work()
            assert refusal.value.code == "remote"
            assert "\n" not in str(refusal.value)
