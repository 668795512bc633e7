"""Workers on a Dask cluster: each runs the same engine as a local one; a shard is a task, and its result is a report."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from pplab import __version__
from pplab.cluster.carried import unpack
from pplab.cluster.messages import Portion, Refusal, Shard
from pplab.cluster.shard_worker import ShardWorker
from pplab.errors import BadInput, PplabError, one_line
from pplab.ids import new_id
from pplab.log import log_error
from pplab.scoring.registry import unregister, user_metrics

if TYPE_CHECKING:
    from distributed import Client, Future

    from pplab.cluster.crew import Crew
    from pplab.cluster.messages import Order, Report

DASK = "dask://"
CONNECT_S = 10.0
LOOK_S = 0.25
"""How often to look which workers the cluster has."""
ALONE_S = 30.0
"""How long the run waits for a worker when the cluster has none left."""
SHARD_CALLS = 16
"""The most calls of one task: what is lost with a worker, besides its calls under way, is what such a task has not reported."""
SETUP_S = 30.0
"""How long a task waits for a worker that has just joined to be ready."""


def connected(where: Any) -> tuple[Client, bool]:
    """Return the client of a cluster, and whether it was made here.

    Parameters
    ----------
    where
        A client, or an address such as ``dask://10.0.0.1:8786``.

    Raises
    ------
    BadInput
        When ``distributed`` is not installed, nothing answers there, there are no workers, or these have another pplab.
    """
    try:
        from distributed import Client
    except ImportError:
        raise BadInput("a run on a cluster needs the package distributed", hint="pip install 'pplab[cluster]'") from None
    own = isinstance(where, str)
    if own:
        scheme, _, host = where.partition("://")
        if scheme != "dask" or not host:
            raise BadInput(f"{where!r} is no cluster", hint=f"write {DASK}HOST:PORT")
        try:
            client = Client(f"tcp://{host}", timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BadInput(f"no Dask scheduler answers at {host}: {one_line(str(error))}", hint="start it there") from None
    else:
        client = where
    if getattr(client, "asynchronous", False):
        raise BadInput("the client of the cluster is an asynchronous one", hint="give Client(address), or dask://HOST:PORT")
    try:
        _check_workers(client)
    except BaseException:
        if own:
            client.close()
        raise
    return client, own


def _check_workers(client: Client) -> None:
    """Refuse a cluster whose workers could not make the calls."""
    if not client.nthreads():
        raise BadInput("the cluster has no workers", hint="start some: dask worker ADDRESS")
    for address, version in client.run(_version, on_error="return").items():
        if isinstance(version, BaseException):
            raise BadInput(
                f"pplab cannot be used on the worker {address}: {one_line(str(version))}",
                hint=f"install pplab {__version__} there",
            )
        if version != __version__:
            raise BadInput(f"the worker {address} has pplab {version}, and here is {__version__}", hint="install the same there")


def _version() -> str:
    return __version__


class ShardPlugin:
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
    from distributed import get_worker

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
    from distributed import secede

    secede()  # it waits for servers, and takes no thread of the worker's
    engine = _engine(name)
    return engine if isinstance(engine, Refusal) else engine.finish(message)


def _give(name: str, order: Order) -> None:
    engine = _engine(name)
    if isinstance(engine, ShardWorker):
        engine.take(order)


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
        self._orders: set[asyncio.Task[Any]] = set()

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
            while True:
                there = set(await asyncio.to_thread(client.nthreads))
                for address in self._futures.keys() - there:
                    for future in self._futures.pop(address):
                        future.cancel()
                    crew.lost(address, "it left the cluster")
                for address in there - self._futures.keys():
                    self._futures[address] = set()
                    crew.joined(address)
                last_seen = time.monotonic() if there else last_seen
                if time.monotonic() - last_seen > ALONE_S:
                    crew.refused(Refusal("the cluster has no workers left", "", "failed"))
                    return
                await asyncio.sleep(LOOK_S)
        except Exception as error:  # noqa: BLE001 - the run must hear of it, whatever the cluster raises
            crew.refused(Refusal(f"the cluster cannot be used: {one_line(str(error))}", "", "failed"))

    def send(self, worker: str, message: Shard | Portion | Order) -> None:
        """Hand a message to a worker: calls in tasks of a few, so that each reports soon."""
        if isinstance(message, Shard):
            size = max(1, min(SHARD_CALLS, self.concurrency // 4))
            for first in range(0, len(message.calls), size):
                self._submit(worker, Shard(message.calls[first : first + size]))
        elif isinstance(message, Portion):
            self._submit(worker, message)
        else:
            order = asyncio.to_thread(self._client.run, _give, self._plugin.name, message, workers=[worker], on_error="ignore")
            task = asyncio.get_running_loop().create_task(order)
            self._orders.add(task)
            task.add_done_callback(self._orders.discard)

    def _submit(self, worker: str, message: Shard | Portion) -> None:
        if worker not in self._futures:
            return
        future = self._client.submit(
            make_shard, self._plugin.name, message, workers=[worker], allow_other_workers=False, pure=False, retries=0
        )
        self._futures[worker].add(future)
        loop = asyncio.get_running_loop()
        future.add_done_callback(partial(self._task_ended, loop, worker))

    def _task_ended(self, loop: asyncio.AbstractEventLoop, worker: str, future: Future[Any]) -> None:
        """Fetch what a task returned; on a thread of the client's."""
        if future.status == "cancelled":
            return
        try:
            result = future.result()
        except Exception as error:  # noqa: BLE001 - a worker that goes while it is asked raises whatever it likes
            log_error("a shard of the cluster ended", error)
            result = None if future.status == "lost" else Refusal(f"a shard broke off: {one_line(str(error))}", "", "failed")
        loop.call_soon_threadsafe(self._pass_on, worker, future, result)

    def _pass_on(self, worker: str, future: Future[Any], result: Report | Refusal | None) -> None:
        assert self._crew is not None
        if worker not in self._futures:
            return
        self._futures[worker].discard(future)
        if isinstance(result, Refusal):
            self._crew.refused(result)
        elif result is not None:
            self._crew.reported(worker, result)

    def replace(self, worker: str) -> None:
        """Do nothing: whether another comes is the cluster's affair."""

    async def end(self) -> None:
        """Give the workers up."""
        if self._watch is not None:
            self._watch.cancel()
        for futures in self._futures.values():
            for future in futures:
                future.cancel()
        self._futures = {}
        await asyncio.to_thread(self._give_up)

    def _give_up(self) -> None:
        try:
            self._client.unregister_worker_plugin(self._plugin.name)
        except Exception as error:  # noqa: BLE001 - the run is over, and its answers are safe
            log_error("the workers of the cluster could not be given up", error)
        if self._own:
            self._client.close()
