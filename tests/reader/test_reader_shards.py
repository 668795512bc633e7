"""The reader in several processes: the scores are those of one, and each is there once."""

from __future__ import annotations

import pplab
from pplab.plan.vocabulary import READER_SCORES, score_column


def test_the_readers_of_two_processes_give_the_scores_of_one():
    columns = [score_column(name, "reader") for name in READER_SCORES]
    with pplab.Lab(store=":temp:") as lab:
        one, two = (
            lab.run(["Describe a lighthouse.", "What is tea?"], n=3, seed=5, reader=True, processes=processes)
            for processes in (1, 2)
        )
        assert (two.status, two.reason) == ("completed", None)
        assert two.progress["unread"] == 0
        assert two.responses[columns].round(6).to_dict("list") == one.responses[columns].round(6).to_dict("list")
        assert two.responses[columns].notna().all().all()
        counted = lab.sql("SELECT experiment_id, count(*) AS n FROM scores WHERE source = 'reader' GROUP BY ALL")
        assert counted["n"].tolist() == [6 * len(READER_SCORES)] * 2
