"""Compiled parts of ``RacingBatch``: a step of all cars, and how their episodes begin.

Owns no task and no physics: cars are placed and advanced by ``physics``, judged by ``task``,
see by ``sight``; what varies is said by ``variety``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import prange

from retroracer.compiled import compiled
from retroracer.envs.observation import observe_rows
from retroracer.envs.task import score_rows
from retroracer.envs.variety import (
    DRAW_GRIP,
    DRAW_LATENCY,
    DRAW_MASS,
    DRAW_OFFSET,
    DRAW_PACE,
    DRAW_POWER,
    DRAW_STATION,
)
from retroracer.physics import car as c
from retroracer.physics.kernel import advance_rows
from retroracer.physics.placing import place_car
from retroracer.physics.state import TRACK
from retroracer.track import bank as b
from retroracer.track.geometry import Array

BRAKING = 200.0
"""Distance [m] over which a rolling start minds the bends ahead."""

FIRM = 0.7
"""Share of the grip that its brakes may take."""

STRAY_SPEED = 6.0
"""Standard deviation of the speed [m/s] of a start astray."""

STRAY_ROOM = 4.0
"""It keeps so far from walls [m]."""

CHUNK = 64
"""Cars that are advanced, judged and observed before the next ones: their rows fit a cache."""


class Outcome(NamedTuple):
    """What a step of N cars results in, in fresh arrays.

    Attributes:
        reward: (N,) sum of the reward's terms.
        terminated: (N,) bool.
        truncated: (N,) bool.
        obs: (N, 22) float32.
    """

    reward: Array
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    obs: npt.NDArray[np.float32]


@compiled(inline=True)
def take_action(i, actions, asked, clock, latency, applied):  # type: ignore[no-untyped-def]
    """Remember what driver ``i`` asks for, and find what reaches its car now."""
    depth = len(asked)
    now, then = clock % depth, (clock - latency[i]) % depth
    for k in range(2):
        asked[now, i, k] = min(max(actions[i, k], -1.0), 1.0)
        applied[i, k] = asked[then, i, k]


@compiled()
def step_rows(  # type: ignore[no-untyped-def]
    cars,
    bank,
    actions,
    asked,
    clock,
    latency,
    applied,
    rows,
    marks,
    ending,
    weights,
    terms,
    out,
    n_substeps,
    dt,
    begin,
    end,
):
    """Let some cars drive for one control step, judge them and look through their eyes.

    Args:
        cars: the arrays of a ``Race``: floats, ints, params, splits, last_sectors.
        bank: the packed tracks.
        actions: (N, 2) asked for now, finite.
        asked: (depth, N, 2) the last few steps' actions; the one of step ``clock`` is written.
        clock: number of this step.
        latency: (N,) delays of actions [steps], less than depth.
        applied: (N, 2) scratch: the actions that reach the cars.
        rows: (N,) 0..N-1.
        marks: (N, 2) of ``task.judge``.
        ending: ``task.Ending``.
        weights: ``task.Reward``.
        terms: (N, 6) reward terms, overwritten.
        out: ``Outcome``, overwritten.
        n_substeps: physics steps in a control step.
        dt: physics step [s].
        begin: first row.
        end: row after the last.
    """
    floats, ints, params, splits, last_splits = cars
    last = asked[clock % len(asked)]
    before = asked[(clock - 1) % len(asked)]
    while begin < end:
        stop = min(begin + CHUNK, end)
        for i in range(begin, stop):
            take_action(i, actions, asked, clock, latency, applied)
        advance_rows(
            floats,
            ints,
            params,
            splits,
            last_splits,
            bank,
            applied,
            n_substeps,
            dt,
            begin,
            stop,
        )
        score_rows(
            floats,
            ints,
            last,
            before,
            marks,
            ending,
            weights,
            n_substeps * dt,
            terms,
            out.reward,
            out.terminated,
            out.truncated,
            begin,
            stop,
        )
        observe_rows(floats, ints, params, last, bank, rows[begin:stop], out.obs)
        begin = stop


@compiled(parallel=True)
def step_parallel(  # type: ignore[no-untyped-def]
    cars,
    bank,
    actions,
    asked,
    clock,
    latency,
    applied,
    rows,
    marks,
    ending,
    weights,
    terms,
    out,
    n_substeps,
    dt,
):
    """``step_rows`` of all cars over threads."""
    n = len(rows)
    for k in prange((n + CHUNK - 1) // CHUNK):
        step_rows(
            cars,
            bank,
            actions,
            asked,
            clock,
            latency,
            applied,
            rows,
            marks,
            ending,
            weights,
            terms,
            out,
            n_substeps,
            dt,
            k * CHUNK,
            min(n, (k + 1) * CHUNK),
        )


@compiled(inline=True)
def between(low, high, share):  # type: ignore[no-untyped-def]
    """The number a share in [0, 1) of the way from ``low`` to ``high``."""
    return low + share * (high - low)


@compiled(inline=True)
def vary_car(p, base, ranges, draw):  # type: ignore[no-untyped-def]
    """Overwrite a parameter row ``p`` with the car ``base``, varied by the numbers drawn."""
    p[:] = base
    p[c.MU] *= between(ranges.grip_low, ranges.grip_high, draw[DRAW_GRIP])
    mass = between(ranges.mass_low, ranges.mass_high, draw[DRAW_MASS])
    p[c.MASS] *= mass
    p[c.PER_MASS] /= mass
    p[c.PER_INERTIA] /= mass
    power = between(ranges.power_low, ranges.power_high, draw[DRAW_POWER])
    p[c.POWER] *= power
    p[c.DRIVE_FORCE] *= power


@compiled()
def speed_allowed(p, bank, slot, s):  # type: ignore[no-untyped-def]
    """Speed [m/s] at which a car on the centreline can still take every bend ahead.

    Against the grip of its tyres alone: no downforce, and brakes that take FIRM of the grip.

    Args:
        p: (N_PARAMS,) the car.
        bank: the packed tracks.
        slot: the track.
        s: station [m].
    """
    spacing = bank.facts[slot, b.SPACING]
    first, n = bank.start[slot], bank.size[slot]
    here = int(s / spacing)
    grip = p[c.MU] * c.GRAVITY
    top = (p[c.POWER] / max(p[c.DRAG], 0.1)) ** (2.0 / 3.0)  # square of the top speed
    square = top
    for k in range(int(BRAKING / spacing), -1, -1):
        bend = abs(bank.main[first + (here + k) % n, b.CURVATURE])
        square = min(top, square + 2.0 * FIRM * grip * spacing, grip / max(bend, 1e-9))
    return math.sqrt(square)


@compiled(inline=True)
def stray_offset(bank, here, reach, draw):  # type: ignore[no-untyped-def]
    """Lateral offset [m] somewhere on the road or beside it, clear of walls.

    ``reach`` is the furthest place, as a share of the half-width.
    """
    share = between(-reach, reach, draw)
    left = share > 0.0
    edge = bank.main[here, b.LEFT if left else b.RIGHT]
    wall = bank.side[here, b.WALL_L if left else b.WALL_R] - STRAY_ROOM
    far = min(abs(share) * edge, max(wall, 0.0))
    return far if left else -far


@compiled()
def begin_episodes(  # type: ignore[no-untyped-def]
    floats,
    ints,
    params,
    splits,
    last_splits,
    bank,
    users,
    base,
    ranges,
    rows,
    slots,
    draws,
    bells,
    marks,
    latency,
    asked,
):
    """Begin the episodes of some cars.

    Args:
        floats: (N, N_FLOATS) state of all cars; the arrays to ``last_splits`` as in ``Race``.
        ints: (N, N_INTS).
        params: (N, N_PARAMS).
        splits: (N, MAX_SECTORS).
        last_splits: (N, MAX_SECTORS).
        bank: the packed tracks.
        users: (T,) how many cars are on each, updated.
        base: (N_PARAMS,) the car that is varied.
        ranges: ``variety.Ranges``.
        rows: (M,) which cars.
        slots: (M,) their tracks.
        draws: (M, N_DRAWS) numbers in [0, 1), columns named in ``variety``.
        bells: (M,) standard normal numbers.
        marks: (N, 2) of ``task.judge``, zeroed.
        latency: (N,) delays of actions [steps], overwritten.
        asked: (depth, N, 2) past actions, zeroed.
    """
    for k in range(len(rows)):
        i = rows[k]
        slot = slots[k]
        draw = draws[k]
        facts = bank.facts[slot]
        users[ints[i, TRACK]] -= 1
        users[slot] += 1
        vary_car(params[i], base, ranges, draw)
        if ranges.grid:
            s, offset, error, speed = -facts[b.GRID_GAP], 0.0, 0.0, 0.0
        else:
            s = draw[DRAW_STATION] * facts[b.LENGTH]
            here = bank.start[slot] + min(int(s / facts[b.SPACING]), bank.size[slot] - 1)
            share = between(-ranges.offset, ranges.offset, draw[DRAW_OFFSET])
            offset = share * bank.main[here, b.LEFT if share > 0.0 else b.RIGHT]
            error = ranges.heading * bells[k]
            slow = ranges.standing + ranges.astray
            speed = 0.0
            if draw[DRAW_PACE] >= slow:
                rolling = (draw[DRAW_PACE] - slow) / max(1.0 - slow, 1e-9)
                speed = between(ranges.pace_low, ranges.pace_high, rolling)
                speed *= speed_allowed(params[i], bank, slot, s)
            elif draw[DRAW_PACE] >= ranges.standing:
                turn = (draw[DRAW_PACE] - ranges.standing) / ranges.astray
                error = between(-math.pi, math.pi, turn)
                speed = STRAY_SPEED * abs(bells[k])
                offset = stray_offset(bank, here, ranges.reach, draw[DRAW_OFFSET])
        place_car(
            floats[i],
            ints[i],
            splits[i],
            last_splits[i],
            bank,
            slot,
            s,
            offset,
            error,
            speed,
            ranges.grid,
        )
        marks[i] = 0.0
        least = ranges.latency_low
        latency[i] = least + int(draw[DRAW_LATENCY] * (ranges.latency_high - least + 1))
        asked[:, i] = 0.0
