"""Workers in processes of this machine, each with a pipe in and a pipe out."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from pplab.cluster.messages import LENGTH, Refusal, packed, unpacked
from pplab.log import log_error

if TYPE_CHECKING:
    from pplab.cluster.crew import Crew
    from pplab.cluster.messages import Cancel, Limit, Portion, Report, Shard

END_S = 2.0
"""How long a worker may take to end before it is killed."""


class LocalWorkers:
    """Processes of this machine that work for one run; see `Workers`.

    They inherit the environment, keys included; what was given as an argument goes over the pipe, and nowhere else.

    Parameters
    ----------
    count
        How many.
    concurrency
        How many calls each may have under way at once.
    work
        What `carry` made of the `Work`.
    """

    def __init__(self, count: int, concurrency: int, work: bytes) -> None:
        self.count = count
        self.concurrency = concurrency
        self._work = work
        self._crew: Crew | None = None
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False

    def start(self, crew: Crew) -> None:
        """Start all processes, at once."""
        self._crew = crew
        for _ in range(self.count):
            self.replace("")

    def replace(self, _worker: str) -> None:
        """Start a process."""
        task = asyncio.get_running_loop().create_task(self._follow())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def send(self, worker: str, message: Shard | Portion | Cancel | Limit) -> None:
        """Hand a message to a worker."""
        process = self._processes.get(worker)
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            _write(process.stdin, packed(message))

    async def end(self) -> None:
        """End all processes: each ends with its input, and is killed when it does not."""
        self._ended = True
        for process in self._processes.values():
            if process.stdin is not None:
                process.stdin.close()
        if self._tasks:
            _, late = await asyncio.wait(list(self._tasks), timeout=END_S)
            for process in self._processes.values():
                process.kill()
            if late:
                await asyncio.wait(late)

    async def _follow(self) -> None:
        """Start a process and pass on what it reports until it ends."""
        assert self._crew is not None
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "pplab.cluster.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, **_places()},
                process_group=0,  # an interrupt at the terminal is the run's
            )
            await self._pass_on(self._crew, process)
        except Exception as error:  # noqa: BLE001 - the run must hear of it: it waits for what this worker has
            log_error("a worker process cannot be followed", error)
            self._crew.failed(error)

    async def _pass_on(self, crew: Crew, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        name = str(process.pid)
        self._processes[name] = process
        joined = refused = False
        if self._ended:
            process.stdin.close()
        else:
            _write(process.stdin, self._work)
        while (message := await _next_message(process.stdout)) is not None:
            if isinstance(message, Refusal):
                refused = True
                crew.refused(message)
                continue
            if not joined:
                joined = True
                crew.joined(name)
            crew.reported(name, message)
        process.stdin.close()
        how = _how_it_ended(await process.wait())
        del self._processes[name]
        if joined:
            crew.lost(name, how)
        elif not refused and not self._ended:
            crew.refused(Refusal(f"a worker process could not begin: {how}", "", "failed"))


def _write(pipe: asyncio.StreamWriter, data: bytes) -> None:
    pipe.write(LENGTH.pack(len(data)) + data)


async def _next_message(pipe: asyncio.StreamReader) -> Report | Refusal | None:
    """Return the next message of a pipe; ``None`` at its end, whole or torn."""
    try:
        head = await pipe.readexactly(LENGTH.size)
        message: Report | Refusal = unpacked(await pipe.readexactly(LENGTH.unpack(head)[0]))
    except asyncio.IncompleteReadError:
        return None
    return message


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        return f"its process was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"its process was ended by signal {-code}"


def _places() -> dict[str, str]:
    """Return the variables by which a worker finds modules where this process does, and nowhere else.

    Otherwise Python would first look in the working folder, where anything may lie.
    """
    places = [os.path.abspath(place) for place in sys.path if isinstance(place, str)]  # noqa: PTH100 - "" is the working folder
    return {"PYTHONPATH": os.pathsep.join(places), "PYTHONSAFEPATH": "1"}
