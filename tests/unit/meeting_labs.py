"""Labs that meet: what they hold of what is exchanged, and programs that run one in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pplab
from pplab.remote.records import LOCAL_EVENTS, LOCAL_OPERATIONS
from pplab.store.record_types import RECORD_TYPES
from pplab.store.shared_segments import STREAMS

EXCHANGED = [RECORD_TYPES[name].table for name in STREAMS["results"]]
ROOT = Path(__file__).parents[2]

WRITES = """
import sys, pplab
folder, url, user, runs = sys.argv[1:]
with pplab.Lab(store=folder, user=user) as lab:
    lab.add_remote("team", url)
    for number in range(int(runs)):
        lab.run(f"{user} asks for greeting {number}.", n=1)
        if number % 4 == 3:
            lab.push()
            assert lab.pull().ok
    lab.push()
"""


def lab(folder, user, team):
    """Return a lab of this process that knows the remote ``team``."""
    opened = pplab.Lab(store=folder / user / ".pplab", user=user)
    if not opened.remotes:
        opened.add_remote("team", team)
    return opened


def copied(made, folder, users):
    """Return labs of one's own, copied from a folder in which they met at ``team``; they go on to meet at the copy of it."""
    shutil.copytree(made, folder, dirs_exist_ok=True)
    opened = [pplab.Lab(store=folder / user / ".pplab", user=user) for user in users]
    for one in opened:
        one.remove_remote("team")
        one.add_remote("team", folder / "team")
    return opened


def start(program, *arguments, **env):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """Wait for a program and return what it printed; it must have gone well."""
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return out


def told_of_exchange(event, payload):
    return event in LOCAL_EVENTS or json.loads(payload).get("operation") in LOCAL_OPERATIONS


def exchanged(of):
    """Return the exchanged tables of a lab as sorted rows, without the places in its chain and what tells of the exchange."""
    found = {}
    with of.context.store.reading() as cursor:
        for table in EXCHANGED:
            frame = cursor.sql(f"FROM {table}").df()
            if table == "audit_logs":
                kept = [not told_of_exchange(*row) for row in zip(frame.event, frame.payload, strict=True)]
                frame = frame[kept].drop(columns=["seq", "prev_hash", "hash"])
            found[table] = sorted(repr(row) for row in frame.itertuples(index=False))
    return found
