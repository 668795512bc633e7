"""A colleague's result that another process pulls: who watches the journals is told, and a dashboard shows it."""

from __future__ import annotations

import threading
from dataclasses import replace

from pplab.ids import new_id, now
from pplab.observe.live import RecordReader, RecordWatcher
from pplab.views.widgets.dashboard import Dashboard
from tests.unit import meeting_labs

WAIT_S = 60
PULLS = """
import sys, pplab
with pplab.Lab(store=sys.argv[1], user="bob") as lab:
    assert lab.pull().ok
"""


def test_what_another_process_pulls_is_told_record_by_record_as_another_labs_and_a_dashboard_shows_it(labs):
    ada, bob = labs
    wanted = set()
    for number in range(3):
        wanted.add(ada.run(f"Number {number}.", n=1).id)
        ada.push()
    told, all_told, shown = {}, threading.Event(), threading.Event()

    def note(changes):
        told.update((change.row.experiment_id, change.pulled) for change in changes)
        if wanted <= told.keys():
            all_told.set()

    watcher = RecordWatcher(RecordReader(bob.folder / "journal", "experiment"), on_batch=note)
    dashboard = Dashboard(bob)
    dashboard.observe(lambda change: shown.set() if len(change["new"]["recent"]) == 3 else None, "board")
    assert not shown.is_set()
    meeting_labs.ended(meeting_labs.start(PULLS, bob.folder))
    assert shown.wait(WAIT_S)
    assert {(line["id"], line["status"]) for line in dashboard.board["recent"]} == {(one, "completed") for one in wanted}
    dashboard.close()
    assert all_told.wait(WAIT_S)
    own = bob.run("Of bob.", n=1).id
    assert {told[one] for one in wanted} == {True}
    deadline = threading.Event()
    while own not in told and not deadline.wait(0.02):
        pass
    assert told[own] is False
    watcher.close()


def test_what_a_colleague_has_under_way_is_running_wherever_it_is_shown(labs):
    ada, bob = labs
    ada.run("Say hello.", n=1)
    row = ada.context.store.experiment(ada.experiment().id)
    one = replace(row, experiment_id=new_id(), status="running", created_at=now(), updated_at=now())
    ada.record(one, durable=True).result()
    ada.push()
    bob.pull()
    assert bob.experiment(one.experiment_id).status == "running"
    assert set(bob.experiments(status="running").experiment_id) == {one.experiment_id}
    assert bob.experiments().set_index("experiment_id").status[one.experiment_id] == "running"
    assert ada.experiment(one.experiment_id).status == "interrupted", "no process of its own lab has it under way"
    ada.record(replace(one, status="completed", revision=one.revision + 1), durable=True).result()
    ada.push()
    bob.pull()
    assert bob.experiment(one.experiment_id).status == "completed"
