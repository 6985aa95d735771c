"""A driver that looks ahead: it tries manoeuvres in a copy of the race before it decides.

A driver that laps alone can be led past others through what it sees: told that a part of the road
on one side is gone, it drives on the other side as fast as that allows. Where other cars are near,
every manoeuvre (``manoeuvres``) is driven for some seconds in a copy of the race, in which each of
the others drives like the known driver it resembles (``opponents``); the one that pays best is
carried out. While one decision (0.1 s) is driven the next is planned, so that a game can spread the
work over its frames. It uses what a person sees: where the cars are, how they move, their wheels
and brake lights; and what a person can only feel for: the mass, power and grip that a day gives
the others.

Sources: rollouts as a step of policy improvement, Tesauro and Galperin 1997, On-line Policy
Improvement using Monte-Carlo Search; Bertsekas 2020, Rollout, Policy Iteration, and Distributed
Reinforcement Learning.
"""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from retroracer.agents.facts import Facts
from retroracer.agents.manoeuvres import NARROW, carried_out, narrowed
from retroracer.agents.model_file import (
    FACTS_ENTRY,
    MAX_ENTRIES,
    MAX_WEIGHTS_BYTES,
    find_model,
)
from retroracer.agents.opponents import Opponents
from retroracer.agents.policy import Policy, load_policy
from retroracer.agents.trial import CARS, COST, STAGES, Trial, copies, stuck
from retroracer.archive import Archive
from retroracer.atomic import replacing
from retroracer.envs.observation import LAYOUT, N_OBS, Floats
from retroracer.envs.race_batch import RaceBatch, Scene
from retroracer.physics import state as st
from retroracer.physics.company import STEP_CONTACT, Company
from retroracer.physics.race import CONTROL_DT, Race
from retroracer.track.bank import LENGTH
from retroracer.track.geometry import Array, Bools, Ints

NOTE = "lookahead"
"""The note of a model file whose driver looks ahead."""

OTHERS = ("base", "pro", "club", "rookie")
"""The drivers that others are supposed to drive like: the first, until they show another way."""

LATE = 0.2
"""Share of the time between two decisions in which planning may wait for spare time."""

AT_ONCE = 16
"""Most states whose manoeuvres are tried together: their activations stay in the cache."""

BEHIND, LEAST, MOST, NOTICE = 10.0, 15.0, 60.0, 2.5
"""A car is near from so far behind [m] to ``LEAST`` ahead, further the faster it is approached: by
``NOTICE`` seconds of the difference, up to ``MOST``."""


def near(race: Race, rows: Ints) -> Bools:
    """(M,) whether another solid car is close: beside, or ahead and soon reached."""
    return np.array([len(_others(race, row, 1)) > 0 for row in rows.tolist()], np.bool_)


def _others(race: Race, row: int, most: int) -> Ints:
    """Rows of the solid cars near a car, the nearest first; for ``most`` > 1 also further ones."""
    company = race.company
    assert company is not None
    at = np.searchsorted(company.begins, row, side="right") - 1
    group = np.arange(company.begins[at], company.begins[at + 1])
    group = group[company.solid[group] & (group != row)]
    length = race.bank.facts[race.ints[row, st.TRACK], LENGTH]
    gap = race.floats[group, st.S] - race.floats[row, st.S]
    gap -= length * np.floor(gap / length + 0.5)
    if most == 1:
        faster = race.floats[row, st.VX] - race.floats[group, st.VX]
        reach = np.clip(LEAST + NOTICE * faster, LEAST, MOST)
        found: Ints = group[(gap > -BEHIND) & (gap < reach)]
    else:
        found = group[np.argsort(np.abs(gap), kind="stable")][:most]
    return found


def scene(race: Race, rows: Ints, last: Array) -> tuple[Scene, Ints]:
    """The cars of some rows, each with the nearest others, as a copy takes them; and their rows.

    Args:
        race: all cars.
        rows: (M,) the first cars of the M races of the scene.
        last: (N, 2) what the drivers of all cars chose last.
    """
    company = race.company
    assert company is not None
    taken = np.repeat(rows, CARS)
    solid = np.zeros(len(taken), np.bool_)
    solid[::CARS] = True
    for m, row in enumerate(rows.tolist()):
        others = _others(race, row, CARS - 1)
        taken[m * CARS + 1 : m * CARS + 1 + len(others)] = others
        solid[m * CARS + 1 : m * CARS + 1 + len(others)] = True
    begins = company.begins[np.searchsorted(company.begins, taken, side="right") - 1]
    place = (taken - begins).reshape(-1, CARS)
    touched = company.touched[taken[:, None], np.repeat(place, CARS, axis=0)]
    nothing = np.zeros((len(taken), CARS))
    marks = company.marks[taken].copy()
    marks[:, STEP_CONTACT] = 0.0
    found = Scene(
        race.bank,
        st.Cars._make(values[taken] for values in race.cars),
        Company(
            np.arange(0, len(taken) + 1, CARS),
            solid,
            company.air[taken],
            marks,
            nothing,
            nothing,
            touched,
        ),
        last[taken],
    )
    return found, taken.reshape(-1, CARS)


class Waiting(NamedTuple):
    """A trial to come.

    Attributes:
        rows: (M,) the drivers that ask for it.
        scene: of them.
        cars: (M, CARS) the rows of its cars.
        actions: (M, 2) what they do first.
        like: (M, CARS - 1) the known drivers that the others drive like.
        differs: (M, CARS - 1, 2) by how much they did otherwise.
    """

    rows: Ints
    scene: Scene
    cars: Ints
    actions: Floats
    like: Ints
    differs: Array


class Memory:
    """What is planned for the N cars of a race, and the trials that are not over.

    Attributes:
        plans: (N,) manoeuvres.
        made: (N,) race time at which each was asked for [s].
        opponents: how they drive.
        waiting: trials to come.
        trial: the one under way, and what it was made of.
        whole, spent: what planning costs this time, and what of it is done (see ``trial.COST``).
        gone: share of the time between two decisions that has gone by.
    """

    def __init__(self, n: int, known: int) -> None:
        self.plans, self.made = np.zeros(n, np.int64), np.full(n, -np.inf)
        self.opponents = Opponents(n, known)
        self.waiting: deque[Waiting] = deque()
        self.trial: tuple[Waiting, Trial] | None = None
        self.whole = self.spent = 0
        self.gone = 0.0


class LookaheadPolicy(Policy):
    """A policy of the road that races by looking ahead: ``drive`` in place of ``act``.

    ``act`` is the policy alone: it drives as if nobody else were there. While a decision is driven
    the next is planned; who has the time for it bit by bit calls ``work`` or ``plan`` meanwhile,
    otherwise the next ``drive`` does it all. The result is the same.

    Args:
        policy: it drives, alone and in every manoeuvre.
        others: known drivers that others may drive like.
    """

    def __init__(self, policy: Policy, others: Sequence[Policy]) -> None:
        super().__init__(policy.layers, policy.facts, policy.name)
        self.others = tuple(others)
        self._copies: dict[int, RaceBatch] = {}
        self._memories: WeakKeyDictionary[Race, Memory] = WeakKeyDictionary()

    def drive(self, obs: Floats, race: Race, rows: Ints, last: Array) -> Floats:
        """Actions (M, 2) of some rows of a race.

        Args:
            obs: (M, at least N_OBS) what they see of the road.
            race: all cars.
            rows: (M,) those it drives.
            last: (N, 2) what the drivers of all cars chose last.
        """
        seen, now = np.ascontiguousarray(obs[:, :N_OBS]), race.time[rows]
        memory = self._memories.setdefault(race, Memory(race.n, len(self.others)))
        while self._advance(memory):
            pass
        lasts = CONTROL_DT * self.action_repeat
        memory.opponents.compare(race.time, last, lasts)
        ago = now - memory.made[rows] - lasts
        plans = np.where(np.abs(ago) < 0.5 * CONTROL_DT, memory.plans[rows], 0)
        actions = carried_out(self.act(narrowed(seen, NARROW[plans])), plans)
        memory.plans[rows], memory.made[rows] = 0, now
        if race.company is not None:
            busy = np.flatnonzero(near(race, rows) | stuck(race.floats[rows]))
            for begin in range(0, len(busy), AT_ONCE):
                some = busy[begin : begin + AT_ONCE]
                found, cars = scene(race, rows[some], last)
                others, known = cars[:, 1:], memory.opponents
                like, differs = known.like(others), known.differs[others]
                memory.waiting.append(
                    Waiting(rows[some], found, cars, actions[some], like, differs)
                )
        memory.whole, memory.spent, memory.gone = len(memory.waiting) * COST, 0, 0.0
        return actions

    def work(self, race: Race, share: float) -> None:
        """Plan on when a share of the time between two decisions has gone by.

        At first nothing need be done, so that ``plan`` may do it where there is time; from
        ``LATE`` on what is left is done evenly.
        """
        memory = self._memories.get(race)
        if memory is not None:
            memory.gone += share
            due = (memory.gone - LATE) / (1.0 - LATE) * memory.whole
            while memory.spent < due and self._advance(memory):
                pass

    def plan(self, race: Race, until: float) -> None:
        """Plan on until a time of ``perf_counter`` [s]; what is decided does not depend on it."""
        memory = self._memories.get(race)
        if memory is not None:
            while perf_counter() < until and self._advance(memory):
                pass

    def _advance(self, memory: Memory) -> int:
        """Drive a decision of a trial; returns what it cost, 0 if there is none to do."""
        if memory.trial is None:
            if not memory.waiting:
                return 0
            of = memory.waiting.popleft()
            size = next(n for n in (1, 2, 4, 8, AT_ONCE) if n >= len(of.rows))
            races = [self._copy(size * each) for each, _ in STAGES]
            memory.trial = of, self._trial(of, races)
        of, trial = memory.trial
        cost = trial.advance()
        memory.spent += cost
        if trial.over:
            memory.plans[of.rows], memory.trial = trial.best(), None
            time = of.scene.cars.floats.reshape(len(of.rows), CARS, -1)[:, 1:, st.TIME]
            solid = of.scene.company.solid.reshape(-1, CARS)[:, 1:]
            memory.opponents.foretell(of.cars[:, 1:][solid], time[solid], trial.foretold[solid])
        return cost

    def _trial(self, of: Waiting, races: Sequence[RaceBatch]) -> Trial:
        return Trial(of.scene, of.actions, races, self, self.others, of.like, of.differs)

    def _copy(self, races: int) -> RaceBatch:
        if races not in self._copies:
            self._copies[races] = copies(races)
        return self._copies[races]


def racer_of(policy: Policy) -> Policy:
    """The driver that a loaded policy is among others: one that looks ahead if its zip says so."""
    facts = policy.facts
    looks = facts.observation_layout == LAYOUT and facts.notes.get(NOTE) is True
    return LookaheadPolicy(policy, [load_policy(name) for name in OTHERS]) if looks else policy


def write_racer(model: str | Path, out: Path) -> Facts:
    """Write the zip of a driver anew, with the note that it looks ahead among others.

    Args:
        model: path or name of a driver of the road.
        out: the new zip; one that is there is replaced.

    Raises:
        UserError: if there is no such driver, or it reads other observations than the road's.
    """
    source, policy = find_model(model), load_policy(model, LAYOUT)
    facts = replace(policy.facts, parent=policy.name, notes={**policy.facts.notes, NOTE: True})
    with Archive(source, MAX_ENTRIES) as old:
        entries = {name: old.read(name, MAX_WEIGHTS_BYTES) for name in old.names}
    entries[FACTS_ENTRY] = facts.to_json().encode()
    with replacing(out) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in entries.items():
            new.writestr(name, data)
    return facts
