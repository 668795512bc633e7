"""Completion of ``%pplab`` through IPython's own completer."""

from __future__ import annotations

import pytest


def offered(shell, cell):
    """Return the completions, as a front end asks for them, at the end of a cell."""
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        return {c.text for c in shell.Completer.completions(cell, len(cell))}


@pytest.fixture
def ids(loaded):
    """The ids of a stored experiment and a stored calibration."""
    calibration = loaded.run_cell("%pplab calibrate --preset precise").result
    experiment = loaded.run_cell("%pplab run --n 1 --set max_tokens=3 hi").result
    return experiment.id, calibration.id


def test_commands_are_offered_after_the_magic(loaded):
    from pplab.commands.command_table import COMMANDS

    assert offered(loaded, "%pplab ") == set(COMMANDS)
    assert offered(loaded, "%pplab re") == {"results"} | {c for c in COMMANDS if c.startswith("re")}
    assert offered(loaded, "%pplab nothing") == set()


def test_options_are_offered_wherever_the_magic_stands(loaded):
    for start in ("%pplab", "%%pplab", "shown = %pplab", "    %pplab"):
        assert offered(loaded, f"{start} run --max-c") == {"--max-calls", "--max-cost", "--max-concurrency"}, start


def test_options_are_offered_in_the_first_line_of_a_cell_and_nothing_of_ours_in_its_body(loaded):
    first = "%%pplab run --sw"
    cell = first + "\n--sw and a prompt"
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        assert {c.text for c in loaded.Completer.completions(cell, len(first))} == {"--sweep"}
        body = {c.text for c in loaded.Completer.completions(cell, len(first) + 5)}
    assert "--sweep" not in body


def test_values_are_offered_after_their_option(loaded):
    assert offered(loaded, "%pplab export --format ") >= {"csv", "json", "parquet"}
    assert offered(loaded, "%pplab export --format=pa") >= {"--format=parquet"}
    assert offered(loaded, "%pplab run --set temp") == {"temperature="}
    assert offered(loaded, "%pplab audit --event cell") == {"cell_executed"}
    assert offered(loaded, "%pplab config dead") == {"deadline="}
    assert "precise" in offered(loaded, "%pplab calibrate --preset ")
    assert offered(loaded, "%pplab prompts su") == {"suggest"}
    assert offered(loaded, "%pplab prompts suggest 5 --o") == {"--out", "--overwrite"}


def test_an_option_that_was_given_is_not_offered_again_unless_it_repeats(loaded):
    assert "--n" not in offered(loaded, "%pplab run --n 3 --")
    assert "--sweep" in offered(loaded, "%pplab run --sweep top_p=1 --")


def test_ids_are_offered_newest_first_and_leave_no_trace(loaded, extension, ids):
    experiment, calibration = ids
    before = extension.lab().counts()
    assert offered(loaded, "%pplab results ") == {"latest", experiment}
    assert offered(loaded, f"%pplab trace {experiment[:8]}") == {experiment}
    assert offered(loaded, "%pplab run --calibration ") == {"latest", calibration}
    assert extension.lab().counts() == before


def test_files_are_left_to_ipython(loaded, tmp_path):
    (tmp_path / "answers.json").write_text("{}")
    assert any("answers.json" in text for text in offered(loaded, "%pplab calibrate --answers answ"))


def test_other_code_is_left_alone(loaded):
    loaded.Completer.use_jedi = False  # what Jedi finds, and when, is its own
    loaded.user_ns["pplab_rate"] = 1
    assert offered(loaded, "x = '%pplab ru") & {"run"} == set()
    assert "pplab_rate" in offered(loaded, "pplab_ra")


def test_completion_is_silent_when_the_lab_cannot_be_opened(loaded, extension, monkeypatch, capsys):
    extension.configuration.store = "s3://bucket"
    assert "latest" not in offered(loaded, "%pplab results ")
    assert capsys.readouterr() == ("", "")


def test_unloading_takes_completion_away(loaded):
    loaded.run_cell("%unload_ext pplab")
    assert "run" not in offered(loaded, "%pplab ")
