"""Racing others: what a driver sees of them, what it is paid for, where it stands.

The observation is the road's (``observation``) and, for each of the nearest cars, what
``RIVAL_TABLE`` names; a car that is not there is all zeros. Only cars that a person sees in the
picture are told of, and of them only what the picture shows: nothing of their pedals or plans. To
change it, change the table and ``see_rivals``, and give the layout a new id.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from retroracer.compiled import compiled
from retroracer.envs.observation import LAYOUT, LIMIT, N_OBS, OBS_NAMES, Floats, Quantity
from retroracer.physics import car as c
from retroracer.physics import state as st
from retroracer.physics.company import CONTACTS, STEP_CONTACT, Company
from retroracer.physics.state import Cars
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Bools

RACE_LAYOUT = f"{LAYOUT}+race-1"
"""Id of the observation of a driver among others."""

N_RIVALS = 3
"""Cars it tells of, the nearest along the track."""

JUST_NOW = 0.0501
"""A contact this long ago [s] was in the last control step."""

IN_SIGHT = 80.0
"""Cars further away along the track [m] are not seen."""

RIVAL_TABLE = (
    Quantity("presence", "", 1.0, "1 if there is such a car in sight"),
    Quantity("gap", "m", 20.0, "along the track between the cars' middles, ahead positive"),
    Quantity("offset", "m", 6.0, "of its middle, left of one's own positive"),
    Quantity("approach", "m/s", 10.0, "its velocity along the track less one's own"),
    Quantity("drift", "m/s", 5.0, "its velocity across the track less one's own, left positive"),
    Quantity("heading", "rad", 1.0, "of it less one's own, along the track each"),
    Quantity("width", "m", 2.0, "of its body"),
    Quantity("contact", "", 1.0, "1 if it was touched in the last step"),
)

N_RIVAL = len(RIVAL_TABLE)
N_RACE_OBS = N_OBS + N_RIVALS * N_RIVAL
RACE_OBS_NAMES = OBS_NAMES + tuple(
    f"{q.name}_{k}" for k in range(1, N_RIVALS + 1) for q in RIVAL_TABLE
)
_SCALES = np.array([q.scale for q in RIVAL_TABLE])
PRESENCE, GAP, ASIDE, APPROACH, DRIFT, TURNED, WIDTH, CONTACT = range(N_RIVAL)


class RaceReward(NamedTuple):
    """Weights of the terms that racing adds to ``task.Reward``'s.

    Attributes:
        passing: per metre gained on each car within the window (lost ones cost the same).
        behind: the window reaches so far back [m].
        ahead: and so far ahead [m].
        place: per place gained.
        contact: per contact in the step's beginning, whoever is at fault.
        fault: per unit of blame, the closing speed squared times the share of the fault [m^2/s^2].
        fault_most: what a step's faults cost at most, as a positive number.
        rubbing: per second in contact.
    """

    passing: float = 0.1
    behind: float = 20.0
    ahead: float = 40.0
    place: float = 1.0
    contact: float = -2.0
    fault: float = -0.3
    fault_most: float = 40.0
    rubbing: float = -4.0


class RaceTerms(NamedTuple):
    """The terms that racing adds, as ``info`` shows them."""

    passing: float
    places: float
    contact: float
    fault: float


RACE_REWARD_NAMES = RaceTerms._fields


@compiled(inline=True)
def raced(f: Array, g: Array, length: float) -> float:
    """How far a car is beyond the line it first starts at, laps included [m]."""
    return float(g[st.LAP] * length - (f[st.LAP_FINISH] - f[st.PROGRESS]))


@compiled(inline=True)
def gap_between(mine: float, other: float, length: float) -> float:
    """From one station to another along the track, the shorter way [m], ahead positive."""
    d = other - mine
    return d - length * math.floor(d / length + 0.5)


@compiled(inline=True)
def along_track(f: Array) -> tuple[float, float, float]:
    """Velocity along and across the track [m/s] and heading error [rad] of a car."""
    error = f[st.HEADING] - f[st.TRACK_HEADING]
    error -= 2.0 * math.pi * math.floor(error * (0.5 / math.pi) + 0.5)
    cos, sin = math.cos(error), math.sin(error)
    return f[st.VX] * cos - f[st.VY] * sin, f[st.VX] * sin + f[st.VY] * cos, error


@compiled()
def see_rivals(
    cars: Cars, company: Company, bank: TrackBank, begin: int, end: int, out: Floats
) -> None:
    """Write what the drivers of a race see of one another.

    Args:
        cars: all N.
        company: of them; only solid cars are seen.
        bank: the packed tracks.
        begin: first row of the race.
        end: row after its last.
        out: (N, N_RACE_OBS), columns from N_OBS overwritten.
    """
    floats = cars.floats
    length = bank.facts[cars.ints[begin, st.TRACK], b.LENGTH]
    for i in range(begin, end):
        out[i, N_OBS:] = 0.0
        along, across, error = along_track(floats[i])
        last_distance, last_row = -1.0, -1
        for rank in range(N_RIVALS):
            # The next nearest, of those at one distance the first row.
            best, found = IN_SIGHT, -1
            for k in range(begin, end):
                if k == i or not company.solid[k]:
                    continue
                far = abs(gap_between(floats[i, st.S], floats[k, st.S], length))
                later = far > last_distance or (far == last_distance and k > last_row)
                if later and far < best:
                    best, found = far, k
            if found < 0:
                break
            last_distance, last_row = best, found
            o = floats[found]
            its_along, its_across, its_error = along_track(o)
            turned = its_error - error
            turned -= 2.0 * math.pi * math.floor(turned * (0.5 / math.pi) + 0.5)
            seen = (
                1.0,
                gap_between(floats[i, st.S], o[st.S], length),
                o[st.OFFSET] - floats[i, st.OFFSET],
                its_along - along,
                its_across - across,
                turned,
                2.0 * cars.params[found, c.HALF_WIDTH],
                1.0
                if company.touched[i, found - begin] > floats[i, st.TIME] - JUST_NOW
                and company.marks[i, STEP_CONTACT] > 0.0
                else 0.0,
            )
            at = N_OBS + rank * N_RIVAL
            for m in range(N_RIVAL):
                value = seen[m] / _SCALES[m]
                out[i, at + m] = min(max(value, -LIMIT), LIMIT)


@compiled()
def score_race(
    cars: Cars,
    company: Company,
    bank: TrackBank,
    before: Array,
    places: Array,
    contacts: Array,
    alive: Bools,
    weights: RaceReward,
    begin: int,
    end: int,
    terms: Array,
) -> None:
    """Pay the cars of a race for what they did to one another in the last control step.

    ``before`` (how far each had raced before the step), ``places``, ``contacts`` and ``alive`` are
    (N,) of ``race_steps.Standing``, the first three updated; ``terms`` (N, 4) are overwritten,
    columns RACE_REWARD_NAMES. The other arguments are those of ``see_rivals``.
    """
    length = bank.facts[cars.ints[begin, st.TRACK], b.LENGTH]
    for i in range(begin, end):
        terms[i] = 0.0
        if not company.solid[i]:
            continue
        gained = 0.0
        mine = raced(cars.floats[i], cars.ints[i], length)
        for k in range(begin, end):
            if k == i or not company.solid[k]:
                continue
            gap = before[k] - before[i]
            if -weights.behind <= gap <= weights.ahead:
                now = raced(cars.floats[k], cars.ints[k], length) - mine
                gained += min(max(gap - now, -20.0), 20.0)
        terms[i, 0] = weights.passing * gained
        blame = 0.0
        for k in range(end - begin):
            blame += company.blame[i, k]
        terms[i, 2] = weights.contact * max(company.marks[i, CONTACTS] - contacts[i], 0.0)
        terms[i, 2] += weights.rubbing * company.marks[i, STEP_CONTACT]
        terms[i, 3] = max(weights.fault * blame, -weights.fault_most)
    for i in range(begin, end):
        if alive[i]:
            before[i] = raced(cars.floats[i], cars.ints[i], length)
        contacts[i] = company.marks[i, CONTACTS]
    for i in range(begin, end):
        place = 1.0
        for k in range(begin, end):
            if before[k] > before[i] or (before[k] == before[i] and k < i):
                place += 1.0
        if company.solid[i] and places[i] > 0.0:
            terms[i, 1] = weights.place * (places[i] - place)
        places[i] = place
