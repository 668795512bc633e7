"""The judging of an experiment's answers by a model: an experiment of its own asks, its replies become scores of the first."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final, Protocol

from pplab.analysis.judge_report import Judged, JudgeReport, judge_figures, own_family
from pplab.analysis.phrasing import STATUS_WORDS, counted
from pplab.config.configuration import EMBEDDED
from pplab.errors import BadInput
from pplab.experiments.resume import ResumeRequest
from pplab.experiments.run_setup import check_price
from pplab.experiments.score_rows import judge_row
from pplab.ids import now
from pplab.models.capabilities import known_effects
from pplab.observe.spans import current_span
from pplab.plan.judging import Judging
from pplab.plan.labels import Labels
from pplab.plan.plan import Plan, make_plan
from pplab.plan.vocabulary import ANSWERED, SCORED, WINS, judge_of, score_column
from pplab.scoring.judge import Judgement, find_rubric, is_present_version, material, read_choice, read_grade, system_message
from pplab.store.forgotten import is_marker
from pplab.store.history import judgings, outcomes
from pplab.store.run_lock import RunLock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pplab.context import LabContext
    from pplab.experiments.dependencies import Listeners
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.repository import ExperimentRepository, StoredExperiment
    from pplab.experiments.run import Run
    from pplab.plan.judging import JudgeRequest
    from pplab.plan.settings import ModelAsked
    from pplab.scoring.judge import Rubric
    from pplab.store.rows import ExperimentRow, ResponseRow
    from pplab.store.store import Store

TAG: Final = "judging"
"""What an experiment that holds a judge's replies is tagged with."""
LONGEST_REPLY: Final = 2_000
"""Tokens, those of thinking included; what goes on beyond them is no judgement."""
TWICE: Final = 10
"""One item of so many comes twice, but `FEWEST_TWICE` at least."""
FEWEST_TWICE: Final = 5


class Runs(Protocol):
    """Who runs the calls of a judge (`pplab.experiments.manager.RunManager`)."""

    context: LabContext

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """What the user knows about models and their parameters."""

    def stored(self, wanted: str) -> ExperimentRepository:
        """Return what is stored of an experiment."""

    def defaults(self) -> dict[str, Any]:
        """Return the options of a plan that the configuration decides."""

    def start_plan(self, plan: Plan, listeners: Listeners, interrupts: Interrupts | None = None, *, labels: Labels) -> object:
        """Run a plan and wait for its end."""

    def resume(self, experiment_id: str, request: ResumeRequest, listeners: Listeners) -> Run | None:
        """Send what an experiment is still missing."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked about one answer, or about two in one order, and how the same is asked again."""

    answers: tuple[ResponseRow, ...]
    shown: str
    again: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A judge's reply, read, and the cost of its call in US dollars."""

    judgement: Judgement
    cost: float | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be judged, and by what: the answers of an experiment, a rubric by name and version, and a model.

    ``judge`` is the model as users write it, ``provider`` its server.
    """

    experiment: StoredExperiment
    answers: tuple[ResponseRow, ...]
    rubric: str
    version: str
    pairs: bool
    judge: str
    provider: str

    @property
    def metric(self) -> str:
        """The name of the scores that it gives."""
        return f"{self.rubric}{WINS}" if self.pairs else self.rubric

    def questions(self) -> list[Question]:
        """Return everything that a judge is asked, each once: of answers that are word for word the same, one stands for all."""
        asked: dict[str, Question] = {}
        for answers in self.comparisons() if self.pairs else ((row,) for row in self.answers):
            if len({row.text for row in answers}) == len(answers):
                shown = self.shown(*answers)
                asked.setdefault(shown, Question(answers, shown, self.shown(*answers, salt=1)))
        return list(asked.values())

    def comparisons(self) -> Iterator[tuple[ResponseRow, ResponseRow]]:
        """Yield every two answers of two settings to one prompt in the same replicate, in both orders."""
        together: dict[tuple[int, int], list[ResponseRow]] = {}
        for row in self.answers:
            together.setdefault((row.prompt_index, row.replicate), []).append(row)
        for rows in together.values():
            yield from permutations(rows, 2)

    def shown(self, *answers: ResponseRow, salt: int = 0) -> str:
        """Return the message that asks about some answers to one prompt."""
        plan, index = self.experiment.plan, answers[0].prompt_index
        tasks = {row.prompt for row in answers}
        task = tasks.pop() if len(tasks) == 1 else plan.prompts[index]  # of two wordings the first
        expected = plan.expected[index] if plan.expected else None
        return material(task, *(row.text for row in answers), expected=expected, salt=salt)

    def judgings(self, store: Store) -> list[ExperimentRow]:
        """Return the experiments that hold replies to it, oldest first."""
        listed = judgings(store, self.experiment.row.experiment_id)
        return [row for row in listed if _about(row) == (self.rubric, self.version, self.pairs, self.judge, self.provider)]


def _about(row: ExperimentRow) -> tuple[str, str, bool, str, str]:
    """Return by what a judging judges, and who."""
    of = Plan.from_dict(row.plan).judging
    assert of is not None
    return of.rubric, of.version, of.pairs, (row.models or [row.model])[0], row.provider


def judge(runs: Runs, experiment_id: str, request: JudgeRequest, listeners: Listeners, interrupts: Interrupts) -> JudgeReport:
    """Have a model judge the answers that it has not judged yet, and store its scores; see `Experiment.judge`."""
    context, store = runs.context, runs.context.store
    rubric = find_rubric(request.rubric)
    stored = runs.stored(experiment_id).refresh()
    asked = context.asked(request.model or context.model)
    answers = _answers(store, stored)
    check_judge(context, asked, request.max_cost)
    _refuse(stored, answers)
    provider = asked.provider or context.provider
    wanted = Assignment(stored, answers, rubric.name, rubric.version, request.pairs, asked.label, provider)
    questions = wanted.questions()
    if not questions:
        raise BadInput(
            "there are no two different answers to compare", hint="run two settings or more: with a sweep, or several models"
        )
    store.must_be_writable()
    with RunLock(context.folder, experiment_id):  # so that nobody else pays for the same; its end tells every reader of the news
        going = True
        for row in wanted.judgings(store):
            if going and _lacks_replies(store, row):
                again = ResumeRequest(kind="retry", max_cost=request.max_cost)
                ran = runs.resume(row.experiment_id, again, listeners)
                going = ran is not None and ran.scheduler.stopping is None
        if going and (new := _never_asked(store, wanted, questions)):
            plan = _plan(runs, wanted, rubric, asked, new, request.max_cost)
            runs.start_plan(plan, listeners, interrupts, labels=Labels(tags=(TAG,)))
        replies = _replies(store, wanted)
        _store_scores(context, wanted, replies)
    return _report(runs.stored(experiment_id).refresh(), wanted, questions, replies, store)


def judge_reports(store: Store, stored: StoredExperiment) -> tuple[JudgeReport, ...]:
    """Return what is known of each judge whose scores count in an experiment, as far as its replies are in this lab."""
    if not any(judge_of(name) == "judge" for name in stored.metrics):
        return ()
    answers = _answers(store, stored)
    listed = dict.fromkeys(map(_about, judgings(store, stored.row.experiment_id)))
    wanted = [Assignment(stored, answers, *about) for about in listed if is_present_version(about[1])]
    return tuple(_report(stored, one, one.questions(), _replies(store, one), store) for one in wanted if _counts(store, one))


def _counts(store: Store, wanted: Assignment) -> bool:
    """Return whether the scores in the column of its metric are its own, and no later judge's or rubric's."""
    scores = [row for row in store.score_rows(wanted.experiment.row.experiment_id, source="judge") if row.metric == wanted.metric]
    last = max(((row.created_at, row.version, row.rater) for row in scores), default=None)
    return last is not None and last[1:] == (wanted.version, wanted.judge)


def _answers(store: Store, stored: StoredExperiment) -> tuple[ResponseRow, ...]:
    return tuple(row for row in store.response_rows(stored.row.experiment_id) if row.status in SCORED and not is_marker(row.text))


def check_judge(context: LabContext, asked: ModelAsked, max_cost: float | None) -> None:
    """Refuse a model that cannot judge, or whose price is unknown where it may only cost so much."""
    if asked.name == EMBEDDED:
        raise BadInput(
            "the embedded model follows no instructions, so it cannot judge",
            hint="name another model, such as judge --model NAME@ENDPOINT",
        )
    if max_cost is not None:
        check_price(context, asked.name, asked.provider or context.provider)


def _refuse(stored: StoredExperiment, answers: tuple[ResponseRow, ...]) -> None:
    """Refuse what cannot be judged."""
    if stored.row.status == "running":
        raise BadInput("this experiment is still running", hint="wait for its end, then have it judged")
    if stored.plan.judging is not None:
        raise BadInput("this experiment holds the replies of a judge", hint="have the experiment judged that it judges")
    if not answers:
        raise BadInput("this experiment has no answer to judge", hint="pplab results shows what came in place of answers")


def _lacks_replies(store: Store, row: ExperimentRow) -> bool:
    """Return whether calls of a judging failed or were never sent."""
    return outcomes(store, row.experiment_id)["status"].isin(ANSWERED).sum() < row.planned


def _never_asked(store: Store, wanted: Assignment, questions: Iterable[Question]) -> list[Question]:
    known = {prompt for row in wanted.judgings(store) for prompt in row.plan["prompts"]}
    return [one for one in questions if one.shown not in known]


def _plan(
    runs: Runs, wanted: Assignment, rubric: Rubric, asked: ModelAsked, questions: list[Question], max_cost: float | None
) -> Plan:
    """Return the plan that asks some questions in random order, a tenth of them twice."""
    experiment = wanted.experiment.row.experiment_id
    order = random.Random(f"{experiment} {wanted.version} {len(questions)}")  # noqa: S311 - the same order again, not a secret
    twice = order.sample(questions, min(len(questions), max(FEWEST_TWICE, -(-len(questions) // TWICE))))
    shown = [(one, one.shown) for one in questions] + [(one, one.again) for one in twice]
    order.shuffle(shown)
    items = tuple(tuple(row.response_id for row in one.answers) for one, _ in shown)
    known = known_effects(asked.name, ["temperature"], runs.capabilities, provider=wanted.provider).get("temperature")
    temperature = {"temperature": 0} if known is None or known.effect == "honoured" else {}  # grades by chance are worth less
    return make_plan(
        [text for _, text in shown],
        model=runs.context.model,
        models=[asked],
        resolve=runs.context.asked,
        n=1,
        base={"max_tokens": LONGEST_REPLY, **temperature},
        system=runs.context.scrub(system_message(rubric, pairs=wanted.pairs)),
        max_cost=max_cost,
        judging=Judging(experiment, wanted.rubric, wanted.version, wanted.pairs, items),
        **runs.defaults(),
    )


def _replies(store: Store, wanted: Assignment) -> dict[str, Reply]:
    """Return every reply that came, by what was asked."""
    read = read_choice if wanted.pairs else read_grade
    replies = {}
    for judging in wanted.judgings(store):
        for row in store.response_rows(judging.experiment_id):
            if row.status not in ANSWERED:
                continue
            readable = row.status in SCORED
            said = read(row.text) if readable else Judgement(None, f"the reply was {STATUS_WORDS[row.status]}")
            replies[judging.plan["prompts"][row.prompt_index]] = Reply(said, row.cost)
    return replies


def _store_scores(context: LabContext, wanted: Assignment, replies: Mapping[str, Reply]) -> None:
    """Store the score of each answer about which all is said, where it has none."""
    experiment_id = wanted.experiment.row.experiment_id
    asked = _asked_about(wanted)
    uses = Counter(shown for about in asked.values() for shown, _ in about)
    stored = {row.score_id for row in context.store.score_rows(experiment_id, source="judge")}
    rows, at, of = [], now(), current_span().correlation_id
    for answer in wanted.answers:
        about = asked[answer.response_id]
        if not about or any(shown not in replies for shown, _ in about if shown):
            continue
        said = _won(about, replies) if wanted.pairs else replies[about[0][0]].judgement
        costs = [cost / uses[shown] for shown, _ in about if shown and (cost := replies[shown].cost) is not None]
        row = judge_row(
            answer,
            wanted.metric,
            said,
            wanted.version,
            rater=wanted.judge,
            cost=sum(costs) if costs else None,
            created_at=at,
            correlation_id=of,
        )
        if row.score_id not in stored:
            rows.append(row)
    if not rows:
        return
    context.record(*rows, durable=True).result()
    context.record_event(
        "scores_added",
        entity="experiment",
        entity_id=experiment_id,
        durable=True,
        metrics=[score_column(wanted.metric, "judge")],
        responses=len(rows),
        scores=len(rows),
    )


def _asked_about(wanted: Assignment) -> dict[str, list[tuple[str, bool]]]:
    """Return, by response id, what is asked about an answer, and whether it stands first there; nothing is asked about equals."""
    asked: dict[str, list[tuple[str, bool]]] = {row.response_id: [] for row in wanted.answers}
    if not wanted.pairs:
        for row in wanted.answers:
            asked[row.response_id].append((wanted.shown(row), True))
        return asked
    for first, second in wanted.comparisons():
        shown = "" if first.text == second.text else wanted.shown(first, second)
        asked[first.response_id].append((shown, True))
        asked[second.response_id].append((shown, False))
    return asked


def _won(about: list[tuple[str, bool]], replies: Mapping[str, Reply]) -> Judgement:
    """Return the share of its comparisons that an answer won, an equal one being half won."""
    said = [(Judgement(0.5, "") if not shown else replies[shown].judgement, first) for shown, first in about]
    won = [one.value if first else 1 - one.value for one, first in said if one.value is not None]
    if not won:
        return Judgement(None, said[0][0].words)
    unreadable = f"; {len(said) - len(won)} more cannot be read" if len(won) < len(said) else ""
    return Judgement(sum(won) / len(won), f"won {sum(won):g} of {counted(len(won), 'comparison')}{unreadable}")


def _report(
    stored: StoredExperiment, wanted: Assignment, questions: list[Question], replies: Mapping[str, Reply], store: Store
) -> JudgeReport:
    column = score_column(wanted.metric, "judge")
    judged_by = wanted.judgings(store)
    choice = len(stored.plan.settings) > 1 and _counts(store, wanted)
    costs = [reply.cost for reply in replies.values() if reply.cost is not None]
    asked = [one for one in questions if one.shown in replies]
    figures = judge_figures([_judged(one, replies) for one in asked], pairs=wanted.pairs)
    models = [stored.plan.asked(index).name for index in range(len(stored.plan.settings))]
    agreement, rated = _agreement(stored, column)
    return JudgeReport(
        experiment_id=stored.row.experiment_id,
        rubric=wanted.rubric,
        version=wanted.version,
        model=wanted.judge,
        provider=wanted.provider,
        pairs=wanted.pairs,
        metric=column,
        missing=len(questions) - len(asked),
        family=own_family(wanted.judge, models),
        cost=sum(costs) if costs else None,
        judgings=tuple(row.experiment_id for row in judged_by),
        reason="; ".join(row.reason for row in judged_by if row.reason),
        agreement=agreement,
        rated=rated,
        decision=stored.decision(metric=column).headline if choice else "",
        **figures,
    )


def _agreement(stored: StoredExperiment, column: str) -> tuple[float | None, int]:
    """Return how far the scores of a judge agree with people, and the pairs of rated answers that this rests on."""
    if stored.given.empty or column not in stored.metrics:
        return None, 0
    table = stored.ratings.agreement
    found = table[(table["score"] == column) & (table["n"] > 0)]
    return (float(found["agreement"].iloc[0]), int(found["n"].iloc[0])) if len(found) else (None, 0)


def _judged(question: Question, replies: Mapping[str, Reply]) -> Judged:
    said, again = replies[question.shown].judgement, replies.get(question.again)
    return Judged(
        prompt=question.answers[0].prompt_index,
        answers=tuple(row.response_id for row in question.answers),
        words=tuple(len(row.text.split()) for row in question.answers),
        value=said.value,
        said=said.words,
        asked_again=again is not None,
        again=again.judgement.value if again else None,
    )
