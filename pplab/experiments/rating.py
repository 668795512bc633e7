"""The rating of an experiment's answers by a person: what is shown next, and every choice stored as soon as it is made."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pplab.analysis.rating_items import Candidate, Rated, RatingItems
from pplab.errors import BadInput, did_you_mean
from pplab.ids import derived_id, now
from pplab.observe.events import event
from pplab.observe.spans import current_span
from pplab.plan.plan import whole
from pplab.plan.ratings import GRADES, ITEMS, PREFERENCES, UNDONE, grade_value
from pplab.plan.vocabulary import SCORED
from pplab.store.forgotten import is_marker
from pplab.store.rows import RatingRow
from pplab.store.run_lock import announce

if TYPE_CHECKING:
    from pplab.analysis.rating_items import Item
    from pplab.context import LabContext
    from pplab.experiments.repository import ExperimentRepository
    from pplab.plan.ratings import RateRequest

MOST_ITEMS: Final = 10_000
LONGEST_NOTE: Final = 10_000
"""Characters."""


@dataclasses.dataclass(frozen=True, slots=True)
class RatingItem:
    """What a person is to rate, without anything that says which setting it comes from.

    Attributes
    ----------
    number : int
        Which of the items it is, from 1.
    prompt : str
        What was asked; of several wordings the first.
    answers : tuple of str
        The answer, or the one on the left and the one on the right.
    """

    number: int
    prompt: str
    answers: tuple[str, ...]


class RatingSession:
    """A person's rating of an experiment's answers, one item after the other; begun again, it goes on where it stopped.

    The lab's user is who rates. Answers that are word for word the same, to one prompt, are shown once.

    Parameters
    ----------
    context
        The lab.
    repository
        What is stored of the experiment.
    request
        How, and how many items.

    Raises
    ------
    BadInput
        When there is nothing to rate: no answers, or side by side no two different ones of two settings.
    """

    def __init__(self, context: LabContext, repository: ExperimentRepository, request: RateRequest) -> None:
        n = ITEMS if request.n is None else whole("n", request.n, 1, MOST_ITEMS)
        stored = repository.refresh()
        plan = stored.plan
        if stored.row.status == "running":
            raise BadInput("this experiment is still running", hint="wait for its end, then rate its answers")
        if plan.judging is not None:
            raise BadInput("this experiment holds the replies of a judge", hint="rate the experiment that it judges")
        context.store.must_be_writable()
        self.context, self._repository = context, repository
        self.experiment_id, self.pairs, self.rater = stored.row.experiment_id, request.pairs, context.user
        rows = [
            row
            for row in context.store.response_rows(self.experiment_id)
            if row.status in SCORED and row.text.strip() and not is_marker(row.text)
        ]
        if not rows:
            raise BadInput("this experiment has no answer to rate", hint="pplab results shows what came in place of answers")
        shown = [Candidate(row.response_id, row.revision, row.setting_index, row.prompt_index, row.text) for row in rows]
        asked: dict[int, set[str]] = {}
        for row in rows:
            asked.setdefault(row.prompt_index, set()).add(row.prompt)
        self._prompts = {index: plan.prompts[index] if len(ways) > 1 else min(ways) for index, ways in asked.items()}
        self._items = RatingItems(shown, pairs=self.pairs, seed=f"{self.experiment_id} {self.rater}")
        if not self._items.most:
            raise BadInput("there are no two different answers to compare", hint="rate them on a scale: leave --pairs out")
        self._revisions: dict[str, int] = {}
        self._rated = self._earlier({answer.response_id: answer for answer in shown})
        self._stack: list[RatingRow] = []
        self._cause = current_span().ids()
        self.total = max(min(n, self._items.most), len(self._rated))
        self._record_event("rating_started", pairs=self.pairs, items=self.total)
        self._next = self._items.next(self._rated)

    def _earlier(self, shown: dict[str, Candidate]) -> list[Rated]:
        """Return what this person has rated before, in order; an answer that was replaced since is to be rated anew."""
        rated = []
        for row in self.context.store.rating_rows(self.experiment_id, self.rater):
            self._revisions[row.rating_id] = row.revision
            ids = (row.response_id,) if row.other_id is None else (row.response_id, row.other_id)
            revisions = (row.response_revision,) if row.other_revision is None else (row.response_revision, row.other_revision)
            item = tuple(shown[id_] for id_ in ids if id_ in shown)
            if row.choice != UNDONE and len(ids) == 1 + self.pairs and tuple(one.revision for one in item) == revisions:
                rated.append((row.position, Rated(item, _value(row.choice))))
        return [one for _, one in sorted(rated, key=lambda pair: pair[0])]

    @property
    def done(self) -> int:
        """How many items are rated, those of earlier sessions included."""
        return len(self._rated)

    @property
    def item(self) -> RatingItem | None:
        """What is to be rated now; ``None`` at the end."""
        if self.done >= self.total or self._next is None:
            return None
        return RatingItem(self.done + 1, self._prompts[self._next[0].prompt], tuple(answer.text for answer in self._next))

    @property
    def last(self) -> str:
        """The choice that `undo` would take back; empty where there is none of this session."""
        return self._stack[-1].choice if self._stack else ""

    def rate(self, choice: str, note: str = "") -> None:
        """Store a choice about the item, and go on to the next; when this returns it is safe on disk.

        Parameters
        ----------
        choice
            A grade from ``"1"`` (worst) to ``"5"`` (best); side by side ``left``, ``right``, ``equal`` or ``both_bad``.
        note
            What the person wants to say about it.

        Raises
        ------
        BadInput
            There is no such choice, or nothing left to rate.
        """
        choices = tuple(PREFERENCES) if self.pairs else GRADES
        if choice not in choices:
            raise BadInput(
                f"{choice!r} is no choice here", hint=did_you_mean(choice, choices) or f"choose one of {', '.join(choices)}"
            )
        if len(note) > LONGEST_NOTE:
            raise BadInput(f"a note has at most {LONGEST_NOTE:,} characters", hint="shorten it")
        item = self._next
        if self.item is None or item is None:
            raise BadInput("all is rated", hint=f"to rate more, ask for more than {self.total} items: rate --n N")
        row = self._row(item, choice, self.context.scrub(note.strip()) or None)
        self._store(row)
        self._stack.append(row)
        self._rated.append(Rated(item, _value(choice)))
        self._next = self._items.next(self._rated)
        if self.done == self.total:
            self._record_event("rating_ended", rated=self.done)

    def undo(self) -> None:
        """Take the last choice of this session back; its item is shown again."""
        if not self._stack:
            raise BadInput("there is nothing to undo", hint="a rating can be taken back in the session that gave it")
        row = self._stack[-1]
        self._store(dataclasses.replace(row, revision=row.revision + 1, created_at=now(), choice=UNDONE, note=None))
        self._stack.pop()
        self._next = self._rated.pop().item

    @property
    def outcome(self) -> str:
        """What the ratings say so far, in a few lines; they name settings."""
        return self._repository.refresh().ratings.words

    def __repr__(self) -> str:
        return f"RatingSession({self.total} {'pairs' if self.pairs else 'answers'})"

    def _row(self, item: Item, choice: str, note: str | None) -> RatingRow:
        position, ids = self.done, [answer.response_id for answer in item]
        id_ = derived_id("rating", self.experiment_id, self.rater, position, *ids)
        other = item[1] if self.pairs else None
        return RatingRow(
            rating_id=id_,
            revision=self._revisions.get(id_, -1) + 1,
            created_at=now(),
            experiment_id=self.experiment_id,
            rater=self.rater,
            position=position,
            response_id=item[0].response_id,
            response_revision=item[0].revision,
            other_id=other.response_id if other else None,
            other_revision=other.revision if other else None,
            choice=choice,
            note=note,
            correlation_id=self._cause["correlation_id"],
        )

    def _store(self, row: RatingRow) -> None:
        self.context.record(row, durable=True).result()
        self._revisions[row.rating_id] = row.revision
        announce(self.context.folder)  # whoever shows the experiment reads it again

    def _record_event(self, name: str, **payload: int) -> None:
        about: dict[str, Any] = {"entity": "experiment", "entity_id": self.experiment_id, **self._cause, **payload}
        self.context.record(event(name, self.rater, **about))


def _value(choice: str) -> float:
    return PREFERENCES[choice] if choice in PREFERENCES else grade_value(choice)
