"""The passes that other processes make, as a lab's run manager asks for them; each way is imported when it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pplab.context import LabContext
    from pplab.experiments.run_tasks import Engine, FurtherPass, NewRun


class OtherProcesses:
    """What makes passes in other processes."""

    def detach(self, context: LabContext, task: NewRun | FurtherPass) -> str:
        """Have a process of its own make a pass; see `pplab.cluster.detached.detach`."""
        from pplab.cluster.detached import detach

        return detach(context, task, self)

    def engine(self, context: LabContext, processes: Any) -> Engine | None:
        """Return the engine of a run in some place; see `pplab.cluster.shards.engine`."""
        if processes is None:
            return None
        from pplab.cluster.shards import engine

        return engine(context, processes)
