"""Compiled parts of ``RacingBatch``: a step of all cars, and how their episodes begin.

Owns no task and no physics: cars are placed and advanced by ``physics``, judged by ``task``,
see by ``sight``; what varies is said by ``variety``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import prange

from retroracer.compiled import compiled
from retroracer.envs.sight import observe_some
from retroracer.envs.task import score_rows
from retroracer.envs.variety import (
    DRAW_GRIP,
    DRAW_LATENCY,
    DRAW_MASS,
    DRAW_OFFSET,
    DRAW_POWER,
    DRAW_SPEED,
    DRAW_STATION,
)
from retroracer.physics import car as c
from retroracer.physics.kernel import advance_rows
from retroracer.physics.placing import place_car
from retroracer.physics.race import CONTROL_DT, N_SUBSTEPS, PHYSICS_DT
from retroracer.track import bank as b
from retroracer.track.geometry import Array

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
def take_actions(actions, asked, clock, latency, applied):  # type: ignore[no-untyped-def]
    """Remember what every driver asks for, and find what reaches its car now.

    Args:
        actions: (N, 2) asked for now, clipped here.
        asked: (depth, N, 2) the last few steps' actions; the one of step ``clock`` is written.
        clock: number of this step.
        latency: (N,) delays [steps], less than depth.
        applied: (N, 2) overwritten.

    Returns:
        False if an action is not a finite number; then nothing must be done with the rest.
    """
    depth = len(asked)
    now = clock % depth
    sound = True
    for i in range(len(actions)):
        then = (clock - latency[i]) % depth
        for k in range(2):
            asked[now, i, k] = min(max(actions[i, k], -1.0), 1.0)
            applied[i, k] = asked[then, i, k]
            sound &= abs(actions[i, k]) < 1e300
    return sound


@compiled()
def step_rows(  # type: ignore[no-untyped-def]
    cars, bank, applied, last, rows, marks, ending, weights, terms, out, begin, end
):
    """Advance, judge and observe the cars of rows ``begin`` to ``end``; see ``step_serial``."""
    floats, ints, params, splits, last_splits = cars
    advance_rows(
        floats,
        ints,
        params,
        splits,
        last_splits,
        bank,
        applied,
        N_SUBSTEPS,
        PHYSICS_DT,
        begin,
        end,
    )
    score_rows(
        floats,
        ints,
        marks,
        ending,
        weights,
        CONTROL_DT,
        terms,
        out.reward,
        out.terminated,
        out.truncated,
        begin,
        end,
    )
    observe_some(floats, ints, params, last, bank, rows, out.obs, begin, end)


@compiled()
def step_serial(  # type: ignore[no-untyped-def]
    cars, bank, actions, asked, clock, latency, applied, rows, marks, ending, weights, terms, out
):
    """Let every car drive for one control step, judge it and look through its eyes.

    Args:
        cars: the arrays of a ``Race``: floats, ints, params, splits, last_sectors.
        bank: the packed tracks.
        actions: (N, 2) asked for now.
        asked: (depth, N, 2) past actions, see ``take_actions``.
        clock: number of this step.
        latency: (N,) delays [steps].
        applied: (N, 2) scratch: the actions that reach the cars.
        rows: (N,) 0..N-1.
        marks: (N, 2) of ``task.judge``.
        ending: ``task.Ending``.
        weights: ``task.Reward``.
        terms: (N, 5) reward terms, overwritten.
        out: ``Outcome``, overwritten.

    Returns:
        False, and nothing done, if an action is not a finite number.
    """
    if not take_actions(actions, asked, clock, latency, applied):
        return False
    last = asked[clock % len(asked)]
    n = len(rows)
    for k in range((n + CHUNK - 1) // CHUNK):
        end = min(n, (k + 1) * CHUNK)
        step_rows(
            cars, bank, applied, last, rows, marks, ending, weights, terms, out, k * CHUNK, end
        )
    return True


@compiled(parallel=True)
def step_parallel(  # type: ignore[no-untyped-def]
    cars, bank, actions, asked, clock, latency, applied, rows, marks, ending, weights, terms, out
):
    """The same over threads."""
    if not take_actions(actions, asked, clock, latency, applied):
        return False
    last = asked[clock % len(asked)]
    n = len(rows)
    for k in prange((n + CHUNK - 1) // CHUNK):
        end = min(n, (k + 1) * CHUNK)
        step_rows(
            cars, bank, applied, last, rows, marks, ending, weights, terms, out, k * CHUNK, end
        )
    return True


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
def begin_episodes(  # type: ignore[no-untyped-def]
    floats,
    ints,
    params,
    splits,
    last_splits,
    bank,
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
        vary_car(params[i], base, ranges, draw)
        if ranges.grid:
            s, offset, error, speed = -facts[b.GRID_GAP], 0.0, 0.0, 0.0
        else:
            s = draw[DRAW_STATION] * facts[b.LENGTH]
            here = bank.start[slot] + min(int(s / facts[b.SPACING]), bank.size[slot] - 1)
            share = between(-ranges.offset, ranges.offset, draw[DRAW_OFFSET])
            offset = share * bank.main[here, b.LEFT if share > 0.0 else b.RIGHT]
            error = ranges.heading * bells[k]
            rolling = (draw[DRAW_SPEED] - ranges.standing) / max(1.0 - ranges.standing, 1e-9)
            speed = between(ranges.speed_low, ranges.speed_high, rolling) if rolling >= 0.0 else 0.0
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
