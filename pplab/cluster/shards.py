"""A run in shards: the scheduler of a run whose calls several processes of this machine, or a Dask cluster, make."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pplab.cluster.carried import carry
from pplab.cluster.messages import Work
from pplab.errors import BadInput
from pplab.experiments.scheduler import Scheduler
from pplab.plan.plan import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.cluster.crew import Workers
    from pplab.context import LabContext
    from pplab.experiments.dependencies import Listeners, RunDependencies
    from pplab.experiments.response_writer import ResponseWriter
    from pplab.experiments.resume import PendingCalls
    from pplab.plan.plan import Plan
    from pplab.plan.request import RunRequest

MOST_PROCESSES = 256


def engine(context: LabContext, where: Any) -> Callable[..., Scheduler] | None:
    """Return the engine of a run in some place, as `Run` takes it; ``None`` where nothing is said of the place.

    Parameters
    ----------
    context
        The lab's.
    where
        How many processes of this machine make the calls, or which Dask cluster: its client, or ``"dask://host:port"``.
    """
    return None if where is None else partial(_scheduler, context, where)


def placed(request: RunRequest, listeners: Listeners) -> tuple[RunRequest, Listeners]:
    """Return a request whose ``processes`` say where it runs, and the listeners, of what a user gave as ``on``.

    Examples
    --------
    >>> from pplab.experiments.dependencies import Listeners
    >>> from pplab.plan.request import RunRequest
    >>> request, listeners = placed(RunRequest(prompt="Hello"), Listeners(on="dask://10.0.0.1:8786"))
    >>> request.processes, listeners.on
    ('dask://10.0.0.1:8786', None)
    """
    where = listeners.on
    if not is_cluster(where):
        return request, listeners
    if request.processes is not None:
        raise BadInput("processes and a cluster were both given", hint="give one of them")
    return replace(request, processes=where), replace(listeners, on=None)


def is_cluster(where: Any) -> bool:
    """Return whether something names a place to run: a client of Dask, or an address."""
    return isinstance(where, str) or type(where).__module__.partition(".")[0] == "distributed"


def _scheduler(
    context: LabContext,
    where: Any,
    writer: ResponseWriter,
    plan: Plan,
    pending: PendingCalls,
    dependencies: RunDependencies,
    *,
    most: int | None = None,
    on_text: Any = None,
    **options: Any,
) -> Scheduler:
    """Return the scheduler of a run, given what a `Scheduler` is given.

    Raises
    ------
    BadInput
        When there is no such place, or something of the run cannot be carried to it.
    """
    most = most or plan.max_concurrency
    processes = None if is_cluster(where) else whole("processes", where, 1, MOST_PROCESSES)
    if processes == 1:
        return Scheduler(writer, plan, pending, dependencies, most=most, on_text=on_text, **options)
    if on_text is not None:
        raise BadInput(
            "on_text hears nothing of answers that other processes receive", hint="leave it out, or run in one process"
        )
    from pplab.cluster.sharded import ShardedScheduler

    def work(workers: int, *, keys: bool) -> bytes:
        task = Work(
            experiment_id=writer.experiment_id,
            plan=plan,
            span=writer.span,
            address=context.address(keys=keys, store=False),
            recording=None if context.recording is None else context.recording.carried(),
            offline=context.effective_configuration.offline,
            concurrency=-(-most // workers),  # rounded up: no more are under way than all may have
            workers=workers,
        )
        return carry(task)

    workers = (
        _local_workers(min(processes, most, max(1, pending.count)), most, work) if processes else _dask_workers(where, most, work)
    )
    recording = context.recording
    return ShardedScheduler(writer, plan, pending, dependencies, workers=workers, recording=recording, most=most, **options)


def _local_workers(count: int, most: int, work: Callable[..., bytes]) -> Workers:
    from pplab.cluster.local_workers import LocalWorkers

    return LocalWorkers(count, -(-most // count), work(count, keys=True))


def _dask_workers(where: Any, most: int, work: Callable[..., bytes]) -> Workers:
    from pplab.cluster.dask_client import connected

    client, own = connected(where)
    from pplab.cluster.dask_workers import DaskWorkers  # imports distributed, which may not be installed

    try:
        count = len(client.nthreads())
        return DaskWorkers(client, count, -(-most // count), work(count, keys=False), own=own)
    except BaseException:
        if own:
            client.close()
        raise
