"""THE kernel: physics, projection, walls, surfaces, track limits, lap and sector timing.

One compiled function advances one car; the batch forms below loop over it, serially or over
threads, so a row's result does not depend on how many other rows there are. Track limits:
a car is off track while its centre of gravity is beyond the edge of the road. This is the
only place where that rule is applied.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from retroracer.physics.car import HALF_LENGTH, HALF_WIDTH
from retroracer.physics.dynamics import cos_sin, integrate
from retroracer.physics.state import (
    AR,
    AX,
    AY,
    DRAG,
    GRIP,
    HALF_LEFT,
    HALF_RIGHT,
    HEADING,
    LAP,
    LAP_FINISH,
    LAP_OFF,
    LAP_START,
    LAST_LAP,
    LAST_LAP_OFF,
    NEXT_LINE,
    OFF_FOR,
    OFF_TIME,
    OFFSET,
    PROGRESS,
    SECTOR,
    STEER_ANGLE,
    STEP_IMPACT,
    STEP_LAP,
    STEP_LEGAL,
    STEP_OFF,
    STEP_PROGRESS,
    STEP_WALL,
    TIME,
    TIMED,
    TRACK,
    TRACK_HEADING,
    VX,
    VY,
    YAW_RATE,
    S,
    X,
    Y,
)
from retroracer.track import bank as b
from retroracer.track.projection import half_widths, offset_in_cell, walk

RESTITUTION = 0.15
"""Share of the speed into a wall that comes back."""

WALL_FRICTION = 0.3
"""Friction coefficient of a car scraping along a wall."""

SPIN_KEPT = 0.7
"""Share of the yaw rate a car keeps when it hits a wall."""

_B_HEADING = b.HEADING


@njit(cache=True, error_model="numpy")
def surface_at(side, row, offset, left, right):  # type: ignore[no-untyped-def]
    """Grip factor and extra deceleration [m/s^2] at a lateral offset [m] beside sample ``row``."""
    if offset > left:
        if offset <= left + side[row, b.KERB_L]:
            return float(side[row, b.KERB_GRIP]), float(side[row, b.KERB_DRAG])
        return float(side[row, b.RUNOFF_L_GRIP]), float(side[row, b.RUNOFF_L_DRAG])
    if -offset > right:
        if -offset <= right + side[row, b.KERB_R]:
            return float(side[row, b.KERB_GRIP]), float(side[row, b.KERB_DRAG])
        return float(side[row, b.RUNOFF_R_GRIP]), float(side[row, b.RUNOFF_R_DRAG])
    return float(side[row, b.ROAD_GRIP]), float(side[row, b.ROAD_DRAG])


@njit(cache=True, error_model="numpy")
def stations_per_metre(main, row, after, spacing, offset, left, right):  # type: ignore[no-untyped-def]
    """Most metres of station a car can gain per metre it moves, on or beside the road.

    On the inside of a bend stations are closer together than metres, by 1 - curvature * offset;
    here no further in than the edge of the road, so that nothing is gained by driving round
    the centre of a corner. A twentieth is added for the bend changing within the step.
    """
    cross = main[row, b.TX] * main[after, b.TY] - main[row, b.TY] * main[after, b.TX]
    inside = min(max(offset, -right), left)
    return 1.05 / max(1.0 - cross / spacing * inside, 0.2)


@njit(cache=True, error_model="numpy")
def advance_car(f, g, p, splits, last_splits, bank, steer, throttle, n_substeps, dt):  # type: ignore[no-untyped-def]
    """Advance one car by ``n_substeps`` physics steps of ``dt`` seconds under one action.

    Args:
        f: (N_FLOATS,) its float state, changed in place.
        g: (N_INTS,) its integer state, changed in place.
        p: (N_PARAMS,) its car's parameters.
        splits: (MAX_SECTORS,) times [s] at which sectors of the current lap ended, in place.
        last_splits: (MAX_SECTORS,) sector times [s] of the last completed lap, in place.
        bank: the packed tracks.
        steer: in [-1, 1], left positive.
        throttle: in [-1, 1], negative brakes.
        n_substeps: how many physics steps.
        dt: physics step [s].
    """
    main = bank.main
    side = bank.side
    track = g[TRACK]
    first = bank.start[track]
    n = bank.size[track]
    spacing = bank.facts[track, b.SPACING]
    per_spacing = 1.0 / spacing
    steer = min(max(steer, -1.0), 1.0)
    throttle = min(max(throttle, -1.0), 1.0)
    f[STEP_PROGRESS] = 0.0
    f[STEP_LEGAL] = 0.0
    f[STEP_OFF] = 0.0
    f[STEP_WALL] = 0.0
    f[STEP_IMPACT] = 0.0
    g[STEP_LAP] = 0
    x, y, heading = f[X], f[Y], f[HEADING]
    vx, vy, yaw_rate, angle = f[VX], f[VY], f[YAW_RATE], f[STEER_ANGLE]
    ax, ay, ar = f[AX], f[AY], f[AR]
    s, offset, left, right = f[S], f[OFFSET], f[HALF_LEFT], f[HALF_RIGHT]
    grip, drag = f[GRIP], f[DRAG]
    for _ in range(n_substeps):
        x0, y0 = x, y
        x, y, heading, vx, vy, yaw_rate, angle, ax, ay, ar = integrate(
            x, y, heading, vx, vy, yaw_rate, angle, ax, ay, ar, steer, throttle, p, grip, drag, dt
        )

        u = min(s * per_spacing, n - 1e-9)
        gain = walk(main, first, n, u, x, y) * spacing
        moved2 = (x - x0) * (x - x0) + (y - y0) * (y - y0)
        if gain * gain > moved2:
            row = int(u)
            there = first + row + 1 if row + 1 < n else first
            most = math.sqrt(moved2) * stations_per_metre(
                main, first + row, there, spacing, offset, left, right
            )
            gain = min(max(gain, -most), most)
        s += gain
        length = spacing * n
        if s >= length:
            s -= length
        elif s < 0.0:
            s += length
            if s >= length:
                s = 0.0
        u = s * per_spacing
        row = min(int(u), n - 1)
        here = first + row
        there = here + 1 if row + 1 < n else first
        frac = u - row
        offset = offset_in_cell(main, here, there, x, y, frac)
        left, right = half_widths(main, here, there, frac)

        wall_left = float(side[here, b.WALL_L])
        wall_right = float(side[here, b.WALL_R])
        if offset > wall_left - p[HALF_LENGTH] or -offset > wall_right - p[HALF_LENGTH]:
            tx = main[here, b.TX] + frac * (main[there, b.TX] - main[here, b.TX])
            ty = main[here, b.TY] + frac * (main[there, b.TY] - main[here, b.TY])
            norm = math.sqrt(tx * tx + ty * ty)
            shift, vx, vy, into = meet_wall(
                offset, wall_left, wall_right, heading, vx, vy, tx / norm, ty / norm, p
            )
            if shift != 0.0:
                x -= shift * ty / norm
                y += shift * tx / norm
                offset += shift
                f[STEP_WALL] += dt
                f[STEP_IMPACT] = max(f[STEP_IMPACT], into)
                ax = ay = ar = 0.0
                if into > 0.0:
                    yaw_rate *= SPIN_KEPT
        grip, drag = surface_at(side, here, offset, left, right)

        before = f[PROGRESS]
        time = f[TIME]
        f[PROGRESS] = before + gain
        f[TIME] = time + dt
        f[STEP_PROGRESS] += gain
        if offset > left or -offset > right:
            f[OFF_TIME] += dt
            f[OFF_FOR] += dt
            f[LAP_OFF] += dt
            f[STEP_OFF] += dt
            f[STEP_LEGAL] += min(gain, 0.0)
        else:
            f[OFF_FOR] = 0.0
            f[STEP_LEGAL] += gain
        if f[PROGRESS] >= f[NEXT_LINE]:
            cross_lines(f, g, splits, last_splits, bank.facts, before, gain, time, dt)

    f[X], f[Y], f[HEADING] = x, y, heading
    f[VX], f[VY], f[YAW_RATE], f[STEER_ANGLE] = vx, vy, yaw_rate, angle
    f[AX], f[AY], f[AR] = ax, ay, ar
    f[S], f[OFFSET], f[HALF_LEFT], f[HALF_RIGHT] = s, offset, left, right
    f[GRIP], f[DRAG] = grip, drag
    f[TRACK_HEADING] = track_heading(main, bank.facts, track, first, n, s * per_spacing)


@njit(cache=True, error_model="numpy")
def meet_wall(offset, wall_left, wall_right, heading, vx, vy, tx, ty, p):  # type: ignore[no-untyped-def]
    """Keep the rectangle of a car inside the walls beside it.

    Returns:
        The shift of its lateral offset [m] (0 = no contact), its new vx and vy [m/s], and the
        speed it had into the wall [m/s].
    """
    c, k = cos_sin(heading)
    body = p[HALF_WIDTH] * abs(c * tx + k * ty) + p[HALF_LENGTH] * abs(k * tx - c * ty)
    top = wall_left - body
    bottom = body - wall_right
    if top <= bottom:
        top = bottom = 0.5 * (top + bottom)
    if offset > top:
        shift = top - offset
        outward = 1.0
    elif offset < bottom:
        shift = bottom - offset
        outward = -1.0
    else:
        return 0.0, vx, vy, 0.0
    wx = vx * c - vy * k
    wy = vx * k + vy * c
    into = outward * (wy * tx - wx * ty)
    if into <= 0.0:
        return shift, vx, vy, 0.0
    along = wx * tx + wy * ty
    scrape = WALL_FRICTION * (1.0 + RESTITUTION) * into
    along = max(0.0, along - scrape) if along > 0.0 else min(0.0, along + scrape)
    away = -RESTITUTION * into * outward
    wx = along * tx - away * ty
    wy = along * ty + away * tx
    return shift, wx * c + wy * k, wy * c - wx * k, into


@njit(cache=True, error_model="numpy")
def cross_lines(f, g, splits, last_splits, facts, before, gain, time, dt):  # type: ignore[no-untyped-def]
    """Record the sector and finish lines crossed in this physics step, by linear interpolation.

    Args:
        f: float state with PROGRESS already advanced.
        g: integer state.
        splits: times of the current lap's sector ends, in place.
        last_splits: last lap's sector times, in place.
        facts: the bank's table of tracks.
        before: progress before the step [m].
        gain: progress made in it [m] > 0.
        time: race time before the step [s].
        dt: the step [s].
    """
    track = g[TRACK]
    length = facts[track, b.LENGTH]
    n_sectors = int(facts[track, b.N_SECTORS])
    while f[PROGRESS] >= f[NEXT_LINE]:
        crossed = time + (f[NEXT_LINE] - before) / gain * dt
        splits[g[SECTOR]] = crossed
        g[SECTOR] += 1
        if g[SECTOR] == n_sectors:
            if g[TIMED] == 1:
                f[LAST_LAP] = crossed - f[LAP_START]
                f[LAST_LAP_OFF] = f[LAP_OFF]
                begun = f[LAP_START]
                for k in range(n_sectors):
                    last_splits[k] = splits[k] - begun
                    begun = splits[k]
            g[LAP] += 1
            g[STEP_LAP] = 1
            g[TIMED] = 1
            g[SECTOR] = 0
            f[LAP_START] = crossed
            f[LAP_FINISH] += length
            f[LAP_OFF] = 0.0
        set_next_line(f, g, facts)


@njit(cache=True, error_model="numpy")
def set_next_line(f, g, facts):  # type: ignore[no-untyped-def]
    """Aim at the end of the current sector."""
    track = g[TRACK]
    if g[SECTOR] + 1 < int(facts[track, b.N_SECTORS]):
        line = facts[track, b.SECTORS + g[SECTOR]] - facts[track, b.LENGTH]
        f[NEXT_LINE] = f[LAP_FINISH] + line
    else:
        f[NEXT_LINE] = f[LAP_FINISH]


@njit(cache=True, error_model="numpy")
def track_heading(main, facts, track, first, n, u):  # type: ignore[no-untyped-def]
    """Direction of the track [rad] at cell coordinate ``u``, continuous within a lap."""
    row = min(int(u), n - 1)
    a = main[first + row, _B_HEADING]
    if row + 1 < n:
        z = main[first + row + 1, _B_HEADING]
    else:
        z = main[first, _B_HEADING] + facts[track, b.CLOSING_TURN]
    return a + (u - row) * (z - a)


@njit(cache=True, error_model="numpy")
def advance_serial(  # type: ignore[no-untyped-def]
    floats, ints, params, splits, last_splits, bank, actions, n_substeps, dt
):
    """Advance N cars in one thread. ``actions`` is (N, 2): steer, throttle."""
    for i in range(len(floats)):
        advance_car(
            floats[i],
            ints[i],
            params[i],
            splits[i],
            last_splits[i],
            bank,
            actions[i, 0],
            actions[i, 1],
            n_substeps,
            dt,
        )


@njit(cache=True, error_model="numpy", parallel=True)
def advance_parallel(  # type: ignore[no-untyped-def]
    floats, ints, params, splits, last_splits, bank, actions, n_substeps, dt
):
    """The same over threads, for batches large enough to pay for waking them."""
    for i in prange(len(floats)):
        advance_car(
            floats[i],
            ints[i],
            params[i],
            splits[i],
            last_splits[i],
            bank,
            actions[i, 0],
            actions[i, 1],
            n_substeps,
            dt,
        )


@njit(cache=True, error_model="numpy")
def place_car(f, g, splits, last_splits, bank, track, s, offset, heading_error, speed, grid):  # type: ignore[no-untyped-def]
    """Put a car on a track, its clocks at zero.

    Args:
        f: (N_FLOATS,) float state, overwritten.
        g: (N_INTS,) integer state, overwritten.
        splits: (MAX_SECTORS,) overwritten.
        last_splits: (MAX_SECTORS,) overwritten.
        bank: the packed tracks.
        track: index into the bank.
        s: station [m], any real number.
        offset: lateral offset [m], left positive.
        heading_error: car minus track [rad].
        speed: forward [m/s].
        grid: True if the first lap counts from here (a standing start behind the line);
            False if it is partial and untimed.
    """
    f[:] = 0.0
    g[:] = 0
    splits[:] = np.nan
    last_splits[:] = np.nan
    main = bank.main
    facts = bank.facts[track]
    first = bank.start[track]
    n = bank.size[track]
    length = facts[b.LENGTH]
    s = s % length
    if s >= length:
        s = 0.0
    u = s / facts[b.SPACING]
    row = min(int(u), n - 1)
    after = row + 1 if row + 1 < n else 0
    frac = u - row
    here = first + row
    there = first + after
    tx = main[here, b.TX] + frac * (main[there, b.TX] - main[here, b.TX])
    ty = main[here, b.TY] + frac * (main[there, b.TY] - main[here, b.TY])
    norm = math.sqrt(tx * tx + ty * ty)
    f[X] = main[here, b.X] + frac * (main[there, b.X] - main[here, b.X]) - offset * ty / norm
    f[Y] = main[here, b.Y] + frac * (main[there, b.Y] - main[here, b.Y]) + offset * tx / norm
    f[TRACK_HEADING] = track_heading(main, bank.facts, track, first, n, u)
    f[HEADING] = f[TRACK_HEADING] + heading_error
    f[VX] = speed
    f[S] = s
    f[OFFSET] = offset
    f[HALF_LEFT], f[HALF_RIGHT] = half_widths(main, here, there, frac)
    f[GRIP], f[DRAG] = surface_at(bank.side, here, offset, f[HALF_LEFT], f[HALF_RIGHT])
    f[LAST_LAP] = np.nan
    f[LAST_LAP_OFF] = np.nan
    g[TRACK] = track
    f[LAP_FINISH] = length - s
    if grid:
        g[TIMED] = 1
        if s > 0.5 * length:
            f[LAP_FINISH] += length
    else:
        while g[SECTOR] < int(facts[b.N_SECTORS]) - 1 and s >= facts[b.SECTORS + g[SECTOR]]:
            g[SECTOR] += 1
    set_next_line(f, g, bank.facts)


@njit(cache=True, error_model="numpy")
def place_cars(  # type: ignore[no-untyped-def]
    floats, ints, splits, last_splits, bank, rows, track, s, offset, heading_error, speed, grid
):
    """Place the cars listed in ``rows`` (M,); the other arguments are (M,) too."""
    for k in range(len(rows)):
        i = rows[k]
        place_car(
            floats[i],
            ints[i],
            splits[i],
            last_splits[i],
            bank,
            track[k],
            s[k],
            offset[k],
            heading_error[k],
            speed[k],
            grid[k],
        )
