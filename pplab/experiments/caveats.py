"""Caveats of a plan's results: parameters that the model ignores or rejects, as documented, observed or measured. Pure."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.models.capabilities import setting_effects
from pplab.models.finish_reasons import ending
from pplab.plan.messages import has_system_message
from pplab.plan.parameters import in_order
from pplab.plan.settings import Setting
from pplab.plan.tables import BATCH_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from pplab.models.capabilities import KnownEffect
    from pplab.plan.plan import Plan
    from pplab.plan.settings import ModelAsked
    from pplab.store.history import ServerBehaviour


KNOWN = {
    "rejected": "{model} is known to reject it",
    "ignored": "{model} is known to ignore it",
    "discouraged": "the maker of {model} advises against it",
}
"""How the known effect of a parameter is said."""
MOST_LABELS = 3  # settings that are named one by one


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
    plan
        What is asked.
    provider
        The server of the lab, which is asked where a model has no endpoint of its own.
    overrides
        The user's own knowledge of models, see `pplab.models.capabilities.known_effects`.
    probes
        The audit rows ``probe_completed``; of several on one parameter the last counts.
    behaviour
        What the server did with each setting, when the plan was run.
    """
    warnings = [*_own_system_messages(plan), *_batch_parameters(plan)]
    for asked, settings in _settings_by_model(plan).items():
        warnings += _of_model(plan, asked, settings, asked.provider or provider, overrides, probes)
    warnings += [*_rejected(plan, provider, behaviour), *_replaced(plan, behaviour), *_unknown_endings(behaviour)]
    return (*warnings, *_changed_servers(plan, behaviour))


def _own_system_messages(plan: Plan) -> list[str]:
    """Say how many conversations are sent without the plan's system message."""
    own = sum(map(has_system_message, plan.conversations or ())) if plan.system else 0
    has = "has a system message of its own, which is" if own == 1 else "have system messages of their own, which are"
    return [f"{own} of {counted(len(plan.prompts), 'conversation')} {has} sent in place of the persona"] if own else []


def _batch_parameters(plan: Plan) -> list[str]:
    """Say what stood in batch lines and is not sent: a run's model and parameters are its own."""
    columns = next(iter(plan.rows or ()), {})
    names = [name.removeprefix(BATCH_COLUMN) for name in columns if name.startswith(BATCH_COLUMN)]
    if not names:
        return []
    return [f"{', '.join(names)} of the batch lines {'is' if len(names) == 1 else 'are'} not used: give them with the run"]


def _settings_by_model(plan: Plan) -> dict[ModelAsked, list[int]]:
    settings: dict[ModelAsked, list[int]] = {}
    for index in range(len(plan.settings)):
        settings.setdefault(plan.asked(index), []).append(index)
    return settings


def _of_model(
    plan: Plan,
    asked: ModelAsked,
    settings: Sequence[int],
    provider: str,
    overrides: Mapping[str, Mapping[str, str]],
    probes: pd.DataFrame,
) -> list[str]:
    """Return what is measured and known of the parameters that one model is asked with."""
    seed = {"seed": plan.seed} if plan.seed is not None else {}
    given = {index: {**plan.settings[index].parameters, **seed} for index in settings}
    with_name = {name: [index for index in settings if name in given[index]] for index in settings for name in given[index]}
    measured = _measured(probes, provider, asked.name)
    known: dict[KnownEffect, list[int]] = {}
    for index in settings:
        for effect in setting_effects(asked.name, given[index], overrides, provider=provider):
            known.setdefault(effect, []).append(index)
    warnings = []
    for name in in_order(with_name):
        subject = f"the sweep over {name}" if name in plan.swept else name
        verdict = measured.get(name)
        if verdict is not None and verdict["verdict"] != "honoured":
            warnings.append(f"{subject}: a probe of {asked.label} found {verdict['verdict']} ({verdict['evidence']})")
        elif verdict is None:
            for effect, indices in known.items():
                if effect.parameter == name:
                    some = _named(plan, indices) if len(indices) < len(with_name[name]) else ""
                    warnings.append(f"{subject}: {KNOWN[effect.effect].format(model=asked.label)}{some}: {effect.words}")
    return warnings


def _named(plan: Plan, indices: Sequence[int]) -> str:
    """Return which settings are meant, by the parameters in which they differ."""
    varied = [{name: plan.settings[i].value(name) for name in plan.swept} for i in indices[:MOST_LABELS]]
    labels = [Setting.of(parameters).label() for parameters in varied]
    more = len(indices) - len(labels)
    others = f" and {counted(more, 'more setting')}" if more else ""
    return f" at {'; '.join(labels)}{others}"


def _measured(probes: pd.DataFrame, provider: str, model: str) -> dict[str, dict[str, Any]]:
    payloads: Iterable[dict[str, Any]] = (json.loads(text) for text in probes["payload"])
    return {p["parameter"]: p for p in payloads if (p["provider"], p["model"]) == (provider, model) and p["verdict"] != "unclear"}


def _label(plan: Plan, setting: ServerBehaviour) -> str:
    return plan.settings[setting.setting_index].label()


def _rejected(plan: Plan, provider: str, behaviour: Sequence[ServerBehaviour]) -> list[str]:
    warnings = []
    for setting in behaviour:
        asked, parameters = plan.asked(setting.setting_index), plan.settings[setting.setting_index].parameters
        known = setting_effects(asked.name, parameters, provider=asked.provider or provider)
        remedies = {effect.parameter: f"; {effect.remedy}" for effect in known if effect.remedy}
        warnings += [
            f"{_label(plan, setting)}: the server rejected {name} {counted(count, 'time')}: {error}{remedies.get(name, '')}"
            for (name, error), count in setting.rejected.items()
        ]
    return warnings


def _changed_servers(plan: Plan, behaviour: Sequence[ServerBehaviour]) -> list[str]:
    versions: dict[ModelAsked, list[str]] = {}
    for setting in behaviour:
        versions.setdefault(plan.asked(setting.setting_index), []).extend(setting.fingerprints)
    return [
        f"the server{f' of {asked.label}' if plan.models else ''} changed during the run (system_fingerprint "
        f"{', '.join(dict.fromkeys(texts))}): differences between settings may come from that"
        for asked, texts in versions.items()
        if len(set(texts)) > 1
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
