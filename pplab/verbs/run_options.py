"""The options of a run in Python: for methods that take what another takes, as a request and its listeners."""

from __future__ import annotations

import functools
import inspect
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from pplab.experiments.dependencies import Listeners
from pplab.plan.request import RunRequest

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")


def takes_options_of(
    other: Callable[Concatenate[S, P], Any],
) -> Callable[[Callable[[S, RunRequest, Listeners], R]], Callable[Concatenate[S, P], R]]:
    """Give a method the options of another one, whose names are the fields of a `RunRequest` and of its `Listeners`."""
    signature = inspect.signature(other)

    def decorate(method: Callable[[S, RunRequest, Listeners], R]) -> Callable[Concatenate[S, P], R]:
        @functools.wraps(method)
        def with_options(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            _, *options = bound.arguments.items()
            given = dict(options)
            listeners = Listeners(**{field.name: given.pop(field.name) for field in fields(Listeners)})
            return method(self, RunRequest(**given), listeners)

        returned = inspect.signature(method).return_annotation
        with_options.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
        return with_options

    return decorate
