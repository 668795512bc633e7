"""``runs`` and ``run --detach``: what is listed, in table and JSON, how a run is followed and steered, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.cli import main
from pplab.config.configuration import PPLab
from pplab.store.run_control import RunFolder
from tests.servers.gated import GatedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplab import Experiment, Lab

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[GatedServer]:
    with GatedServer() as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, server: GatedServer) -> Iterator[Lab]:
    configuration = PPLab(prices={"m": [0.0, 1.0]})
    with pplab.Lab(".pplab", model="m", base_url=server.base_url, api_key="none", configuration=configuration) as opened:
        yield opened


@pytest.fixture
def pp(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``pplab`` in this process; return the exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        return (main(words), *capsys.readouterr())

    return run


def test_runs_are_listed_followed_and_steered(lab: Lab, server: GatedServer, pp: Run) -> None:
    assert "Nothing is running." in pp("runs")[1]
    exp = lab.start("hello", n=9, max_concurrency=2, name="a <b>bold</b> name")
    one = exp.id[:8]
    server.await_calls(2)
    code, shown, _ = pp("runs", "--limit", one, "concurrency=3", "max_cost=5")
    assert code == 0
    server.await_calls(3)
    assert f"{one}" in shown
    assert "a <b>bold</b> name" in shown
    for words in ("0 of 9", "of 5", "running", "ada"):
        assert words in shown
    assert pp("runs", "--pause", "latest")[0] == 0
    server.let(3)
    paused = pp("runs", "--json")
    row = json.loads(paused[1])["data"][0]
    assert (row["experiment_id"], row["state"], row["planned"], row["max_cost"]) == (exp.id, "paused", 9, 5)
    assert "paused" in pp("runs")[1]
    assert "running" in pp("runs", "--go-on", exp.id)[1]
    server.await_calls(6)
    code, shown, _ = pp("runs", "--cancel", one)
    assert code == 0
    assert exp.wait().status == "interrupted"
    assert len(server.arrivals) == 6
    code, _, refused = pp("runs", "--pause", one)
    assert code == 2
    assert "this experiment is not running: it is interrupted" in refused
    server.let()
    code, shown, _ = pp("runs", "--follow", one, "--json")
    assert json.loads(shown)["data"]["status"] == "interrupted"
    assert code == 130
    assert [json.loads(p)["operation"] for p in lab.audit("operation_started")["payload"]].count("steer") == 5


def test_following_shows_the_result_at_the_end(lab: Lab, server: GatedServer, pp: Run) -> None:
    exp = lab.start("hello", n=3, max_concurrency=1)
    server.await_calls(1)
    server.let()
    code, shown, _ = pp("runs", "--follow", "latest", "--json")
    data = json.loads(shown)["data"]
    assert (code, data["id"], data["status"], len(data["responses"])) == (0, exp.id, "completed", 3)


SENSELESS = (
    ("--pause latest --cancel latest", "--pause and --cancel cannot be combined"),
    ("concurrency=8", "'concurrency=8' belongs to no option"),
    ("--pause latest concurrency=8", "'concurrency=8' belongs to no option"),
    ("--limit latest", "there is no limit to change"),
    ("--limit latest speed=8", "'speed=8' is no limit"),
    ("--limit latest concurrency", "'concurrency' is no limit"),
    ("--limit latest concurrency=eight", "concurrency='eight' is not a whole number"),
    ("--limit latest concurrency=0", "out of range"),
    ("--limit latest max_cost=-1", "not a positive number"),
)


def test_what_makes_no_sense_is_one_line(lab: Lab, server: GatedServer, pp: Run) -> None:
    exp = lab.start("hello", n=1)
    for words, refusal in SENSELESS:
        code, out, error = pp("runs", *words.split())
        assert (code, out) == (2, "")
        assert refusal in error
        assert error.count("\n") == 1
    server.let()
    assert exp.wait().status == "completed"


def died(lab: Lab) -> Experiment:
    """Return an experiment as a process leaves it that dies."""
    exp = lab.run("hello", n=2)
    folder = RunFolder(lab.folder, exp.id)
    folder.begin()
    said: dict[str, Any] = {"planned": 9, "done": 2, "in_flight": 3, "concurrency": 4, "cost": 0.5, "rate": 8.0, "user": "ada"}
    folder.publish(said | {"started_at": "2026-11-25T10:00:00", "counts": {"ok": 1, "failed": 1}, "detached": True})
    return exp


def test_a_run_that_died_is_listed_as_interrupted_until_it_is_taken_off_or_resumed(
    lab: Lab, server: GatedServer, pp: Run
) -> None:
    server.let()
    exp = died(lab)
    shown = pp("runs")[1]
    for words in ("interrupted", "2 of 9 (1 failed)", f"run --resume {exp.id[:8]}", f"runs --cancel {exp.id[:8]}"):
        assert words in " ".join(shown.split())
    row = lab.runs().iloc[0]
    assert (row["state"], row["seconds_left"]) == ("interrupted", pytest.approx(float("nan"), nan_ok=True))
    assert "Nothing is running." in pp("runs", "--cancel", exp.id)[1]
    assert len(lab.experiment(exp.id).responses) == 2
    exp = died(lab)
    assert exp.top_up(3).status == "completed"
    assert "Nothing is running." in pp("runs")[1]


def test_a_detached_run_says_where_to_find_it(lab: Lab, server: GatedServer, pp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPLAB_BASE_URL", server.base_url)
    monkeypatch.setenv("PPLAB_MODEL", "m")
    code, shown, _ = pp("run", "hello", "--n", "2", "--max-concurrency", "1", "--detach")
    exp = lab.experiment()
    words = " ".join(shown.split())
    assert code == 0
    for said in ("goes on in a process of its own", "pplab runs --follow latest shows", "pplab results what it has"):
        assert said in words
    server.await_calls(1)
    assert "running, detached" in pp("runs")[1]
    pp("runs", "--cancel", "latest")
    assert exp.wait().status == "interrupted"
    code, _, error = pp("run", "hello", "--detach", "--judge", "m")
    assert (code, error.count("\n")) == (2, 1)
    assert "--detach and --judge cannot be combined" in error


@pytest.mark.soak
def test_a_resume_can_be_detached(lab: Lab, server: GatedServer, pp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPLAB_BASE_URL", server.base_url)
    monkeypatch.setenv("PPLAB_MODEL", "m")
    exp = lab.start("hello", n=2, max_concurrency=1)
    server.await_calls(1)
    exp.cancel()
    assert exp.wait().status == "interrupted"
    server.let()
    _, shown, _ = pp("run", "--resume", "latest", "--detach", "--json")
    assert json.loads(shown)["data"]["id"] == exp.id
    assert lab.experiment(exp.id).wait().status == "completed"


def test_a_lab_that_can_only_be_read_lists_runs_and_detaches_none(
    lab: Lab, server: GatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exp = lab.start("hello", n=1)
    monkeypatch.setattr(type(lab.context.store), "read_only", "its folder may not be written")
    assert lab.runs()["experiment_id"].tolist() == [exp.id]
    with pytest.raises(pplab.PplabError, match="may not be written"):
        lab.run("hello", n=1, detach=True)
    monkeypatch.undo()
    server.let()
    assert exp.wait().status == "completed"
