"""The race of a plan: its prompts are asked in a fixed random order until it is settled which setting to use.

Each setting has answered the first so many prompts of that order. A look decides on what has arrived; settings that cannot win
any more are asked no further.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.plan.vocabulary import MARGIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOKS = (6, 9, 13, 20, 30, 45, 68, 100)
"""After how many prompts a race is looked at: each time half as many again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A look at a race: what was decided on the answers so far.

    Attributes
    ----------
    prompts, answers : int
        Prompts asked so far (equal ones count once, and so do those of one cluster), and answers of all settings.
    headline, evidence, next_step : str
        The decision in three lines.
    settled : bool
        Whether that ends the race.
    going : tuple of int
        The setting indices that are asked further, the leader first; none where nothing is left to find out.
    out : mapping
        Of each other setting, by index, which it is and why it is asked no further, in words.
    """

    prompts: int
    answers: int
    headline: str
    evidence: str
    next_step: str
    settled: bool
    going: tuple[int, ...]
    out: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raced:
    """How far a race came: its calls, those it might have made, and after how many prompts each setting was dropped, by index."""

    calls: int
    planned: int
    dropped: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Control:
    """The setting that the others of a race are compared with, in place of each other.

    Attributes
    ----------
    setting : int
        Its index: in the race's own plan, in which it is asked with the others, or in that of ``experiment``.
    experiment : str or None
        The id of an earlier experiment that has its answers, which are not asked for again.
    """

    setting: int
    experiment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """The race of a plan, as far as it has come.

    Attributes
    ----------
    margin : float
        A difference of utility that does not matter.
    max_calls : int or None
        The most calls that it may make.
    order : tuple of int
        The plan's prompts in the order in which they are asked.
    ends : tuple of int
        After how many prompts of ``order`` each different prompt, or cluster, is complete.
    reach : tuple of int
        How many prompts of ``order`` each setting is asked so far.
    looks : tuple of Look
        Those taken.
    control : Control or None
        What the settings are compared with; ``None``: with each other.

    Examples
    --------
    >>> race = new_race([f"prompt {k}" for k in range(8)], settings=3, replicates=2)
    >>> race.reach, race.boundaries
    ((6, 6, 6), (6, 8))
    """

    margin: float
    max_calls: int | None
    order: tuple[int, ...]
    ends: tuple[int, ...]
    reach: tuple[int, ...]
    looks: tuple[Look, ...] = ()
    control: Control | None = None

    @property
    def boundaries(self) -> tuple[int, ...]:
        """After how many different prompts it may be looked at: `LOOKS`, as far as there are prompts, and the last of them."""
        most = min(len(self.ends), LOOKS[-1])
        return (*(look for look in LOOKS if look < most), most)

    @property
    def last_look(self) -> Look | None:
        """The last look that was taken."""
        return self.looks[-1] if self.looks else None

    @property
    def prompts(self) -> int:
        """How many different prompts, or clusters, are asked so far."""
        return self._of(max(self.reach))

    @property
    def dropped(self) -> dict[int, int]:
        """After how many prompts each setting was dropped that has answered fewer than others, by setting index."""
        most = max(self.reach)
        return {setting: self._of(asked) for setting, asked in enumerate(self.reach) if asked < most}

    @property
    def longest(self) -> int:
        """How many calls of one replicate it can make at most, whatever it finds."""
        return self._to(self.boundaries[-1]) * len(self.reach)

    def anew(self) -> Race:
        """Return the race before its first call."""
        return replace(self, reach=(self._to(self.boundaries[0]),) * len(self.reach), looks=())

    def after(self, look: Look, replicates: int) -> Race:
        """Return the race with one look more, and with its settings asked up to the next one as far as the limit allows."""
        return replace(self, looks=(*self.looks, look)).further(replicates)

    def further(self, replicates: int) -> Race:
        """Return the race with the settings that are still in it asked up to the next look, as far as the limit allows.

        One that had been dropped answers the prompts it missed, too.
        """
        look = self.looks[-1]
        then = next((boundary for boundary in self.boundaries if boundary > look.prompts), look.prompts)
        for prompts in range(then, look.prompts - 1, -1):  # the last: those that fell behind catch up
            end = self._to(prompts)
            reach = tuple(max(end, asked) if s in look.going else asked for s, asked in enumerate(self.reach))
            if self.max_calls is None or sum(reach) * replicates <= self.max_calls:
                return replace(self, reach=reach)
        return self

    def _to(self, prompts: int) -> int:
        return self.ends[prompts - 1]

    def _of(self, reach: int) -> int:
        return self.ends.index(reach) + 1

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values; a control is left out where there is none."""
        data = asdict(self)
        if self.control is None:
            del data["control"]
        for look in data["looks"]:
            look["out"] = {str(setting): why for setting, why in look["out"].items()}
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Race:
        """Return what `as_dict` described."""
        looks = tuple(
            Look(**{**look, "going": tuple(look["going"]), "out": {int(s): why for s, why in look["out"].items()}})
            for look in data["looks"]
        )
        sequences = {name: tuple(data[name]) for name in ("order", "ends", "reach")}
        control = Control(**data["control"]) if "control" in data else None
        return cls(**{**data, **sequences, "looks": looks, "control": control})


def new_race(
    names: Sequence[str],
    settings: int,
    replicates: int,
    *,
    margin: float = MARGIN,
    max_calls: int | None = None,
    seed: int | None = None,
    control: Control | None = None,
) -> Race:
    """Return the race of a plan before its first call.

    Parameters
    ----------
    names
        Of each prompt its cluster, or its own text: equal ones are asked one after the other and count once.
    settings, replicates
        How many settings take part, and how often each is asked each prompt.
    margin, max_calls, control
        As in `Race`.
    seed
        Of the order.

    Raises
    ------
    BadInput
        There is only one setting, so few prompts that there is nothing to stop early, or no room for the first look.
    """
    if settings < 2 and (control is None or control.experiment is None):
        raise BadInput("there is one setting, and a race needs several", hint="sweep over a parameter, or compare models")
    prompts: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        prompts.setdefault(name, []).append(index)
    first = LOOKS[0]
    if len(prompts) <= first:
        there = f"there {'is' if len(prompts) == 1 else 'are'} {len(prompts)}"
        raise BadInput(
            f"this needs {first + 1} different prompts or more, to be looked at after {first} of them, and {there}",
            hint="give more prompts (prompts suggest writes some)",
        )
    groups = list(prompts.values())
    random.Random(seed or 0).shuffle(groups)  # noqa: S311 - an order, no secret
    order = tuple(index for group in groups for index in group)
    ends = tuple(itertools.accumulate(map(len, groups)))
    least = ends[first - 1] * settings * replicates
    if max_calls is not None and least > max_calls:
        raise BadInput(
            f"this race makes {least:,} calls to its first look, and max_calls is {max_calls:,}",
            hint=f"give {least:,} or more, or fewer settings",
        )
    reach = (ends[first - 1],) * settings
    return Race(margin=margin, max_calls=max_calls, order=order, ends=ends, reach=reach, control=control)
