"""A run in a process of its own, which goes on when the one that began it ends: both sides of the handing over.

Everything that the new process needs, a key that was passed as an argument included, comes over its standard input; keys of the
environment it has from its own. It answers with one line, the experiment's id or what is wrong, and then has no tie to the
process that began it.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pplab.cluster.carried import carry, unpack
from pplab.context import open_again
from pplab.errors import BadInput, PplabError, in_words
from pplab.experiments.manager import RunManager
from pplab.log import log_error, thread
from pplab.observe.cell_audit import notebook_name
from pplab.observe.spans import CAUSE, Span, current_span

if TYPE_CHECKING:
    from types import FrameType

    from pplab.context import LabAddress, LabContext
    from pplab.experiments.run_tasks import FurtherPass, NewRun

START_SECONDS: Final = 120.0
"""How long a process may take to begin its run: it imports pplab and opens the lab, on a busy machine."""
if sys.platform == "win32":
    OWN_SESSION: Final[dict[str, Any]] = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    OWN_SESSION: Final[dict[str, Any]] = {"start_new_session": True}
"""What keeps signals from the process that are meant for the terminal or the kernel."""


@dataclass(frozen=True, slots=True)
class _HandedOver:
    """What the new process is given: the lab, the pass to make, and the operation that asked for it."""

    lab: LabAddress
    task: NewRun | FurtherPass
    correlation_id: str
    span_id: str


def detach(context: LabContext, task: NewRun | FurtherPass) -> str:
    """Have a process of its own make a pass over an experiment; return the experiment's id once it is begun.

    Raises
    ------
    BadInput, StoreError, ...
        What the process would not begin for, as it would be raised here.
    PplabError
        When the process ended, or said nothing in time.
    """
    span = current_span()
    data = carry(_HandedOver(context.address(keys=True), task, span.correlation_id, span.span_id))
    environment = dict(os.environ)
    if name := notebook_name(vars(sys.modules["__main__"])):
        environment["JPY_SESSION_NAME"] = name
    process = subprocess.Popen(  # nothing on its command line is the user's
        [sys.executable, "-m", "pplab.cluster.detached"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
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
                process.stdin.write(data)
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
    try:
        answer = json.loads(said)
    except ValueError:
        raise PplabError("the process of the run ended before it began", hint="the lab's pplab.log may say why") from None
    if error := answer.get("error"):
        kind = BadInput if error["code"] == BadInput.code else PplabError
        raise kind(error["message"], hint=error["hint"], code=error["code"])
    return str(answer["id"])


def main() -> None:
    """Make the pass that standard input says, until it has ended."""
    data = sys.stdin.buffer.read()
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):  # whatever the user's metrics print, with whatever is in it
        os.dup2(nowhere, stream.fileno())
    try:
        handed: _HandedOver = unpack(data)
    except (EOFError, pickle.UnpicklingError):  # whoever began this ended before it had said what to do
        return
    context = None
    try:
        context = open_again(handed.lab)
        runs = RunManager(context)
        runs.detached = True
        CAUSE.set(Span.known("detached", handed.correlation_id, handed.span_id))
        experiment_id, run = handed.task.begin(runs)
    except Exception as error:  # noqa: BLE001 - told to whoever began this, who raises it
        words = in_words(error, "run")
        if context is not None:
            words.scrub(context.scrub)
        json.dump({"error": words.as_dict()}, answer)
        answer.close()
        return
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    json.dump({"id": experiment_id}, answer)
    try:
        answer.close()
    except OSError as error:  # whoever began this has ended since; the run goes on
        log_error("nobody heard that a run was begun", error)
    thread(_wait_for, run, ended, name="pplab-ended").start()
    ended.wait()
    runs.end()
    context.close()


def _wait_for(run: Any, ended: threading.Event) -> None:
    run.ended(None)
    ended.set()


if __name__ == "__main__":
    main()
