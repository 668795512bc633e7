"""Races over prompts err as seldom as they claim and save the calls they promise: simulations with known truths.

`make soak` runs every cell with 2,000 races; `make test` a few with a tenth of the races, and limits widened by three
standard errors.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
from analysis_frames import SOAK

from pplab.analysis.paired import CellValues, Paired, paired
from pplab.analysis.statements import MARGIN, Statements, error_of_look, statements
from pplab.plan.race import LOOKS, Look, new_race
from tests.soak import only_soak_cases

RUNS = 2_000 if SOAK else 200
REPLICATES = 2
PROMPTS_SD = 0.145
WORLDS = ["clear", "steps", "just over the margin", "two at the top", "tie"]


@dataclass(frozen=True)
class Kind:
    """What is raced on: the spread of replicates, what settings do to single prompts, and the margin."""

    within: float
    interaction: float
    margin: float


UTILITY = Kind(0.055, 0.03, MARGIN)
METRIC = Kind(0.10, 0.05, 0.05)


def some(cells, *kept):
    """All cells; those that are not kept in a soak only."""
    cells = list(cells)
    assert set(kept) <= set(cells)
    return [*kept, *only_soak_cases(*(cell for cell in cells if cell not in kept))]


def truth(world, settings, margin=MARGIN):
    """The values of the settings in a world."""
    effects = np.zeros(settings)
    if world == "steps":
        return 0.05 * np.arange(settings)
    if world == "two at the top":
        effects[2:] = -0.1
    elif world != "tie":
        effects[-1] = {"clear": 0.1, "just over the margin": margin + 0.005}[world]
    return effects


def draw(effects, kind=UTILITY, *, greedy=False, runs=RUNS, prompts=LOOKS[-1], seed=1):
    """The values of many races' answers; a greedy setting 0 gives one answer to each prompt, however often."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, kind.interaction, (runs, prompts, len(effects), 1))
    noise = rng.normal(0, kind.within, (runs, prompts, len(effects), REPLICATES))
    if greedy:
        noise[:, :, 0] = noise[:, :, 0, :1]
    return rng.normal(0.5, PROMPTS_SD, (runs, prompts, 1, 1)) + np.asarray(effects)[:, None] + own + noise


@dataclass
class Race:
    """How a race went: at each look how many prompts each setting has answered, what was found and what could be said."""

    asked: list[np.ndarray] = field(default_factory=list)
    found: list[Paired] = field(default_factory=list)
    said: list[Statements] = field(default_factory=list)

    @property
    def calls(self):
        return int(self.asked[-1].sum()) * REPLICATES

    @property
    def settled(self):
        return self.said[-1].settled

    def wrong(self, effects, margin):
        """Whether the headline is false: the best is not, or one to use is worse than another by more than the margin."""
        if not self.settled:
            return False
        said, regret = self.said[-1], effects.max() - effects
        if said.best:
            return regret[said.leader] > 1e-12 or (regret < 1e-12).sum() > 1
        return bool((regret[said.equally_good] > margin).any())


def play(values, margin, *, available=LOOKS[-1], max_calls=None):
    """Race the settings over answers whose values are known, shape (prompts, settings, replicates)."""
    cells = CellValues.of(values)
    plan = new_race([str(k) for k in range(available)], values.shape[1], REPLICATES, max_calls=max_calls)
    race = Race()
    while True:
        asked = np.array(plan.reach)
        answered = np.arange(len(values))[:, None] < asked
        means, noise = (np.where(answered, table, np.nan) for table in (cells.means, cells.noise))
        race.asked.append(asked)
        race.found.append(paired(CellValues(means, np.where(answered, cells.counts, 0), noise, cells.pass_rates)))
        race.said.append(said := statements(race.found[-1], margin, error_of_look(len(plan.boundaries))))
        going = tuple(np.flatnonzero(said.open).tolist())
        look = Look(prompts=plan.prompts, answers=0, headline="", evidence="", next_step="", settled=said.settled, going=going)
        before, plan = plan, plan.after(look, REPLICATES)
        if plan.reach == before.reach:
            return race


@dataclass(frozen=True)
class Outcome:
    """What many races came to: the share that were wrong and that settled, and the mean calls with their standard error."""

    wrong: float
    settled: float
    calls: float
    calls_error: float


def simulate(values, effects, margin, **limits):
    """Race many times."""
    races = [play(one, margin, **limits) for one in values]
    calls = np.array([race.calls for race in races])
    wrong = float(np.mean([race.wrong(np.asarray(effects), margin) for race in races]))
    return Outcome(wrong, float(np.mean([r.settled for r in races])), float(calls.mean()), float(calls.std() / len(calls) ** 0.5))


def assert_seldom_wrong(found, limit=0.05):
    assert found.wrong <= limit + (0 if SOAK else 3 * (limit * (1 - limit) / RUNS) ** 0.5)


# -- errors and calls -----------------------------------------------------------------------------------------------------------

CALLS = {
    (UTILITY, 3, "clear"): 45,
    (UTILITY, 3, "steps"): 58,
    (UTILITY, 3, "tie"): 165,
    (UTILITY, 5, "clear"): 78,
    (UTILITY, 5, "just over the margin"): 210,
}
CELLS = [*itertools.product([UTILITY, METRIC], [2, 3, 5], WORLDS)]
KEPT = (UTILITY, 3, "clear"), (UTILITY, 3, "tie"), (METRIC, 2, "two at the top")


@pytest.mark.parametrize(("kind", "settings", "world"), some(CELLS, *KEPT))
def test_a_race_is_seldom_wrong_and_takes_few_calls(kind, settings, world):
    effects = truth(world, settings, kind.margin)
    found = simulate(draw(effects, kind), effects, kind.margin)
    assert_seldom_wrong(found)
    assert found.settled >= 0.95
    assert found.calls <= CALLS.get((kind, settings, world), np.inf) + (0 if SOAK else 3 * found.calls_error)


@pytest.mark.parametrize(("settings", "world"), some(itertools.product([2, 3, 5], WORLDS), (3, "tie")))
def test_a_setting_that_always_gives_one_answer_makes_no_race_wrong(settings, world):
    effects = truth(world, settings)
    assert_seldom_wrong(simulate(draw(effects, greedy=True), effects, MARGIN))


@pytest.mark.parametrize(("settings", "world"), some(itertools.product([2, 3, 5], WORLDS), (3, "tie")))
def test_a_plan_of_25_prompts_ends_a_race_without_making_it_wrong(settings, world):
    effects = truth(world, settings)
    values = draw(effects, prompts=25)
    assert_seldom_wrong(simulate(values, effects, MARGIN, available=25))
    assert max(play(one, MARGIN, available=25).asked[-1].max() for one in values[:20]) <= 25


@pytest.mark.parametrize(
    ("settings", "world", "max_calls"), some(itertools.product([3, 5], WORLDS, [60, 120]), (5, "just over the margin", 120))
)
def test_a_cap_on_calls_holds_and_makes_no_race_wrong(settings, world, max_calls):
    effects = truth(world, settings)
    values = draw(effects)
    assert_seldom_wrong(simulate(values, effects, MARGIN, max_calls=max_calls))
    assert max(play(one, MARGIN, max_calls=max_calls).calls for one in values[:50]) <= max_calls


def pass_or_fail(rates, spread, *, runs=RUNS, seed=1):
    """Answers that pass or fail: prompts differ evenly in difficulty, and the mean of a setting over all of them is its rate."""
    rng = np.random.default_rng(seed)
    difficulty = rng.random((runs, LOOKS[-1], 1))
    chance = np.clip((np.array(rates) - difficulty) / spread + 0.5, 0, 1)
    return (rng.random((*chance.shape, REPLICATES)) < chance[..., None]).astype(float)


RATES = [(0.5, 0.5), (0.9, 0.9, 0.9), (0.6, 0.8, 0.8), (0.5, 0.555), (0.5, 0.6, 0.8), (0.5, 0.5, 0.5, 0.5, 0.555)]


@pytest.mark.parametrize(("rates", "spread"), some(itertools.product(RATES, [0.02, 0.2]), ((0.6, 0.8, 0.8), 0.2)))
def test_races_of_pass_rates_are_seldom_wrong(rates, spread):
    assert_seldom_wrong(simulate(pass_or_fail(rates, spread), rates, METRIC.margin))


# -- settings that are left out and come back -----------------------------------------------------------------------------------


def test_what_opens_again_is_compared_on_all_prompts_so_far():
    """In a close race some setting is left out and comes back; then it has answered what it missed."""
    effects = truth("tie", 5)
    races = [play(one, METRIC.margin) for one in draw(effects, METRIC, runs=RUNS if SOAK else 60)]
    back = 0
    for race in races:
        for (before, asked), look in zip(itertools.pairwise(race.asked), race.found[1:], strict=True):
            assert (look.prompts == np.minimum(asked[:, None], asked)).all()
            returned = (before < before.max()) & (asked > before)
            assert (asked[returned] == asked.max()).all()
            back += bool(returned.any())
    assert back >= len(races) / 50


def test_a_setting_that_was_left_out_does_not_lead_by_the_luck_of_few_easy_prompts():
    leading = 0
    for values in draw((0.0, 0.0, -0.05), runs=100, prompts=20):
        values[6:, 2] = np.nan
        leader = paired(CellValues.of(values)).leader()
        values[:6] += 0.3
        assert paired(CellValues.of(values)).leader() == leader
        leading += leader == 2
    assert leading <= 5


def test_leads_over_few_prompts_are_not_averaged_with_leads_over_many():
    """Setting 0 leads both others; the mean of its leads would be highest of 2, for 1 was far behind on the six prompts of 2."""
    values = np.full((20, 3, 2), 0.5) + np.array([-0.001, 0.001])
    values[:6, 1] -= 0.02
    values[6:, 1] += 0.008
    values[:, 2] -= 0.001
    values[6:, 2] = np.nan
    found = paired(CellValues.of(values))
    assert found.lead.mean(axis=1).argmax() == 2
    assert (found.lead[0] >= 0).all()
    assert found.leader() == 0
    assert found.standing() == pytest.approx(found.lead[:, 0] - found.lead[:, 0].mean())


def test_where_all_were_asked_the_same_the_highest_mean_leads():
    for values in draw((0.0, 0.0, 0.01, 0.01), runs=50, prompts=7):
        found = paired(CellValues.of(values))
        means = values.mean(axis=(0, 2))
        assert found.leader() == means.argmax()
        assert found.standing() == pytest.approx(means - means.mean())


def test_the_table_of_a_race_has_the_intervals_of_settings_as_if_no_prompt_was_missing():
    """That a setting far behind is left out does not widen what is known of the others."""
    (values,) = draw((0.0, 0.0, -0.3), runs=1, prompts=20)
    all_prompts = paired(CellValues.of(values))
    values[6:, 2] = np.nan
    assert paired(CellValues.of(values)).own_error[:2] == pytest.approx(all_prompts.own_error[:2], rel=0.3)


# -- what may not change a race -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", ["just over the margin", "tie"])
def test_the_order_of_settings_and_of_the_prompts_between_two_looks_changes_nothing(world):
    rng = np.random.default_rng(3)
    batches = np.split(np.arange(LOOKS[-1]), LOOKS[:-1])
    for values in draw(truth(world, 4), runs=20):
        settings = rng.permutation(4)
        prompts = np.concatenate([rng.permutation(batch) for batch in batches])
        race, again = play(values, MARGIN), play(values[prompts][:, settings], MARGIN)
        assert again.calls == race.calls
        assert [asked.tolist() for asked in again.asked] == [asked[settings].tolist() for asked in race.asked]
        assert settings[again.said[-1].leader] == race.said[-1].leader


def test_what_goes_on_is_what_keeps_a_race_from_being_settled():
    for values in draw((0.0, 0.01, 0.02, -0.1), METRIC, runs=50):
        for said in play(values, MARGIN).said:
            assert said.open.any() != said.settled
            assert said.settled or (said.open[said.leader] and said.open.sum() > 1)
            assert not (said.open & (said.low > 0) & (said.high < 0)).any()
