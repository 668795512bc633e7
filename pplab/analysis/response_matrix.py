"""Responses arranged by prompt and setting: which of them count, and the arrays every analysis starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pplab.analysis.phrasing import STATUS_WORDS
from pplab.errors import BadInput, did_you_mean
from pplab.inputs.visible import visible
from pplab.plan.settings import FACTOR_COLUMNS, factor_columns, value_label
from pplab.plan.vocabulary import SCORED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cells:
    """The usable values of one metric, one cell for each prompt and setting.

    Attributes
    ----------
    metric : str
    values : array, shape (n,)
        Sorted by setting, then prompt.
    prompt, setting : arrays, shape (n,)
        The row and the column of each value.
    means : array, shape (prompts, settings)
        The mean of each cell; NaN where the prompt has no usable response under the setting.
    counts : array, shape (prompts, settings)
    """

    metric: str
    values: Floats
    prompt: Integers
    setting: Integers
    means: Floats
    counts: Integers

    def replicates(self, prompt: int, setting: int) -> Floats:
        """Return the values of one cell."""
        flat = self.counts.T.ravel()
        cell = setting * self.counts.shape[0] + prompt
        start = int(flat[:cell].sum())
        return self.values[start : start + int(flat[cell])]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResponseMatrix:
    """An experiment's responses with every prompt, setting and cluster numbered from 0.

    Attributes
    ----------
    settings : tuple of int
        The ``setting_index`` of each column.
    labels : tuple of str
        Each setting in words: the parameters in which the settings differ.
    prompts : int
        How many prompts there are. Prompts that read the same are one: what they are answered with says nothing of others.
    repeated : int
        How many more the plan has, each the same as one of them.
    cluster : array, shape (prompts,)
        The cluster of each prompt; the prompt itself unless the frame has a ``cluster`` column.
    unit : str
        ``prompt``, or ``cluster`` where some cluster holds several prompts.
    counts : tuple of dict
        For each setting, how many responses ended with which status.
    """

    frame: pd.DataFrame
    settings: tuple[int, ...]
    labels: tuple[str, ...]
    prompts: int
    repeated: int
    cluster: Integers
    unit: str
    counts: tuple[dict[str, int], ...]
    usable: Flags
    prompt_of_row: Integers
    setting_of_row: Integers
    _cells: dict[str, Cells] = field(default_factory=dict)

    def column(self, setting: int) -> int:
        """Return the column of a ``setting_index``, or raise `BadInput` naming the ones there are."""
        if setting not in self.settings:
            settings = ", ".join(str(s) for s in self.settings[:12]) or "none"
            raise BadInput(f"no setting {setting!r} among these responses", hint=f"settings: {settings}")
        return self.settings.index(setting)

    def numbers(self, metric: str) -> Floats:
        """Return ``metric`` for every row; NaN where the row is not usable or its value is missing or not finite."""
        need(self.frame, [metric])
        values = pd.to_numeric(self.frame[metric], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(self.usable & np.isfinite(values), values, np.nan)

    def rows(self) -> dict[tuple[int, int], list[int]]:
        """Return the positions of the usable rows of each cell (prompt, column)."""
        out: dict[tuple[int, int], list[int]] = {(p, s): [] for p in range(self.prompts) for s in range(len(self.settings))}
        for row in np.flatnonzero(self.usable):
            out[int(self.prompt_of_row[row]), int(self.setting_of_row[row])].append(int(row))
        return out

    def cells(self, metric: str) -> Cells:
        """Return the usable values of ``metric`` by prompt and setting."""
        if metric not in self._cells:
            self._cells[metric] = self._arranged(metric)
        return self._cells[metric]

    def _arranged(self, metric: str) -> Cells:
        numbers = self.numbers(metric)
        keep = np.isfinite(numbers)
        prompt, setting, values = self.prompt_of_row[keep], self.setting_of_row[keep], numbers[keep]
        order = np.lexsort((prompt, setting))
        prompt, setting, values = prompt[order], setting[order], values[order]
        shape = (self.prompts, len(self.settings))
        cell = prompt * shape[1] + setting
        size = shape[0] * shape[1]
        counts = np.bincount(cell, minlength=size)
        sums = np.bincount(cell, weights=values, minlength=size)
        means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
        return Cells(metric, values, prompt, setting, means.reshape(shape), counts.reshape(shape))

    def clustered(self, by_prompt: Floats) -> Floats:
        """Return the mean over the prompts of each cluster, shape (clusters, columns); NaN where a cluster has none.

        Every cluster then counts the same, and within it every prompt.
        """
        if self.unit == "prompt":
            return by_prompt
        present = np.isfinite(by_prompt)
        clusters = int(self.cluster.max()) + 1
        sums = np.zeros((clusters, by_prompt.shape[1]))
        counts = np.zeros_like(sums)
        np.add.at(sums, self.cluster, np.where(present, by_prompt, 0.0))
        np.add.at(counts, self.cluster, present)
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)

    def total(self, settings: Iterable[int] | None = None) -> dict[str, int]:
        """Return the counts by status of some columns (default: of all) taken together."""
        out: dict[str, int] = {}
        for column in range(len(self.settings)) if settings is None else settings:
            for status, count in self.counts[column].items():
                out[status] = out.get(status, 0) + count
        return out


def need(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise `BadInput` naming the first of ``columns`` that ``frame`` lacks."""
    for column in columns:
        if column not in frame.columns:
            names = [str(name) for name in frame.columns]
            hint = did_you_mean(column, names) or f"columns: {', '.join(names[:30]) or 'none'}"
            raise BadInput(f"the responses have no column '{column}'", hint=hint)


Responses: TypeAlias = "pd.DataFrame | ResponseMatrix"
"""Responses as a frame, or arranged already, so that several figures of them share that work."""


def layout(frame: Responses, *, include_truncated: bool = False) -> ResponseMatrix:
    """Arrange responses by prompt and setting; those that are arranged already stay as they are.

    Parameters
    ----------
    frame
        One row a replicate, with ``prompt_index``, ``setting_index``, ``status``, the parameters and the metrics.
        Prompts with the same text in a column ``prompt`` (under every ``wording``, where there are several) are one
        prompt, with the responses to all of them. A column ``cluster`` groups prompts that belong together (default: each
        prompt by itself). A column ``setting_label`` names the settings (default: what they differ in).
    include_truncated
        Also count responses that were cut at ``max_tokens``.

    Raises
    ------
    BadInput
        A column is missing.
    """
    if isinstance(frame, ResponseMatrix):
        return frame
    need(frame, ["prompt_index", "setting_index", "status"])
    setting_of_row, settings = pd.factorize(frame["setting_index"], sort=True)
    prompt_of_row, prompts, repeated = _prompts(frame)
    status = frame["status"].astype(str)
    usable = status.isin(SCORED if include_truncated else ["ok"]).to_numpy(dtype=bool)
    named = [name for name in ("setting_index", "setting_label") if name in frame.columns]
    columns = [*named, *factor_columns(frame.columns)]
    first = frame[columns].drop_duplicates("setting_index").sort_values("setting_index")  # without the texts, which cost time
    clusters, unit = _clusters(frame, prompt_of_row, prompts)
    return ResponseMatrix(
        frame=frame,
        settings=tuple(int(s) for s in settings),
        labels=_labels(first),
        prompts=prompts,
        repeated=repeated,
        cluster=clusters,
        unit=unit,
        counts=_status_counts(status, setting_of_row, len(settings)),
        usable=usable & (setting_of_row >= 0) & (prompt_of_row >= 0),
        prompt_of_row=prompt_of_row,
        setting_of_row=setting_of_row,
    )


def _prompts(frame: pd.DataFrame) -> tuple[Integers, int, int]:
    """Return the prompt of each row, how many there are, and how many were the same as one of them."""
    index_of_row, indexes = pd.factorize(frame["prompt_index"], sort=True)
    if "prompt" not in frame.columns or not len(indexes):
        return index_of_row, len(indexes), 0
    wordings = frame.groupby("wording", dropna=False, sort=False) if "wording" in frame.columns else [("", frame)]
    texts = []
    for _, part in wordings:
        prompts = part[["prompt_index", "prompt"]].drop_duplicates("prompt_index").set_index("prompt_index")["prompt"]
        texts.append([visible(t).strip() if isinstance(t, str) else i for i, t in prompts.reindex(indexes).items()])
    number = pd.factorize(pd.Series(list(zip(*texts, strict=True)), dtype=object))[0]
    distinct = int(number.max()) + 1
    return np.where(index_of_row >= 0, number[index_of_row], -1), distinct, len(indexes) - distinct


def _clusters(frame: pd.DataFrame, prompt_of_row: Integers, prompts: int) -> tuple[Integers, str]:
    """Return the cluster of each prompt and the noun for it; a prompt without cluster is one by itself."""
    own = np.arange(prompts, dtype=np.intp)
    if "cluster" not in frame.columns or not prompts:
        return own, "prompt"
    rows = pd.DataFrame({"index": frame["prompt_index"], "prompt": prompt_of_row, "cluster": frame["cluster"].to_numpy()})
    rows = rows[rows["prompt"] >= 0].sort_values("index", kind="stable")
    if rows[["index", "cluster"]].dropna().drop_duplicates().duplicated("index").any():
        raise BadInput("a prompt belongs to several clusters", hint="give every row of a prompt the same cluster")
    named = rows.groupby("prompt")["cluster"].first().reindex(own)
    keys = [("prompt", i) if pd.isna(name) else ("cluster", str(name)) for i, name in enumerate(named)]
    codes = pd.factorize(pd.Series(keys, dtype=object))[0]
    several = bool((np.bincount(codes) > 1).any())
    return (codes, "cluster") if several else (own, "prompt")


def _status_counts(status: pd.Series[str], setting_of_row: Integers, settings: int) -> tuple[dict[str, int], ...]:
    codes, names = pd.factorize(status.to_numpy(dtype=object))
    placed = setting_of_row >= 0
    cell = setting_of_row[placed] * len(names) + codes[placed]
    table = np.bincount(cell, minlength=settings * len(names)).reshape(settings, len(names))
    ordinary = [name for name in STATUS_WORDS if name in names]
    order = [*ordinary, *sorted(set(names) - set(ordinary))]
    place = {name: list(names).index(name) for name in order}
    return tuple({name: int(row[place[name]]) for name in order if row[place[name]]} for row in table)


def _labels(first: pd.DataFrame) -> tuple[str, ...]:
    """Return each setting in words, no two alike."""
    if "setting_label" in first.columns:
        labels = [str(label) for label in first["setting_label"]]
    else:
        given = factor_columns(first.columns)
        named = [name for name in given if len(first) == 1 or len(first[name].drop_duplicates()) > 1]
        alone = len(first) == 1  # then a parameter that was not set says nothing
        rows = [{n: row[n] for n in named if not (alone and pd.isna(row[n]))} for row in first.to_dict("records")]
        labels = [_label(row) or ("server defaults" if alone and given else "") for row in rows]
    indexes = first["setting_index"].tolist()
    return tuple(
        label if labels.count(label) == 1 and label else f"setting {index}{f' ({label})' if label else ''}"
        for label, index in zip(labels, indexes, strict=True)
    )


def _label(values: dict[str, Any]) -> str:
    model, endpoint = values.get("model_asked"), values.get("endpoint")
    words = []
    for name, value in values.items():
        if name == "endpoint" and model is not None:
            continue  # it is said with the model
        if name == "model_asked":
            words.append(f"model {value}" if endpoint is None or pd.isna(endpoint) else f"model {value}@{endpoint}")
        else:
            text = str(value) if name in FACTOR_COLUMNS else value_label(value)
            words.append(f"{name} {'default' if pd.isna(value) else text}")
    return ", ".join(words)
