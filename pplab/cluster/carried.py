"""What is carried into another process: a task, with the user's own metrics and checks that it needs, as bytes for a pipe."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, one_line
from pplab.scoring.checks import adopt_checks, own_checks
from pplab.scoring.registry import adopt_metrics, user_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.scoring.registry import UserMetric


@dataclass(frozen=True, slots=True)
class _Carried:
    """A task and what was known where it came from; each part is pickled by itself, as it needs what stands before it."""

    path: tuple[str, ...]
    functions: bytes
    task: bytes


def carry(task: Any) -> bytes:
    """Return a task, as bytes that `unpack` reads in another process of this program.

    Functions that a notebook defined travel by value (cloudpickle), others by the name of their module. Whatever the task holds
    is in the bytes, keys too: they are for a pipe, never for a file.

    Parameters
    ----------
    task
        Anything that can be pickled.

    Raises
    ------
    BadInput
        Naming the metric or check that cannot be carried, such as one that holds an open file.
    """
    import cloudpickle

    metrics, checks = user_metrics(), own_checks()
    for kind, named in (("metric", {user.info.name: user for user in metrics}), ("check", checks)):
        for name, one in named.items():
            _dumps(one, f"the {kind} '{name}'")
    functions = cloudpickle.dumps((metrics, checks))
    return pickle.dumps(_Carried(tuple(sys.path), functions, _dumps(task, "the run")))


def unpack(data: bytes) -> Any:
    """Return a task that `carry` made into bytes; metrics, checks and the places of modules are then known in this process.

    Raises
    ------
    BadInput
        When a metric or check needs a module that is not found here.
    """
    carried: _Carried = pickle.loads(data)  # noqa: S301 - from the process that started this one, over its pipe
    sys.path[:] = dict.fromkeys([*sys.path, *carried.path])
    metrics: tuple[UserMetric, ...]
    checks: Mapping[str, Any]
    try:
        metrics, checks = pickle.loads(carried.functions)  # noqa: S301
    except Exception as error:
        raise BadInput(
            f"your metrics and checks cannot be used in another process: {one_line(str(error))}",
            hint="what they import must be found from the folder in which the run is begun",
        ) from error
    adopt_metrics(metrics)
    adopt_checks(checks)
    return pickle.loads(carried.task)  # noqa: S301


def _dumps(one: Any, what: str) -> bytes:
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(one)
    except Exception as error:
        raise BadInput(
            f"{what} cannot be carried into another process: {one_line(str(error))}",
            hint="define it in a module that can be imported, or open what it needs within the function",
        ) from error
    return data
