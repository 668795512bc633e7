"""The replay of stored experiments: the present code scores their responses, and the scores are compared with the stored ones."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab import __version__
from pplab.analysis.phrasing import counted, joined
from pplab.errors import BadInput
from pplab.plan.vocabulary import READER_SCORES, SCORED, SCORES, UTILITY, score_column
from pplab.store.forgotten import is_marker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from pplab.share.package_contents import PackageContents
    from pplab.share.regression_gate import BaselineComparison
    from pplab.store.rows import ExperimentRow, ResponseRow

TOLERANCE = 1e-9
READ_TOLERANCE = 0.01
"""Another processor rounds otherwise, and so does what is read together: by some 0.0001 with the usual weights."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A score that is not what was stored; ``None`` where a metric does not apply."""

    response_id: str
    prompt_index: int
    setting_index: int
    replicate: int
    metric: str
    stored: float | None
    now: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The outcome of a replay: which scores of stored responses the present code computes differently.

    Attributes
    ----------
    experiments : tuple of str
    responses : int
        Responses that were scored again.
    differences : tuple of Difference
        Scores that changed, in plan order.
    summaries, verdicts : int
        Summaries of a setting, and verdicts of an experiment, that changed with them.
    stored_versions, present_version : tuple of str, str
        The versions of the code that made the stored scores (``metrics 1, pplab 0.1.0``), and the present one.
    live : tuple of BaselineComparison
        How fresh answers compare with the stored ones, when they were asked for.
    read, unread : int
        Responses that the reader read again, and those of which its stored scores were not compared.
    forgotten : int
        Responses whose texts were forgotten, and which cannot be scored again.
    not_asked : tuple of str
        Metrics of the user's whose stored scores were not compared, as they are async or cost money.
    """

    experiments: tuple[str, ...]
    responses: int
    differences: tuple[Difference, ...]
    summaries: int
    verdicts: int
    stored_versions: tuple[str, ...]
    present_version: str
    live: tuple[BaselineComparison, ...] = ()
    read: int = 0
    unread: int = 0
    not_asked: tuple[str, ...] = ()
    forgotten: int = 0

    @property
    def identical(self) -> bool:
        """Whether every score is what was stored."""
        return not self.differences

    @property
    def words(self) -> str:
        """The outcome, what differs, and since which version of the code."""
        by = f"stored by {' and '.join(self.stored_versions)}, scored again by {self.present_version}"
        if self.identical:
            scored = counted(self.responses, "response")
            text = f"Identical: {scored} scored again, with exactly the stored scores, summaries and verdict."
            text += "" if self.stored_versions == (self.present_version,) else f" ({by[0].upper()}{by[1:]}.)"
        else:
            counts = Counter(d.metric for d in self.differences)
            which = ", ".join(f"{name} in {count:,}" for name, count in counts.items())
            text = f"Different scores: {which} of {counted(self.responses, 'response')} ({by}); {_since(self)}\n"
            text += f"This changes {counted(self.summaries, 'mean')} of a setting and {counted(self.verdicts, 'verdict')}."
            text += "".join(f"\n- {_line(d)}" for d in self.differences[:5])
            text += f"\n- and {len(self.differences) - 5} more" if len(self.differences) > 5 else ""
        if self.read:
            within = f"its scores count as equal within {READ_TOLERANCE:g}"
            text += f"\nThe reader read {counted(self.read, 'response')} again; {within}."
        if self.unread:
            whose = "another reader's, or another version's" if self.read else "--reader reads the answers again"
            text += f"\nThe reader's scores of {counted(self.unread, 'response')} stand as they were stored ({whose})."
        if self.forgotten:
            text += f"\nThe text of {counted(self.forgotten, 'response')} was forgotten: their scores stand as they were stored."
        if self.not_asked:
            each = "it is async or costs money" if len(self.not_asked) == 1 else "they are async or cost money"
            text += f"\nThe scores by {joined(self.not_asked)} stand as they were stored, for {each}."
        return "\n".join([text, *(check.words for check in self.live)])

    @property
    def df(self) -> pd.DataFrame:
        """The differences, one row a score."""
        import pandas as pd

        return pd.DataFrame(
            [dataclasses.asdict(d) for d in self.differences], columns=[f.name for f in dataclasses.fields(Difference)]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the replay as plain JSON values."""
        shallow = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        lists = {"differences": [dataclasses.asdict(d) for d in self.differences], "live": [c.as_dict() for c in self.live]}
        return {**shallow, **lists, "identical": self.identical}


def _since(replay: Replay) -> str:
    if any(version.split(",")[0] != replay.present_version.split(",")[0] for version in replay.stored_versions):
        return "the metrics changed in between."
    return "the version of the metrics is the same, so the stored scores or the code were changed without saying so."


def _line(d: Difference) -> str:
    replicate = f"prompt {d.prompt_index}, setting {d.setting_index}, replicate {d.replicate}"
    stored, now = ("n/a" if v is None else f"{v:.4f}" for v in (d.stored, d.now))
    return f"{d.metric} of {replicate}: {stored} stored, {now} now"


def rescore(contents: PackageContents) -> Iterator[tuple[ResponseRow, dict[str, float | None]]]:
    """Yield each response that is scored at all with its scores by the present code, the user's registered metrics included.

    Those that are `not_asked_again` are left out.
    """
    from pplab.plan.plan import PlannedCall
    from pplab.scoring.checks import answer_scores

    plans, leave = contents.plans, not_asked_again(contents)
    for row in contents.responses:
        if row.status in SCORED and not is_marker(row.text):
            plan, call = plans[row.experiment_id], PlannedCall(row.prompt_index, row.setting_index, row.replicate)
            scores = answer_scores(plan, call, row.text, finish_reason=row.finish_reason, leave=leave)
            yield row, {**{name: getattr(scores, name) for name in SCORES}, **scores.metrics}


def not_asked_again(contents: PackageContents) -> tuple[str, ...]:
    """Return the user's metrics in the contents that are not asked again: async ones, which ask somebody, and any that cost."""
    from pplab.scoring.registry import async_metrics

    own = {s.metric: False for s in contents.scores if s.source == "surface"}
    own |= {s.metric: True for s in contents.scores if s.source == "surface" and s.cost is not None}
    awaited = {user.info.name for user in async_metrics()}
    return tuple(name for name, costs in own.items() if costs or name in awaited)


def replay(contents: PackageContents, reader: str | None = None) -> Replay:
    """Score every stored response again and compare.

    A metric of the user's own is compared where it is registered now; one that is not cannot be computed. The scores of the
    ``reader``, named as in the configuration, are compared where one is given and made them.
    """
    from pplab.scoring import scores as scoring

    forgotten = sum(is_marker(row.text) for row in contents.responses)
    if forgotten == len(contents.responses) > 0:
        raise BadInput("there is nothing to score again: the texts of every response were forgotten", hint="verify says when")
    differences: list[Difference] = []
    changed: dict[str, dict[str, float | None]] = {}
    count = 0
    latest = {e.experiment_id: contents.latest_scores(e.experiment_id).by_response for e in contents.experiments}
    for row, now in rescore(contents):
        count += 1
        stored = {name: getattr(row, name) for name in SCORES} | latest[row.experiment_id].get(row.response_id, {})
        for name, before in stored.items():
            if name in now and not _equal(before, now[name]):
                index = row.prompt_index, row.setting_index, row.replicate
                differences.append(Difference(row.response_id, *index, name, before, now[name]))
                changed[row.response_id] = now
    again, unread = _read_again(contents, reader)
    for row, now in again:
        for name, value in now.items():
            before = latest[row.experiment_id][row.response_id][name]
            if not _equal(before, value, READ_TOLERANCE):
                index = row.prompt_index, row.setting_index, row.replicate
                differences.append(Difference(row.response_id, *index, name, before, value))
                changed.setdefault(row.response_id, {}).update(now)
    summaries, verdicts = _consequences(contents, changed) if changed else (0, 0)
    software = {e.experiment_id: e.software.get("pplab", "unknown") for e in contents.experiments}
    versions = {f"metrics {r.metrics_version}, pplab {software[r.experiment_id]}" for r in contents.responses}
    return Replay(
        experiments=tuple(e.experiment_id for e in contents.experiments),
        responses=count,
        differences=tuple(differences),
        summaries=summaries,
        verdicts=verdicts,
        stored_versions=tuple(sorted(versions)),
        present_version=f"metrics {scoring.METRICS_VERSION}, pplab {__version__}",
        read=len(again),
        unread=unread,
        forgotten=forgotten,
        not_asked=not_asked_again(contents),
    )


def _read_again(contents: PackageContents, reader: str | None) -> tuple[list[tuple[ResponseRow, dict[str, float | None]]], int]:
    """Return the responses that the reader read again with its scores, and of how many others there are scores of a reader."""
    newest: dict[str, tuple[str, str]] = {}  # the version that counts, of each experiment
    for s in contents.scores:
        if s.source == "reader":
            newest[s.experiment_id] = max(newest.get(s.experiment_id, ("", "")), (s.created_at, s.version))
    read = {
        (s.response_id, s.response_revision): s.version
        for s in contents.scores
        if s.source == "reader"
        if s.version == newest[s.experiment_id][1]
    }
    rows = [row for row in contents.responses if (row.response_id, row.revision) in read]
    if reader is None or not rows:
        return [], len(rows)
    from pplab.experiments.reading import in_portions, open_reader, portion_scores, reader_version

    version, plans, again = reader_version(reader), contents.plans, []
    with open_reader(reader) as small_model:
        for e in contents.experiments:
            own = [r for r in rows if r.experiment_id == e.experiment_id and read[r.response_id, r.revision] == version]
            for portion in in_portions(own):
                for row, scores in zip(portion, portion_scores(small_model, portion, plans[e.experiment_id]), strict=True):
                    again.append((row, {score_column(name, "reader"): getattr(scores, name) for name in READER_SCORES}))
    return again, len(rows) - len(again)


def _equal(a: float | None, b: float | None, tolerance: float = TOLERANCE) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=0, abs_tol=tolerance)


def _consequences(contents: PackageContents, changed: Mapping[str, Mapping[str, float | None]]) -> tuple[int, int]:
    """Return how many means of a setting and how many verdicts change with these scores."""
    from pplab.analysis.decision import decide
    from pplab.analysis.summaries import by_setting
    from pplab.experiments.repository import by_reader, precision_of
    from pplab.scoring.registry import described

    calibrations = {c.calibration_id: c for c in contents.calibrations}
    summaries = verdicts = 0
    for e in contents.experiments:
        before = analysis_frame(contents, e)
        names = (*SCORES, *contents.latest_scores(e.experiment_id).users_metrics)
        plan = contents.plans[e.experiment_id]
        lower = [m.name for m in described(names, plan.metrics) if not m.higher_is_better]
        now = before.copy()
        for name in names:
            fresh = [changed.get(i, {}).get(name, v) for i, v in zip(before["response_id"], before[name], strict=True)]
            now[name] = [math.nan if v is None else v for v in fresh]
        old, new = by_setting(before, names), by_setting(now, names)
        summaries += sum(not _equal(_none_if_nan(a), _none_if_nan(b)) for n in names for a, b in zip(old[n], new[n], strict=True))
        balance = precision_of(calibrations.get(e.calibration_id or ""))
        options: dict[str, Any] = {"precision": balance, "metrics": names, "lower_is_better": lower, "source": plan.source}
        options |= {"metric": None if plan.metric == UTILITY else plan.metric, "looks": plan.looks, "raced": plan.raced}
        frames = map(by_reader, (before, now)) if plan.source == "reader" else (before, now)
        if plan.source != "judge" or plan.metric in names:  # else the judge that is to decide has not judged
            verdicts += len({decide(frame, **options).words for frame in frames}) - 1
    return summaries, verdicts


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


def analysis_frame(contents: PackageContents, experiment: ExperimentRow) -> pd.DataFrame:
    """Return the responses of an experiment as the analysis takes them: numbers, the user's metrics as columns, clusters."""
    import pandas as pd

    from pplab.experiments.factors import for_analysis, with_factors
    from pplab.experiments.resume import with_users_metrics
    from pplab.plan.plan import Plan

    scores = contents.latest_scores(experiment.experiment_id)
    frame = with_users_metrics(contents.frame(experiment.experiment_id), scores.by_response)
    for name in (*SCORES, "cost", "latency_ms", "input_tokens", "output_tokens"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    plan = Plan.from_dict(experiment.plan)
    return for_analysis(plan, with_factors(plan, frame))
