"""A judging: what is asked of a judge, and what the plan judges whose calls ask it about the answers of another experiment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """Everything a user asks of a judge.

    Attributes
    ----------
    model : str or None
        Who judges; ``None`` is the lab's own model.
    rubric : str or path
        By what: the name of one of pplab's rubrics, or a text file.
    pairs : bool
        Whether answers are compared two by two, else each is graded.
    max_cost : float or None
        US dollars that the calls may cost.
    """

    model: str | None
    rubric: str | os.PathLike[str]
    pairs: bool
    max_cost: float | None


@dataclass(frozen=True, slots=True)
class Judging:
    """What a plan judges.

    Attributes
    ----------
    experiment : str
        The id of the experiment whose answers are judged.
    rubric, version : str
        The name of the rubric, and what identifies its text and the way in which it is asked.
    pairs : bool
        As in `JudgeRequest`.
    items : tuple of tuples of str
        One a prompt of the plan: the id of the response that it asks about, or of the two that it compares, the first one first.
        One that is there twice is asked about again, to see whether the judge says the same.
    """

    experiment: str
    rubric: str
    version: str
    pairs: bool
    items: tuple[tuple[str, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], prompts: int) -> Judging:
        """Return what `as_dict` described; whatever does not fit a plan of so many prompts raises."""
        items, pairs = tuple(tuple(map(str, ids)) for ids in data["items"]), data["pairs"]
        if not isinstance(pairs, bool) or len(items) != prompts or any(len(ids) != 1 + pairs for ids in items):
            raise ValueError("a judging names the answers that each of its prompts asks about")
        return cls(str(data["experiment"]), str(data["rubric"]), str(data["version"]), pairs, items)
