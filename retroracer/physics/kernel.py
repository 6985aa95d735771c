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
from retroracer.physics import block
from retroracer.physics import car as c
from retroracer.physics import state as st
from retroracer.physics.block import LANES
from retroracer.physics.dynamics import Motion, integrate
from retroracer.physics.lines import cross_lines
from retroracer.physics.placing import track_heading
from retroracer.physics.roadside import SPIN_KEPT, meet_wall, surface_at
from retroracer.physics.state import Cars
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
        x - w[block.CELL_X * LANES + j],
        y - w[block.CELL_Y * LANES + j],
        w[block.CELL_DX * LANES + j],
        w[block.CELL_DY * LANES + j],
        w[block.CELL_TX * LANES + j],
        w[block.CELL_TY * LANES + j],
        w[block.CELL_UX * LANES + j],
        w[block.CELL_UY * LANES + j],
    )
    w[block.FOOT * LANES + j] = f
    w[block.GAIN * LANES + j] = (f - w[block.FRAC * LANES + j]) * w[block.SPACING * LANES + j]


@compiled(inline=True)
def move(w: Array, j: int, dt: float) -> None:
    """Move the car in lane ``j`` for ``dt`` and project it onto the centreline within its cell."""
    x0, y0 = w[st.X * LANES + j], w[st.Y * LANES + j]
    motion = integrate(
        Motion(
            x0,
            y0,
            w[st.HEADING * LANES + j],
            w[st.VX * LANES + j],
            w[st.VY * LANES + j],
            w[st.YAW_RATE * LANES + j],
            w[st.STEER_ANGLE * LANES + j],
            w[st.AX * LANES + j],
            w[st.AY * LANES + j],
            w[st.AR * LANES + j],
        ),
        w[block.STEER * LANES + j],
        w[block.THROTTLE * LANES + j],
        block.car_in(w, j),
        w[st.GRIP * LANES + j],
        w[st.DRAG * LANES + j],
        dt,
    )
    x, y = motion.x, motion.y
    w[st.X * LANES + j] = motion.x
    w[st.Y * LANES + j] = motion.y
    w[st.HEADING * LANES + j] = motion.heading
    w[st.VX * LANES + j] = motion.vx
    w[st.VY * LANES + j] = motion.vy
    w[st.YAW_RATE * LANES + j] = motion.yaw_rate
    w[st.STEER_ANGLE * LANES + j] = motion.steer_angle
    w[st.AX * LANES + j] = motion.ax
    w[st.AY * LANES + j] = motion.ay
    w[st.AR * LANES + j] = motion.ar
    w[block.MOVED2 * LANES + j] = (x - x0) * (x - x0) + (y - y0) * (y - y0)
    find_foot(w, j, x, y)


@compiled(inline=True)
def gain_station(w: Array, j: int) -> None:
    """Add the gained station, limited by the distance the car has moved.

    On the inside of a bend a metre driven is more than a metre of station, by the factor
    1 / (1 - curvature * offset). The offset used here is at most the edge of the road, so that
    nothing is gained by driving around the centre of a corner. The limit is raised by a twentieth
    because curvature changes within a step.
    """
    gain = w[block.GAIN * LANES + j]
    moved2 = w[block.MOVED2 * LANES + j]
    inside = min(
        max(w[st.OFFSET * LANES + j], -w[st.HALF_RIGHT * LANES + j]), w[st.HALF_LEFT * LANES + j]
    )
    most = 1.05 * math.sqrt(moved2) / max(1.0 - w[block.CELL_BEND * LANES + j] * inside, 0.2)
    gain = min(max(gain, -most), most) if gain * gain > moved2 else gain
    w[block.GAIN * LANES + j] = gain
    n = w[block.SAMPLES * LANES + j]
    length = w[block.SPACING * LANES + j] * n
    s = w[st.S * LANES + j] + gain
    s = s - length if s >= length else s
    s = s + length if s < 0.0 else s
    s = 0.0 if s >= length else s  # a tiny negative s, rounded to the whole lap
    u = s * w[block.PER_SPACING * LANES + j]
    w[st.S * LANES + j] = s
    w[block.FOOT * LANES + j] = min(math.floor(u), n - 1.0)
    w[block.FRAC * LANES + j] = u - w[block.FOOT * LANES + j]


@compiled(inline=True)
def find_offset(w: Array, j: int) -> None:
    """Compute lateral offset and half-widths at the car's station."""
    frac = w[block.FRAC * LANES + j]
    w[st.OFFSET * LANES + j] = offset_at(
        w[st.X * LANES + j] - w[block.CELL_X * LANES + j],
        w[st.Y * LANES + j] - w[block.CELL_Y * LANES + j],
        w[block.CELL_DX * LANES + j],
        w[block.CELL_DY * LANES + j],
        w[block.CELL_TX * LANES + j],
        w[block.CELL_TY * LANES + j],
        w[block.CELL_UX * LANES + j],
        w[block.CELL_UY * LANES + j],
        frac,
    )
    w[st.HALF_LEFT * LANES + j] = (
        w[block.CELL_LEFT * LANES + j] + frac * w[block.CELL_LEFT_MORE * LANES + j]
    )
    w[st.HALF_RIGHT * LANES + j] = (
        w[block.CELL_RIGHT * LANES + j] + frac * w[block.CELL_RIGHT_MORE * LANES + j]
    )


@compiled(inline=True)
def hit_wall(w: Array, j: int, wall_left: float, wall_right: float, dt: float) -> None:
    """Keep the car in lane ``j`` inside the walls beside it."""
    frac = w[block.FRAC * LANES + j]
    tx = w[block.CELL_TX * LANES + j] + frac * w[block.CELL_UX * LANES + j]
    ty = w[block.CELL_TY * LANES + j] + frac * w[block.CELL_UY * LANES + j]
    norm = math.sqrt(tx * tx + ty * ty)
    tx /= norm
    ty /= norm
    shift, vx, vy, into = meet_wall(
        w[st.OFFSET * LANES + j],
        wall_left,
        wall_right,
        w[st.HEADING * LANES + j],
        w[st.VX * LANES + j],
        w[st.VY * LANES + j],
        tx,
        ty,
        w[(block.PARAMS + c.HALF_WIDTH) * LANES + j],
        w[(block.PARAMS + c.HALF_LENGTH) * LANES + j],
    )
    if shift == 0.0:
        return
    w[st.X * LANES + j] -= shift * ty
    w[st.Y * LANES + j] += shift * tx
    w[st.OFFSET * LANES + j] += shift
    w[st.VX * LANES + j] = vx
    w[st.VY * LANES + j] = vy
    w[st.AX * LANES + j] = 0.0
    w[st.AY * LANES + j] = 0.0
    w[st.AR * LANES + j] = 0.0
    w[st.STEP_WALL * LANES + j] += dt
    w[st.STEP_IMPACT * LANES + j] = max(w[st.STEP_IMPACT * LANES + j], into)
    if into > 0.0:
        w[st.YAW_RATE * LANES + j] *= SPIN_KEPT


@compiled(inline=True)
def update_clocks(w: Array, j: int, dt: float) -> None:
    """Add the step to the car's clocks and distances; reset the surface to plain asphalt."""
    gain = w[block.GAIN * LANES + j]
    offset = w[st.OFFSET * LANES + j]
    off = offset > w[st.HALF_LEFT * LANES + j] or -offset > w[st.HALF_RIGHT * LANES + j]
    beyond = dt if off else 0.0
    w[st.PROGRESS * LANES + j] += gain
    w[st.TIME * LANES + j] += dt
    w[st.STEP_PROGRESS * LANES + j] += gain
    w[st.STEP_LEGAL * LANES + j] += min(gain, 0.0) if off else gain
    w[st.STEP_OFF * LANES + j] += beyond
    w[st.OFF_TIME * LANES + j] += beyond
    w[st.LAP_OFF * LANES + j] += beyond
    w[st.OFF_FOR * LANES + j] = w[st.OFF_FOR * LANES + j] + dt if off else 0.0
    w[st.GRIP * LANES + j] = 1.0
    w[st.DRAG * LANES + j] = 0.0


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
        block.load_car(w, j, floats[i], ints[i], params[i], actions[i], bank)
    for _ in range(n_substeps):
        for j in range(moving):
            move(w, j, dt)
        for j in range(settling):
            f = w[block.FOOT * LANES + j]
            if not 0.0 <= f <= 1.0:
                track = ints[begin + j, st.TRACK]
                row = int(w[block.ROW * LANES + j])
                x, y = w[st.X * LANES + j], w[st.Y * LANES + j]
                f = walk(bank.main, bank.start[track], bank.size[track], row, f, x, y)
                w[block.GAIN * LANES + j] = (f - w[block.FRAC * LANES + j]) * w[
                    block.SPACING * LANES + j
                ]
        for j in range(settling):
            gain_station(w, j)
        for j in range(settling):
            if w[block.FOOT * LANES + j] != w[block.ROW * LANES + j]:
                track = ints[begin + j, st.TRACK]
                row = int(w[block.FOOT * LANES + j])
                block.load_cell(w, j, bank, bank.start[track], row)
        for j in range(settling):
            find_offset(w, j)
        for j in range(settling):
            if abs(w[st.OFFSET * LANES + j]) > w[block.PLAIN * LANES + j]:
                here = bank.start[ints[begin + j, st.TRACK]] + int(w[block.ROW * LANES + j])
                left, right = bank.side[here, b.WALL_L], bank.side[here, b.WALL_R]
                hit_wall(w, j, float(left), float(right), dt)
        for j in range(settling):
            update_clocks(w, j, dt)
        for j in range(settling):
            offset = w[st.OFFSET * LANES + j]
            if abs(offset) > w[block.PLAIN * LANES + j]:
                here = bank.start[ints[begin + j, st.TRACK]] + int(w[block.ROW * LANES + j])
                left, right = w[st.HALF_LEFT * LANES + j], w[st.HALF_RIGHT * LANES + j]
                vx, vy = w[st.VX * LANES + j], w[st.VY * LANES + j]
                speed2 = vx * vx + vy * vy
                grip, drag = surface_at(bank.side, here, offset, left, right, speed2)
                w[st.GRIP * LANES + j] = grip
                w[st.DRAG * LANES + j] = drag
            if w[st.PROGRESS * LANES + j] >= w[st.NEXT_LINE * LANES + j]:
                i = begin + j
                block.save_car(w, j, floats[i])
                cross_lines(
                    floats[i],
                    ints[i],
                    splits[i],
                    last_sectors[i],
                    bank.facts,
                    w[block.GAIN * LANES + j],
                    dt,
                )
                for k in range(st.STEP_PROGRESS):
                    w[k * LANES + j] = floats[i, k]
    for j in range(lanes if phases & SAVE else 0):
        i = begin + j
        block.save_car(w, j, floats[i])
        here = bank.start[ints[i, st.TRACK]] + int(w[block.ROW * LANES + j])
        floats[i, st.TRACK_HEADING] = track_heading(bank.way, here, w[block.FRAC * LANES + j])


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
    w = block.scratch()
    while begin < end:
        lanes = min(LANES, end - begin)
        block.prefetch_cars(
            cars.floats, cars.ints, bank, begin + lanes, min(begin + 2 * LANES, end)
        )
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
