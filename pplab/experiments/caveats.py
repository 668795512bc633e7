"""What to know before believing a sweep: parameters that a model is known, seen or measured to ignore or refuse. Pure."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pplab.models.capabilities import known_effects
from pplab.models.finish_reasons import ending

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from pplab.plan.plan import Plan
    from pplab.store.history import ServerBehaviour


def caveats(
    plan: Plan,
    provider: str,
    overrides: Mapping[str, Mapping[str, str]],
    probes: pd.DataFrame,
    seen: Sequence[ServerBehaviour] = (),
) -> tuple[str, ...]:
    """Return the warnings that belong beside a plan's results, in words; none when nothing is known against it.

    Parameters
    ----------
    plan, provider
        What is asked, and of whom.
    overrides
        The user's own knowledge of models, see `pplab.models.capabilities.known_effects`.
    probes
        The audit rows ``probe_completed``; of several on one parameter the last counts.
    seen
        What the server did with each setting, when the plan was run.
    """
    said: list[str] = []
    measured = _measured(probes, provider, plan.model)
    for name in _given(plan):
        swept = "the sweep over " if name in plan.swept else ""
        verdict = measured.get(name)
        known = known_effects(plan.model, [name], overrides).get(name)
        if verdict is not None and verdict["verdict"] != "honoured":
            said.append(f"{swept}{name}: a probe of {plan.model} found {verdict['verdict']} ({verdict['evidence']})")
        elif verdict is None and known is not None and known.effect != "honoured":
            where = f" ({known.source}, {known.dated})" if known.dated else ""
            said.append(f"{swept}{name}: {plan.model} is known to have it {known.effect}: {known.note}{where}")
    said += [*_refused(plan, seen), *_replaced(plan, seen), *_unknown_endings(seen)]
    versions = list(dict.fromkeys(version for setting in seen for version in setting.fingerprints))
    if len(versions) > 1:
        said.append(f"the server changed during the run (system_fingerprint {', '.join(versions)}): settings may differ by that")
    return tuple(said)


def _given(plan: Plan) -> list[str]:
    names = [name for setting in plan.settings for name in setting.given()]
    return list(dict.fromkeys([*plan.swept, *names, *(["seed"] if plan.seed is not None else [])]))


def _measured(probes: pd.DataFrame, provider: str, model: str) -> dict[str, dict[str, Any]]:
    payloads: Iterable[dict[str, Any]] = (json.loads(text) for text in probes["payload"])
    return {p["parameter"]: p for p in payloads if (p["provider"], p["model"]) == (provider, model) and p["verdict"] != "unclear"}


def _refused(plan: Plan, seen: Sequence[ServerBehaviour]) -> list[str]:
    return [
        f"{plan.settings[setting.setting_index].label()}: the server rejected {name} {count} time(s): {said}"
        for setting in seen
        for (name, said), count in setting.rejected.items()
    ]


def _replaced(plan: Plan, seen: Sequence[ServerBehaviour]) -> list[str]:
    return [
        f"{plan.settings[setting.setting_index].label()}: the server says it applied {name} {value} instead, {count} time(s)"
        for setting in seen
        for (name, value), count in setting.applied.items()
    ]


def _unknown_endings(seen: Sequence[ServerBehaviour]) -> list[str]:
    counts: Counter[str] = Counter()
    for setting in seen:
        counts.update({reason: count for reason, count in setting.endings.items() if ending(reason) == "unknown"})
    return [
        f"{count} {'answer' if count == 1 else 'answers'} ended with finish_reason {reason!r}, which is not known here: "
        "counted as whole, but perhaps cut off"
        for reason, count in sorted(counts.items())
    ]
