"""The reader in several processes: the scores are those of one, and each is there once."""

from __future__ import annotations

import pytest

from pplab.cluster.local_workers import LocalWorkers
from pplab.cluster.messages import Portion
from pplab.experiments import reading
from pplab.plan.vocabulary import READER_SCORES, score_column
from tests.unit.shard_labs import PROMPT, recorded_lab


@pytest.mark.soak
def test_the_readers_of_two_processes_give_the_scores_of_one(tmp_path, monkeypatch):
    columns = [score_column(name, "reader") for name in READER_SCORES]
    readers, send = set(), LocalWorkers.send

    def watched(workers, worker, message):
        if isinstance(message, Portion):
            readers.add(worker)
        send(workers, worker, message)

    monkeypatch.setattr(LocalWorkers, "send", watched)
    monkeypatch.setattr(reading, "PORTION", 1)
    with recorded_lab(tmp_path, 4) as lab:
        one, two = (lab.run(PROMPT, n=4, reader=True, processes=processes) for processes in (1, 2))
        assert len(readers) == 2
        assert (two.status, two.reason) == ("completed", None)
        assert two.progress["unread"] == 0
        assert two.responses[columns].round(6).to_dict("list") == one.responses[columns].round(6).to_dict("list")
        assert two.responses[columns].notna().all().all()
        counted = lab.sql("SELECT experiment_id, count(*) AS n FROM scores WHERE source = 'reader' GROUP BY ALL")
        assert counted["n"].tolist() == [4 * len(READER_SCORES)] * 2
