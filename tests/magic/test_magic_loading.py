"""Loading, unloading and reloading the extension, and its settings in ``%config``."""

from __future__ import annotations

import gc
import threading

import pplab
from pplab.config.configuration import PPLab


def state(shell):
    """Return everything of a shell that an extension may change."""
    return {
        "events": {name: list(callbacks) for name, callbacks in shell.events.callbacks.items()},
        "magics": {kind: (set(known), known.get("pplab")) for kind, known in shell.magics_manager.magics.items()},
        "registered": "PPLabMagics" in shell.magics_manager.registry,
        "configurables": [c for c in shell.configurables if type(c).__module__.startswith("pplab")],
        "matchers": list(shell.Completer.custom_matchers),
        "formatters": {
            kind: (dict(f.type_printers), dict(f.deferred_printers))
            for kind, f in [*shell.display_formatter.formatters.items(), ("bundle", shell.display_formatter.mimebundle_formatter)]
        },
        "transformers": (
            list(shell.input_transformers_cleanup),
            list(shell.input_transformers_post),
            list(shell.ast_transformers),
        ),
        "namespace": {name for name in shell.user_ns if not name.startswith("_")},
    }


def test_unloading_restores_everything(shell):
    before = state(shell)
    shell.run_cell("%load_ext pplab")
    assert state(shell) != before
    shell.run_cell("%pplab calibrate --preset precise")
    shell.run_cell("%pplab run --n 1 --set max_tokens=3 hi")
    shell.run_cell("%unload_ext pplab")
    assert state(shell) == before


def test_importing_every_public_name_changes_nothing_in_the_shell(shell):
    before = state(shell)
    assert shell.run_cell("from pplab import *").success
    assert shell.user_ns["Lab"] is pplab.Lab
    after = state(shell)
    assert after.pop("namespace") > before.pop("namespace")
    assert after == before


def test_a_magic_of_the_same_name_and_displays_from_before_come_back(shell):
    shell.register_magic_function(lambda line: f"mine {line}", "line", "pplab")
    shell.display_formatter.mimebundle_formatter.for_type_by_name("pplab.analysis.decision", "Decision", lambda _: {})
    before = state(shell)
    shell.run_cell("%load_ext pplab")
    shell.run_cell("%unload_ext pplab")
    assert state(shell) == before
    assert shell.run_line_magic("pplab", "again") == "mine again"


def test_loading_twice_does_nothing(loaded, capsys):
    before = state(loaded)
    loaded.run_cell("%load_ext pplab")
    pplab.load_ipython_extension(loaded)
    assert state(loaded) == before


def test_reloading_works_and_records_each_cell_once(loaded, tmp_path):
    loaded.run_cell("1 + 1")
    loaded.run_cell("%reload_ext pplab")
    loaded.run_cell("2 + 2")
    frame = loaded.run_cell("%pplab timing --kind cell").result.df
    # The first %load_ext, 1 + 1, 2 + 2 and the cell of %reload_ext, which is recorded by the extension it loaded.
    assert len(frame) == 4


def test_unloading_without_loading_does_nothing(shell):
    before = state(shell)
    pplab.unload_ipython_extension(shell)
    assert state(shell) == before


def test_what_was_recorded_is_in_the_tables_after_unloading(loaded, tmp_path):
    loaded.run_cell("x = 1")
    loaded.run_cell("%unload_ext pplab")
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        assert list(lab.cells()["status"]) == ["ok", "ok"]


def test_unloading_leaves_no_thread_behind(shell):
    before = set(threading.enumerate())
    shell.run_cell("%load_ext pplab")
    shell.run_cell("%pplab run --n 1 --set max_tokens=3 hi")
    shell.run_cell("%unload_ext pplab")
    gc.collect()
    left = [t.name for t in set(threading.enumerate()) - before if t.name.startswith("pplab") and t.is_alive() and not t.daemon]
    assert left == []


def test_config_lists_every_setting_with_its_meaning(loaded, capsys):
    loaded.run_cell("%config PPLab")
    shown = capsys.readouterr().out
    assert all(f"PPLab.{name}=" in shown for name in PPLab.names())
    assert "What the cell audit keeps" in shown


def test_config_changes_settings_at_once_and_earlier_results_stay_usable(loaded, extension):
    earlier = loaded.run_cell("%pplab run --n 1 --set max_tokens=3 hi").result
    loaded.run_cell("%config PPLab.user = 'grace'")
    loaded.run_cell("%config PPLab.max_concurrency = 3")
    later = loaded.run_cell("%pplab run --n 1 --set max_tokens=3 hi").result
    assert later.plan.max_concurrency == 3
    assert set(extension.lab().experiments()["user"]) == {"ada", "grace"}
    assert len(earlier.responses) == 1


def test_config_refuses_what_is_not_allowed(loaded, extension):
    loaded.run_cell("%config PPLab.deadline = -1")
    loaded.run_cell("%config PPLab.base_url = 'ftp://example.org'")
    assert extension.configuration.deadline == 120
    assert extension.configuration.base_url == ""


def test_the_config_command_persists_and_only_what_was_asked_for(loaded, extension, tmp_path):
    loaded.run_cell("%config PPLab.user = 'grace'")
    loaded.run_cell("%pplab config deadline=30 'prices={\"big\": [1, 2]}'")
    assert extension.configuration.deadline == 30
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        assert lab.configuration.deadline == 30
        assert lab.configuration.prices == {"big": [1, 2]}
        assert lab.user == "ada"


def test_a_config_command_with_one_wrong_setting_changes_nothing(loaded, extension, tmp_path, capsys):
    assert not loaded.run_cell("%pplab config deadline=30 max_concurrency=0").success
    assert "max_concurrency" in capsys.readouterr().err
    assert extension.configuration.deadline == 120
    assert not (tmp_path / ".pplab" / "config.json").exists()


def test_what_the_user_configured_for_ipython_wins_over_the_labs_file(shell, tmp_path):
    shell.run_cell("%load_ext pplab")
    shell.run_cell("%pplab config deadline=30 max_concurrency=4")
    shell.run_cell("%unload_ext pplab")
    shell.config.PPLab.deadline = 7.0
    shell.run_cell("%load_ext pplab")
    configuration = shell.magics_manager.registry["PPLabMagics"].extension.configuration
    assert (configuration.deadline, configuration.max_concurrency) == (7, 4)


def test_a_lab_that_cannot_be_opened_is_told_in_one_line_and_its_cells_are_kept(loaded, extension, capsys):
    loaded.run_cell("%config PPLab.store = 's3://bucket'")
    loaded.run_cell("x = 1")
    assert not loaded.run_cell("%pplab").success
    assert capsys.readouterr().err.count("\n") == 1
    loaded.run_cell("%config PPLab.store = ''")
    sources = extension.lab().cells()
    assert len(sources) == 5


def test_a_setting_that_changes_while_the_lab_is_being_opened_is_not_lost(shell, monkeypatch):
    opening, changed = threading.Event(), threading.Event()

    class Slow(pplab.Lab):
        def __init__(self, **options):
            super().__init__(**options)
            opening.set()
            changed.wait(0.2)

    monkeypatch.setattr("pplab.lab.Lab", Slow)
    shell.run_cell("%load_ext pplab")
    assert opening.wait(10)
    shell.run_cell("%config PPLab.user = 'grace'")
    changed.set()
    assert shell.magics_manager.registry["PPLabMagics"].extension.lab().user == "grace"
