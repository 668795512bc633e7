"""``%pplab`` and ``%%pplab`` in a real InteractiveShell: results, help, errors in one line, JSON in one line."""

from __future__ import annotations

import json

import pandas as pd
from IPython.core.error import UsageError

import pplab
from pplab.calibration import Calibration
from pplab.experiments.experiment import Experiment
from tests.servers import FaultServer
from tests.servers.faults import SUGGESTED


def test_a_bare_magic_says_where_one_is_and_what_to_do_next(loaded):
    shown = loaded.run_cell("%pplab").result
    plain = loaded.display_formatter.format(shown)[0]["text/plain"]
    assert "embedded" in plain
    assert "Next: %pplab calibrate" in plain
    assert str(loaded.run_line_magic("pwd", "")) not in plain


def test_commands_return_the_objects_they_make(loaded):
    assert isinstance(loaded.run_cell("%pplab calibrate --preset balanced").result, Calibration)
    made = loaded.run_cell("%%pplab run --n 2 --set temperature=0.7 --set max_tokens=20\nWhy does it rain?").result
    assert isinstance(made, Experiment)
    assert set(made.responses["prompt"]) == {"Why does it rain?"}
    assert isinstance(
        loaded.run_cell("%pplab sql SELECT count(*) AS n FROM responses WHERE status <> 'x y'").result, pd.DataFrame
    )
    assert loaded.run_cell("%pplab audit").result.df["event"].iloc[0] == "cell_executed"
    again = loaded.run_cell("kept = %pplab results")
    assert again.success
    assert loaded.user_ns["kept"].id == made.id


def test_an_experiment_is_shown_live_as_cards_and_as_html_and_text_in_the_shell(loaded):
    loaded.run_cell("%pplab calibrate --preset precise")
    made = loaded.run_cell("%pplab run --n 1 --set max_tokens=10 hello").result
    formats, _ = loaded.display_formatter.format(made)
    assert "completed" in formats["text/plain"]
    assert set(formats) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}


ERRORS = [
    ("%pplab runn", "did you mean 'run'?"),
    ("%pplab run --swep temperature=1 hi", "did you mean '--sweep'?"),
    ("%pplab export --format cvs", "did you mean 'csv'?"),
    ("%pplab run --n many hi", "not a whole number"),
    ("%pplab run --set temperature=3 hi", "out of range"),
    ("%pplab run 'never closed", "close every quote"),
    ("%pplab results 00000000", "no experiment"),
    ("%%pplab timing\nbody", "takes no cell body"),
    ("%%pplab run hello\nhello again", "given on the line and in the cell"),
    ("%%pplab run\n   ", "there is no prompt"),
    ("%pplab run", "there is no prompt"),
    ("%pplab prompts suggest 5", "there is no prompt"),
    ("%pplab prompts suggest 'Why?'", "n: 'Why?' is not a whole number"),
    ("%pplab prompts sugest 5 'Why?'", "did you mean 'suggest'?"),
    ("%pplab prompts suggest 5 'Explain {topic}.'", "the prompt is a template"),
    ("%pplab prompts suggest 5 'Why?'", "the embedded model follows no instructions"),
]


def test_a_user_error_is_one_line_without_a_traceback(loaded, capsys):
    for line, words in ERRORS:
        result = loaded.run_cell(line)
        out, err = capsys.readouterr()
        assert type(result.error_in_exec) is UsageError, line
        assert words in err
        assert err.startswith("UsageError: "), line
        assert err.count("\n") == 1, line
        assert "Traceback" not in out + err, line


def test_the_error_object_carries_code_hint_and_correlation_id_but_the_text_does_not(loaded, extension, capsys):
    result = loaded.run_cell("%pplab run --set temperature=9 hi")
    error = result.error_in_exec
    assert error.code == "bad_input"
    assert error.hint == "give a value in [0, 2]"
    failed = extension.lab().audit(event="operation_failed")
    assert list(failed["correlation_id"]) == [error.correlation_id]
    assert error.correlation_id not in capsys.readouterr().err


def test_an_unexpected_fault_is_one_line_too_and_keeps_its_cause(loaded, monkeypatch, capsys):
    def broken(*_):
        raise ZeroDivisionError("on the moon")

    monkeypatch.setattr("pplab.commands.command_table.COMMANDS", {"verify": _command(broken)})
    result = loaded.run_cell("%pplab verify")
    assert "please report it" in capsys.readouterr().err
    assert isinstance(result.error_in_exec.__cause__.__cause__, ZeroDivisionError)


def _command(run):
    from pplab.commands.command import Command

    return Command("verify", "verify", run)


def test_help_lists_every_command(loaded):
    from pplab.commands.command_table import COMMANDS

    for line in ("%pplab --help", "%pplab -h", "%pplab help"):
        text = repr(loaded.run_cell(line).result)
        assert all(f"\n  {name} " in text for name in COMMANDS), line


def test_help_on_a_command_says_its_options_as_written_in_a_notebook(loaded):
    text = repr(loaded.run_cell("%pplab run --help").result)
    assert text.startswith("usage: %pplab run")
    assert "--sweep NAME=VALUES" in text
    assert repr(loaded.run_cell("%pplab help run").result) == text


IN_JSON = [
    ("%pplab --json", True),
    ("%pplab run --n 1 --set max_tokens=5 --json hi", True),
    ("%pplab run --help --json", True),
    ("%pplab runn --json", False),
    ("%pplab run --json 'never closed", False),
    ("%%pplab sql --json\nDROP TABLE responses", False),
]
"""Cells, each with whether it succeeds."""


def test_json_prints_exactly_one_line_and_shows_nothing_else(loaded, capsys):
    for cell, success in IN_JSON:
        result = loaded.run_cell(cell)
        out = capsys.readouterr().out
        assert result.success, cell
        assert result.result is None, cell
        assert out.count("\n") == 1, cell
        answer = json.loads(out)
        assert answer["success"] is success, cell
        assert answer.keys() == ({"success", "data"} if success else {"success", "error"})
        if not success:
            assert answer["error"].keys() == {"code", "message", "hint", "correlation_id"}


def test_suggested_prompts_are_shown_as_a_table_and_hold_it(loaded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with FaultServer() as server:
        ask = f"prompts suggest 2 --model play:suggests --base-url {server.base_url}"
        suggested = loaded.run_cell(f"%%pplab {ask}\nExplain in two sentences why it rains.").result
        formats, _ = loaded.display_formatter.format(suggested)
        assert "<table" in formats["text/html"]
        assert SUGGESTED[0] in formats["text/plain"]
        assert list(suggested.df["prompt"])[1:] == SUGGESTED[:2]
        assert loaded.run_cell("%pplab run --prompts prompts.csv --n 1 --dry-run").result.first_prompts[1] == SUGGESTED[0]


def test_a_query_on_the_line_keeps_its_quotes(loaded):
    frame = loaded.run_cell("%pplab sql SELECT 'a b' AS x, ? AS y --param \"c d\"").result
    assert frame.to_dict("records") == [{"x": "a b", "y": "c d"}]
    assert loaded.run_cell('%pplab sql "SELECT 1 AS n"').result["n"][0] == 1


def test_the_prompt_of_a_cell_is_the_same_text_as_on_the_line(loaded):
    line = loaded.run_cell("%pplab run --n 1 --set max_tokens=5 'Why does it rain?'").result
    cell = loaded.run_cell("%%pplab run --n 1 --set max_tokens=5\nWhy does it rain?\n").result
    assert list(line.responses["request_key"]) == list(cell.responses["request_key"])


def test_resume_refuses_what_it_would_ignore(loaded, capsys):
    loaded.run_cell("%pplab run --n 1 --set max_tokens=5 hi")
    for extra, words in (
        ("--sweep temperature=1,2", "takes no --sweep"),
        ("more words", "takes no prompt"),
        ("--n 3", "--top-up"),
    ):
        assert not loaded.run_cell(f"%pplab run --resume latest {extra}").success
        assert words in capsys.readouterr().err


def test_an_experiment_of_a_lab_elsewhere_is_resumed_there_by_the_path_from_the_notebook(loaded, tmp_path, capsys):
    """The cell is the one that the extension's commands Resume and Retry write; see `resumeCell` in the front end."""
    with pplab.Lab(store=tmp_path / "Ada's store") as elsewhere:
        id_ = elsewhere.run("Why does it rain?", n=1).id
    assert not loaded.run_cell(f"%load_ext pplab\n%pplab run --resume {id_}").success
    assert "no experiment has the id" in capsys.readouterr().err
    for option in ("--resume", "--retry-failed"):
        cell = f"%load_ext pplab\n%pplab run {option} {id_} --store 'Ada'\\''s store'"
        assert loaded.run_cell(cell).result.id == id_
