"""The request of a run: one record, which every front end makes and whose fields are the options of a run."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from pplab.commands import command_table
from pplab.commands.run_request import request_of
from pplab.commands.session import Session
from pplab.errors import BadInput
from pplab.experiments.dependencies import Listeners
from pplab.lab import Lab
from pplab.plan.request import RunRequest

FIELDS = [field.name for field in fields(RunRequest)]
LISTENERS = {field.name for field in fields(Listeners)}
SWEPT = ["models", "systems"]  # --sweep model=A,B and --sweep system=@a.txt,@b.txt
LINE = {
    "calibration": (["--calibration", "latest"], "latest"),
    "n": (["--n", "3"], 3),
    "settings": (["--settings", "4"], 4),
    "sweep": (["--sweep", "temperature=0,1", "--sweep", "top_p"], {"temperature": "0,1", "top_p": None}),
    "parameters": (["--set", "max_tokens=20"], {"max_tokens": "20"}),
    "data": (["--prompts", "topics.csv"], "topics.csv"),
    "cluster": (["--cluster", "topic"], "topic"),
    "system": (["--system", "Be kind."], "Be kind."),
    "seed": (["--seed", "7"], 7),
    "max_cost": (["--max-cost", "0.5"], 0.5),
    "deadline": (["--deadline", "9"], 9.0),
    "max_concurrency": (["--max-concurrency", "2"], 2),
    "stream": (["--stream"], True),
    "checks": (["--check", "exact", "--check", "number(tolerance=1)"], ["exact", "number(tolerance=1)"]),
    "expected": (["--expected", "answer"], "answer"),
    "reader": (["--reader"], True),
    "basis": (["--basis", "reader"], "reader"),
    "until": (["--until", "settled"], "settled"),
    "margin": (["--margin", "0.05"], 0.05),
    "max_calls": (["--max-calls", "90"], 90),
    "name": (["--name", "baseline"], "baseline"),
    "tags": (["--tag", "tone", "--tag", "v2"], ["tone", "v2"]),
    "note": (["--note", "as before"], "as before"),
    "batch": (["--batch"], True),
    "detach": (["--detach"], True),
    "processes": (["--processes", "2"], 2),
}


@pytest.mark.parametrize("verb", [Lab.run, Lab.start, Lab.preflight])
def test_the_options_of_a_run_in_python_are_the_fields_of_the_request(verb):
    options = [name for name in inspect.signature(verb).parameters if name not in {"self", *LISTENERS}]
    assert options == FIELDS


def test_beginning_a_run_and_looking_ahead_take_what_a_run_takes():
    run, start, ahead = (dict(inspect.signature(verb).parameters) for verb in (Lab.run, Lab.start, Lab.preflight))
    assert start == ahead == run


@pytest.mark.parametrize("verb", ["run", "start", "preflight"])
def test_every_option_in_python_reaches_the_request(verb, lab, monkeypatch):
    values = {name: object() for name in FIELDS}
    seen = []

    def refuse(request):
        seen.append(request)
        raise BadInput("seen")

    monkeypatch.setattr(lab.manager, "plan", refuse)
    with pytest.raises(BadInput, match="seen"):
        getattr(lab, verb)(**values)
    assert seen == [RunRequest(**values)]


def test_the_run_command_offers_every_field_of_the_request():
    assert sorted(["prompt", *SWEPT, *LINE]) == sorted(FIELDS)


@pytest.mark.parametrize("field", LINE)
def test_an_option_of_the_command_becomes_its_field(field):
    words, value = LINE[field]
    _, arguments = command_table.parse(["run", "Say hello.", *words], program="pplab")
    request = request_of(Session(lambda: None, "terminal"), arguments)
    assert getattr(request, field) == value
    assert request.prompt == "Say hello."


def test_a_cluster_takes_the_place_of_processes():
    _, arguments = command_table.parse(["run", "Say hello.", "--on", "dask://10.0.0.1:8786"], program="pplab")
    assert request_of(Session(lambda: None, "terminal"), arguments).processes == "dask://10.0.0.1:8786"
    _, arguments = command_table.parse(["run", "Say hello.", "--on", "dask://x:1", "--processes", "2"], program="pplab")
    with pytest.raises(BadInput, match="--processes and --on were both given"):
        request_of(Session(lambda: None, "terminal"), arguments)


@pytest.mark.parametrize("verb", ["run", "start", "preflight"])
@pytest.mark.parametrize(("wrong", "right"), [("sed", "seed"), ("sweeps", "sweep"), ("max_costs", "max_cost"), ("datas", "data")])
def test_an_option_that_does_not_exist_is_refused_with_the_nearest_one(verb, wrong, right, lab):
    with pytest.raises(BadInput, match=f"no option '{wrong}'. did you mean '{right}'"):
        getattr(lab, verb)("Say hello.", **{wrong: 1})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"margin": 0.05}, "margin is a race's, and none was asked for. give until=settled, too"),
        ({"max_calls": 5}, "max_calls is a race's, and none was asked for"),
        ({"until": "done"}, "until='done' is nothing to wait for. write until=settled"),
    ],
)
def test_what_belongs_to_a_race_is_refused_without_one(options, words, lab):
    with pytest.raises(BadInput, match=words):
        lab.preflight("Say hello.", **options)


def test_a_file_for_the_requests_of_batches_is_what_batch_says_in_python():
    _, arguments = command_table.parse(["run", "Say hello.", "--batch", "--out", "asked.jsonl"], program="pplab")
    assert request_of(Session(lambda: None, "terminal"), arguments).batch == "asked.jsonl"


def test_a_request_lists_what_was_given_and_nothing_else():
    request = RunRequest(prompt="", n=3, sweep=None)
    assert request.given() == {"prompt": "", "n": 3}
