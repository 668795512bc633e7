"""Scores in the tables: which of them count, in whatever order they and their answers arrive."""

from __future__ import annotations

import itertools

from store_records import experiment, response, score

from pplab.store.history import latest_scores
from pplab.store.scores import OTHER_VERSION

LATER = "2026-11-24T01:23:49.123456"


def test_the_latest_version_of_a_metric_counts_and_the_others_stay(store):
    one = experiment(status="completed")
    first, second = response(one.experiment_id), response(one.experiment_id, replicate=1)
    early = [score(r.response_id, one.experiment_id, value=1.0) for r in (first, second)]
    late = score(first.response_id, one.experiment_id, value=2.0, version="2", created_at=LATER)
    store.append(one, first, second, *early, late)
    found = latest_scores(store, one.experiment_id)
    assert found.by_response == {first.response_id: {"words": 2.0}}
    assert found.reasons == {second.response_id: {"words": OTHER_VERSION}}
    assert len(store.scores(one.experiment_id)) == 3
    words = store.analytics().set_index("measure").loc["words"]
    assert (words["n"], words["mean"]) == (1, 2.0)
    assert store.verify().ok


def test_scores_of_an_answer_that_was_lost_do_not_count(store):
    one = experiment(status="completed")
    answer = response(one.experiment_id, revision=1)
    store.append(score(answer.response_id, one.experiment_id, response_revision=0), one, answer)
    assert latest_scores(store, one.experiment_id).by_response == {}
    assert "words" not in set(store.analytics()["measure"])


def test_values_that_an_older_version_wrote_into_the_response_are_scores_of_an_unknown_version(store):
    one = experiment(status="completed")
    answer = response(one.experiment_id, metrics={"words": 3.0, "odd": None}, detail={"odd": {"reason": "no words"}})
    store.append(one, answer)
    found = latest_scores(store, one.experiment_id)
    assert found.by_response == {answer.response_id: {"odd": None, "words": 3.0}}
    assert found.reasons == {answer.response_id: {"odd": "no words"}}
    assert set(store.scores()["version"]) == {""}
    assert store.analytics().set_index("measure").loc["words", "mean"] == 3.0
    store.append(score(answer.response_id, one.experiment_id, value=5.0, created_at=LATER))
    assert latest_scores(store, one.experiment_id).by_response[answer.response_id]["words"] == 5.0
    assert store.analytics().set_index("measure").loc["words", "mean"] == 5.0
    assert store.verify().ok


def test_summaries_do_not_depend_on_which_came_first_the_experiment_the_answer_or_its_scores(store):
    """Each user's rows come in another order, one row of each user between two drains."""
    arriving = {}
    for number, order in enumerate(itertools.permutations(range(4))):
        rows = [
            experiment(f"e-{number:06}", user=f"user {order}", status="completed"),
            response(f"e-{number:06}", f"r-{number:06}", metrics={"words": 3.0, "odd": 1.0}),
            *(
                score(f"r-{number:06}", f"e-{number:06}", value=v, version=str(v), created_at=f"2026-11-2{4 + i}T00:00:00.000000")
                for i, v in enumerate((5.0, 7.0))
            ),
        ]
        arriving[f"user {order}"] = [rows[place] for place in order]
    for together in zip(*arriving.values(), strict=True):
        store.append(*together)
        store.drain()
    measures = store.analytics().set_index(["user", "measure"])
    for user in arriving:
        words, odd = measures.loc[(user, "words")], measures.loc[(user, "odd")]
        assert (words["n"], words["mean"], odd["mean"]) == (1, 7.0, 1.0), user
    assert store.verify().ok
    assert store.rebuild(swap=False).equal
