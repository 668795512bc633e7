"""Caveats of a plan's results: parameters that the model ignores or rejects, as documented, observed or measured. Pure."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.models.capabilities import known_effects
from pplab.models.finish_reasons import ending

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from pplab.plan.plan import Plan
    from pplab.store.history import ServerBehaviour


EFFECT_VERBS = {"rejected": "reject", "ignored": "ignore"}


def caveats(
    plan: Plan,
    provider: str,
    overrides: Mapping[str, Mapping[str, str]],
    probes: pd.DataFrame,
    behaviour: Sequence[ServerBehaviour] = (),
) -> tuple[str, ...]:
    """Return the warnings that belong beside a plan's results, in words; none where there is nothing to warn of.

    Parameters
    ----------
    plan, provider
        What is asked, and of whom.
    overrides
        The user's own knowledge of models, see `pplab.models.capabilities.known_effects`.
    probes
        The audit rows ``probe_completed``; of several on one parameter the last counts.
    behaviour
        What the server did with each setting, when the plan was run.
    """
    warnings: list[str] = []
    measured = _measured(probes, provider, plan.model)
    for name in _given(plan):
        swept = "the sweep over " if name in plan.swept else ""
        verdict = measured.get(name)
        known = known_effects(plan.model, [name], overrides).get(name)
        if verdict is not None and verdict["verdict"] != "honoured":
            warnings.append(f"{swept}{name}: a probe of {plan.model} found {verdict['verdict']} ({verdict['evidence']})")
        elif verdict is None and known is not None and known.effect != "honoured":
            where = f" ({known.source}, {known.dated})" if known.dated else ""
            warnings.append(f"{swept}{name}: {plan.model} is known to {EFFECT_VERBS[known.effect]} it: {known.note}{where}")
    warnings += [*_rejected(plan, behaviour), *_replaced(plan, behaviour), *_unknown_endings(behaviour)]
    versions = list(dict.fromkeys(version for setting in behaviour for version in setting.fingerprints))
    if len(versions) > 1:
        changed = f"the server changed during the run (system_fingerprint {', '.join(versions)})"
        warnings.append(f"{changed}: differences between settings may come from that")
    return tuple(warnings)


def _given(plan: Plan) -> list[str]:
    names = [name for setting in plan.settings for name in setting.given()]
    return list(dict.fromkeys([*plan.swept, *names, *(["seed"] if plan.seed is not None else [])]))


def _measured(probes: pd.DataFrame, provider: str, model: str) -> dict[str, dict[str, Any]]:
    payloads: Iterable[dict[str, Any]] = (json.loads(text) for text in probes["payload"])
    return {p["parameter"]: p for p in payloads if (p["provider"], p["model"]) == (provider, model) and p["verdict"] != "unclear"}


def _label(plan: Plan, setting: ServerBehaviour) -> str:
    return plan.settings[setting.setting_index].label()


def _rejected(plan: Plan, behaviour: Sequence[ServerBehaviour]) -> list[str]:
    return [
        f"{_label(plan, setting)}: the server rejected {name} {counted(count, 'time')}: {error}"
        for setting in behaviour
        for (name, error), count in setting.rejected.items()
    ]


def _replaced(plan: Plan, behaviour: Sequence[ServerBehaviour]) -> list[str]:
    return [
        f"{_label(plan, setting)}: the server says it applied {name} {value} instead, {counted(count, 'time')}"
        for setting in behaviour
        for (name, value), count in setting.applied.items()
    ]


def _unknown_endings(behaviour: Sequence[ServerBehaviour]) -> list[str]:
    counts: Counter[str] = Counter()
    for setting in behaviour:
        counts.update({reason: count for reason, count in setting.endings.items() if ending(reason) == "unknown"})
    return [
        f"{counted(count, 'answer')} ended with the unknown finish_reason {reason!r}: counted as complete, but may be cut off"
        for reason, count in sorted(counts.items())
    ]
