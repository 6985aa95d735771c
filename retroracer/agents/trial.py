"""Manoeuvres of a driver that looks ahead, tried in copies of its race.

All are driven for a second, the best go on; each of the others drives like a known driver there.
Owns what a trial is worth; ``manoeuvres`` owns what is tried, ``lookahead`` when.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retroracer.agents.manoeuvres import EACH, HOLD, LIFTS, NARROW, TRIED, carried_out, narrowed
from retroracer.agents.policy import Policy
from retroracer.envs import task
from retroracer.envs.observation import N_OBS, Floats
from retroracer.envs.race_batch import RaceBatch, Scene
from retroracer.envs.race_rules import RacePage
from retroracer.envs.race_task import RaceReward
from retroracer.physics import state as st
from retroracer.physics.company import AT_FAULT
from retroracer.track.files import load_track
from retroracer.track.geometry import Array, Bools, Ints

CARS = 4
"""Cars in a copy: the driver's own and the nearest others, as many as an observation tells of."""

STAGES = ((EACH, 12), (8, 24), (4, 40))
"""How many manoeuvres are tried, until which decision: all for 1.2 s, the best for 4 s."""

STEPS = STAGES[-1][1]
"""Decisions for which the best manoeuvres are tried, after the one that is being driven."""

BESIDES = 8
"""What a decision costs besides its copies, in copies (measured: 16 copies take 1.7 times as long
as 4)."""

COST = (
    STAGES[-1][0]
    + BESIDES
    + sum(
        (each + BESIDES) * (until - since)
        for (each, until), (_, since) in zip(STAGES, ((0, 0), *STAGES), strict=False)
    )
)
"""What a trial costs, in copies driven for a decision."""

LASTING = 0.9
"""What is left, a decision later, of the way in which another did otherwise than foretold."""

ALIKE = 1e-3
"""Others see what they see where the driver goes on as if alone, if no observation differs more."""

MARGIN = 0.2
"""By how much a manoeuvre must beat driving on as if alone, in rewards."""

AHEAD = 1.0
"""Seconds for which the speed at the end of a trial counts as progress."""

FAULT = 20.0
"""Cost of each contact that is the driver's own fault, in rewards. One that is another's costs what
it delays, and little more: whoever yields to all who might touch it passes nobody."""

DRIVING = task.Reward(off_track=-20.0, leaving=-20.0, crash=-20.0)
RACING = RaceReward(passing=0.3, place=4.0, contact=-1.0, fault=-2.0, rubbing=-2.0)
"""What a trial is valued by."""

NEVER = task.Ending(off_track=1e9, stall=1e9)
"""In a copy nobody is out: how long a car may stay off the road is the race's own rule."""

BEYOND, SLOW = 1.0, 8.0
"""Cost of each metre beyond the edge of the road at the end of a trial, in rewards, and the speed
[m/s] below which a car out there looks for a way back."""

PARKED, GRACE, STAY = 1.0, 1.0, (0.0, 0.0)
"""A car slower than this [m/s] without throttle stays, so long [s] after its start; and how."""

TURNED = 3.0
"""Cost of being turned across the road at the end of a trial, of facing backwards twice that."""

ANY = "monza"
"""A track to make copies with; they then take over that of the race."""


def beyond(floats: Array) -> Array:
    """How far cars (N, N_FLOATS) are beyond the edge of the road [m], 0 on it."""
    offset, left, right = (
        floats[:, st.OFFSET],
        floats[:, st.HALF_LEFT],
        floats[:, st.HALF_RIGHT],
    )
    return np.maximum(np.maximum(offset - left, -offset - right), 0.0)


def stuck(floats: Array) -> Bools:
    """(N,) whether cars are turned around, or off the road and slow."""
    turned = np.cos(floats[:, st.HEADING] - floats[:, st.TRACK_HEADING]) < 0.5
    found: Bools = turned | ((beyond(floats) > 0.0) & (floats[:, st.VX] < SLOW))
    return found


def copies(races: int) -> RaceBatch:
    """Races to try manoeuvres in; they take over the track of the race that is copied."""
    batch = RaceBatch(
        races, CARS, tracks=[load_track(ANY)], page=RacePage(1000, time=1e9),
        reward=DRIVING, racing=RACING, ending=NEVER, seed=0,
    )  # fmt: skip
    batch.reset(0)
    return batch


class Trial:
    """Manoeuvres tried in the copies of a scene, a decision of all of them at a time.

    Args:
        scene: M races of ``CARS`` cars; the first of each tries them.
        actions: (M, 2) what it does in the decision that is being driven; then they begin.
        copies: of each of ``STAGES``, races of as many cars, as many manoeuvres for each of at
            least M; used until the trial is over.
        own: its driver.
        others: known drivers.
        like: (M, CARS - 1) which of them each of the others drives like.
        differs: (M, CARS - 1, 2) by how much its last action was another; it goes on to be, less
            and less (``LASTING``).

    Attributes:
        foretold: (M, CARS - 1, len(others), 2) what each known driver would do in the others'
            places in the decision that is being driven, once that is driven here too.
    """

    def __init__(
        self,
        scene: Scene,
        actions: Floats,
        copies: Sequence[RaceBatch],
        own: Policy,
        others: Sequence[Policy],
        like: Ints,
        differs: Array,
    ) -> None:
        self.copies, self.own, self.others, self.step, self.stage = copies, own, others, 0, 0
        copy, self.count = copies[0], len(actions)
        size = copy.n_races // EACH
        filled = np.concatenate((np.arange(self.count), np.zeros(size - self.count, np.int64)))
        which = np.repeat(filled, EACH)
        copy.take_scene(scene, which)
        self.tried = TRIED[stuck(scene.cars.floats[::CARS]).astype(int)][filled]
        self.chosen = np.zeros((size, EACH, CARS, 2))
        self.chosen[:, :, 0] = actions[which].reshape(size, EACH, 2)
        # A car that stands with no throttle is supposed to stay where it is.
        floats, throttle = scene.cars.floats, scene.actions[:, 1]
        self.parked = (
            (np.hypot(floats[:, st.VX], floats[:, st.VY]) < PARKED)
            & (throttle <= 0.0)
            & (floats[:, st.TIME] > GRACE)
        ).reshape(-1, 1, CARS)[filled][:, :, 1:]
        self.differs = differs[filled][:, None]
        self.like, self.foretold = like[filled], np.zeros((*like.shape, len(others), 2))
        # Most scenes have neither, and one kind of others.
        self.standing, self.otherwise = bool(self.parked.any()), bool(self.differs.any())
        self.kinds = np.unique(self.like).tolist()
        self.paid = np.zeros((size, EACH))
        self.faults = copy.company.marks[::CARS, AT_FAULT].reshape(size, EACH).copy()

    @property
    def over(self) -> bool:
        """Whether the last decision has been driven."""
        return self.step > STEPS

    def advance(self) -> int:
        """Drive a decision; returns what it cost, see ``COST``."""
        if self.step == STAGES[self.stage][1] < STEPS:
            self._drop()
        copy, chosen = self.copies[self.stage], self.chosen
        size, each = self.tried.shape[0], STAGES[self.stage][0]
        seen = copy.obs[:, :N_OBS].reshape(size, each, CARS, N_OBS)
        if self.step:
            tried = self.tried.ravel()
            on = np.where(self.step <= HOLD[tried], tried, 0)
            mine = seen[:, :, 0].reshape(-1, N_OBS)
            acts = carried_out(all_at_once(self.own, narrowed(mine, NARROW[on])), on)
            chosen[:, :, 0] = acts.reshape(size, each, 2)
        chosen[:, :, 1:] = self._of_others(seen[:, :, 1:])
        for _ in range(self.own.action_repeat):
            reward = copy.step(chosen.reshape(-1, 2), autoreset=False)[1]
            self.paid += reward[::CARS].reshape(size, each)
        self.step += 1
        return each + BESIDES

    def _of_others(self, seen: Floats) -> Floats:
        """Actions (M, each, CARS - 1, 2) of the others: mostly they see the same in all copies."""
        differ = (np.abs(seen - seen[:, :1]) > ALIKE).any(axis=3)
        if self.step == 0:
            for kind, policy in enumerate(self.others):
                acts = all_at_once(policy, seen[:, 0].reshape(-1, N_OBS))
                self.foretold[:, :, kind] = acts.reshape(*self.like.shape, 2)[: self.count]
        first = np.empty((*self.like.shape, 2))
        for kind in self.kinds:
            mine = self.like == kind
            first[mine] = all_at_once(self.others[kind], seen[:, 0][mine])
        chosen = np.repeat(first[:, None], seen.shape[1], axis=1)
        for kind in self.kinds if differ.any() else ():
            where = differ & (self.like == kind)[:, None]
            if where.any():
                chosen[where] = all_at_once(self.others[kind], seen[where])
        if self.otherwise:
            chosen = np.clip(chosen + LASTING**self.step * self.differs, -1.0, 1.0)
        if self.standing:
            chosen = np.where(self.parked[..., None], STAY, chosen)
        return chosen

    def _worth(self) -> Array:
        """(M, each) what each manoeuvre has paid so far, and what its end is worth."""
        copy, shape = self.copies[self.stage], self.tried.shape
        mine = slice(None, None, CARS)
        floats, faults = copy.race.floats[mine], copy.company.marks[mine, AT_FAULT]
        along = np.cos(floats[:, st.HEADING] - floats[:, st.TRACK_HEADING])
        speed = np.where(copy.alive[mine], floats[:, st.VX] * along, 0.0)
        worth = DRIVING.progress * AHEAD * speed
        worth -= BEYOND * beyond(floats) + TURNED * (1.0 - along)
        worth += self.paid.ravel() - FAULT * (faults - self.faults.ravel())
        table: Array = worth.reshape(shape) + MARGIN * (self.tried == 0)
        return table

    def _drop(self) -> None:
        """Go on with the best alone."""
        worth = self._worth()
        # One that lifts or brakes goes on in any case: what is fast so far may end in a spin.
        slower = np.where(LIFTS[self.tried], worth, -np.inf).argmax(axis=1)
        worth[np.arange(len(worth)), slower] = np.inf
        order = np.argsort(-worth, axis=1, kind="stable")
        before, self.stage = self.copies[self.stage], self.stage + 1
        copy, each = self.copies[self.stage], STAGES[self.stage][0]
        best = np.sort(order[:, :each])
        copy.take_over(before, (best + np.arange(len(best))[:, None] * self.tried.shape[1]).ravel())
        copy.look()
        self.tried, self.paid, self.faults = (
            np.take_along_axis(values, best, axis=1)
            for values in (self.tried, self.paid, self.faults)
        )
        self.chosen = np.zeros((*best.shape, CARS, 2))

    def best(self) -> Ints:
        """(M,) the manoeuvres that paid best, once the trial is over."""
        best = self._worth().argmax(axis=1)
        chosen: Ints = self.tried[np.arange(len(best)), best][: self.count]
        return chosen


def all_at_once(policy: Policy, obs: Floats) -> Floats:
    """As ``policy.act``, many rows in one product: not to the same bit for any number of them."""
    *hidden, (last, bias) = policy.layers
    x = obs
    for weight, shift in hidden:
        x = x @ weight
        x += shift
        policy.activate(x)
    x = x @ last
    x += bias
    policy.squash(x)
    return x
