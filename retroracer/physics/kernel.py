"""The kernel: physics, projection, walls, surfaces, track limits, progress.

Cars are advanced in blocks of LANES. Arithmetic that all cars need runs over the block in vector
instructions; rarer events (a new cell, a wall, a timing line, grass) are handled car by car. A
car's numbers do not depend on the other cars in its block, nor on threads. Track limits: a car is
off track while its centre of gravity is beyond the edge of the road. This is the only place where
that rule is applied.
"""

from __future__ import annotations

import math

from numba import prange

from retroracer.compiled import compiled
from retroracer.physics.block import (
    CELL_BEND,
    CELL_DX,
    CELL_DY,
    CELL_LEFT,
    CELL_LEFT_MORE,
    CELL_RIGHT,
    CELL_RIGHT_MORE,
    CELL_TX,
    CELL_TY,
    CELL_UX,
    CELL_UY,
    CELL_X,
    CELL_Y,
    FOOT,
    FRAC,
    GAIN,
    LANES,
    MOVED2,
    PARAMS,
    PER_SPACING,
    PLAIN,
    ROW,
    SAMPLES,
    SPACING,
    STEER,
    THROTTLE,
    car_in,
    load_car,
    load_cell,
    prefetch_cars,
    save_car,
    scratch,
)
from retroracer.physics.car import HALF_LENGTH, HALF_WIDTH
from retroracer.physics.dynamics import Motion, integrate
from retroracer.physics.lines import cross_lines
from retroracer.physics.placing import track_heading
from retroracer.physics.roadside import SPIN_KEPT, meet_wall, surface_at
from retroracer.physics.state import (
    AR,
    AX,
    AY,
    DRAG,
    GRIP,
    HALF_LEFT,
    HALF_RIGHT,
    HEADING,
    LAP_OFF,
    NEXT_LINE,
    OFF_FOR,
    OFF_TIME,
    OFFSET,
    PROGRESS,
    STEER_ANGLE,
    STEP_IMPACT,
    STEP_LEGAL,
    STEP_OFF,
    STEP_PROGRESS,
    STEP_WALL,
    TIME,
    TRACK,
    TRACK_HEADING,
    VX,
    VY,
    YAW_RATE,
    Cars,
    S,
    X,
    Y,
)
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array
from retroracer.track.projection import foot, offset_at, walk

CHUNK = 256
"""Cars a thread takes at a time."""

LOAD, MOVE, SETTLE, SAVE = 1, 2, 4, 8
"""Phases of a block's advance: copy the cars in, move them, find their position on the track with
walls, surfaces, clocks and timing lines, and copy them back."""

EVERYTHING = LOAD + MOVE + SETTLE + SAVE


@compiled(inline=True)
def find_foot(w: Array, j: int, x: float, y: float) -> None:
    """Project the car in lane ``j``, now at ``x``, ``y``, onto the centreline within its cell."""
    f = foot(
        x - w[CELL_X * LANES + j],
        y - w[CELL_Y * LANES + j],
        w[CELL_DX * LANES + j],
        w[CELL_DY * LANES + j],
        w[CELL_TX * LANES + j],
        w[CELL_TY * LANES + j],
        w[CELL_UX * LANES + j],
        w[CELL_UY * LANES + j],
    )
    w[FOOT * LANES + j] = f
    w[GAIN * LANES + j] = (f - w[FRAC * LANES + j]) * w[SPACING * LANES + j]


@compiled(inline=True)
def move(w: Array, j: int, dt: float) -> None:
    """Move the car in lane ``j`` for ``dt`` and project it onto the centreline within its cell."""
    x0, y0 = w[X * LANES + j], w[Y * LANES + j]
    motion = integrate(
        Motion(
            x0,
            y0,
            w[HEADING * LANES + j],
            w[VX * LANES + j],
            w[VY * LANES + j],
            w[YAW_RATE * LANES + j],
            w[STEER_ANGLE * LANES + j],
            w[AX * LANES + j],
            w[AY * LANES + j],
            w[AR * LANES + j],
        ),
        w[STEER * LANES + j],
        w[THROTTLE * LANES + j],
        car_in(w, j),
        w[GRIP * LANES + j],
        w[DRAG * LANES + j],
        dt,
    )
    x, y = motion.x, motion.y
    w[X * LANES + j] = motion.x
    w[Y * LANES + j] = motion.y
    w[HEADING * LANES + j] = motion.heading
    w[VX * LANES + j] = motion.vx
    w[VY * LANES + j] = motion.vy
    w[YAW_RATE * LANES + j] = motion.yaw_rate
    w[STEER_ANGLE * LANES + j] = motion.steer_angle
    w[AX * LANES + j] = motion.ax
    w[AY * LANES + j] = motion.ay
    w[AR * LANES + j] = motion.ar
    w[MOVED2 * LANES + j] = (x - x0) * (x - x0) + (y - y0) * (y - y0)
    find_foot(w, j, x, y)


@compiled(inline=True)
def gain_station(w: Array, j: int) -> None:
    """Add the gained station, limited by the distance the car has moved.

    On the inside of a bend a metre driven is more than a metre of station, by the factor
    1 / (1 - curvature * offset). The offset used here is at most the edge of the road, so that
    nothing is gained by driving around the centre of a corner. The limit is raised by a twentieth
    because curvature changes within a step.
    """
    gain = w[GAIN * LANES + j]
    moved2 = w[MOVED2 * LANES + j]
    inside = min(max(w[OFFSET * LANES + j], -w[HALF_RIGHT * LANES + j]), w[HALF_LEFT * LANES + j])
    most = 1.05 * math.sqrt(moved2) / max(1.0 - w[CELL_BEND * LANES + j] * inside, 0.2)
    gain = min(max(gain, -most), most) if gain * gain > moved2 else gain
    w[GAIN * LANES + j] = gain
    n = w[SAMPLES * LANES + j]
    length = w[SPACING * LANES + j] * n
    s = w[S * LANES + j] + gain
    s = s - length if s >= length else s
    s = s + length if s < 0.0 else s
    s = 0.0 if s >= length else s  # a tiny negative s, rounded to the whole lap
    u = s * w[PER_SPACING * LANES + j]
    w[S * LANES + j] = s
    w[FOOT * LANES + j] = min(math.floor(u), n - 1.0)
    w[FRAC * LANES + j] = u - w[FOOT * LANES + j]


@compiled(inline=True)
def find_offset(w: Array, j: int) -> None:
    """Compute lateral offset and half-widths at the car's station."""
    frac = w[FRAC * LANES + j]
    w[OFFSET * LANES + j] = offset_at(
        w[X * LANES + j] - w[CELL_X * LANES + j],
        w[Y * LANES + j] - w[CELL_Y * LANES + j],
        w[CELL_DX * LANES + j],
        w[CELL_DY * LANES + j],
        w[CELL_TX * LANES + j],
        w[CELL_TY * LANES + j],
        w[CELL_UX * LANES + j],
        w[CELL_UY * LANES + j],
        frac,
    )
    w[HALF_LEFT * LANES + j] = w[CELL_LEFT * LANES + j] + frac * w[CELL_LEFT_MORE * LANES + j]
    w[HALF_RIGHT * LANES + j] = w[CELL_RIGHT * LANES + j] + frac * w[CELL_RIGHT_MORE * LANES + j]


@compiled(inline=True)
def hit_wall(w: Array, j: int, wall_left: float, wall_right: float, dt: float) -> None:
    """Keep the car in lane ``j`` inside the walls beside it."""
    frac = w[FRAC * LANES + j]
    tx = w[CELL_TX * LANES + j] + frac * w[CELL_UX * LANES + j]
    ty = w[CELL_TY * LANES + j] + frac * w[CELL_UY * LANES + j]
    norm = math.sqrt(tx * tx + ty * ty)
    tx /= norm
    ty /= norm
    shift, vx, vy, into = meet_wall(
        w[OFFSET * LANES + j],
        wall_left,
        wall_right,
        w[HEADING * LANES + j],
        w[VX * LANES + j],
        w[VY * LANES + j],
        tx,
        ty,
        w[(PARAMS + HALF_WIDTH) * LANES + j],
        w[(PARAMS + HALF_LENGTH) * LANES + j],
    )
    if shift == 0.0:
        return
    w[X * LANES + j] -= shift * ty
    w[Y * LANES + j] += shift * tx
    w[OFFSET * LANES + j] += shift
    w[VX * LANES + j] = vx
    w[VY * LANES + j] = vy
    w[AX * LANES + j] = 0.0
    w[AY * LANES + j] = 0.0
    w[AR * LANES + j] = 0.0
    w[STEP_WALL * LANES + j] += dt
    w[STEP_IMPACT * LANES + j] = max(w[STEP_IMPACT * LANES + j], into)
    if into > 0.0:
        w[YAW_RATE * LANES + j] *= SPIN_KEPT


@compiled(inline=True)
def update_clocks(w: Array, j: int, dt: float) -> None:
    """Add the step to the car's clocks and distances; reset the surface to plain asphalt."""
    gain = w[GAIN * LANES + j]
    offset = w[OFFSET * LANES + j]
    off = offset > w[HALF_LEFT * LANES + j] or -offset > w[HALF_RIGHT * LANES + j]
    beyond = dt if off else 0.0
    w[PROGRESS * LANES + j] += gain
    w[TIME * LANES + j] += dt
    w[STEP_PROGRESS * LANES + j] += gain
    w[STEP_LEGAL * LANES + j] += min(gain, 0.0) if off else gain
    w[STEP_OFF * LANES + j] += beyond
    w[OFF_TIME * LANES + j] += beyond
    w[LAP_OFF * LANES + j] += beyond
    w[OFF_FOR * LANES + j] = w[OFF_FOR * LANES + j] + dt if off else 0.0
    w[GRIP * LANES + j] = 1.0
    w[DRAG * LANES + j] = 0.0


@compiled(inline=True)
def advance_block(
    w: Array,
    cars: Cars,
    bank: TrackBank,
    actions: Array,
    begin: int,
    lanes: int,
    n_substeps: int,
    dt: float,
    phases: int = EVERYTHING,
) -> None:
    """Advance ``lanes`` cars from row ``begin`` by ``n_substeps`` physics steps of ``dt``.

    Cars that are alone go through all phases in one call. In a race of several cars, contacts are
    solved between ``MOVE`` and ``SETTLE`` of every physics step (``races``), so the phases are
    called one by one.

    Args:
        w: ``scratch`` memory.
        cars: all N.
        bank: the packed tracks.
        actions: (N, 2) steer, left positive, and throttle, negative brakes.
        begin: first row of the block.
        lanes: number of cars in it, at most LANES.
        n_substeps: number of physics steps.
        dt: physics step [s].
        phases: a sum of LOAD, MOVE, SETTLE and SAVE.
    """
    floats, ints, params, splits, last_sectors = cars
    moving = lanes if phases & MOVE else 0
    settling = lanes if phases & SETTLE else 0
    for j in range(lanes if phases & LOAD else 0):
        i = begin + j
        load_car(w, j, floats[i], ints[i], params[i], actions[i], bank)
    for _ in range(n_substeps):
        for j in range(moving):
            move(w, j, dt)
        for j in range(settling):
            f = w[FOOT * LANES + j]
            if not 0.0 <= f <= 1.0:
                track = ints[begin + j, TRACK]
                row = int(w[ROW * LANES + j])
                x, y = w[X * LANES + j], w[Y * LANES + j]
                f = walk(bank.main, bank.start[track], bank.size[track], row, f, x, y)
                w[GAIN * LANES + j] = (f - w[FRAC * LANES + j]) * w[SPACING * LANES + j]
        for j in range(settling):
            gain_station(w, j)
        for j in range(settling):
            if w[FOOT * LANES + j] != w[ROW * LANES + j]:
                track = ints[begin + j, TRACK]
                row = int(w[FOOT * LANES + j])
                load_cell(w, j, bank, bank.start[track], row)
        for j in range(settling):
            find_offset(w, j)
        for j in range(settling):
            if abs(w[OFFSET * LANES + j]) > w[PLAIN * LANES + j]:
                here = bank.start[ints[begin + j, TRACK]] + int(w[ROW * LANES + j])
                left, right = bank.side[here, b.WALL_L], bank.side[here, b.WALL_R]
                hit_wall(w, j, float(left), float(right), dt)
        for j in range(settling):
            update_clocks(w, j, dt)
        for j in range(settling):
            offset = w[OFFSET * LANES + j]
            if abs(offset) > w[PLAIN * LANES + j]:
                here = bank.start[ints[begin + j, TRACK]] + int(w[ROW * LANES + j])
                left, right = w[HALF_LEFT * LANES + j], w[HALF_RIGHT * LANES + j]
                vx, vy = w[VX * LANES + j], w[VY * LANES + j]
                speed2 = vx * vx + vy * vy
                grip, drag = surface_at(bank.side, here, offset, left, right, speed2)
                w[GRIP * LANES + j] = grip
                w[DRAG * LANES + j] = drag
            if w[PROGRESS * LANES + j] >= w[NEXT_LINE * LANES + j]:
                i = begin + j
                save_car(w, j, floats[i])
                cross_lines(
                    floats[i],
                    ints[i],
                    splits[i],
                    last_sectors[i],
                    bank.facts,
                    w[GAIN * LANES + j],
                    dt,
                )
                for k in range(STEP_PROGRESS):
                    w[k * LANES + j] = floats[i, k]
    for j in range(lanes if phases & SAVE else 0):
        i = begin + j
        save_car(w, j, floats[i])
        here = bank.start[ints[i, TRACK]] + int(w[ROW * LANES + j])
        floats[i, TRACK_HEADING] = track_heading(bank.way, here, w[FRAC * LANES + j])


@compiled()
def advance_rows(
    cars: Cars,
    bank: TrackBank,
    actions: Array,
    n_substeps: int,
    dt: float,
    begin: int,
    end: int,
) -> None:
    """Advance the cars of rows ``begin`` to ``end`` block by block; see ``advance_block``."""
    w = scratch()
    while begin < end:
        lanes = min(LANES, end - begin)
        prefetch_cars(cars.floats, cars.ints, bank, begin + lanes, min(begin + 2 * LANES, end))
        advance_block(w, cars, bank, actions, begin, lanes, n_substeps, dt)
        begin += LANES


@compiled(parallel=True)
def advance_parallel(
    cars: Cars, bank: TrackBank, actions: Array, n_substeps: int, dt: float
) -> None:
    """Advance all N cars on all threads; worth it for large batches only."""
    n = len(cars.floats)
    for k in prange((n + CHUNK - 1) // CHUNK):
        end = min(n, (k + 1) * CHUNK)
        advance_rows(cars, bank, actions, n_substeps, dt, k * CHUNK, end)
