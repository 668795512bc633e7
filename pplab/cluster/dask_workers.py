"""Workers on a Dask cluster: each runs the same engine as a local one; a shard is a task, and its result is a report."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker, secede

from pplab.cluster.carried import unpack
from pplab.cluster.messages import Portion, Refusal, Shard
from pplab.cluster.shard_worker import ShardWorker
from pplab.errors import PplabError, one_line
from pplab.ids import new_id
from pplab.log import log_error
from pplab.scoring.registry import unregister, user_metrics

if TYPE_CHECKING:
    from distributed import Client, Future

    from pplab.cluster.crew import Crew
    from pplab.cluster.messages import Cancel, Limit, Report

LOOK_S = 0.25
"""How often to look which workers the cluster has."""
ALONE_S = 30.0
"""How long the run waits for a worker when the cluster has none left."""
FETCH_S = 10.0
"""How long a worker may take to hand over one report."""
SHARD_CALLS = 16
"""The most calls of one task: what is lost with a worker, besides its calls under way, is what such a task has not reported."""
SETUP_S = 30.0
"""How long a task waits for a worker that has just joined to be ready."""


class ShardPlugin(WorkerPlugin):  # type: ignore[misc] # its types are not read
    """What a Dask worker keeps of one run: its engine. A plugin of the worker, so that those that join later have it, too.

    Parameters
    ----------
    name
        By which a task finds it.
    work
        What `carry` made of the `Work`.
    """

    def __init__(self, name: str, work: bytes) -> None:
        self.name = name
        self._work = work
        self.engine: ShardWorker | Refusal | None = None

    def setup(self, worker: Any) -> None:  # noqa: ARG002 - Dask gives it
        """Begin; what keeps it from beginning is what its tasks return."""
        for user in user_metrics():  # of an earlier run
            unregister(user.info.name)
        try:
            self.engine = ShardWorker(unpack(self._work))
        except Exception as error:  # noqa: BLE001 - the run says in words what is wrong
            log_error("a worker cannot work for a run", error)
            refusal = error if isinstance(error, PplabError) else PplabError(f"{type(error).__name__}: {error}")
            self.engine = Refusal(refusal.message, refusal.hint, refusal.code)

    def teardown(self, worker: Any) -> None:  # noqa: ARG002 - Dask gives it
        """End."""
        if isinstance(self.engine, ShardWorker):
            self.engine.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "_work": self._work, "engine": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _engine(name: str) -> ShardWorker | Refusal:
    """Return the engine of a run in this worker; one that has just joined may need a moment."""
    until = time.monotonic() + SETUP_S
    while True:
        plugin = get_worker().plugins.get(name)
        if plugin is not None and plugin.engine is not None:
            engine: ShardWorker | Refusal = plugin.engine
            return engine
        if time.monotonic() > until:
            return Refusal("the worker did not begin", "", "failed")
        time.sleep(LOOK_S)


def make_shard(name: str, message: Shard | Portion) -> Report | Refusal:
    """Make the calls of a shard, or read a portion, in a Dask worker; return all that its engine has to report by then."""
    secede()  # it waits for servers, and takes no thread of the worker's
    engine = _engine(name)
    return engine if isinstance(engine, Refusal) else engine.finish(message)


def _tell(name: str, message: Cancel | Limit, dask_worker: Any) -> None:
    """Tell an engine in a Dask worker of the end or of other limits, on the worker's event loop, where nothing may wait."""
    plugin = dask_worker.plugins.get(name)
    if plugin is not None and isinstance(plugin.engine, ShardWorker):
        plugin.engine.take(message)


class DaskWorkers:
    """The workers of a Dask cluster that work for one run; see `Workers`.

    Each has its keys from its own environment: none is in any message.

    Parameters
    ----------
    client
        Of the cluster.
    count, concurrency
        How many workers there are, and how many calls each may have under way at once.
    work
        What `carry` made of the `Work`.
    own
        Whether the client is closed at the end.
    """

    def __init__(self, client: Client, count: int, concurrency: int, work: bytes, *, own: bool) -> None:
        self.count = count
        self.concurrency = concurrency
        self._client = client
        self._own = own
        self._plugin = ShardPlugin(f"pplab-{new_id()}", work)
        self._futures: dict[str, set[Future[Any]]] = {}
        self._crew: Crew | None = None
        self._watch: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[Any]] = set()
        self._registered = False
        self._ended: list[tuple[str, Future[Any]]] = []
        self._fetch: asyncio.Task[None] | None = None

    def start(self, crew: Crew) -> None:
        """Begin."""
        self._crew = crew
        self._watch = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        """Take note of workers that come and go."""
        crew, client = self._crew, self._client
        assert crew is not None
        last_seen = time.monotonic()
        try:
            await asyncio.to_thread(client.register_plugin, self._plugin, name=self._plugin.name)
            self._registered = True
            while True:
                there = set(await asyncio.to_thread(client.nthreads))
                for address in [*self._futures.keys() - there]:
                    lost = self._futures.pop(address)
                    crew.lost(address, "it left the cluster")
                    await asyncio.to_thread(client.cancel, list(lost))
                for address in there - self._futures.keys():
                    self._futures[address] = set()
                    crew.joined(address)
                last_seen = time.monotonic() if there else last_seen
                if time.monotonic() - last_seen > ALONE_S:
                    crew.gone(Refusal("the cluster has no workers left", "", "failed"))
                    return
                await asyncio.sleep(LOOK_S)
        except Exception as error:  # noqa: BLE001 - the run must hear of it, whatever the cluster raises
            log_error("the cluster cannot be used", error)
            crew.gone(Refusal(f"the cluster cannot be used: {one_line(str(error))}", "", "failed"))

    def send(self, worker: str, message: Shard | Portion | Cancel | Limit) -> None:
        """Hand a message to a worker: calls in tasks of a few, so that each reports soon."""
        if isinstance(message, Shard):
            size = max(1, min(SHARD_CALLS, self.concurrency // 2))
            for first in range(0, len(message.calls), size):
                self._submit(worker, Shard(message.calls[first : first + size]))
        elif isinstance(message, Portion):
            self._submit(worker, message)
        else:
            client, name = self._client, self._plugin.name
            telling = asyncio.to_thread(client.run, _tell, name, message, workers=[worker], on_error="ignore")
            task = asyncio.get_running_loop().create_task(telling)
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def _submit(self, worker: str, message: Shard | Portion) -> None:
        if worker not in self._futures:
            return
        future = self._client.submit(
            make_shard, self._plugin.name, message, workers=[worker], allow_other_workers=False, pure=False, retries=0
        )
        self._futures[worker].add(future)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda ended: loop.call_soon_threadsafe(self._task_ended, worker, ended))

    def _task_ended(self, worker: str, future: Future[Any]) -> None:
        """Have what a task returned fetched, together with all that end meanwhile."""
        if worker in self._futures:
            self._ended.append((worker, future))
            if self._fetch is None or self._fetch.done():
                self._fetch = asyncio.get_running_loop().create_task(self._fetch_all())

    async def _fetch_all(self) -> None:
        while self._ended:
            ended, self._ended = self._ended, []
            results = await asyncio.to_thread(self._results, [future for _, future in ended])
            for (worker, future), result in zip(ended, results, strict=True):
                self._pass_on(worker, future, result)

    def _results(self, futures: list[Future[Any]]) -> list[Report | Refusal | None]:
        """Return what some tasks returned; of one whose worker is no longer there, nothing."""
        try:
            return list(self._client.gather(futures))
        except Exception as error:  # noqa: BLE001 - of one of them, whose worker may have gone while it was asked
            log_error("a shard was not fetched", error)
            return [self._result(future) for future in futures]

    def _result(self, future: Future[Any]) -> Report | Refusal | None:
        gone = ("cancelled", "lost")
        if future.status in gone:
            return None
        try:
            report: Report | Refusal = future.result(timeout=FETCH_S)
        except Exception as error:  # noqa: BLE001 - the run says in words what is wrong
            log_error("a shard broke off", error)
            words = f"a shard broke off: {one_line(str(error))}"
            return None if future.status in gone else Refusal(words, "", "failed")
        return report

    def _pass_on(self, worker: str, future: Future[Any], result: Report | Refusal | None) -> None:
        assert self._crew is not None
        if worker not in self._futures:
            return
        self._futures[worker].discard(future)
        if isinstance(result, Refusal):
            self._crew.gone(result)
        elif result is not None:
            self._crew.reported(worker, result)

    def replace(self, worker: str) -> None:
        """Do nothing: whether another comes is the cluster's affair."""

    async def end(self) -> None:
        """Give the workers up."""
        for task in (self._watch, self._fetch):
            if task is not None:
                task.cancel()
        left = [future for futures in self._futures.values() for future in futures]
        self._futures = {}
        await asyncio.to_thread(self._give_up, left)

    def _give_up(self, left: list[Future[Any]]) -> None:
        try:
            self._client.cancel(left)
            if self._registered:
                self._client.unregister_worker_plugin(self._plugin.name)
        except Exception as error:  # noqa: BLE001 - the run is over, and its answers are safe
            log_error("the workers of the cluster could not be given up", error)
        if self._own:
            self._client.close()
