"""What each result looks like: composes the static parts (HTML beside plain text) from the objects that the lab returns.

Nothing here may differ between two runs of one notebook: no ids, times, durations, costs or absolute paths, unless the user asked
for ``--full``.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from pplab.analysis import unjudged
from pplab.plan.parameters import as_text as value_text
from pplab.plan.plan import PlannedCall
from pplab.plan.vocabulary import FAULTS, ORIGINALITY, SCORED
from pplab.views import answer_table, decision, html, migration_table, model_settings, ratings_tables, text, trace_table
from pplab.views.charts import svg
from pplab.views.escape import escape_text
from pplab.views.page import FrameDisplay, Page
from pplab.views.records import Card, Display, badges, last_turns, with_given, with_originality
from pplab.views.static_views import STATIC_VIEWS
from pplab.views.summary_charts import estimate, summary_charts
from pplab.views.variance_table import variance_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pplab.analysis.originality import Distant
    from pplab.plan.plan import Plan
    from pplab.plan.vocabulary import MetricInfo

RATES = "pass@k: one of k answers is right at least; pass^k: all k are (95 % intervals, for prompts like these)"
AGREEMENT = "How often a score puts two answers to a prompt in the order in which people do; 0.5 is by chance"
NOT_COMPARABLE = "This output has ids, times and durations: it is different on every run, so a notebook test cannot compare it."


# -- where am I ---------------------------------------------------------------------------------------------------------------


def status(data: Mapping[str, Any], latest: Any, program: str) -> Display:
    counts = data["counts"]
    page = Page("Precision + Personality Lab").pairs(
        {
            "lab": data["lab"],
            "model": data["model"] if data["provider"] == "embedded" else f"{data['model']} at {data['provider']}",
            "stored": ", ".join(_counted(counts[t], t.removesuffix("s")) for t in ("calibrations", "experiments", "responses")),
        }
    )
    if latest is not None:
        page.words(f"Latest experiment: {latest.status}" + (f", {latest.reason}" if latest.reason else "") + ".")
        if latest.status != "running":
            page.words(latest.verdict().headline)
    return page.notice("info", f"Next: {program} {data['next']}").display()


def configuration(data: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> Display:
    rows = [
        {
            "name": name,
            "value": entry["value"] if entry["value"] != "" else "-",
            "from": entry["source"],
            "meaning": entry["help"],
        }
        for name, entry in data.items()
    ]
    page = Page("Configuration").table(rows)
    for line in keys:
        page.words(line)
    return page.display()


def doctor(checks: Sequence[Mapping[str, str]]) -> Display:
    problems = [c for c in checks if c["state"] == "problem"]
    page = Page("Doctor").table([{"check": c["check"], "state": c["state"], "details": c["found"]} for c in checks])
    words = (
        "Everything is in order."
        if not problems
        else f"{_counted(len(problems), 'problem')}: " + "; ".join(p["check"] for p in problems)
    )
    return page.notice("success" if not problems else "error", words).display()


def plain_text(words: str) -> Display:
    return Display(html=f"<pre>{escape(words)}</pre>", text=words)


def document(markdown: str) -> Display:
    return Display(html=html.page("", html.model_html(markdown, cap=200_000)), text=markdown)


# -- calibration --------------------------------------------------------------------------------------------------------------


def questions(quiz: Sequence[Any]) -> FrameDisplay:
    rows = [{"question": q.id, "text": q.text, "answers": ", ".join(f"{o.value} ({o.label})" for o in q.options)} for q in quiz]
    page = Page("Calibration quiz").table(rows)
    page.words("Answer with --answers FILE (JSON: question to answer), or take --preset precise, balanced or expressive.")
    return page.with_frame(rows)


def calibration(calibration: Any) -> Display:
    page = Page("Calibration").notice("success", "The calibration is saved.")
    scores = ", ".join(f"{name} {score:g} of 100" for name, score in calibration.scores.items())
    page.words(f"{_sentence(scores)} Confidence {calibration.confidence:.2f}.")
    table, points = calibration.table, calibration.points
    page.add(answer_table.markup(table, points), answer_table.plain(table, points))
    page.words(f"Persona: {calibration.persona}")
    for name in ("light", "strong"):
        page.folded(f"Persona, {name}", calibration.personas[name])
    return page.words(
        "In Python, with cal = lab.calibration(): systems=cal.personas compares the persona in three strengths (light, medium as "
        "above, strong), and cal.settings_for(model) says what a model can be told of this."
    ).display()


def settings_of_model(settings: Any) -> Display:
    """Return what a model can be told of a calibration, why, and how to run it."""
    page = Page(f"Settings for {settings.model}")
    page.add(model_settings.markup(settings.reasons), model_settings.plain(settings.reasons))
    factors = {**settings.sweep, **({"persona": list(settings.systems)} if len(settings.systems) > 1 else {})}
    varied = " x ".join(f"{name} {', '.join(map(value_text, values))}" for name, values in factors.items())
    fixed = ", ".join(f"{name} {value_text(value)}" for name, value in settings.parameters.items())
    count = _counted(math.prod(map(len, factors.values())), "setting")
    page.words("; ".join(filter(None, (f"To try: {count}", varied, fixed and f"each with {fixed}"))) + ".")
    return page.words(
        "In Python, with settings for this result: lab.run(prompt, models=[settings.model], sweep=settings.sweep, "
        "parameters=settings.parameters, systems=settings.systems)"
    ).display()


def _ranges(page: Page, calibration: Any) -> None:
    ranges = [
        {
            "parameter": name,
            "from": f"{r.low:g}",
            "to": f"{r.high:g}",
            "values to try": ", ".join(f"{v:g}" for v in calibration.points[name]),
        }
        for name, r in calibration.ranges.items()
    ]
    chart = svg.range_chart(calibration.ranges, points=calibration.points, title="Ranges of this calibration")
    page.table(ranges, chart=chart, caption="Ranges")


def studio(calibration: Any, model: str) -> Display:
    """Return where the studio begins: its model, and the calibration's ranges if there is one."""
    scores = (
        f"precision {calibration.scores['precision']:g}, personality {calibration.scores['personality']:g}"
        if calibration
        else "none"
    )
    page = Page("Experiment studio").pairs({"model": model, "calibration": scores})
    if calibration:
        _ranges(page, calibration)
    example = "%%pplab run --calibration latest --sweep temperature --n 5" if calibration else "%%pplab run --n 5"
    return page.words(f"Run this cell to open the studio, or write a prompt in a cell that begins with {example}").display()


# -- experiments --------------------------------------------------------------------------------------------------------------


def card(
    row: Mapping[str, Any],
    plan: Plan,
    *,
    embedded: bool,
    metrics: Sequence[MetricInfo],
    reasons: Mapping[str, str],
    wrong: str = "",
    originality: Distant | None = None,
) -> Card:
    """Return the card of one response; ``reasons``: why a metric does not judge it, by metric; ``wrong``: why it is not right."""
    call = PlannedCall(int(row["prompt_index"]), int(row["setting_index"]), int(row["replicate"]))
    scored = row["status"] in SCORED
    return Card(
        status=row["status"],
        text=row["text"] or "",
        prompt=row["prompt"],
        turns=last_turns(plan.turns(call)),
        setting=plan.settings[call.setting_index].label(),
        replicate=call.replicate,
        scores=with_originality(with_given({m.name: _value(row.get(m.name)) for m in metrics}), originality) if scored else {},
        scales={m.name: m for m in metrics if not m.built_in},
        unjudged=unjudged.of_response(reasons, wrong) if scored else "",
        error=_value(row["error"]),
        input_tokens=_integer(row["input_tokens"]),
        output_tokens=_integer(row["output_tokens"]),
        badges=badges(row, embedded=embedded),
    )


def _value(value: Any) -> Any:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) or value != value else value  # noqa: PLR0124


def _integer(value: Any) -> int | None:
    number = _value(value)
    return None if number is None or str(number) == "<NA>" else int(number)


def experiments(frame: pd.DataFrame, *, full: bool) -> FrameDisplay:
    page = Page("Experiments")
    if full:
        return page.notice("warning", NOT_COMPARABLE).table(frame).with_frame(frame)
    labelled = {name: name for name in ("name", "tags") if frame[name].notna().any()}
    columns = {**labelled, "model": "model", "status": "status", "planned": "planned answers"}
    return page.table(frame[list(columns)], headings=columns).with_frame(frame)


# -- what happened ------------------------------------------------------------------------------------------------------------


def audit(frame: pd.DataFrame, *, full: bool) -> FrameDisplay:
    page = Page("Audit")
    if full:
        columns = ["seq", "occurred_at", "event", "actor", "entity", "entity_id", "correlation_id", "payload"]
        return page.notice("warning", NOT_COMPARABLE).table(frame[columns], limit=500).with_frame(frame)
    from pplab.observe.events import CATALOGUE

    counts = frame["event"].value_counts().to_dict()
    rows = [{"event": n, "count": counts[n], "meaning": e.meaning} for n, e in CATALOGUE.items() if n in counts]
    return page.table(rows, headings={"event": "event", "count": "count", "meaning": "meaning"}).with_frame(frame)


def timing(frame: pd.DataFrame, *, full: bool) -> FrameDisplay:
    page = Page("Timing")
    if full:
        names = ["recorded_at", "started_at", "kind", "name", "execution_count", "status", "duration_ns", "correlation_id"]
        columns = [c for c in names if c in frame.columns]
        return page.notice("warning", NOT_COMPARABLE).table(frame[columns], limit=500).with_frame(frame)
    keys = [c for c in ("kind", "name", "status") if c in frame.columns]
    counts = frame.groupby(keys, sort=True).size().reset_index(name="count")
    page.table(counts.to_dict("records"), headings={c: c for c in [*keys, "count"]})
    return page.words("Durations are in .df and shown with --full: they are different on every run.").with_frame(frame)


def verification(report: Any) -> Display:
    return Page("Verification").notice("success" if report.ok else "error", _sentence(report.words)).display()


def rebuild(report: Any) -> Display:
    page = Page("Rebuild").table(report.df)
    return page.notice("success" if report.equal or report.swapped else "error", _sentence(report.words)).display()


def export(export: Any) -> Display:
    page = Page("Export")
    page.notice("success", f"{_counted(export.rows, 'row')} of {export.what} written as {export.format}.")
    if export.link:
        page.add(f"<p>{html.file_link(export.link)}</p>", export.link)
    else:
        page.words("The file is in exports/ beside the notebook; .path has its name.")
    if export.note:
        page.words(export.note)
    return page.display()


def experiment(exp: Any) -> Display:
    """Return an experiment's verdict, table, chart and first hundred cards."""
    with exp.reading():
        return experiment_forms(exp, exp.responses)[1]


def experiment_forms(exp: Any, frame: pd.DataFrame) -> tuple[Display, Display]:
    """Return an experiment's verdict, table and chart, without and with its first hundred cards; ``frame``: its responses."""
    metrics, reasons = exp.metric_info, exp.unjudged
    page = _overview(exp, frame, metrics)
    head = page.display()
    rows = frame.head(100).to_dict("records")
    cards = [
        card(
            row,
            exp.plan,
            embedded=exp.embedded,
            metrics=metrics,
            reasons=reasons.get(row["response_id"], {}),
            wrong=exp.wrong.get(row["response_id"], ""),
            originality=exp.originality.of(row["response_id"]),
        )
        for row in _grouped(rows)
    ]
    left = [Card(status="ok", text="")] * (len(frame) - len(rows))
    return head, page.cards([*cards, *left]).display()


def _overview(exp: Any, frame: pd.DataFrame, metrics: Sequence[MetricInfo]) -> Page:
    plan = exp.plan
    page = Page(f"Experiment: {exp.name}" if exp.name else "Experiment")
    decided = exp.verdict() if exp.status != "running" else None
    moved = exp.migration if plan.race and plan.race.control else None
    if decided is not None:
        page.add(*decision.lines(decided))
    sizes = {"prompt": len(plan.prompts), "setting": len(plan.settings), "replicate": plan.replicates}
    size = " x ".join(_counted(count, noun) for noun, count in sizes.items())
    raced = f", a race with {_counted(len(plan.race.looks), 'look')}" if plan.race else ""
    tone = {"completed": "success", "running": "info", "failed": "error"}.get(exp.status, "warning")
    page.notice(tone, f"{exp.status}: {size} on {exp.model}{raced}." + (f" {_sentence(exp.reason)}" if exp.reason else ""))
    if exp.note:
        page.words(exp.note)
    if exp.embedded:
        page.words(
            "The answers come from the embedded model, a small n-gram model for learning pplab; its scores say nothing of others."
        )
    for words in exp.warnings:
        page.notice("warning", words)
    summary = exp.summary()
    if moved is not None:
        page.add(*migration_table.parts(moved))
    elif decided is not None:
        rows = decision.rows(decided, summary, metrics)
        page.table(
            rows,
            chart=decision.chart(decided, summary),
            caption=decision.caption(decided, [check.label for check in plan.checks]),
        )
    rated = exp.ratings if exp.status != "running" else None
    for other in exp.second_decisions:
        by = f"people's {rated.graded:,} ratings" if rated and other.source == "person" else other.by
        page.words(f"A second decision, by {by} (one more look): {other.headline}")
    for judge in exp.judges:
        if judge.warnings:
            page.notice("warning", f"Do not rely on the judge {judge.name}: {', and '.join(judge.warnings)}.")
        folded = html.folded(f"The judge {judge.name}", [escape_text(line) for line in judge.lines])
        page.add(folded, f"The judge {judge.name}: {' '.join(judge.lines)}")
    if rated and rated.size:
        if rated.preference:
            page.words(f"A second decision, by people's {rated.compared:,} comparisons (one more look): {rated.preference}")
        lines = rated.lines or ("Each was given once.",)
        page.add(html.folded(rated.size, [escape_text(line) for line in lines]), f"{rated.size}: {' '.join(lines)}")
    if decided is not None and plan.race and (look := plan.race.last_look) and look.out:
        page.add(html.folded(decision.DROPPED, [escape_text(words) for words in look.out.values()]), "")
    for words in unjudged.sentences(map(exp.unjudged.get, frame["response_id"])):
        page.words(words)
    usable = bool((frame["status"] == "ok").any())
    if plan.checks and usable:
        page.details("Pass rates", html.table(decision.pass_rows(exp.pass_rates()), caption=RATES))
    charts = summary_charts(summary, plan.factors, metrics) if usable else ""
    page.details("Scores by setting", html.beside(charts, html.table(_summary_rows(summary, metrics))))
    if usable:
        page.details("Where the variance of the scores lies", variance_table(exp.variance(), metrics))
    return page


def full_experiment(exp: Any) -> FrameDisplay:
    """Return everything stored of an experiment's responses, as a table."""
    page = Page("Experiment").notice("warning", NOT_COMPARABLE)
    with exp.reading():
        frame = exp.responses
        page.pairs(
            {"id": exp.id, "status": exp.status, "correlation id": exp.correlation_id, "calibration": exp.calibration_id or "-"}
        )
        page.table(exp.summary(latency=True)).table(frame, limit=200)
        scores = exp.context.store.scores(exp.id)
        if len(scores):
            page.table(scores, limit=200, caption="Scores besides the four, in every version")
        return page.with_frame(frame)


def _grouped(rows: Sequence[Mapping[Any, Any]]) -> list[Mapping[Any, Any]]:
    return sorted(rows, key=lambda r: (r["prompt_index"], r["setting_index"], r["replicate"]))


def _summary_rows(summary: pd.DataFrame, metrics: Sequence[MetricInfo]) -> list[dict[str, Any]]:
    rows = []
    for record in summary.to_dict("records"):
        row: dict[str, Any] = {"setting": record["setting"], "ok": f"{record['ok']} of {record['responses']}"}
        if any(name in record for name in FAULTS):
            row["faults"] = ", ".join(f"{record[name]:,} {name}" for name in FAULTS if record.get(name)) or "none"
        for m in metrics:
            row[m.label] = estimate(record, m.name)
            if m.name == "creativity" and ORIGINALITY in record:
                row[ORIGINALITY] = estimate(record, ORIGINALITY)
        if (tokens := _integer(record.get("output_tokens"))) is not None:
            row["output tokens"] = tokens
        rows.append(row)
    return rows


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def report(result: Any) -> Display:
    """Return a result of the analysis: its words."""
    return Page("").words(result.words).display()


def ratings(said: Any) -> FrameDisplay:
    """Return what ratings say: in words, then of each setting, then how far scores agree with people."""
    page = Page("Ratings").words(said.words)
    if said.size:
        page.table(ratings_tables.setting_rows(said), caption=ratings_tables.caption(said))
        rows = ratings_tables.agreement_rows(said)
        page.details("Agreement of scores with people", html.table(rows, caption=AGREEMENT) if rows else "")
    return page.with_frame(said.settings)


def suggested_prompts(result: Any) -> FrameDisplay:
    """Return a table of the user's prompt and the variants of it, with what to do with them."""
    rows = [{"prompt": prompt, "generated": model or "no"} for prompt, model in result.rows]
    return Page("Prompts").table(rows, limit=len(rows)).words(result.words).with_frame(result.df)


def verdict(decided: Any) -> Display:
    """Return a decision: its three lines."""
    return Page("").add(*decision.lines(decided)).display()


def migration(moved: Any, *, latency: bool = False) -> FrameDisplay:
    """Return a migration: its three lines, its table and pairs of answers; ``latency``: also how long answers took."""
    page = Page("Migration").add(*decision.lines(moved.decision)).words(moved.latency if latency else "")
    return page.add(*migration_table.parts(moved.decision)).with_frame(moved.table)


def trace(chain: Any, *, full: bool) -> FrameDisplay:
    """Return the chain of cause: one box a kind of record with how many there are, or every record with its id."""
    import dataclasses

    import pandas as pd

    frame = pd.DataFrame([dataclasses.asdict(n) for n in chain.nodes])
    page = Page("Trace")
    if full:
        return page.notice("warning", NOT_COMPARABLE).table(frame, limit=500).with_frame(frame)
    rows, chart = trace_table.kinds(chain)
    page.table(rows, chart=chart)
    for markup in trace_table.details(chain):
        page.add(markup, "")
    return page.words("Ids and times are in .df and shown with --full.").with_frame(frame)


def as_text(value: Any) -> str:
    """Return what a terminal shows for the value of a command."""
    if view := STATIC_VIEWS.get((type(value).__module__, type(value).__name__)):
        return str(globals()[view](value).text)
    if hasattr(value, "columns"):
        return text.table(value, limit=1000)
    return str(value)
