"""The settings of a run under a calibration: what each of its models can be told of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from pplab.plan.plan import MAX_CALLS, grid, whole
from pplab.plan.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.plan.settings import Range

SETTINGS = 4
"""How many settings are drawn from a calibration's ranges where nobody said how many."""


class ModelTold(Protocol):
    """What a model can be told of a calibration; see `pplab.calibration.ModelSettings`."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """The calibrated ranges that the model honours."""

    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The values of ``reasoning_effort`` and ``verbosity`` to try."""

    @property
    def sweep(self) -> Mapping[str, Sequence[Any]]:
        """The parameters worth varying."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What every setting gets."""

    @property
    def systems(self) -> Mapping[str, str]:
        """The persona in each strength to try, by its name."""

    @property
    def samples(self) -> bool:
        """Whether the model takes sampling parameters."""


class Calibrated(Protocol):
    """The part of a calibration that a plan is built from."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """The range of each parameter."""

    @property
    def points(self) -> Mapping[str, Sequence[float]]:
        """The values of each parameter that a sweep without values takes."""

    @property
    def persona(self) -> str:
        """The system message."""

    @property
    def personas(self) -> Mapping[str, str]:
        """The system messages that a sweep over it without values takes, by name."""

    def settings_for(self, model: str, parameters: Mapping[str, Any] | None = None) -> ModelTold:
        """Return what a model can be told beside parameters that every setting has anyway."""


def swept_settings(
    calibration: Calibrated, models: Sequence[str], sweep: Mapping[str, Sequence[Any]], base: Mapping[str, Any]
) -> list[Setting]:
    """Return the settings of a sweep for each model: where it samples, no answer is longer than the calibration allows."""
    settings = []
    for model in models:
        limit = calibration.settings_for(model, base).ranges.get("max_tokens")
        free = limit is not None and "max_tokens" not in {*sweep, *base}
        settings += _of(model, models, grid(sweep, {**base, "max_tokens": limit.high} if limit and free else base))
    return settings


def drawn_settings(
    calibration: Calibrated,
    models: Sequence[str],
    *,
    count: int = SETTINGS,
    seed: int = 0,
    base: Mapping[str, Any],
    persona: bool,
) -> tuple[list[Setting], dict[str, str]]:
    """Return the settings that a calibration comes to for each model, and the personas that they name.

    A model that samples gets ``count`` points of the calibration's ranges (see `sample_ranges`). One that does
    not gets every effort to try and, where the persona is free, every strength of it.

    Parameters
    ----------
    calibration
        The calibration.
    models
        The models, as users write them.
    count, seed
        How many points to draw for each model, and from which seed.
    base
        Parameters that every setting has.
    persona
        Whether the system message is the calibration's, so that its strength may vary.
    """
    settings: list[Setting] = []
    personas: dict[str, str] = {}
    for model in models:
        told = calibration.settings_for(model, base)
        if told.samples:
            fixed = {name: value for name, value in told.parameters.items() if name in {*base, *told.choices}}
            mine = sample_ranges(told.ranges, count, seed, fixed)
        else:
            mine = grid(told.sweep, told.parameters)
        if persona:
            personas |= told.systems
            mine = [setting.naming(system=name) for name in told.systems for setting in mine]
        settings += _of(model, models, mine)
    if len(personas) < 2:  # the persona as it is, which is the system message of every setting
        return [setting.naming(system=None) for setting in settings], {}
    return settings, personas


def _of(model: str, models: Sequence[str], settings: list[Setting]) -> list[Setting]:
    """Return the settings of a model, which they name if there are others."""
    return [setting.naming(model=model) for setting in settings] if len(models) > 1 else settings


def sample_ranges(ranges: Mapping[str, Range], count: int, seed: int, fixed: Mapping[str, Any] | None = None) -> list[Setting]:
    """Return ``count`` settings spread over a calibration's ranges.

    A scrambled Sobol sequence when ``count`` is a power of two (where its balance holds), else a Latin hypercube; both from
    `scipy.stats.qmc`. ``max_tokens`` stays at its upper bound, so that settings do not differ in where answers are cut.
    Values are rounded to two decimals.

    References
    ----------
    A. B. Owen, "On dropping the first Sobol' point", 2020. M. D. McKay et al., Technometrics 21(2), 1979.
    """
    from scipy.stats import qmc

    count = whole("the number of settings", count, 1, MAX_CALLS)
    fixed = dict(fixed or {})
    free = [name for name, r in ranges.items() if name != "max_tokens" and name not in fixed and r.low < r.high]
    steady = {name: r.high for name, r in ranges.items() if name not in fixed and name not in free}
    if not free:
        return [Setting.of({**steady, **fixed})]
    power = math.log2(count)
    if power.is_integer():
        unit = qmc.Sobol(len(free), scramble=True, rng=seed).random_base2(int(power))
    else:
        unit = qmc.LatinHypercube(len(free), rng=seed).random(count)
    out = []
    for point in unit:
        values = {}
        for name, u in zip(free, point, strict=True):
            r = ranges[name]
            values[name] = min(r.high, max(r.low, round(r.low + float(u) * (r.high - r.low), 2)))
        out.append(Setting.of({**steady, **fixed, **values}))
    return out
