"""What the dashboard says: from the store's sums to scores with intervals, words, a static form and the figure's content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypedDict

from pplab.analysis.phrasing import counted, status_counts
from pplab.analysis.pooled import pooled
from pplab.plan.levels import factor_title
from pplab.plan.settings import FACTOR_COLUMNS, Setting
from pplab.plan.vocabulary import SOURCES
from pplab.store.dashboard_figures import SAME_PROMPTS, Filters
from pplab.store.dashboard_sums import PRECISION
from pplab.views import html, text
from pplab.views.charts import svg
from pplab.views.charts.figures import Content, LevelPoint, SettingPoint
from pplab.views.decision import DROPPED
from pplab.views.escape import clip, escape_text
from pplab.views.records import Display, Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.lab import Lab
    from pplab.store.dashboard_figures import Comparison, Figures, PromptSet, Recent, SettingFigures, StatusCounts, Sums
    from pplab.store.rows import ExperimentRow

EMPTY: Final = "There are no experiments yet. Run one and it appears here by itself."
FILTERED: Final = "No experiment matches these filters."
MISSING: Final = "What is chosen under Compare is not among these experiments."
MOST_ROWS: Final = 20
"""Rows of each table in the static form."""
MOST_DECIDED: Final = 20_000
"""Answers of an experiment whose headline is shown; reading more takes seconds."""
_TITLES: Final = {
    "surface": "Scores",
    "check": "Pass rate",
    "reader": "Reader's scores",
    "judge": "Judge's scores",
    "person": "People's ratings",
}
"""What the scores of each source are called in titles."""
_PROMPT: Final = 90
_SHORT_PROMPT: Final = 40
_LEVEL: Final = 40


class Score(TypedDict):
    """A mean with its interval."""

    value: float | None
    low: float | None
    high: float | None


class Tiles(TypedDict):
    """The figures at the top. ``unusable`` counts in words what no mean includes; the share is of the calls that were sent."""

    experiments: int
    responses: int
    ok: int
    usable_share: float | None
    unusable: str
    cost: float | None
    latency: float | None
    latency_p90: float | None


class SettingRow(TypedDict):
    """One row of the table of settings."""

    label: str
    responses: int
    ok: int
    unusable: str
    scores: dict[str, Score]
    on_front: bool
    latency: float | None
    output_tokens: float | None
    cost: float | None


class ExperimentSummary(TypedDict):
    """One row of the list of recent experiments."""

    id: str
    revision: int
    at: str
    user: str
    model: str
    status: str
    planned: int
    responses: int
    ok: int
    failed: int
    prompt: str
    name: str


class Choice(TypedDict):
    """One value of a filter."""

    value: str
    label: str


class Board(TypedDict):
    """Everything that the dashboard shows, but its figure.

    ``sources`` are those whose scores there are, ``source`` the one whose scores are shown. ``factors`` are those that vary,
    ``factor`` the one along which the scores are drawn. ``note`` says what the charts are of when that is not everything that is
    chosen.
    """

    tiles: Tiles
    settings: tuple[SettingRow, ...]
    settings_left_out: int
    recent: tuple[ExperimentSummary, ...]
    users: tuple[Choice, ...]
    models: tuple[Choice, ...]
    calibrations: tuple[Choice, ...]
    prompt_sets: tuple[Choice, ...]
    sources: tuple[str, ...]
    source: str
    factors: tuple[Choice, ...]
    factor: str
    note: str
    empty: str


@dataclass(frozen=True, slots=True)
class DashboardContent:
    """One reading of the store in all its forms.

    ``decided`` is the id and the revision of the experiment whose headline is shown: the one that the charts are of, where it is
    one, and not so large that reading its answers takes seconds.
    """

    filters: Filters
    board: Board
    content: Content
    decided: tuple[str, int] | None

    def static(self, decided: Decided) -> Display:
        """Return what stands in a notebook beside the live dashboard: nothing in it varies between two runs."""
        return _static(self, decided)


def dashboard_content(figures: Figures, filters: Filters) -> DashboardContent:
    """Return what the dashboard shows of these figures."""
    totals, comparison = figures.totals, figures.comparison
    points = _with_front([_point(setting, comparison.scores) for setting in figures.settings])
    sent = totals.responses.responses - totals.responses.cancelled
    tiles = Tiles(
        experiments=totals.experiments,
        responses=totals.responses.responses,
        ok=totals.responses.ok,
        usable_share=totals.responses.ok / sent if sent else None,
        unusable=_unusable(totals.responses),
        cost=totals.cost,
        latency=totals.latency.median,
        latency_p90=totals.latency.p90,
    )
    factors = dict.fromkeys((*comparison.factors, comparison.factor))
    board = Board(
        tiles=tiles,
        settings=tuple(_row(setting, point) for setting, point in zip(figures.settings, points, strict=True)),
        settings_left_out=figures.settings_left_out,
        recent=tuple(_line(one) for one in figures.recent),
        users=tuple(Choice(value=user, label=escape_text(user)) for user in figures.choices.users),
        models=tuple(Choice(value=model, label=escape_text(model)) for model in figures.choices.models),
        calibrations=tuple(
            Choice(
                value=c.calibration_id, label=f"{c.calibration_id[:8]}, precision {c.precision:g}, personality {c.personality:g}"
            )
            for c in figures.choices.calibrations
        ),
        prompt_sets=tuple(Choice(value=one.comparison, label=_prompt_set(one)) for one in figures.choices.prompt_sets),
        sources=comparison.sources,
        source=comparison.source,
        factors=tuple(Choice(value=name, label=_factor(name)) for name in factors),
        factor=comparison.factor,
        note=_note(comparison, totals.experiments, alone=not (filters.comparison or SAME_PROMPTS).startswith(SAME_PROMPTS)),
        empty="" if totals.experiments else FILTERED if figures.choices.models else EMPTY,
    )
    content = Content(
        title=_TITLES[comparison.source],
        settings=tuple(points),
        factor=_factor(comparison.factor),
        levels=tuple(LevelPoint(_words(level.label), level.number) for level in figures.levels),
        curve={name: tuple(_estimate(level.measures[name]) for level in figures.levels) for name in comparison.scores},
    )
    return DashboardContent(filters, board, content, _decided(board, comparison, filters))


@dataclass(frozen=True, slots=True)
class Decided:
    """What is decided on the experiment that is shown: a headline with the next step, and the settings that a race dropped."""

    headline: str = ""
    dropped: tuple[str, ...] = ()


def decided(lab: Lab, content: DashboardContent) -> Decided:
    """Return what is decided on the experiment that is shown; while it runs that is the last look at a race."""
    if content.decided is None:
        return Decided()
    experiment = lab.manager.experiment(content.decided[0])
    race = experiment.plan.race
    look = race.last_look if race else None
    dropped = tuple(map(escape_text, look.out.values())) if look else ()
    if experiment.status != "running":
        decision = experiment.verdict()
        return Decided(escape_text(f"{decision.headline} {decision.next_step}"), dropped)
    return Decided(escape_text(f"{look.headline} {look.next_step}"), dropped) if look else Decided()


def _decided(board: Board, comparison: Comparison, filters: Filters) -> tuple[str, int] | None:
    shown, of_prompts = filters.comparison or "", comparison.prompt_set
    if not shown or shown.startswith(SAME_PROMPTS):
        shown = of_prompts.comparison.removeprefix(SAME_PROMPTS) if of_prompts and of_prompts.experiments == 1 else ""
    line = next((line for line in board["recent"] if line["id"] == shown), None)
    if line is None or line["responses"] > MOST_DECIDED:
        return None
    return line["id"], line["revision"]


def with_experiment(board: Board, row: ExperimentRow) -> Board:
    """Return the board with what a single journal line says of an experiment, until the sums are read again."""
    lines = {line["id"]: line for line in board["recent"]}
    before = lines.get(row.experiment_id)
    if before is not None and before["revision"] >= row.revision:
        return board
    prompts = row.plan.get("prompts") or [""]
    line = ExperimentSummary(
        id=row.experiment_id,
        revision=row.revision,
        at=row.created_at,
        user=escape_text(row.user),
        model=escape_text(row.model),
        status=row.status,
        planned=row.planned,
        responses=before["responses"] if before else 0,
        ok=before["ok"] if before else 0,
        failed=before["failed"] if before else 0,
        prompt=_prompt(str(prompts[0])),
        name=before["name"] if before else "",
    )
    others = tuple(line for line in board["recent"] if line["id"] != row.experiment_id)
    recent = tuple(sorted((line, *others), key=lambda one: one["at"], reverse=True))[: max(len(board["recent"]), 1) + 1]
    count = board["tiles"]["experiments"] + (before is None)
    return {**board, "recent": recent, "tiles": {**board["tiles"], "experiments": count}, "empty": ""}


def matches(filters: Filters, row: ExperimentRow) -> bool:
    """Return whether an experiment counts under these filters; what a search finds is known when the tables are read."""
    conditions = ((filters.user, row.user), (filters.calibration_id, row.calibration_id))
    asked = filters.model is None or filters.model in (row.models or [row.model])
    return asked and not filters.search.strip() and all(value in (None, actual) for value, actual in conditions)


# -- from sums to words -------------------------------------------------------------------------------------------------------


def _estimate(sums: Sums) -> Estimate:
    """Return a mean with its interval, to as many digits as a chart can show: they are sent anew at every change."""
    mean = pooled(sums)
    return Estimate(*(None if value is None else round(value, 4) for value in (mean.mean, mean.low, mean.high)))


def _point(setting: SettingFigures, scores: Sequence[str]) -> SettingPoint:
    return SettingPoint(
        label=_label(setting),
        scores={name: _estimate(setting.measures[name]) for name in scores},
        precision=_estimate(setting.measures[PRECISION]),
        personality=_estimate(setting.measures["creativity"]),
        on_front=False,
        latency=setting.latency.median,
        latency_p90=setting.latency.p90,
        output_tokens=setting.output_tokens,
    )


def _with_front(points: Sequence[SettingPoint]) -> list[SettingPoint]:
    """Mark the settings that no other beats: none is at least as good on both axes and better on one."""
    import dataclasses

    places = [(p.precision.value, p.personality.value) for p in points]
    complete = [place for place in places if None not in place]

    def beaten(x: float, y: float) -> bool:
        return any(a >= x and b >= y and (a, b) != (x, y) for a, b in complete if a is not None and b is not None)

    return [
        dataclasses.replace(point, on_front=x is not None and y is not None and not beaten(x, y))
        for point, (x, y) in zip(points, places, strict=True)
    ]


def _label(setting: SettingFigures) -> str:
    """Return a setting in words, leaving out what all of them share."""
    if setting.levels:
        return ", ".join(f"{_factor(name)} {_words(level)}" for name, level in setting.levels.items())
    parameters = {name: value for name, value in setting.asked.items() if name not in FACTOR_COLUMNS}
    return escape_text(Setting(parameters).label())


def _factor(name: str) -> str:
    return _words(factor_title(name))


def _words(label: str) -> str:
    return clip(escape_text(label), _LEVEL)


def _unusable(responses: StatusCounts) -> str:
    """Return in words how many responses no mean includes, and why."""
    without = responses.ok - responses.scored
    parts = {status: count for status, count in responses.counts.items() if status != "ok"}
    return ", ".join(filter(None, [status_counts(parts, ", "), f"{without:,} usable without a score" if without else ""]))


def _prompt_set(one: PromptSet) -> str:
    """Return the first prompt of a set, how many more it has, and how many experiments have them."""
    more = f" and {one.prompts - 1:,} more" if one.prompts > 1 else ""
    prompt = clip(escape_text(" ".join(one.prompt.split())), _SHORT_PROMPT)
    return f"{counted(one.experiments, 'experiment')} over “{prompt}”{more}"


def _note(comparison: Comparison, experiments: int, *, alone: bool) -> str:
    """Return what the charts are of, where they are not of everything that is chosen."""
    if comparison.prompt_set is None:
        return MISSING if experiments else ""
    sentences = []
    if comparison.prompt_sets > 1:
        which = "one experiment" if alone else _prompt_set(comparison.prompt_set)
        sentences.append(
            f"These {experiments:,} experiments have {comparison.prompt_sets:,} different sets of prompts, which are not averaged"
            f" together. The charts show {which}; Compare shows others."
        )
    if comparison.source != SOURCES[0]:
        sentences.append("Precision and personality are by the surface's scores.")
    name = _factor(comparison.factor)
    if comparison.settings_without and not comparison.categories:
        sentences.append(f"Not drawn by {name}: {counted(comparison.settings_without, 'setting')} without it.")
    if comparison.levels_left_out:
        sentences.append(f"Not drawn: {counted(comparison.levels_left_out, 'value')} of {name} with fewer responses.")
    return " ".join(sentences)


def _row(setting: SettingFigures, point: SettingPoint) -> SettingRow:
    return SettingRow(
        label=point.label,
        responses=setting.responses.responses,
        ok=setting.responses.ok,
        unusable=_unusable(setting.responses),
        scores={name: Score(value=e.value, low=e.low, high=e.high) for name, e in point.scores.items()},
        on_front=point.on_front,
        latency=point.latency,
        output_tokens=setting.output_tokens,
        cost=setting.cost,
    )


def _line(one: Recent) -> ExperimentSummary:
    return ExperimentSummary(
        id=one.experiment_id,
        revision=one.revision,
        at=one.created_at,
        user=escape_text(one.user),
        model=escape_text(one.model),
        status=one.status,
        planned=one.planned,
        responses=one.responses,
        ok=one.ok,
        failed=one.failed,
        prompt=_prompt(one.prompt),
        name=_words(one.name),
    )


def _prompt(words: str) -> str:
    return clip(escape_text(" ".join(words.split())), _PROMPT)


# -- the static form ----------------------------------------------------------------------------------------------------------


def _static(dashboard: DashboardContent, decided: Decided) -> Display:
    board, content = dashboard.board, dashboard.content
    tiles = board["tiles"]
    chosen = {
        name: value for name, value in (("user", dashboard.filters.user), ("model", dashboard.filters.model)) if value is not None
    }
    counts = {
        "experiments": f"{tiles['experiments']:,}",
        "responses": f"{tiles['responses']:,}, of them {tiles['ok']:,} usable" + (tiles["unusable"] and f", {tiles['unusable']}"),
        **{f"only {name}": value for name, value in chosen.items()},
    }
    headline = decided.headline
    parts = [(html.notice("info", headline), text.notice("info", headline))] if headline else []
    if decided.dropped:
        parts.append((html.folded(DROPPED, decided.dropped), ""))
    parts.append((html.key_values(counts), text.key_values(counts)))
    if board["empty"]:
        parts.append((html.notice("info", board["empty"]), text.notice("info", board["empty"])))
    if board["note"]:
        parts.append((html.notice("info", board["note"]), text.notice("info", board["note"])))
    if not board["empty"]:
        parts += [_settings(dashboard), _plane(content), _recent(board)]
    title = "Dashboard"
    return Display(html=html.page(title, *(m for m, _ in parts)), text=text.page(title, *(plain for _, plain in parts)))


def _settings(dashboard: DashboardContent) -> tuple[str, str]:
    content = dashboard.content
    rows = [
        {
            "setting": row["label"],
            "usable": f"{row['ok']:,} of {row['responses']:,}",
            **({"not usable": row["unusable"]} if any(one["unusable"] for one in dashboard.board["settings"]) else {}),
            **point.scores,
        }
        for row, point in zip(dashboard.board["settings"], content.settings, strict=True)
    ]
    numbers = [level.number for level in content.levels if level.number is not None]
    title = f"{content.title} by {content.factor}"
    if len(numbers) > 1:
        lines = {
            name: [svg.Point(number, estimate) for number, estimate in zip(numbers, estimates, strict=True)]
            for name, estimates in content.curve.items()
        }
        chart = svg.line_chart(lines, title=title, x_label=content.factor)
    elif len(content.levels) > 1:
        chart = svg.dot_chart([level.label for level in content.levels], content.curve, title=title)
    else:
        labels = [point.label for point in content.settings]
        scores = {name: [point.scores[name] for point in content.settings] for name in content.curve}
        chart = svg.dot_chart(labels, scores, title=f"{content.title} by setting")
    table: dict[str, Any] = {"caption": "Settings, with 95 % intervals", "limit": MOST_ROWS}
    return html.beside(chart, html.table(rows, **table)), text.table(rows, **table)


def _plane(content: Content) -> tuple[str, str]:
    points = [
        svg.PlanePoint(point.label, point.precision, point.personality, on_front=point.on_front) for point in content.settings
    ]
    rows = [
        {
            "setting": point.label,
            "precision": point.precision,
            "personality": point.personality,
            "Pareto front": "yes" if point.on_front else "",
        }
        for point in content.settings
    ]
    chart = svg.plane_chart(
        points, title="Precision and personality", x_label="precision: coherence, completeness", y_label="personality: creativity"
    )
    table: dict[str, Any] = {"caption": "Precision and personality of each setting", "limit": MOST_ROWS}
    return html.beside(chart, html.table(rows, **table)), text.table(rows, **table)


def _recent(board: Board) -> tuple[str, str]:
    rows = [
        {
            "experiment": line["name"] or line["prompt"],
            "model": line["model"],
            "status": line["status"],
            "usable": f"{line['ok']:,} of {line['planned']:,}",
        }
        for line in board["recent"]
    ]
    table: dict[str, Any] = {"caption": "Recent experiments", "limit": MOST_ROWS}
    return html.table(rows, **table), text.table(rows, **table)
