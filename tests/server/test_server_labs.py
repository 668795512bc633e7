"""The list of labs: what is below the server's root folder, and what is left out."""

from __future__ import annotations

import pplab


def test_a_lab_below_the_root_is_listed_with_what_answers_in_it(server):
    with pplab.Lab(store=server.root / "first" / ".pplab") as lab:
        lab.run("Why does it rain?", n=1)
    listed = server.get("labs")
    (first,) = (one for one in listed["labs"] if one["lab"] == "first/.pplab")
    assert listed["version"] == pplab.__version__
    assert (first["name"], first["readable"], first["note"]) == ("first", True, "")
    assert (first["model"], first["endpoint"]) == ("embedded", "embedded")
