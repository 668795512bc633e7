"""The log: what went wrong where nobody could be told at once is in it, without keys, and ``doctor`` shows the last lines."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest
from experiment_labs import KEY

import pplab
from pplab import log
from pplab.store import drain as drain_module


def lines(lab):
    path = lab.folder / log.FILE
    return path.read_text("utf-8").splitlines() if path.exists() else []


def doctor(folder):
    command = [sys.executable, "-m", "pplab", "doctor", "--store", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False).stdout


def failing(patch, words="No room here"):
    """Let the timer's drains fail, and return an event that is set when one did."""
    failed = threading.Event()

    def fail(*_args, **_options):
        failed.set()
        raise OSError(28, words)

    patch.setattr(drain_module, "drain", fail)
    return failed


def test_a_drain_that_fails_on_the_timer_leaves_a_line_that_doctor_shows_in_another_process(lab, monkeypatch):
    with monkeypatch.context() as patch:
        failed = failing(patch)
        lab.calibrate("precise")
        assert failed.wait(20)
        until_logged(lab, "No room here")
    assert any("not moved to the tables" in line and "No room here" in line for line in lines(lab))
    assert "No room here" in doctor(lab.folder)
    assert len(lab.calibrations()) == 1, "and nothing was lost"


def until_logged(lab, words):
    """Wait for the line that follows a failure on another thread."""
    for _ in range(1000):
        if any(words in line for line in lines(lab)):
            return
        threading.Event().wait(0.01)
    pytest.fail(f"no line of the log holds {words!r}")


def test_a_thread_that_an_error_ends_leaves_a_line(lab, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    thread = log.thread(lambda: 1 / 0, name="pplab-example")
    thread.start()
    thread.join()
    (line,) = [line for line in lines(lab) if "pplab-example" in line]
    assert "ZeroDivisionError: division by zero (test_log.py:" in line


def test_no_key_is_written_to_the_log_or_handed_to_who_listens(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", "an-unlikely-looking-key-of-mine")
    own = "another-plain-key-of-this-lab"
    with pplab.Lab(store=tmp_path / "lab", model="m", base_url="http://127.0.0.1:9/v1", api_key=own) as lab:
        log.log_error("it failed", ValueError(f"{KEY} and an-unlikely-looking-key-of-mine"))
        log.log_error("it failed", ValueError(f"about {own}"), lab=lab.folder)
        with pplab.Lab(store=tmp_path / "other") as other:
            log.log_error("it failed anywhere", ValueError(f"about {own}"))
            told = "\n".join(lines(lab) + lines(other))
        assert told.count("it failed") == 4
        shown = "\n".join(log.recent_lines(None)) + doctor(lab.folder)
    assert "it failed anywhere" in shown
    for secret in (KEY, "an-unlikely-looking-key-of-mine", own):
        assert secret not in told + shown + caplog.text


def test_a_line_about_one_lab_is_not_in_the_log_of_another(tmp_path):
    with pplab.Lab(store=tmp_path / "one") as one, pplab.Lab(store=tmp_path / "two") as two:
        log.log_error("only here", ValueError("x"), lab=one.folder)
        log.log_error("anywhere", ValueError("x"))
        assert [sum(word in line for line in lines(one)) for word in ("only here", "anywhere")] == [1, 1]
        assert [sum(word in line for line in lines(two)) for word in ("only here", "anywhere")] == [0, 1]


def test_the_log_stays_small_and_what_repeats_is_told_once(lab, monkeypatch):
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    for _ in range(100):
        log.log_error("the same", ValueError("x"))
    assert sum("the same" in line for line in lines(lab)) == 1
    for number in range(200):
        log.log_error("another", ValueError(f"{number}"))
    sizes = {path.name: path.stat().st_size for path in lab.folder.glob("pplab.log*")}
    assert set(sizes) == {"pplab.log", "pplab.log.1"}
    assert max(sizes.values()) < 2200


def test_a_log_that_cannot_be_written_fails_nothing_and_is_kept_for_this_process(lab):
    (lab.folder / log.FILE).mkdir()
    log.log_error("unwritten", ValueError("x"))
    assert any("unwritten" in line for line in log.recent_lines(lab.folder, limit=50))


def test_the_logger_is_silent_by_default(tmp_path):
    script = """if True:
        import logging
        from pplab import log
        log.log_error("it failed", ValueError("x"))
        print(logging.getLogger("pplab").handlers)
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=240, check=True)
    assert done.stderr == ""
    assert "NullHandler" in done.stdout


def test_who_listens_hears_it(caplog):
    with caplog.at_level(logging.WARNING, "pplab"):
        log.log_error("it failed", ValueError("x"))
    assert [(record.name, record.getMessage()) for record in caplog.records] == [("pplab", "it failed: ValueError: x")]
