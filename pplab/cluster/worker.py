"""The program of a local worker, `python -m pplab.cluster.worker`: messages in by standard input, reports out by standard output.

What the user's code prints goes to standard error; it reads nothing. The process ends with its input, so that none outlives the
run it works for.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, BinaryIO

from pplab.cluster.carried import unpack
from pplab.cluster.messages import Refusal, packed, read, unpacked, write
from pplab.cluster.shard_worker import ShardWorker
from pplab.errors import PplabError
from pplab.log import log_error, thread

if TYPE_CHECKING:
    from pplab.cluster.outbox import Outbox

TOGETHER_S = 0.002
"""How long what is to be reported waits for company: a report costs as much as what a call has to report."""


def main() -> None:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the run's, which says what is to be done
    messages, reports = _own_pipes()
    first = read(messages)
    if first is None:
        return
    try:
        worker = ShardWorker(unpack(first))
    except Exception as error:  # noqa: BLE001 - the run says in words what is wrong
        log_error("a worker cannot work for a run", error)
        refusal = error if isinstance(error, PplabError) else PplabError(f"{type(error).__name__}: {error}")
        write(reports, packed(Refusal(refusal.message, refusal.hint, refusal.code)))
        return
    thread(_report, worker.outbox, reports, name="pplab-reports").start()
    while (data := read(messages)) is not None:
        worker.take(unpacked(data))
    os._exit(0)  # whatever a metric is doing


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return input and output, which the user's code can no longer reach."""
    messages, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open
    return messages, reports


def _report(outbox: Outbox, reports: BinaryIO) -> None:
    while True:
        outbox.wait()
        time.sleep(TOGETHER_S)
        data = packed(outbox.take())
        try:
            write(reports, data)
        except BrokenPipeError:  # nobody is there to be told
            os._exit(0)


if __name__ == "__main__":
    main()
