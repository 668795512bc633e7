"""``pplab rebuild``: what differs between the tables and the journals, and the rebuilt tables put in place."""

from __future__ import annotations

import json
import subprocess
import sys

import duckdb
import pytest

import pplab
from pplab.cli import main
from pplab.errors import StoreTampered


@pytest.fixture
def altered(lab):
    """A lab whose tables somebody changed behind its back."""
    exp = lab.run("Say hello.", n=3)
    lab.close()
    with duckdb.connect(lab.folder / "lab.duckdb") as connection:
        connection.execute("UPDATE responses SET creativity = 1")
    return lab.folder, exp.id


def told(capsys, *words):
    code = main(list(words))
    return code, capsys.readouterr().out


def test_what_differs_is_found_and_shown_in_words_a_frame_and_json_and_nothing_is_changed(altered, capsys):
    folder, _ = altered
    with pplab.Lab(store=folder) as lab:
        with pytest.raises(StoreTampered, match="responses") as found:
            lab.verify()
        assert "pplab rebuild" in str(found.value)
        report = lab.rebuild()
        assert (report.equal, report.swapped, report.differences) == (False, False, 3)
        assert "of responses, 3 differ" in report.words
        assert "rebuild --swap" in report.words
        row = report.df.set_index("table").loc["responses"]
        assert (row["stored"], row["rebuilt"], row["different"], row["only_stored"]) == (3, 3, 3, 0)
        payload = json.loads(lab.audit(event="tables_rebuilt").iloc[-1]["payload"])
        assert payload == {"v": 1, "differences": 3, "swapped": False}
    code, line = told(capsys, "rebuild", "--json", "--store", str(folder))
    data = json.loads(line)["data"]
    assert code == 1
    assert [t["different"] for t in data["tables"] if t["table"] == "responses"] == [3]
    assert told(capsys, "verify", "--store", str(folder))[0] == 1


def test_a_swap_puts_it_right_and_other_labs_that_are_open_go_on(altered):
    folder, experiment = altered
    with pplab.Lab(store=folder) as other:
        forged = other.experiment(experiment)
        assert set(forged.responses["creativity"]) == {1.0}
        command = [sys.executable, "-m", "pplab", "rebuild", "--swap", "--store", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
        assert "backup/" in done.stdout
        assert len(list((folder / "backup").glob("lab-before-rebuild-*.duckdb"))) == 1
        assert set(forged.responses["creativity"]) != {1.0}
        assert other.run("And again.", n=1).status == "completed"
        assert other.verify().ok
        assert other.rebuild().equal
