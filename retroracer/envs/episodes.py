"""Compiled parts of ``RacingBatch``: a step of all cars, and the beginning of episodes.

They call the parts defined elsewhere: ``physics`` places and advances the cars, ``task`` gives
rewards and endings, ``observation`` the observations, ``control`` the latency of actions, and
``variety`` what varies between episodes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from numba import prange

from retroracer.compiled import compiled
from retroracer.envs import variety
from retroracer.envs.control import Controls, choose_rows
from retroracer.envs.observation import Floats, observe_rows
from retroracer.envs.task import Ending, Reward, judge, reward_terms
from retroracer.envs.variety import Ranges
from retroracer.physics import car as c
from retroracer.physics.kernel import advance_rows
from retroracer.physics.placing import Start, place_car
from retroracer.physics.race import N_SUBSTEPS, PHYSICS_DT
from retroracer.physics.state import STEP_LAP, TRACK, Cars
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Bools, Ints

BRAKING = 200.0
"""Distance ahead [m] in which bends limit the speed of a rolling start."""

BRAKE_GRIP = 0.7
"""Fraction of tyre grip assumed for braking."""

RECOVERY_SPEED = 6.0
"""Standard deviation of the speed [m/s] of a recovery start (``Variety.astray``)."""

RECOVERY_ROOM = 4.0
"""Distance from walls that a recovery start keeps [m]."""

CHUNK = 64
"""Cars that are advanced, scored and observed together: their rows fit a cache."""


class Outcome(NamedTuple):
    """The result of a step of N cars.

    Attributes:
        terms: (N, 7) the reward's terms, columns ``task.REWARD_NAMES``.
        reward: (N,) their sum.
        terminated: (N,) bool.
        truncated: (N,) bool.
        obs: (N, 22) float32.
    """

    terms: Array
    reward: Array
    terminated: Bools
    truncated: Bools
    obs: Floats


@compiled(inline=True)
def score_rows(
    cars: Cars,
    now: Array,
    before: Array,
    marks: Array,
    ending: Ending,
    weights: Reward,
    again: bool,
    out: Outcome,
    begin: int,
    end: int,
) -> None:
    """Compute reward and endings of rows ``begin`` to ``end`` for their last control step.

    ``now`` and ``before`` (N, 2) are the actions of the step and of the one before it, the other
    arguments as in ``step_rows``. ``again`` is True for further control steps of a held action:
    the reward is added, and an episode that has ended stays ended.
    """
    dt = N_SUBSTEPS * PHYSICS_DT
    for i in range(begin, end):
        if again and (out.terminated[i] or out.truncated[i]):
            continue
        lost, done = judge(cars.floats[i], cars.ints[i], marks[i], ending)
        out.terminated[i] = lost
        out.truncated[i] = done
        terms = reward_terms(cars.floats[i], now[i], before[i], lost, dt, weights)
        total = 0.0
        for k, term in enumerate(terms):
            out.terms[i, k] = out.terms[i, k] + term if again else term
            total += term
        out.reward[i] = out.reward[i] + total if again else total


@compiled()
def step_rows(
    cars: Cars,
    bank: TrackBank,
    controls: Controls,
    step: int,
    actions: Array,
    marks: Array,
    rows: Ints,
    ending: Ending,
    weights: Reward,
    repeat: int,
    out: Outcome,
    begin: int,
    end: int,
) -> None:
    """Make ``repeat`` control steps of some cars, as ``control.ControlLoop`` does, and score them.

    Args:
        cars: all N.
        bank: the packed tracks.
        controls: of their drivers.
        step: number of the first control step.
        actions: (N, 2) held for all of them, finite.
        marks: (N, 2) of ``task.judge``.
        rows: (N,) 0..N-1.
        ending: when episodes end.
        weights: of the reward.
        repeat: number of control steps.
        out: overwritten.
        begin: first row.
        end: row after the last.
    """
    depth = len(controls.chosen)
    none = cars.ints[:0, STEP_LAP].copy()
    while begin < end:
        stop = min(begin + CHUNK, end)
        for k in range(repeat):
            last = controls.chosen[(step + k) % depth]
            before = controls.chosen[(step + k - 1) % depth]
            choose_rows(controls, step + k, actions, begin, stop)
            lapped = cars.ints[begin:stop, STEP_LAP].copy() if k > 0 else none
            advance_rows(cars, bank, controls.applied, N_SUBSTEPS, PHYSICS_DT, begin, stop)
            for i in range(len(lapped)):  # report a lap that any of the control steps completed
                cars.ints[begin + i, STEP_LAP] |= lapped[i]
            score_rows(cars, last, before, marks, ending, weights, k > 0, out, begin, stop)
        observe_rows(cars, last, bank, rows[begin:stop], out.obs)
        begin = stop


@compiled(parallel=True)
def step_parallel(
    cars: Cars,
    bank: TrackBank,
    controls: Controls,
    step: int,
    actions: Array,
    marks: Array,
    rows: Ints,
    ending: Ending,
    weights: Reward,
    repeat: int,
    out: Outcome,
) -> None:
    """``step_rows`` for all cars, on all threads."""
    n = len(rows)
    for k in prange((n + CHUNK - 1) // CHUNK):
        end = min(n, (k + 1) * CHUNK)
        first = k * CHUNK
        step_rows(
            cars, bank, controls, step, actions, marks, rows, ending, weights, repeat, out, first,
            end,
        )  # fmt: skip


@compiled(inline=True)
def between(low: float, high: float, share: float) -> float:
    """Linear interpolation from ``low`` to ``high``; ``share`` is in [0, 1)."""
    return low + share * (high - low)


@compiled(inline=True)
def vary_car(p: Array, base: Array, ranges: Ranges, draw: Array) -> None:
    """Overwrite a parameter row ``p`` with the car ``base``, varied by the random numbers drawn."""
    p[:] = base
    p[c.MU] *= between(*ranges.grip, draw[variety.DRAW_GRIP])
    mass = between(*ranges.mass, draw[variety.DRAW_MASS])
    p[c.MASS] *= mass
    p[c.PER_MASS] /= mass
    p[c.PER_INERTIA] /= mass
    power = between(*ranges.power, draw[variety.DRAW_POWER])
    p[c.POWER] *= power
    p[c.DRIVE_FORCE] *= power


@compiled()
def speed_allowed(p: Array, bank: TrackBank, slot: int, s: float) -> float:
    """Speed [m/s] at which a car on the centreline can still take every bend ahead.

    It assumes no downforce, and braking with BRAKE_GRIP of the tyres' grip. ``p`` (N_PARAMS,) is
    the car, ``slot`` the track and ``s`` the station [m].
    """
    spacing = bank.facts[slot, b.SPACING]
    first, n = bank.start[slot], bank.size[slot]
    here = int(s / spacing)
    grip = p[c.MU] * c.GRAVITY
    top = (p[c.POWER] / max(p[c.DRAG], 0.1)) ** (2.0 / 3.0)  # square of the top speed
    square = top
    for k in range(int(BRAKING / spacing), -1, -1):
        bend = abs(bank.main[first + (here + k) % n, b.CURVATURE])
        square = min(top, square + 2.0 * BRAKE_GRIP * grip * spacing, grip / max(bend, 1e-9))
    return math.sqrt(square)


@compiled(inline=True)
def recovery_offset(bank: TrackBank, here: int, reach: float, draw: float) -> Any:
    """Lateral offset [m] of a recovery start, on the road or beside it, clear of walls.

    ``reach`` is the largest offset as a share of the half-width; ``draw`` is in [0, 1).
    """
    share = between(-reach, reach, draw)
    left = share > 0.0
    edge = bank.main[here, b.LEFT if left else b.RIGHT]
    wall = bank.side[here, b.WALL_L if left else b.WALL_R] - RECOVERY_ROOM
    far = min(abs(share) * edge, max(wall, 0.0))
    return far if left else -far


@compiled()
def begin_episodes(
    cars: Cars,
    bank: TrackBank,
    controls: Controls,
    marks: Array,
    users: Ints,
    base: Array,
    ranges: Ranges,
    rows: Ints,
    slots: Ints,
    draws: Array,
    normals: Array,
) -> None:
    """Begin the episodes of some cars.

    Args:
        cars: all N; those that begin are placed and their parameters varied.
        bank: the packed tracks.
        controls: of their drivers; latencies overwritten, past actions zeroed.
        marks: (N, 2) of ``task.judge``, zeroed.
        users: (T,) number of cars on each track, updated.
        base: (N_PARAMS,) the car that is varied.
        ranges: of the variation and of the start.
        rows: (M,) the cars.
        slots: (M,) their tracks.
        draws: (M, N_DRAWS) random numbers in [0, 1), columns named in ``variety``.
        normals: (M,) standard normal numbers.
    """
    for k in range(len(rows)):
        i, slot, draw = rows[k], slots[k], draws[k]
        facts = bank.facts[slot]
        users[cars.ints[i, TRACK]] -= 1
        users[slot] += 1
        vary_car(cars.params[i], base, ranges, draw)
        if ranges.grid:
            s, offset, error, speed = -facts[b.GRID_GAP], 0.0, 0.0, 0.0
        else:
            s = draw[variety.DRAW_STATION] * facts[b.LENGTH]
            here = bank.start[slot] + min(int(s / facts[b.SPACING]), bank.size[slot] - 1)
            share = between(-ranges.offset, ranges.offset, draw[variety.DRAW_OFFSET])
            offset = share * bank.main[here, b.LEFT if share > 0.0 else b.RIGHT]
            error = ranges.heading * normals[k]
            slow = ranges.standing + ranges.astray
            speed = 0.0
            if draw[variety.DRAW_PACE] >= slow:
                rolling = (draw[variety.DRAW_PACE] - slow) / max(1.0 - slow, 1e-9)
                speed = between(*ranges.pace, rolling)
                speed *= speed_allowed(cars.params[i], bank, slot, s)
            elif draw[variety.DRAW_PACE] >= ranges.standing:
                turn = (draw[variety.DRAW_PACE] - ranges.standing) / ranges.astray
                error = between(-math.pi, math.pi, turn)
                speed = RECOVERY_SPEED * abs(normals[k])
                offset = recovery_offset(bank, here, ranges.reach, draw[variety.DRAW_OFFSET])
        place_car(cars, i, bank, Start(slot, s, offset, error, speed, ranges.grid))
        marks[i] = 0.0
        least, most = ranges.latency
        controls.latency[i] = least + int(draw[variety.DRAW_LATENCY] * (most - least + 1))
        controls.chosen[:, i] = 0.0
