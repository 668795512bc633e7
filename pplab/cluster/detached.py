"""A run in a process of its own, which goes on when the one that began it ends: both sides of the handing over.

Everything that the new process needs, a key that was passed as an argument included, comes over its standard input; keys of the
environment it has from its own. It answers with one line, the experiment's id or what is wrong, and then has no tie to the
process that began it. It finds modules where that process does, and nowhere else.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

from pplab.cluster.carried import carry, unpack
from pplab.context import open_again
from pplab.errors import PplabError, in_words, told_by
from pplab.experiments.manager import RunManager
from pplab.log import log_error, thread
from pplab.observe.cell_audit import notebook_name
from pplab.observe.spans import CAUSE, Span, current_span

if TYPE_CHECKING:
    from types import FrameType

    from pplab.context import LabAddress, LabContext
    from pplab.experiments.run_tasks import Elsewhere, FurtherPass, NewRun

BEGIN: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); from pplab.cluster.detached import main; main()"
)
"""What the new process executes: the places of modules are the first line of its input."""
START_SECONDS: Final = 120.0
"""How long a process may take to begin its run: it imports pplab and opens the lab, on a busy machine."""
if sys.platform == "win32":
    OWN_SESSION: Final[dict[str, Any]] = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    OWN_SESSION: Final[dict[str, Any]] = {"start_new_session": True}
"""What keeps signals from the process that are meant for the terminal or the kernel."""


@dataclass(frozen=True, slots=True)
class _HandedOver:
    """What the new process is given: the lab, the pass to make and what may help it, and the operation that asked for it."""

    lab: LabAddress
    task: NewRun | FurtherPass
    elsewhere: Elsewhere
    correlation_id: str
    span_id: str


def detach(context: LabContext, task: NewRun | FurtherPass, elsewhere: Elsewhere) -> str:
    """Have a process of its own make a pass over an experiment; return the experiment's id once it is begun.

    Raises
    ------
    BadInput, StoreError, ...
        What the process would not begin for, as it would be raised here.
    PplabError
        When the process ended, or said nothing in time.
    """
    span = current_span()
    data = carry(_HandedOver(context.address(keys=True), task, elsewhere, span.correlation_id, span.span_id))
    places = json.dumps([place for place in sys.path if isinstance(place, str)]).encode() + b"\n"
    environment = dict(os.environ)
    if name := notebook_name(vars(sys.modules["__main__"])):
        environment["JPY_SESSION_NAME"] = name
    process = subprocess.Popen(  # noqa: S603 - nothing on its command line is the user's
        [sys.executable, "-P", "-c", BEGIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        **OWN_SESSION,
    )
    too_long = threading.Timer(START_SECONDS, process.kill)
    too_long.start()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin, process.stdout:
            with suppress(BrokenPipeError):  # it ended, and what it said is read
                process.stdin.write(places + data)
                process.stdin.close()
            said = process.stdout.read()
    except BaseException:  # an interrupt: nobody will have heard of the run
        process.kill()
        raise
    finally:
        too_long.cancel()
        thread(process.wait, name="pplab-detached").start()  # so that it leaves no zombie
    return _experiment_id(said)


def _experiment_id(said: bytes) -> str:
    """Return the id in the last line of what a process said, which is its answer; before it stands what Python had to say."""
    *_, last = said.decode("utf-8", "replace").splitlines() or [""]
    try:
        answer = json.loads(last)
    except ValueError:
        hint = f"it said: {last}" if last else "it was killed, or took too long to begin"
        raise PplabError("the process of the run ended before it began", hint=hint) from None
    if error := answer.get("error"):
        raise told_by(error)
    return str(answer["id"])


def main() -> None:
    """Make the pass that standard input says, until it has ended."""
    data = sys.stdin.buffer.read()
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):  # whatever the user's metrics print, with whatever is in it
        os.dup2(nowhere, stream.fileno())
    context = None
    try:
        handed: _HandedOver = unpack(data)
        context = open_again(handed.lab)
        runs = RunManager(context, handed.elsewhere)
        runs.detached = True
        CAUSE.set(Span.known("detached", handed.correlation_id, handed.span_id))
        experiment_id, run = handed.task.begin(runs)
    except Exception as error:  # noqa: BLE001 - told to whoever began this, who raises it
        log_error("a detached run was not begun", error)
        words = in_words(error, "run")
        if context is not None:
            words.scrub(context.scrub)
        _answer(answer, {"error": words.as_dict()})
        return
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    _answer(answer, {"id": experiment_id})
    thread(_wait_for, run, ended, name="pplab-ended").start()
    ended.wait()
    runs.end()
    context.close()


def _answer(answer: TextIO, words: dict[str, Any]) -> None:
    try:
        answer.write(f"\n{json.dumps(words)}")
        answer.close()
    except OSError as error:  # whoever began this has ended since
        log_error("nobody heard whether a run was begun", error)


def _wait_for(run: Any, ended: threading.Event) -> None:
    run.ended(None)
    ended.set()
