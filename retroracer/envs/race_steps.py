"""The compiled step of ``RaceBatch``: choose, advance, judge, pay and observe, race by race."""

from __future__ import annotations

from typing import NamedTuple

from numba import prange

from retroracer.compiled import compiled
from retroracer.envs.control import Controls, choose_rows
from retroracer.envs.episodes import Outcome, score_rows
from retroracer.envs.observation import Floats, observe_rows
from retroracer.envs.race_task import RaceReward, score_race, see_rivals
from retroracer.envs.task import Ending, Reward
from retroracer.physics import state as st
from retroracer.physics.company import Company
from retroracer.physics.race import N_SUBSTEPS, PHYSICS_DT
from retroracer.physics.races import advance_races
from retroracer.physics.state import Cars
from retroracer.track.bank import LENGTH, TrackBank
from retroracer.track.geometry import Array, Bools, Ints

CHUNK = 16
"""Races that are advanced, judged and observed before the next ones: their rows fit a cache."""

HOME = 1e7
"""What the distance raced [m] of a car that has finished becomes, less its time [s]."""


class Standing(NamedTuple):
    """How the cars of races stand, changed in place.

    Attributes:
        raced: (N,) distance raced [m]; of those that finished HOME less their time.
        places: (N,) 1 for the leader; 0 before the first step.
        contacts: (N,) contacts so far.
        alive: (N,) cars still in their race.
        marks: (N, 2) of ``task.judge``.
        terms: (N, 4) of the last step, columns ``RACE_REWARD_NAMES``.
    """

    raced: Array
    places: Array
    contacts: Array
    alive: Bools
    marks: Array
    terms: Array


@compiled()
def step_races(
    cars: Cars,
    company: Company,
    bank: TrackBank,
    controls: Controls,
    step: int,
    actions: Array,
    rows: Ints,
    ending: Ending,
    weights: Reward,
    racing: RaceReward,
    standing: Standing,
    out: Outcome,
    first: int,
    last: int,
) -> None:
    """Do a control step of the races from ``first`` to ``last``; see ``episodes.step_rows``.

    ``racing`` weighs the reward for racing, ``standing`` is updated, and the observations in
    ``out`` are (N, N_RACE_OBS).
    """
    depth = len(controls.chosen)
    now, before = controls.chosen[step % depth], controls.chosen[(step - 1) % depth]
    while first < last:
        stop = min(first + CHUNK, last)
        begin, end = company.begins[first], company.begins[stop]
        choose_rows(controls, step, actions, begin, end)
        advance_races(cars, company, bank, controls.applied, N_SUBSTEPS, PHYSICS_DT, first, stop)
        score_rows(cars, now, before, standing.marks, ending, weights, False, out, begin, end)
        for r in range(first, stop):
            score_race(
                cars, company, bank, standing.raced, standing.places, standing.contacts,
                standing.alive, racing, company.begins[r], company.begins[r + 1], standing.terms,
            )  # fmt: skip
        for i in range(begin, end):
            if not standing.alive[i]:
                out.terms[i] = 0.0
                standing.terms[i] = 0.0
                out.reward[i] = 0.0
                out.terminated[i] = out.truncated[i] = False
                continue
            for k in range(standing.terms.shape[1]):
                out.reward[i] += standing.terms[i, k]
            if out.terminated[i] or out.truncated[i]:
                standing.alive[i] = False
                company.solid[i] = False
                if ending.laps > 0 and cars.ints[i, st.LAP] >= ending.laps:
                    standing.raced[i] = HOME - cars.floats[i, st.LAP_START]
        observe_rows(cars, now, bank, rows[begin:end], out.obs)
        for r in range(first, stop):
            see_rivals(cars, company, bank, company.begins[r], company.begins[r + 1], out.obs)
        first = stop


@compiled(parallel=True)
def step_races_parallel(
    cars: Cars,
    company: Company,
    bank: TrackBank,
    controls: Controls,
    step: int,
    actions: Array,
    rows: Ints,
    ending: Ending,
    weights: Reward,
    racing: RaceReward,
    standing: Standing,
    out: Outcome,
) -> None:
    """``step_races`` of all races over threads."""
    n = len(company.begins) - 1
    for k in prange((n + CHUNK - 1) // CHUNK):
        end = min(n, (k + 1) * CHUNK)
        step_races(
            cars, company, bank, controls, step, actions, rows, ending, weights, racing, standing,
            out, k * CHUNK, end,
        )  # fmt: skip


@compiled()
def observe_races(
    cars: Cars,
    company: Company,
    bank: TrackBank,
    last: Array,
    rows: Ints,
    races: Ints,
    out: Floats,
) -> None:
    """Write the observations of the cars of some races; arguments as ``step_races``.

    ``last`` are the actions chosen last, ``rows`` the rows of those races.
    """
    observe_rows(cars, last, bank, rows, out)
    for r in races:
        see_rivals(cars, company, bank, company.begins[r], company.begins[r + 1], out)


@compiled()
def stand(cars: Cars, standing: Standing, bank: TrackBank, rows: Ints) -> None:
    """Begin to keep the standing of cars just placed."""
    for i in rows:
        f, g = cars.floats[i], cars.ints[i]
        length = bank.facts[g[st.TRACK], LENGTH]
        standing.raced[i] = g[st.LAP] * length - (f[st.LAP_FINISH] - f[st.PROGRESS])
        standing.places[i] = 0.0
        standing.contacts[i] = 0.0
        standing.alive[i] = True
        standing.marks[i] = 0.0
        standing.terms[i] = 0.0
