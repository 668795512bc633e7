"""The reader in runs that this process does not make by single calls: in batches, and in a process of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pplab
from pplab.models.batches import BatchLimits, OpenAIBatches
from pplab.plan.vocabulary import READER_SCORES, score_column
from tests.servers.batches import BatchServer
from tests.unit.shard_labs import PROMPT, recorded_lab

if TYPE_CHECKING:
    from pathlib import Path

    from pplab import Lab

COLUMNS = [score_column(name, "reader") for name in READER_SCORES]


def reader_scores(lab: Lab) -> int:
    """Return how many scores of the reader are stored."""
    return int(lab.sql("SELECT count(*) AS n FROM scores WHERE source = 'reader'").n[0])


def test_answers_that_come_in_batches_are_read_each_once_and_a_resume_reads_those_it_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenAIBatches, "limits", BatchLimits(requests=2, first_look=0.02, longest_look=0.1, backoff=0.01))
    options = {"store": tmp_path / "lab", "user": "ada", "model": "m", "api_key": "none"}
    with BatchServer("missing") as server, pplab.Lab(base_url=server.base_url, **options) as lab:
        experiment = lab.run(["Name a sound.", "Name a smell."], n=2, reader=True, batch=True)
        answered = experiment.responses["status"] == "ok"
        assert 0 < answered.sum() < 4
        assert experiment.responses.loc[answered, COLUMNS].notna().all(axis=None)
        assert reader_scores(lab) == answered.sum() * len(READER_SCORES)
        resumed = experiment.resume()
        assert (resumed.status, resumed.progress["unread"]) == ("completed", 0)
        assert resumed.responses[COLUMNS].notna().all(axis=None)
        assert reader_scores(lab) == 4 * len(READER_SCORES)


@pytest.mark.soak
def test_a_detached_run_has_its_answers_read_before_it_ends(tmp_path: Path) -> None:
    with recorded_lab(tmp_path, 2) as lab:
        experiment = lab.run(PROMPT, n=2, reader=True, detach=True)
        assert experiment.wait().status == "completed"
        assert experiment.responses[COLUMNS].notna().all(axis=None)
        assert reader_scores(lab) == 2 * len(READER_SCORES)
